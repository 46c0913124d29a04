//! The versions that lie in a tree, as files.

use super::{Step, TrustError, Version, version_file};
use crate::fs::{EntryKind, Files};

/// A trust version lists each party: 5,000 hosts are 0.5 MB.
pub(super) const MAX_TRUST: usize = crate::lines::MAX_FILE;

/// The number of the newest version that lies in the tree.
///
/// # Errors
/// [`TrustError::NoVault`] if there is none, [`TrustError::Fs`].
pub fn newest_number(tree: &dyn Files) -> Result<u64, TrustError> {
    let newest = numbers(tree)?.into_iter().max();
    newest.ok_or_else(|| TrustError::NoVault(tree.place().to_owned()))
}

/// Reads one version from the tree, unchecked.
///
/// # Errors
/// [`TrustError::Gap`] if it is not there, [`TrustError::Line`], [`TrustError::Fs`].
pub fn read_version(tree: &dyn Files, number: u64) -> Result<Version, TrustError> {
    numbered(Version::parse(&read_bytes(tree, number)?)?, number)
}

/// The same, for whoever verifies who signed it: without its files where it is one of those that were `accepted`,
/// which were read whole then.
///
/// # Errors
/// As [`read_version`].
pub fn read_to_verify(
    tree: &dyn Files,
    number: u64,
    accepted: &[Step],
) -> Result<Version, TrustError> {
    let bytes = read_bytes(tree, number)?;
    let at = number
        .checked_sub(1)
        .and_then(|at| usize::try_from(at).ok());
    let step = at.and_then(|at| accepted.get(at));
    let version = match step.is_some_and(|step| step.hash == Version::body_hash(&bytes)) {
        true => Version::parse_signed(&bytes),
        false => Version::parse(&bytes),
    };
    numbered(version?, number)
}

fn numbered(version: Version, number: u64) -> Result<Version, TrustError> {
    if version.number == number {
        Ok(version)
    } else {
        Err(TrustError::Gap(number, None))
    }
}

/// The bytes of one version.
///
/// # Errors
/// As [`read_version`].
pub(super) fn read_bytes(tree: &dyn Files, number: u64) -> Result<Vec<u8>, TrustError> {
    match tree.read(&version_file(number), MAX_TRUST)? {
        Some(bytes) => Ok(bytes),
        None => {
            let above = numbers(tree)?.into_iter().filter(|above| *above > number);
            Err(TrustError::Gap(number, above.min()))
        }
    }
}

/// The numbers of the versions that lie in the tree.
fn numbers(tree: &dyn Files) -> Result<Vec<u64>, TrustError> {
    let entries = tree.entries("recipients/trust")?.into_iter();
    let files = entries.filter(|entry| entry.kind == EntryKind::File);
    Ok(files
        .filter_map(|entry| entry.name.strip_suffix(".toml")?.parse().ok())
        .collect())
}
