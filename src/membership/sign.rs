//! The next trust version over a set of rules.

use std::collections::BTreeMap;

use super::rules::Rules;
use crate::crypto::sha256;
use crate::crypto::sshsig::{Namespace, SignedBy};
use crate::error::{Code, Error, Problem};
use crate::fs::{Edit, New};
use crate::recipients::{ACCESS_FILE, Rights};
use crate::text::list;
use crate::trust::{
    Draft, SETTINGS_FILE, TrustError, Version, newest_number, read_version, version_file,
};
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
        admins: before.admins.clone(),
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
    let path = version_file(version.number);
    edits.push(Edit::of(path, None, New::Bytes(printed.into_bytes())));
    Ok(Signed {
        number: version.number,
        hash: version.hash,
        edits,
    })
}

/// The documents and files whose readers differ between two sets of rules.
///
/// # Errors
/// [`super::RulesError`], [`crate::fs::FsError`].
pub fn concerned(vault: &Vault, old: &Rules, new: &Rules) -> Result<Vec<Listed>, Error> {
    debug_assert!(old.files().contains_key(SETTINGS_FILE) && old.files().contains_key(ACCESS_FILE));
    let (was, is) = (old.access()?, new.access()?);
    let (had, has) = (old.parties()?, new.parties()?);
    let readers = |access, parties: &BTreeMap<_, crate::recipients::Party>, path: &str| {
        let rights = Rights::on(access, path).unwrap_or_default();
        let of = |name| parties.get(name).map(|party| party.recipients.clone());
        rights
            .readers
            .iter()
            .map(|name| (name.clone(), of(name)))
            .collect::<Vec<_>>()
    };
    let mut listed = vault.list(None)?;
    listed.retain(|item| readers(&was, &had, item.path()) != readers(&is, &has, item.path()));
    Ok(listed)
}

/// The documents and files where somebody loses the right to write, whose signatures there would
/// count for nothing.
///
/// # Errors
/// [`super::RulesError`], [`crate::fs::FsError`].
pub fn orphaned(vault: &Vault, old: &Rules, new: &Rules) -> Result<Vec<Listed>, Error> {
    let (was, is) = (old.access()?, new.access()?);
    let mut listed = vault.list(None)?;
    listed.retain(|item| {
        let writers = |access| Rights::on(access, item.path()).unwrap_or_default().writers;
        !writers(&was).is_subset(&writers(&is))
    });
    Ok(listed)
}
