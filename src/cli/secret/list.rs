//! `clws secret list`: names and what is known about them, without opening any.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::SecretPath;
use crate::time::Moment;
use crate::trust::{Order, compare};
use crate::vault::{Document, Listed, Policy, PolicyKey, Sidecar, State, Vault};

/// List secrets: name, rev, age, due date, readers, writer
///
/// Needs no private key and opens nothing. What is older than this machine has seen, or signed by
/// nobody who may write it, is marked.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// A scope, document, folder or file; all of the vault without one
    path: Option<SecretPath>,
}

/// A row of the list.
struct Row {
    path: String,
    rev: u64,
    changed: Moment,
    due: Option<String>,
    readers: Vec<String>,
    author: String,
    mark: &'static str,
    removed: bool,
}

pub(crate) fn run(args: &ListArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let path = args.path.as_ref().map(SecretPath::as_str);
    let mut listed = vault.list(path)?;
    let mut only = None;
    if listed.is_empty()
        && let Some((document, name)) = path.and_then(|path| path.rsplit_once('/'))
        && document.contains('/')
    {
        listed = vault.list(Some(document))?;
        only = Some(format!("{document}/{name}"));
    }
    let mut rows = Vec::new();
    for item in &listed {
        match rows_of(&vault, item) {
            Ok(more) => rows.extend(more),
            Err(error) => cx.ui.warn(&error.message()),
        }
    }
    // A tombstone is nothing to show, unless something is wrong with it.
    let shown = |row: &Row| !row.removed || matches!(row.mark, "BAD" | "unvouched");
    rows.retain(|row| shown(row) && only.as_ref().is_none_or(|path| row.path == *path));
    if rows.is_empty()
        && let Some(path) = &args.path
    {
        return Err(crate::vault::VaultError::NotFound {
            name: path.to_string(),
            nearest: None,
        }
        .into());
    }
    if cx.ui.is_json() {
        let secrets: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({ "path": row.path, "rev": row.rev, "changed": row.changed.to_string(),
                        "due": row.due, "readers": row.readers, "author": row.author,
                        "mark": row.mark })
            })
            .collect();
        return cx.ui.json(&json!({ "secrets": secrets }));
    }
    let now = cx.world.now();
    let cells: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| {
            let age = format!("{}d", now.days_since(row.changed).max(0));
            let readers = row.readers.join(", ");
            let due = row.due.unwrap_or_default();
            vec![
                row.path,
                row.rev.to_string(),
                age,
                due,
                readers,
                row.author,
                row.mark.to_owned(),
            ]
        })
        .collect();
    cx.ui
        .table(&["NAME", "REV", "AGE", "DUE", "READERS", "BY", ""], &cells)
}

fn rows_of(vault: &Vault, item: &Listed) -> Result<Vec<Row>, Error> {
    let rights = vault.trust().accepted.rights(item.path());
    let readers = |rights: &crate::recipients::Rights| {
        rights
            .readers
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let allowed = rights.as_ref().map(readers).unwrap_or_default();
    match item {
        Listed::Document(path) => {
            let bytes = vault
                .tree()
                .read(&path.to_file(), MAX_FILE)?
                .unwrap_or_default();
            let document = Document::parse(&bytes, path, vault.id())?;
            let pin = vault
                .trust()
                .pins
                .document(&document.head.id)?
                .unwrap_or_default();
            let mut rows = Vec::new();
            let mut submitted: BTreeMap<_, _> = document
                .submissions()?
                .into_iter()
                .map(|submission| (submission.name.to_string(), submission))
                .collect();
            for record in document.records()? {
                let known = pin.values.get(record.name.as_str());
                let mark = match &rights {
                    None => "no rule",
                    Some(rights) => match vault.judge_record(&document, &record, rights, known) {
                        Ok(judged) if judged.order == Order::Older => "older than seen",
                        Ok(_) if submitted.contains_key(record.name.as_str()) => "submitted",
                        Ok(_) => "",
                        Err(error) => mark_of(&error),
                    },
                };
                if record.state != State::Removed {
                    submitted.remove(record.name.as_str());
                }
                rows.push(Row {
                    path: format!("{path}/{}", record.name),
                    rev: record.rev,
                    changed: record.changed,
                    due: due(&record.policy, record.changed),
                    readers: allowed.clone(),
                    author: record.author.clone(),
                    mark,
                    removed: record.state == State::Removed,
                });
            }
            // Handed in for a name that has no value yet.
            rows.extend(submitted.into_values().map(|submission| Row {
                path: format!("{path}/{}", submission.name),
                rev: 0,
                changed: submission.changed,
                due: None,
                readers: allowed.clone(),
                author: submission.author,
                mark: "submitted",
                removed: false,
            }));
            Ok(rows)
        }
        Listed::File(path) => {
            let bytes = vault
                .tree()
                .read(&path.to_sidecar(), MAX_FILE)?
                .unwrap_or_default();
            let sidecar = Sidecar::parse(&bytes, path)?;
            let pin = vault
                .trust()
                .pins
                .document(&sidecar.id)?
                .unwrap_or_default();
            let known = pin.values.values().next();
            let mark = match &rights {
                None => "no rule",
                Some(rights) => match vault.judge_sidecar(&sidecar, rights, known) {
                    Ok(judged) if compare(&judged.mark, known) == Order::Older => "older than seen",
                    Ok(_) => "",
                    Err(error) => mark_of(&error),
                },
            };
            Ok(vec![Row {
                path: path.to_string(),
                rev: sidecar.rev,
                changed: sidecar.changed,
                due: due(&sidecar.policy, sidecar.changed),
                readers: sidecar.readers,
                author: sidecar.author,
                mark,
                removed: sidecar.content.is_none(),
            }])
        }
    }
}

fn mark_of(error: &crate::vault::VaultError) -> &'static str {
    match error {
        crate::vault::VaultError::NotWriter { .. } => "unvouched",
        _ => "BAD",
    }
}

/// The day on which a value is due: its end, or the last change and the period of its policy.
fn due(policy: &Policy, changed: Moment) -> Option<String> {
    if policy.value(PolicyKey::Exposed).is_some() {
        return Some("exposed".to_owned());
    }
    let expires = policy.value(PolicyKey::Expires).map(str::to_owned);
    let days = policy
        .value(PolicyKey::RotateEvery)
        .and_then(|text| text.strip_suffix('d'));
    let rotate = days.and_then(|days| days.parse::<i64>().ok()).map(|days| {
        Moment::from_seconds(
            changed
                .seconds()
                .saturating_add(days.saturating_mul(86_400)),
        )
        .date()
    });
    [expires, rotate].into_iter().flatten().min()
}
