//! The result of a deploy: a line for each component on each host.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::cli::ui::Ui;
use crate::deploy::{Fate, Row};
use crate::error::Error;
use crate::text::{count, ranges};

/// More hosts than this are not told of one by one, and more rows of one result are counted.
pub(super) const MANY: usize = 20;

/// Prints the rows. `--json` and `--verbose` have all of them; else people are spared many that say the same.
pub(super) fn print(ui: &Ui, rows: &[Row]) -> Result<(), Error> {
    if ui.is_json() {
        let rows: Vec<_> = rows.iter().map(as_json).collect();
        return ui.json(&json!({ "rows": rows }));
    }
    let mut alike: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        alike.entry(for_people(row)).or_default().push(row);
    }
    alike.retain(|_, rows| rows.len() > MANY && !ui.is_verbose());
    let shown = rows
        .iter()
        .filter(|row| !alike.contains_key(&for_people(row)));
    let cells: Vec<Vec<String>> = shown
        .map(|row| {
            vec![
                row.host.clone(),
                component(row),
                for_people(row),
                format!("{:.1} s", row.seconds),
            ]
        })
        .collect();
    ui.table(&["HOST", "COMPONENT", "RESULT", "TIME"], cells)?;
    for (result, rows) in &alike {
        let many = rows.len();
        // Of what went well nobody asks where.
        if matches!(rows.first(), Some(row) if matches!(row.fate, Fate::Done(_))) {
            ui.line(&format!("and {many} {result}: `--verbose` shows each"))?;
        } else {
            let hosts: BTreeSet<&str> = rows.iter().map(|row| row.host.as_str()).collect();
            let hosts: Vec<&str> = hosts.into_iter().collect();
            ui.line(&format!("and {many} {result}: {}", ranges(&hosts)))?;
        }
    }
    if rows.len() > MANY {
        ui.line(&sum(rows))?;
    }
    Ok(())
}

fn as_json(row: &Row) -> serde_json::Value {
    let error = match &row.fate {
        Fate::Failed(error) => Some(error.to_json()),
        Fate::Done(_) | Fate::Left(_) => None,
    };
    let why = match &row.fate {
        Fate::Left(left) => Some(left.to_string()),
        Fate::Done(_) | Fate::Failed(_) => None,
    };
    json!({ "host": row.host, "component": component(row), "result": result(row),
            "seconds": row.seconds, "error": error, "why": why })
}

fn component(row: &Row) -> String {
    let component = row.component.as_ref();
    component.map_or("-".to_owned(), ToString::to_string)
}

/// What became of it, in a word or two.
pub(super) fn result(row: &Row) -> String {
    match &row.fate {
        Fate::Done(done) => done.as_str().to_owned(),
        Fate::Failed(error) => format!("failed ({})", error.code().name()),
        Fate::Left(_) => "left".to_owned(),
    }
}

fn for_people(row: &Row) -> String {
    match &row.fate {
        Fate::Left(left) => format!("left: {left}"),
        Fate::Done(_) | Fate::Failed(_) => result(row),
    }
}

/// How many hosts are done, and how many are not.
fn sum(rows: &[Row]) -> String {
    let all: BTreeSet<&str> = rows.iter().map(|row| row.host.as_str()).collect();
    let undone = rows.iter().filter(|row| !matches!(row.fate, Fate::Done(_)));
    let undone: BTreeSet<&str> = undone.map(|row| row.host.as_str()).collect();
    let done = all.len() - undone.len();
    match undone.len() {
        0 => format!("{} done", count(done, "host")),
        some => format!("{} done, {some} not", count(done, "host")),
    }
}
