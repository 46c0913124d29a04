//! A trust version that lacks signatures: `recipients/trust/proposal/`.
//!
//! It counts for nothing. It brings its own copies of the files that it changes, so that the files
//! of rules in the tree stay what the last version signed: deploys go on meanwhile, and a machine that
//! sees the vault for the first time finds what it has to compare.

use std::collections::BTreeMap;

use super::accepted::{MAX_RULES, Size, party_of};
use super::join::load_side;
use super::{SETTINGS_FILE, TrustError, Version};
use crate::crypto::sha256;
use crate::fs::{EntryKind, Tree};
use crate::name::PartyName;
use crate::recipients::ACCESS_FILE;
use crate::text::list;

/// Where a proposal lies.
pub const PROPOSAL_FOLDER: &str = "recipients/trust/proposal";

/// The version to be, with the signatures so far.
const VERSION_FILE: &str = "recipients/trust/proposal/version.toml";

/// A proposal as it lies in the tree.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The version to be.
    pub version: Version,
    /// All files of rules that it would sign.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What lies in the folder of proposals.
#[derive(Debug)]
pub enum Proposed {
    /// Nothing.
    Nothing,
    /// A proposal to follow on the rules that count now.
    Open(Box<Proposal>),
    /// One that was made for another version before it: that number is taken, or of another branch.
    Stale(u64),
}

impl Proposal {
    /// Where this file lies in a proposal that changes it.
    #[must_use]
    pub fn place_of(file: &str) -> String {
        format!("{PROPOSAL_FOLDER}/{file}")
    }

    /// Where the version to be lies.
    #[must_use]
    pub fn version_file() -> &'static str {
        VERSION_FILE
    }

    /// Where it stands, as a sentence without its subject: who signed it and who is waited for.
    #[must_use]
    pub fn state(&self, before: &Version) -> String {
        let signed = self.version.signed_by(before);
        let signed: Vec<&str> = signed.iter().map(PartyName::as_str).collect();
        let by = match signed.as_slice() {
            [] => "signed by no administrator".to_owned(),
            signed => format!("signed by {}", list(signed)),
        };
        format!("{by}; it waits for {}", self.version.lacking(before))
    }

    /// Reads what is proposed after `before`, whose files of rules are `now`.
    ///
    /// # Errors
    /// [`TrustError::Proposal`] if its files are not those that its version lists,
    /// [`TrustError::Line`], [`TrustError::Fs`].
    pub fn read(
        tree: &Tree,
        before: &Version,
        now: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Proposed, TrustError> {
        let Some(bytes) = tree.read(VERSION_FILE, MAX_RULES)? else {
            return Ok(Proposed::Nothing);
        };
        let mut version = Version::parse(&bytes)?;
        if version.number != before.number + 1 || version.previous != before.hash {
            return Ok(Proposed::Stale(version.number));
        }
        load_side(tree, &mut version)?;
        let (mut files, mut size) = (BTreeMap::new(), Size::default());
        for (file, hash) in &version.files {
            // Signing it writes these files: nothing else than rules may be among them.
            if file != SETTINGS_FILE && file != ACCESS_FILE && party_of(file).is_none() {
                return Err(wrong(file, "is no file of rules"));
            }
            let bytes = match size.read(tree, &Self::place_of(file))? {
                Some(bytes) => bytes,
                None => now
                    .get(file)
                    .cloned()
                    .ok_or_else(|| wrong(file, "is missing"))?,
            };
            if sha256(&bytes) != *hash {
                return Err(wrong(file, "is not what it lists"));
            }
            files.insert(file.clone(), bytes);
        }
        Ok(Proposed::Open(Box::new(Self { version, files })))
    }
}

/// Every file in the folder of proposals, with its content: what goes when the proposal goes.
///
/// # Errors
/// [`TrustError::Fs`].
pub fn proposal_files(tree: &Tree) -> Result<BTreeMap<String, Vec<u8>>, TrustError> {
    let (mut files, mut size) = (BTreeMap::new(), Size::default());
    for folder in [
        PROPOSAL_FOLDER.to_owned(),
        format!("{PROPOSAL_FOLDER}/recipients"),
    ] {
        for entry in tree.entries(&folder)? {
            if entry.kind != EntryKind::File {
                continue;
            }
            let file = format!("{folder}/{}", entry.name);
            if let Some(bytes) = size.read(tree, &file)? {
                files.insert(file, bytes);
            }
        }
    }
    Ok(files)
}

fn wrong(file: &str, why: &'static str) -> TrustError {
    TrustError::Proposal {
        file: file.to_owned(),
        why,
    }
}
