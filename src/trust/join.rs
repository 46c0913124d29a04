//! Versions of two branches, joined: a version whose `prev` is one and whose `also` is the other.
//!
//! The versions of the other branch stay in the tree, under their hashes: `recipients/trust/also/`. So a
//! machine that accepted one of them sees that the newest version comes after it too, by the
//! administrators and the threshold that it knows.

use std::collections::BTreeMap;

use super::pin::ACCEPTED_FOLDER;
use super::versions::{MAX_TRUST, newest_number, read_version};
use super::{Pins, Step, TrustError, Version, version_file};
use crate::crypto::{hex, sha256};
use crate::fs::{EntryKind, Files, FsError, Sync, names, read_private, write_private};

/// Where versions of other branches lie that were joined.
pub const ALSO_FOLDER: &str = "recipients/trust/also";

/// Where the version with this hash lies, once it was joined.
#[must_use]
pub fn also_file(hash: &[u8; 32]) -> String {
    format!("{ALSO_FOLDER}/{}.toml", hex(hash))
}

/// Checks that a version follows on the one before it in the tree, and on the one that it joins; gives
/// the hashes that it brings in from there.
///
/// # Errors
/// [`TrustError::DoesNotFollow`], [`TrustError`] if a version of the other branch cannot be read.
pub fn follow(
    tree: &dyn Files,
    version: &mut Version,
    before: &Version,
) -> Result<Vec<[u8; 32]>, TrustError> {
    let joined = load_side(tree, version)?;
    version.check_after(before)?;
    Ok(joined)
}

/// Finds the version that this one joins, and verifies its way from the common root.
///
/// # Errors
/// As [`follow`].
pub fn load_side(tree: &dyn Files, version: &mut Version) -> Result<Vec<[u8; 32]>, TrustError> {
    let Some(also) = version.also else {
        return Ok(Vec::new());
    };
    let mut joined = Vec::new();
    let side = Branch(tree).verified(&also, version.number, &mut joined, 0)?;
    version.side = Some(Box::new(side));
    Ok(joined)
}

/// A branch of a branch that was joined, and so on, is no deeper than this.
const MOST_WITHIN: usize = 64;

/// Versions by their hashes: those of the trunk, and those that were joined.
struct Branch<'a>(&'a dyn Files);

impl Branch<'_> {
    /// The version with this hash, if every step from the trunk to it holds. `within` so many joins.
    fn verified(
        &self,
        hash: &[u8; 32],
        mut below: u64,
        joined: &mut Vec<[u8; 32]>,
        within: usize,
    ) -> Result<Version, TrustError> {
        // Back to one that is known to hold, and forth from there: whoever can push can lay any number of steps here,
        // which nobody signed.
        let (mut steps, mut at) = (Vec::new(), *hash);
        let mut before = loop {
            let (version, in_trunk) = self.read(&at, below)?;
            // Numbers fall with each step back, so that this ends.
            if version.number >= below {
                return Err(version.refused("it is joined by an older one"));
            }
            if in_trunk || joined.contains(&at) {
                break version;
            }
            (at, below) = (version.previous, version.number);
            steps.push(version);
        };
        for mut version in steps.into_iter().rev() {
            if let Some(also) = version.also {
                if within == MOST_WITHIN {
                    return Err(version.refused("too many joins lie within one another"));
                }
                let side = self.verified(&also, version.number, joined, within + 1)?;
                version.side = Some(Box::new(side));
            }
            version.check_after(&before)?;
            joined.push(version.hash);
            before = version;
        }
        Ok(before)
    }

    /// The version with this hash and a number `below` this one, and whether it is one of the trunk. Behind a step
    /// stands the number before it, so that hardly ever more of the trunk is read than one.
    fn read(&self, hash: &[u8; 32], below: u64) -> Result<(Version, bool), TrustError> {
        let missing = || TrustError::NotJoined(hex(hash));
        if let Some(bytes) = self.0.read(&also_file(hash), MAX_TRUST)? {
            let version = Version::parse(&bytes)?;
            if version.hash != *hash {
                return Err(missing());
            }
            let in_trunk = self.has(version.number, hash)?;
            return Ok((version, in_trunk));
        }
        let trunk = 1..below.min(newest_number(self.0)?.saturating_add(1));
        for number in trunk.rev() {
            if self.has(number, hash)? {
                return Ok((read_version(self.0, number)?, true));
            }
        }
        Err(missing())
    }

    /// Whether the trunk's version of this number has this hash.
    fn has(&self, number: u64, hash: &[u8; 32]) -> Result<bool, TrustError> {
        let bytes = self.0.read(&version_file(number), MAX_TRUST)?;
        Ok(bytes.is_some_and(|bytes| Version::body_hash(&bytes) == *hash))
    }
}

