//! A restore, practised: whether the identities given open all that there is.

use super::Diagnosis;
use crate::check::Report;
use crate::text::{count, list};

/// So many secrets are named.
const NAMED: usize = 5;

/// What a full check with the identities at hand says of a restore with them alone.
#[must_use]
pub fn restore(report: &Report) -> Vec<Diagnosis> {
    let mut all = Vec::new();
    let faults = report.findings.iter().filter(|found| !found.kind.is_note());
    for found in faults {
        all.push(Diagnosis {
            next: Some(found.next.clone()).filter(|next| !next.is_empty()),
            ..Diagnosis::wrong(format!("restore {}", found.path), found.why.clone(), "")
        });
    }
    let counts = &report.counts;
    let everything = format!(
        "{} with {} and {}",
        count(counts.documents, "document"),
        count(counts.values, "value"),
        count(counts.files, "file"),
    );
    if report.closed.is_empty() {
        if all.is_empty() {
            all.push(Diagnosis::fine(
                "restore",
                format!("opened all of it: {everything}"),
            ));
        }
        return all;
    }
    let named: Vec<String> = report.closed.iter().take(NAMED).cloned().collect();
    let more = match report.closed.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    all.push(Diagnosis::wrong(
        "restore",
        format!("of {everything}, these do not open: {}{more}", list(&named)),
        "let its party read them: clws access grant PARTY PATH --read",
    ));
    all
}
