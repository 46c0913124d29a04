//! `clws check`: everything that can be verified.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::check::{Counts, Finding, check};
use crate::cli::context::{Context, as_openers};
use crate::cli::ui::Ui;
use crate::deploy::refused;
use crate::error::{Code, Error};
use crate::hook::shown_arguments;
use crate::text::{count, list};

/// More notes than this are counted by their kind, and not shown to people.
const MANY: usize = 20;

/// Verify the whole vault: form, signatures, readers, rules, and what was seen before
///
/// Needs no private key. Exits with 1 if something was found that is more than a note. What a sealed
/// file's age stanzas say cannot be seen from outside; its signed sidecar is believed. Wraps by keys that a
/// server keeps are looked at and counted; only `--full`, with a login there, tries them. Of many notes it
/// says how many there are of each kind; `--verbose` and `--json` have each.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Also open everything that your identities can
    #[arg(long)]
    full: bool,
}

pub(crate) fn run(args: &CheckArgs, cx: &Context) -> Result<ExitCode, Error> {
    let vault = cx.vault()?;
    let mut report = if args.full {
        let bundles = cx.bundles_for(&vault)?;
        let mine = cx.openers(&vault, &bundles);
        check(&vault, Some(&as_openers(&mine)))?
    } else {
        check(&vault, None)?
    };
    for (path, shown) in shown_arguments(&vault)? {
        let finding = Finding::argument(&path, &shown.option, &shown.variable);
        report.findings.push(finding);
    }
    // Of rules that do not hold, or do not read, that is said, and nothing of what they allow.
    if vault.trust().demand_clean(vault.tree()).is_ok() {
        vault.only_look();
        for one in refused(&vault).unwrap_or_default() {
            let path = format!("hooks/{}.toml", one.component);
            let finding = Finding::refused(&path, one.scope.as_str(), &one.error);
            report.findings.push(finding);
        }
    }
    report.findings.sort();
    let (notes, faults): (Vec<&Finding>, Vec<&Finding>) = report
        .findings
        .iter()
        .partition(|finding| finding.kind.is_note());
    if cx.ui.is_json() {
        let findings: Vec<Value> = report.findings.iter().map(Finding::to_json).collect();
        cx.ui.json(&json!({ "findings": findings }))?;
    } else {
        let is_many = notes.len() > MANY && !cx.ui.is_verbose();
        let shown = report.findings.iter();
        for finding in shown.filter(|finding| !is_many || !finding.kind.is_note()) {
            print(&cx.ui, finding)?;
        }
        if is_many {
            print_counts(&cx.ui, &notes)?;
        }
    }
    let Counts {
        documents,
        values,
        files,
        by_server,
    } = report.counts;
    cx.ui.say(&format!(
        "checked {} with {} and {}: {}, {}",
        count(documents, "document"),
        count(values, "value"),
        count(files, "file"),
        count(faults.len(), "finding"),
        count(notes.len(), "note"),
    ));
    let closed = report.closed.len();
    if closed > 0 {
        cx.ui
            .say(&format!("{closed} of them are not sealed to you"));
    }
    if by_server > 0 {
        cx.ui.say(&format!(
            "{} by a server's key: that they open is seen by `check --full` with a login there",
            count(by_server, "wrap"),
        ));
    }
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        Code::Found.into()
    })
}

fn print(ui: &Ui, finding: &Finding) -> Result<(), Error> {
    let weight = match finding.kind.is_note() {
        true => "note",
        false => finding.kind.as_str(),
    };
    ui.line(&format!("{weight}: {}: {}", finding.path, finding.why))?;
    if finding.next.is_empty() {
        return Ok(());
    }
    ui.line(&format!("  next: {}", finding.next))
}

/// How many notes there are of each kind; more of them than a person reads would hide what is wrong.
fn print_counts(ui: &Ui, notes: &[&Finding]) -> Result<(), Error> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for note in notes {
        *counts.entry(note.kind.as_str()).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(kind, many)| format!("{many} {kind}"))
        .collect();
    ui.line(&format!(
        "note: {}: `clws check --verbose` shows each",
        list(&counts)
    ))
}
