//! What is wrong, and what is worth knowing, each with what mends it.

use super::html::Html;
use super::{Audience, more, section};
use crate::status::{Finding, Kind};

/// More notes than this are counted.
const NOTES: usize = 100;

/// How many are wrong, and how many are notes.
pub(super) fn numbers(findings: &[Finding]) -> (usize, usize) {
    let wrong = findings
        .iter()
        .filter(|found| !found.kind.is_note())
        .count();
    (wrong, findings.len() - wrong)
}

pub(super) fn write(html: &mut Html, findings: &[Finding], audience: Audience) {
    let (wrong, notes): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|found| !found.kind.is_note());
    section(html, "What is wrong", |html| {
        if wrong.is_empty() {
            html.line("p", &[], "nothing");
        }
        html.element("ul", &[("class", "findings")], |html| {
            wrong.iter().for_each(|found| item(html, found, audience));
        });
    });
    if notes.is_empty() {
        return;
    }
    section(html, "Worth knowing", |html| {
        html.element("ul", &[("class", "findings notes")], |html| {
            let shown = notes.iter().take(NOTES);
            shown.for_each(|found| item(html, found, audience));
        });
        more(html, notes.len(), NOTES);
    });
}

fn item(html: &mut Html, found: &Finding, audience: Audience) {
    html.element("li", &[], |html| {
        html.line("strong", &[], found.kind.as_str());
        html.text(" ");
        html.line("span", &[("class", "path")], &found.path);
        if let Some(since) = &found.since {
            html.text(" since ");
            html.line("time", &[], since);
        }
        if audience == Audience::Public && !is_of_vault(found.kind) {
            return;
        }
        html.line("p", &[], &found.why);
        if !found.next.is_empty() {
            html.line("code", &[], &found.next);
        }
    });
}

/// What is found in the vault speaks of names alone; what is found on a host may have its address in it.
fn is_of_vault(kind: Kind) -> bool {
    matches!(kind, Kind::Vault(_) | Kind::Due(_))
}