/// Another branch of the same vault.
#[derive(Debug)]
pub struct OtherBranch {
    /// The newest version that both have, as one of their own or joined.
    pub common: Version,
    /// The newest version there; its way from the common one was verified.
    pub newest: Version,
    /// The hashes of what it has after the common one.
    pub hashes: Vec<[u8; 32]>,
    /// The files that `also/` must have for it, with their content.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl OtherBranch {
    /// Looks at the branch whose files are `other`, from that in `tree`, which has joined the versions
    /// `joined` so far.
    ///
    /// # Errors
    /// [`TrustError::OtherVault`], [`TrustError`] if its chain does not hold.
    pub fn read(
        tree: &dyn Files,
        other: &dyn Files,
        joined: &[[u8; 32]],
    ) -> Result<Self, TrustError> {
        let bytes = |tree: &dyn Files, number| {
            let bytes = tree.read(&version_file(number), MAX_TRUST)?;
            bytes.ok_or(TrustError::Gap(number, None))
        };
        let (here, there) = (newest_number(tree)?, newest_number(other)?);
        let mut common = here.min(there);
        let hash = |tree: &dyn Files, number| {
            Ok::<_, TrustError>(Version::body_hash(&bytes(tree, number)?))
        };
        while hash(tree, common)? != hash(other, common)? {
            common -= 1;
            if common == 0 {
                return Err(TrustError::OtherVault(other.place().to_owned()));
            }
        }
        let mut common = read_version(tree, common)?;
        let parted = common.number;
        let (mut hashes, mut files) = (Vec::new(), BTreeMap::new());
        let mut newest = read_version(other, common.number)?;
        for number in parted + 1..=there {
            let mut version = read_version(other, number)?;
            hashes.extend(follow(other, &mut version, &newest)?);
            hashes.push(version.hash);
            files.insert(also_file(&version.hash), bytes(other, number)?);
            if joined.contains(&version.hash) {
                common = version.clone();
                hashes.clear();
            }
            newest = version;
        }
        // The other branch may have joined ours.
        for number in (parted + 1..=here).rev() {
            let version = read_version(tree, number)?;
            if hashes.contains(&version.hash) {
                common = version;
                break;
            }
        }
        for entry in other.entries(ALSO_FOLDER)? {
            let file = format!("{ALSO_FOLDER}/{}", entry.name);
            if entry.kind == EntryKind::File
                && let Some(bytes) = other.read(&file, MAX_TRUST)?
                && file == also_file(&Version::body_hash(&bytes))
            {
                files.insert(file, bytes);
            }
        }
        Ok(Self {
            common,
            newest,
            hashes,
            files,
        })
    }
}

/// The chain that a pin holds once it accepted the tree's versions up to `number`; with the number of
/// the newest one that it holds already.
///
/// # Errors
/// [`TrustError`] if one of them does not follow.
pub fn chain_to(
    tree: &dyn Files,
    pins: &Pins,
    number: u64,
) -> Result<(u64, Vec<Step>), TrustError> {
    let mut chain = pins.chain()?;
    let pinned = u64::try_from(chain.len()).unwrap_or(u64::MAX);
    let mut common = pinned.min(number);
    while common > 1 {
        let bytes = tree.read(&version_file(common), MAX_TRUST)?;
        let hash = Version::body_hash(&bytes.ok_or(TrustError::Gap(common, None))?);
        let known = usize::try_from(common - 1)
            .ok()
            .and_then(|at| chain.get(at));
        if known.is_some_and(|step| step.hash == hash) {
            break;
        }
        common -= 1;
    }
    chain.truncate(usize::try_from(common).unwrap_or(usize::MAX));
    let mut before = read_version(tree, common)?;
    for number in common + 1..=number {
        let mut version = read_version(tree, number)?;
        let joined = follow(tree, &mut version, &before)?;
        let hash = version.hash;
        chain.push(Step { hash, joined });
        before = version;
    }
    Ok((common, chain))
}

impl Pins {
    /// Keeps the rules of a version that is joined, for the next time that its branch is.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn keep(
        &self,
        version: &[u8; 32],
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), TrustError> {
        let copy = self.dir().join(ACCEPTED_FOLDER).join(hex(version));
        for (file, bytes) in files {
            write_private(&copy.join(file), bytes, Sync::Lazy)?;
        }
        Ok(())
    }

    /// A file of rules with this hash, if any accepted or joined version had it.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn rule_file(&self, file: &str, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, TrustError> {
        let copies = self.dir().join(ACCEPTED_FOLDER);
        for name in names(&copies).map_err(FsError::io("list", &copies))? {
            let bytes = read_private(&copies.join(name).join(file), MAX_TRUST)?;
            if let Some(bytes) = bytes.filter(|bytes| sha256(bytes) == *hash) {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}
