//! What the vault itself says: what waits for a new value, what does not hold, what waits for somebody.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::finding::{Finding, Kind};
use crate::check::{self, check};
use crate::error::Error;
use crate::name::Scope;
use crate::rotate::{End, work_list};
use crate::time::Moment;
use crate::vault::{Listed, Vault};

/// The scope of values that all environments may be given.
const SHARED: &str = "shared";

/// What ends by itself, and when: a certificate, or a value with a last day.
#[derive(Clone, Debug, Serialize)]
pub struct EndStatus {
    /// Its full path.
    pub path: String,
    /// The day: `2026-12-24`.
    pub day: String,
    /// How many days are left; none are, once it has come.
    pub days_left: i64,
}

/// Adds what the vault says about `scopes`, or about all; gives what ends. Nothing is opened.
///
/// # Errors
/// As [`check()`] and [`work_list`].
pub(super) fn look(
    vault: &Vault,
    scopes: &[Scope],
    findings: &mut Vec<Finding>,
) -> Result<Vec<EndStatus>, Error> {
    let others = other_scopes(vault, scopes)?;
    let is_meant = |path: &str| !others.contains(path.split('/').next().unwrap_or_default());
    let work = work_list(vault, &[])?;
    for due in &work.due {
        let kind = Kind::Due(due.reason);
        let finding = Finding::new(kind, &due.path, &due.why, due.next());
        findings.push(finding.since(Some(due.since.clone())));
    }
    for found in check(vault, None)?.findings {
        if is_wanted(found.kind) {
            let since = found.since.map(|since| since.to_string());
            let kind = Kind::Vault(found.kind);
            findings.push(Finding::new(kind, found.path, found.why, found.next).since(since));
        }
    }
    // A new value is given to nothing whose rotation is not done.
    let is_open = |finding: &&Finding| finding.kind == Kind::Vault(check::Kind::Pending);
    let open: BTreeMap<String, String> = findings
        .iter()
        .filter(is_open)
        .map(|finding| (finding.path.clone(), finding.next.clone()))
        .collect();
    for finding in findings.iter_mut() {
        if let (Kind::Due(_), Some(next)) = (finding.kind, open.get(&finding.path)) {
            finding.next.clone_from(next);
        }
    }
    findings.retain(|finding| is_meant(&finding.path));
    let now = vault.world().now();
    let ends = work.ends.into_iter().filter(|end| is_meant(&end.path));
    Ok(ends.filter_map(|end| end_of(end, now)).collect())
}

/// The scopes that are not asked about.
pub(super) fn other_scopes(vault: &Vault, scopes: &[Scope]) -> Result<BTreeSet<String>, Error> {
    let mut others = BTreeSet::new();
    if scopes.is_empty() {
        return Ok(others);
    }
    for item in vault.list(None)? {
        let scope = match item {
            Listed::Document(path) => path.scope(),
            Listed::File(path) => path.scope(),
        };
        if scope.as_str() != SHARED && !scopes.contains(&scope) {
            others.insert(scope.to_string());
        }
    }
    Ok(others)
}

/// Whatever is wrong, and of the notes what somebody is in the middle of. What is due is in the work list.
fn is_wanted(kind: check::Kind) -> bool {
    use check::Kind::{Pending, Proposal, Submission};
    !kind.is_note() || matches!(kind, Pending | Proposal | Submission)
}

fn end_of(end: End, now: Moment) -> Option<EndStatus> {
    let End { day, path } = end;
    let last: Moment = format!("{day}T00:00:00Z").parse().ok()?;
    // Of a part of a day one is left.
    let left = last.seconds() - now.seconds();
    let days_left = (left.max(0) + 86_399) / 86_400;
    Some(EndStatus {
        path,
        day,
        days_left,
    })
}
