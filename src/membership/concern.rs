//! Whom a change of rules lets in and keeps out, by document and file.

use std::collections::{BTreeMap, BTreeSet};

use super::Rules;
use crate::error::Error;
use crate::name::{PartyName, SecretName};
use crate::recipients::{Access, Party, Rights};
use crate::vault::{Anew, Listed, Vault};

/// What a change of rules means for a document or file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Concern {
    /// The document or file.
    pub item: Listed,
    /// Who could open it, with some key, and may not any more.
    pub lost: Vec<PartyName>,
    /// Whether somebody may open it who could not, with some key.
    pub gained: bool,
    /// Whether signatures that count so far would count for nothing.
    pub orphaned: bool,
    /// Whether it is a file that was removed: nothing of it is there to be opened.
    pub removed: bool,
}

impl Concern {
    /// Whether all of it is sealed anew, and not wrapped or signed alone.
    #[must_use]
    pub fn seals_anew(&self) -> bool {
        match &self.item {
            Listed::Document(_) => !self.lost.is_empty(),
            Listed::File(_) => self.file_anew().is_some(),
        }
    }

    /// The file that is sealed anew because of it, and those who could read it and may not any more.
    #[must_use]
    pub fn file_anew(&self) -> Option<Anew<'_>> {
        match &self.item {
            Listed::File(path) if self.gained || !self.lost.is_empty() => Some((path, &self.lost)),
            _ => None,
        }
    }
}

/// What has to be wrapped, sealed or signed anew when one set of rules takes the place of others.
///
/// # Errors
/// [`super::RulesError`], [`crate::fs::FsError`].
pub fn concerned(vault: &Vault, old: &[&Rules], new: &Rules) -> Result<Vec<Concern>, Error> {
    let was: Vec<Sides> = old
        .iter()
        .map(|old| Sides::of(old))
        .collect::<Result<_, _>>()?;
    let is = Sides::of(new)?;
    let mut concerns = Vec::new();
    for item in vault.list(None)? {
        let (after, signers) = (is.openers(item.path()), is.signers(item.path()));
        let mut lost = BTreeSet::new();
        let (mut gained, mut orphaned) = (false, false);
        for was in &was {
            let before = was.openers(item.path());
            lost.extend(before.difference(&after).map(|(name, _)| name.clone()));
            gained |= !after.is_subset(&before);
            orphaned |= !was.signers(item.path()).is_subset(&signers);
        }
        if gained || orphaned || !lost.is_empty() {
            concerns.push(Concern {
                lost: lost.into_iter().collect(),
                gained,
                orphaned,
                removed: is_removed(vault, &item),
                item,
            });
        }
    }
    Ok(concerns)
}

/// What does not read is told where it is sealed anew.
fn is_removed(vault: &Vault, item: &Listed) -> bool {
    match item {
        Listed::Document(_) => false,
        Listed::File(path) => vault
            .is_live(&SecretName::File(path.clone()))
            .is_ok_and(|is_live| !is_live),
    }
}

/// A set of rules, read.
struct Sides {
    access: Access,
    parties: BTreeMap<PartyName, Party>,
}

impl Sides {
    fn of(rules: &Rules) -> Result<Self, Error> {
        Ok(Self {
            access: rules.access()?,
            parties: rules.parties()?,
        })
    }

    /// The readers of a path, each with every key that it opens with.
    fn openers(&self, path: &str) -> BTreeSet<(PartyName, String)> {
        let rights = Rights::on(&self.access, path).unwrap_or_default();
        self.keys(&rights.readers, |party| {
            let keys = party.recipients.iter();
            keys.map(|recipient| recipient.key.to_string()).collect()
        })
    }

    /// The writers of a path, each with every key whose signatures count.
    fn signers(&self, path: &str) -> BTreeSet<(PartyName, String)> {
        let rights = Rights::on(&self.access, path).unwrap_or_default();
        self.keys(&rights.writers, |party| {
            let keys = party.signing.iter();
            keys.map(|signing| signing.key.to_string()).collect()
        })
    }

    fn keys(
        &self,
        names: &BTreeSet<PartyName>,
        keys: impl Fn(&Party) -> Vec<String>,
    ) -> BTreeSet<(PartyName, String)> {
        let parties = names.iter().filter_map(|name| self.parties.get(name));
        parties
            .flat_map(|party| keys(party).into_iter().map(|key| (party.name.clone(), key)))
            .collect()
    }
}
