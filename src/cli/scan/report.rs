//! How findings are printed.

use serde_json::{Value, json};

use super::Format;
use super::known::About;
use crate::cli::context::Context;
use crate::error::Error;
use crate::scan::{Finding, Found, Known, Looker, sarif};
use crate::text::{clean, clean_line, count};

/// What is told beside the findings.
pub(super) struct Told<'a> {
    pub(super) looker: &'a Looker,
    pub(super) secrets: &'a About,
    pub(super) found: &'a Found,
    pub(super) known_before: usize,
}

/// `3 findings`.
pub(super) fn findings(number: usize) -> String {
    count(number, "finding")
}

pub(super) fn print(
    cx: &Context,
    format: Format,
    kept: &[Finding],
    told: &Told<'_>,
) -> Result<(), Error> {
    match format {
        Format::Sarif => cx.ui.json(&sarif(kept))?,
        Format::Json => cx.ui.json(&to_json(kept, told))?,
        Format::Text => {
            for finding in kept {
                let path = clean_line(&finding.path);
                let commit = finding.commit.as_ref();
                let commit = commit
                    .map(|commit| format!("{commit}:"))
                    .unwrap_or_default();
                cx.ui.line(&format!(
                    "{commit}{path}:{}: {}",
                    finding.line,
                    finding.why()
                ))?;
                cx.ui.line(&format!("  next: {}", finding.next()))?;
            }
        }
    }
    summary(cx, kept, told);
    Ok(())
}

fn to_json(kept: &[Finding], told: &Told<'_>) -> Value {
    let Told { secrets, found, .. } = told;
    let unread = found.unread.iter();
    let unread: Vec<Value> = unread
        .map(|(path, why)| json!({ "path": clean(path), "why": clean(why) }))
        .collect();
    json!({
        "findings": kept.iter().map(Finding::to_json).collect::<Vec<_>>(),
        "files": found.files, "values": secrets.values, "plain": secrets.plain,
        "closed": secrets.closed, "allowed": found.allowed, "baseline": told.known_before,
        "unread": unread,
    })
}

fn summary(cx: &Context, kept: &[Finding], told: &Told<'_>) {
    let Told { secrets, found, .. } = told;
    cx.ui.say(&format!(
        "looked for {} in {}: {}",
        count(secrets.values, "value"),
        count(found.files, "file"),
        findings(kept.len()),
    ));
    if found.allowed > 0 {
        cx.ui.say(&format!(
            "{} allowed by `clws:allow`",
            findings(found.allowed)
        ));
    }
    if told.known_before > 0 {
        cx.ui.say(&format!(
            "{} known by the baseline",
            findings(told.known_before)
        ));
    }
    if !secrets.plain.is_empty() {
        let plain = count(secrets.plain.len(), "secret");
        let were = if secrets.plain.len() == 1 {
            "was"
        } else {
            "were"
        };
        cx.ui.say(&match cx.ui.is_verbose() {
            true => format!(
                "not looked for, as they would turn up by accident: {}",
                secrets.plain.join(", ")
            ),
            false => format!(
                "{plain} would turn up by accident and {were} not looked for; `--verbose` names them"
            ),
        });
    }
    if matches!(told.looker.known, Known::Prints(_)) && secrets.weak > 0 {
        cx.ui.say(&format!(
            "{} too easily guessed to be looked for without an identity",
            count(secrets.weak, "secret")
        ));
    }
    if !secrets.closed.is_empty() {
        cx.ui.say(&format!(
            "what lies in {} sealed to others was not looked for",
            count(secrets.closed.len(), "place")
        ));
    }
}
