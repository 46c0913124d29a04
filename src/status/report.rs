//! What waits for a new value, by who looks after it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::vault::other_scopes;
use crate::error::Error;
use crate::name::{PartyName, Scope};
use crate::recipients::MailAddress;
use crate::rotate::{Due, work_list};
use crate::text::clean_line;
use crate::vault::Vault;

/// What is due, by owner.
#[derive(Debug, Serialize)]
pub struct Report {
    /// By name; what nobody looks after comes last.
    pub owners: Vec<OwnerStatus>,
    /// What does not count or read, and so says nothing: `clws check` says more.
    #[serde(skip)]
    pub faults: Vec<Error>,
}

/// What one owner has to do.
#[derive(Debug, Serialize)]
pub struct OwnerStatus {
    /// As policies name it; none for what nobody looks after.
    pub owner: Option<String>,
    /// Where they get mail, as far as is known.
    pub mail: Vec<String>,
    /// What waits.
    pub due: Vec<DueStatus>,
    #[serde(skip)]
    to: Vec<MailAddress>,
}

/// A value that waits for a new one.
#[derive(Debug, Serialize)]
pub struct DueStatus {
    /// `exposed`, `expired`, `expiring` or `overdue`.
    pub kind: &'static str,
    /// Its full path.
    pub path: String,
    /// The day since which it waits.
    pub since: String,
    /// The reason in words.
    pub why: String,
    /// The command that gives it a new value.
    pub next: String,
}

impl Report {
    /// Lists what is due in `scopes`, or in all without any. `known` are addresses that the person knows, which
    /// win over those of parties. Nothing is opened.
    ///
    /// # Errors
    /// As [`work_list`]; [`crate::trust::TrustError`].
    pub fn of(
        vault: &Vault,
        scopes: &[Scope],
        known: &BTreeMap<String, MailAddress>,
    ) -> Result<Self, Error> {
        let others = other_scopes(vault, scopes)?;
        let work = work_list(vault, &[])?;
        let mut by_owner: BTreeMap<(bool, Option<String>), Vec<DueStatus>> = BTreeMap::new();
        for due in &work.due {
            let scope = due.path.split('/').next().unwrap_or_default();
            if !others.contains(scope) {
                let key = (due.owner.is_none(), due.owner.clone());
                by_owner.entry(key).or_default().push(DueStatus::of(due));
            }
        }
        let mut owners = Vec::new();
        for ((_, owner), due) in by_owner {
            let to = match &owner {
                Some(owner) => addresses(vault, owner, known)?,
                None => BTreeSet::new(),
            };
            owners.push(OwnerStatus {
                owner,
                mail: to.iter().map(ToString::to_string).collect(),
                due,
                to: to.into_iter().collect(),
            });
        }
        Ok(Self {
            owners,
            faults: work.faults,
        })
    }
}

impl OwnerStatus {
    /// Where they get mail.
    #[must_use]
    pub fn to(&self) -> &[MailAddress] {
        &self.to
    }

    /// In words, two lines each, safe to print.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.due.iter().map(DueStatus::lines).collect()
    }
}

impl DueStatus {
    fn of(due: &Due) -> Self {
        Self {
            kind: due.reason.as_str(),
            path: due.path.clone(),
            since: due.since.clone(),
            why: due.why.clone(),
            next: due.next(),
        }
    }

    fn lines(&self) -> String {
        let Self {
            kind,
            path,
            since,
            why,
            next,
        } = self;
        let what = clean_line(&format!("{kind}: {path}: {why}, since {since}"));
        format!("  {what}\n    next: {}", clean_line(next))
    }
}

/// Where an owner gets mail: as the person says it, else the party of that name, else each member of the group.
/// Parties and groups are signed, so nobody else's repository sends a list of names anywhere.
fn addresses(
    vault: &Vault,
    owner: &str,
    known: &BTreeMap<String, MailAddress>,
) -> Result<BTreeSet<MailAddress>, Error> {
    if let Some(address) = known.get(owner) {
        return Ok(BTreeSet::from([address.clone()]));
    }
    let Ok(name) = owner.parse::<PartyName>() else {
        return Ok(BTreeSet::new());
    };
    let accepted = &vault.trust().accepted;
    let parties: BTreeSet<PartyName> = accepted.party_names()?.into_iter().collect();
    let holders = [name];
    let mut all = BTreeSet::new();
    for member in accepted.access().members(&holders) {
        if let Some(address) = known.get(member.as_str()) {
            all.insert(address.clone());
        } else if parties.contains(member) {
            all.extend(vault.party(member)?.mail.clone());
        }
    }
    Ok(all)
}
