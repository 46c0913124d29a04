//! The signed texts of accepted versions, kept beside the pin: what puts rules back that a tree has lost.
//!
//! A version that was accepted and never committed is gone with a `git clean`, and no other may take its
//! number on this machine. Nothing is trusted because it is kept: each text is compared with the pin.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::accepted::{differences, rule_files};
use super::versions::MAX_TRUST;
use super::{
    ALSO_FOLDER, Pins, Standing, Step, Trust, TrustError, Version, also_file, follow,
    newest_number, read_version, version_file,
};
use crate::crypto::{hex, sha256};
use crate::fs::{Edit, Files, Held, New, Sync, Tree, read_private, write_private};

impl Pins {
    /// Keeps the texts of these versions as they lie in the tree. Losing one loses a way back and no trust,
    /// so nobody waits for the disk.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn keep_versions(&self, tree: &dyn Files, chain: &[Step]) -> Result<(), TrustError> {
        for (file, hash) in files_of(chain) {
            let copy = self.version_copy(&hash);
            if copy.exists() {
                continue;
            }
            if let Some(bytes) = tree.read(&file, MAX_TRUST)? {
                write_private(&copy, &bytes, Sync::Lazy)?;
            }
        }
        Ok(())
    }

    fn version_copy(&self, hash: &[u8; 32]) -> PathBuf {
        self.dir()
            .join("versions")
            .join(format!("{}.toml", hex(hash)))
    }
}

/// The files in which these versions lie, and what they joined.
fn files_of(chain: &[Step]) -> Vec<(String, [u8; 32])> {
    let mut files = Vec::new();
    for (step, number) in chain.iter().zip(1_u64..) {
        files.push((version_file(number), step.hash));
        files.extend(step.joined.iter().map(|hash| (also_file(hash), *hash)));
    }
    files
}

impl Trust {
    /// What puts the accepted versions and rules back into a tree that has an older version of the same
    /// branch; `None` if not all of them were kept.
    ///
    /// # Errors
    /// [`TrustError::Unsigned`] if that would overwrite a change of rules which nobody signed.
    pub fn way_back(&self, tree: &Tree) -> Result<Option<Vec<Edit>>, TrustError> {
        if self.standing != Standing::Older {
            return Ok(None);
        }
        let (chain, here) = (self.pins.chain()?, newest_number(tree)?);
        let (mut held, mut edits) = (BTreeMap::new(), Vec::new());
        for (file, hash) in files_of(&chain) {
            let is_it = |bytes: &Vec<u8>| Version::body_hash(bytes) == hash;
            let there = tree.read(&file, MAX_TRUST)?;
            let bytes = match there.clone().filter(is_it) {
                Some(bytes) => bytes,
                // Another version of this number is another branch.
                None if there.is_some() && !file.starts_with(ALSO_FOLDER) => return Ok(None),
                None => {
                    let kept = read_private(&self.pins.version_copy(&hash), MAX_TRUST)?;
                    let Some(kept) = kept.filter(is_it) else {
                        return Ok(None);
                    };
                    let new = New::Bytes(kept.clone());
                    edits.push(Edit::of(file.clone(), there.as_deref(), new));
                    kept
                }
            };
            held.insert(file, bytes);
        }
        let held = Held::new(self.pins.dir(), held);
        let was = read_version(tree, here)?;
        let mut before = was.clone();
        for number in here.saturating_add(1)..=self.accepted.number() {
            let mut version = read_version(&held, number)?;
            follow(&held, &mut version, &before)?;
            before = version;
        }
        let rules = self.accepted.files()?;
        if !differences(&rules, &before).is_empty() {
            return Ok(None);
        }
        let mut unsigned = Vec::new();
        let now = rule_files(tree)?;
        let mut put = |file: &String, new: New| {
            let old = now.get(file);
            if old.is_some_and(|old| was.files.get(file) != Some(&sha256(old))) {
                unsigned.push(file.clone());
            }
            edits.push(Edit::of(file.clone(), old.map(Vec::as_slice), new));
        };
        for (file, bytes) in rules.iter().filter(|(file, b)| now.get(*file) != Some(b)) {
            put(file, New::Bytes(bytes.clone()));
        }
        let gone = was.files.keys().filter(|file| !rules.contains_key(*file));
        for file in gone.filter(|file| now.contains_key(*file)) {
            put(file, New::Gone);
        }
        match unsigned.first() {
            None => Ok(Some(edits)),
            Some(file) => Err(TrustError::Unsigned {
                file: file.clone(),
                number: here,
                all: unsigned.len(),
            }),
        }
    }

    /// The error for a tree whose newest version is older than the accepted one.
    ///
    /// # Errors
    /// [`TrustError`] if the tree cannot be read.
    pub fn older(&self, tree: &Tree) -> Result<TrustError, TrustError> {
        Ok(TrustError::Older {
            here: newest_number(tree)?,
            accepted: self.accepted.number(),
            // What stands in its way is said where it is asked for.
            kept: !matches!(self.way_back(tree), Ok(None)),
        })
    }
}
