//! `clws check`: everything that can be verified.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::check::{Counts, Finding, check};
use crate::cli::context::{Context, as_openers};
use crate::error::{Code, Error};
use crate::hook::shown_arguments;
use crate::text::count;

/// Verify the whole vault: form, signatures, readers, rules, and what was seen before
///
/// Needs no private key. Exits with 1 if something was found that is more than a note. What a sealed
/// file's age stanzas say cannot be seen from outside; its signed sidecar is believed. Wraps by keys that a
/// server keeps are looked at and counted; only `--full`, with a login there, tries them.
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
    report.findings.sort();
    if cx.ui.is_json() {
        let findings: Vec<Value> = report.findings.iter().map(Finding::to_json).collect();
        cx.ui.json(&json!({ "findings": findings }))?;
    } else {
        for finding in &report.findings {
            let weight = if finding.kind.is_note() {
                "note"
            } else {
                finding.kind.as_str()
            };
            cx.ui
                .line(&format!("{weight}: {}: {}", finding.path, finding.why))?;
            if !finding.next.is_empty() {
                cx.ui.line(&format!("  next: {}", finding.next))?;
            }
        }
    }
    let (notes, faults): (Vec<_>, Vec<_>) = report
        .findings
        .iter()
        .partition(|finding| finding.kind.is_note());
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
