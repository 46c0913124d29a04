//! The next trust version over a set of rules.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::Rules;
use crate::crypto::sha256;
use crate::crypto::sshsig::{Namespace, SignedBy};
use crate::error::{Code, Error, Problem};
use crate::fs::{Edit, New};
use crate::name::PartyName;
use crate::recipients::{Access, Party, Rights, party_file};
use crate::text::list;
use crate::trust::{Draft, TrustError, Version, newest_number, read_version, version_file};
use crate::vault::{Listed, Signs, Vault};

/// A signed trust version, and the edits that bring it and its files in.
#[derive(Debug)]
pub struct Signed {
    /// Its number.
    pub number: u64,
    /// Its fingerprint.
    pub hash: [u8; 32],
    /// The files to write.
    pub edits: Vec<Edit>,
}

/// What follows on `before`, with its administrators and threshold.
#[must_use]
pub fn next_version(before: &Version, rules: &Rules) -> Draft {
    Draft {
        number: before.number + 1,
        previous: before.hash,
        threshold: before.threshold,
        // Who is taken out of the vault decides no longer.
        admins: before
            .admins
            .iter()
            .filter(|(name, _)| rules.files().contains_key(&party_file(name)))
            .map(|(name, key)| (name.clone(), key.clone()))
            .collect(),
        files: hashes(rules.files()),
    }
}

pub(super) fn hashes(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, [u8; 32]> {
    files
        .iter()
        .map(|(file, bytes)| (file.clone(), sha256(bytes)))
        .collect()
}

/// Signs `rules` as the next trust version, by the first of `signers` who is an administrator.
///
/// Gives the edits of every file that differs from the working tree.
///
/// # Errors
/// TRUST if nobody here is an administrator, or one signature is not enough (a later version of this
/// program collects several); [`super::RulesError`] if the rules are not consistent.
pub fn sign_rules(vault: &Vault, rules: &Rules, signers: &[&dyn Signs]) -> Result<Signed, Error> {
    rules.check()?;
    vault.demand_pin(true)?;
    let tree = vault.tree();
    // From an old branch a second version would be signed beside one that others have accepted.
    let (here, accepted) = (newest_number(tree)?, vault.trust().accepted.number());
    if here < accepted {
        return Err(TrustError::Older { here, accepted }.into());
    }
    let before = read_version(tree, newest_number(tree)?)?;
    let admin = signers.iter().find_map(|signer| {
        before
            .admins
            .iter()
            .find(|(_, key)| *key == signer.public())
            .map(|(name, _)| (name, signer))
    });
    let Some((admin, signer)) = admin else {
        let admins: Vec<String> = before.admins.keys().map(ToString::to_string).collect();
        return Err(
            Problem::new(Code::Trust, "none of your keys is an administrator's")
                .note(format!("administrators are {}", list(&admins)))
                .hint(format!(
                    "commit the change and ask {} to run `clws trust sign`",
                    crate::text::any_of(&admins)
                ))
                .into(),
        );
    };
    if before.threshold > 1 {
        let wanted = before.threshold;
        return Err(Problem::new(
            Code::Trust,
            format!("{wanted} administrators must sign, and this version signs with one"),
        )
        .into());
    }
    let draft = next_version(&before, rules);
    if draft.admins.is_empty() {
        return Err(Problem::new(
            Code::Trust,
            format!("{admin} is the only administrator, and nobody would decide any more"),
        )
        .into());
    }
    let signed = SignedBy {
        party: admin.to_string(),
        ..signer.sign(Namespace::Trust, draft.body().as_bytes())?
    };
    let printed = draft.print(&[signed]);
    // What is written must be what every other machine accepts.
    let version = Version::parse(printed.as_bytes())?;
    version.check_after(&before)?;
    let mut edits = Vec::new();
    let there = crate::trust::Trust::files(tree)?;
    for (file, bytes) in rules.files() {
        let old = there.get(file).map(Vec::as_slice);
        if old != Some(bytes.as_slice()) {
            edits.push(Edit::of(file.clone(), old, New::Bytes(bytes.clone())));
        }
    }
    for (file, bytes) in &there {
        if !rules.files().contains_key(file) {
            edits.push(Edit::of(file.clone(), Some(bytes), New::Gone));
        }
    }
    let path = version_file(version.number);
    edits.push(Edit::of(path, None, New::Bytes(printed.into_bytes())));
    Ok(Signed {
        number: version.number,
        hash: version.hash,
        edits,
    })
}

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
}

/// What has to be wrapped, sealed or signed anew when one set of rules takes the place of another.
///
/// # Errors
/// [`super::RulesError`], [`crate::fs::FsError`].
pub fn concerned(vault: &Vault, old: &Rules, new: &Rules) -> Result<Vec<Concern>, Error> {
    let (was, is) = (Sides::of(old)?, Sides::of(new)?);
    let mut concerns = Vec::new();
    for item in vault.list(None)? {
        let (before, after) = (was.openers(item.path()), is.openers(item.path()));
        let lost: BTreeSet<PartyName> = before
            .difference(&after)
            .map(|(name, _)| name.clone())
            .collect();
        let concern = Concern {
            lost: lost.into_iter().collect(),
            gained: !after.is_subset(&before),
            orphaned: !was.signers(item.path()).is_subset(&is.signers(item.path())),
            item,
        };
        if concern.gained || concern.orphaned || !concern.lost.is_empty() {
            concerns.push(concern);
        }
    }
    Ok(concerns)
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
