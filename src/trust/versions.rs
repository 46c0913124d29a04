//! The versions that lie in a tree, as files.

use super::{TrustError, Version, version_file};
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
    let version = Version::parse(&read_bytes(tree, number)?)?;
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
