//! From the version that this machine accepted to the newest, step by step.

use std::collections::BTreeMap;

use super::accepted::{differences, rule_files, signed_files, sound_files};
use super::join::{chain_to, follow};
use super::versions::{newest_number, read_bytes, read_version};
use super::{Accepted, Difference, Pins, Proposal, Proposed, Step, TrustError, Version};
use crate::crypto::{from_hex, hex};
use crate::error::{Code, Explain as _};
use crate::fs::{Lock, Tree};
use crate::name::PartyName;
use crate::world::World;

/// How the working tree's trust versions stand to what this machine accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// The same newest version; or newer ones that were verified and accepted just now.
    Current,
    /// An older one that this machine passed: an old branch.
    Older,
    /// Another version under an accepted number: two branches that each made one.
    Sibling,
    /// This machine has accepted nothing of this vault. Looking is allowed, nothing else.
    Unpinned,
    /// What this machine remembers does not read. Looking is allowed, nothing else.
    Forgotten,
    /// The versions in the tree do not follow on what was accepted. Only they themselves are shown.
    Broken,
}

/// What a first use may accept without a person: `FINGERPRINT@N`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expectation {
    /// SHA-256 of version N's body.
    pub hash: [u8; 32],
    /// N.
    pub number: u64,
}

impl std::str::FromStr for Expectation {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        let wrong = || TrustError::BadExpectation(text.to_owned());
        let (hash, number) = text.split_once('@').ok_or_else(wrong)?;
        Ok(Self {
            hash: from_hex(hash).map_err(|_| wrong())?,
            number: number.parse().map_err(|_| wrong())?,
        })
    }
}

/// A vault's trust as this machine holds it.
#[derive(Debug)]
pub struct Trust {
    /// The vault's id: the hash of version 1's body.
    pub vault: [u8; 32],
    /// How the working tree stands to it.
    pub standing: Standing,
    /// The rules that count.
    pub accepted: Accepted,
    /// What this machine remembers.
    pub pins: Pins,
    /// How many versions it remembered when the vault was opened.
    pub seen: u64,
}

/// Finds out which rules count, and accepts newer ones that follow from them.
///
/// With the newest version already accepted this hashes two small files and reads the copy.
/// Without a pin, `expect` says which version may be accepted; without that, the standing is
/// [`Standing::Unpinned`] and the rules are the tree's own, good for looking alone.
///
/// # Errors
/// [`TrustError`] if the chain does not hold, or the rules are not what the newest version signed.
pub fn open(tree: &Tree, world: &World, expect: Option<&Expectation>) -> Result<Trust, TrustError> {
    let newest = newest_number(tree)?;
    let vault = Version::body_hash(&read_bytes(tree, 1)?);
    let pins = Pins::of(world, &vault)?;
    let pinned = pins.chain()?;
    if pinned.is_empty() {
        return first_use(tree, vault, newest, pins, expect);
    }
    let accepted = match pins.accepted(pinned.len()) {
        // What follows is verified by the chain alone, and brings a copy of its own.
        Err(TrustError::Rules { .. } | TrustError::Damaged { .. })
            if newest > u64::try_from(pinned.len()).unwrap_or(u64::MAX) =>
        {
            None
        }
        accepted => Some(accepted?),
    };
    let last = pinned.last().map(|step| step.hash).unwrap_or_default();
    let accepted_number = u64::try_from(pinned.len()).unwrap_or(u64::MAX);
    let shared = newest.min(accepted_number);
    let here = if shared == 1 {
        vault
    } else {
        Version::body_hash(&read_bytes(tree, shared)?)
    };
    let known = usize::try_from(shared - 1)
        .ok()
        .and_then(|index| pinned.get(index));
    let is_known = known.is_some_and(|step| step.hash == here)
        || pinned.iter().any(|step| step.joined.contains(&here));
    let standing = match newest {
        _ if newest < accepted_number && is_known => Standing::Older,
        _ if newest > accepted_number => match chain_to(tree, &pins, newest) {
            Ok((common, chain)) => {
                let after = usize::try_from(common).unwrap_or(usize::MAX);
                // What was accepted has to be behind the newest one, on this branch or on one that
                // was joined.
                let mut stepped = chain.iter().skip(after);
                if common == accepted_number || stepped.any(|step| step.joined.contains(&last)) {
                    let accepted = step_on(tree, &pins, &chain, newest)?;
                    return Ok(Trust {
                        vault,
                        standing: Standing::Current,
                        seen: newest,
                        accepted,
                        pins,
                    });
                }
                Standing::Sibling
            }
            Err(error) if is_known => return Err(error),
            // What does not hold is no reason to stop going by what was accepted.
            Err(_) => Standing::Sibling,
        },
        _ if is_known => Standing::Current,
        _ => Standing::Sibling,
    };
    Ok(Trust {
        vault,
        standing,
        accepted: accepted.map_or_else(|| pins.accepted(pinned.len()), Ok)?,
        pins,
        seen: accepted_number,
    })
}

/// Accepts the newest version after all before it were verified.
fn step_on(tree: &Tree, pins: &Pins, chain: &[Step], newest: u64) -> Result<Accepted, TrustError> {
    let version = read_version(tree, newest)?;
    let files = sound_files(tree, &version)?;
    // A writer who holds the lock may be moving the pin too. It is moved by the next run then;
    // the rules count already.
    match Lock::try_take(&pins.lock_file(), "accepting newer rules")? {
        Some(_held) => take(tree, pins, chain, &files),
        None => Accepted::of_files(files, newest),
    }
}

pub(super) fn first_use(
    tree: &Tree,
    vault: [u8; 32],
    newest: u64,
    pins: Pins,
    expect: Option<&Expectation>,
) -> Result<Trust, TrustError> {
    let mut before = read_version(tree, 1)?;
    before.check_founding()?;
    let mut chain = vec![Step::of(before.hash)];
    for number in 2..=newest {
        let mut version = read_version(tree, number)?;
        let joined = follow(tree, &mut version, &before)?;
        let hash = version.hash;
        chain.push(Step { hash, joined });
        before = version;
    }
    let Some(expect) = expect else {
        let accepted = Accepted::from_tree(tree, &before)?;
        return Ok(Trust {
            vault,
            standing: Standing::Unpinned,
            accepted,
            pins,
            seen: 0,
        });
    };
    let found = expect
        .number
        .checked_sub(1)
        .and_then(|index| usize::try_from(index).ok());
    let found = found
        .and_then(|index| chain.get(index))
        .map(|step| &step.hash);
    if found != Some(&expect.hash) {
        return Err(TrustError::NotExpected {
            number: expect.number,
            found: found.map_or_else(|| "not there".to_owned(), |hash| hex(hash)),
            expected: hex(&expect.hash),
        });
    }
    let files = sound_files(tree, &before)?;
    let _lock = Lock::take(&pins.lock_file(), "a first use")?;
    let accepted = take(tree, &pins, &chain, &files)?;
    Ok(Trust {
        vault,
        standing: Standing::Current,
        accepted,
        pins,
        seen: newest,
    })
}

/// Moves the pin, with a copy of the rules that the version signed. The caller holds the lock.
fn take(
    tree: &Tree,
    pins: &Pins,
    chain: &[Step],
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Accepted, TrustError> {
    pins.keep_versions(tree, chain)?;
    pins.accept(chain, files)?;
    pins.accepted(chain.len())
}

impl Trust {
    /// The error that a first use without an expectation ends with.
    ///
    /// # Errors
    /// [`TrustError`] if the newest version cannot be read.
    pub fn first_use_error(tree: &Tree) -> Result<TrustError, TrustError> {
        let version = read_version(tree, newest_number(tree)?)?;
        Ok(TrustError::FirstUse {
            fingerprint: version.fingerprint(),
            number: version.number,
            admins: version.admins.keys().map(ToString::to_string).collect(),
        })
    }

    /// The error that names the version which is another one here than was accepted.
    ///
    /// # Errors
    /// [`TrustError`] if the tree cannot be read, or git left that version in conflict.
    pub fn sibling(&self, tree: &Tree) -> Result<TrustError, TrustError> {
        let number = newest_number(tree)?.min(self.accepted.number());
        match Version::parse(&read_bytes(tree, number)?) {
            Err(conflict) if conflict.code() == Code::Conflict => return Err(conflict),
            _ => {}
        }
        Ok(TrustError::Sibling { number })
    }

    /// How the working tree's rules differ from the newest version that lies there.
    ///
    /// # Errors
    /// [`TrustError`] if they cannot be read.
    pub fn differences(&self, tree: &Tree) -> Result<Vec<Difference>, TrustError> {
        let version = read_version(tree, newest_number(tree)?)?;
        Ok(differences(&rule_files(tree)?, &version))
    }

    /// What is proposed in the working tree, and the version that it follows on.
    ///
    /// # Errors
    /// [`TrustError`] if it cannot be read, or is not whole.
    pub fn proposed(&self, tree: &Tree) -> Result<(Version, Proposed), TrustError> {
        let before = read_version(tree, newest_number(tree)?)?;
        let now = self.rules_of(tree, &before)?;
        let proposed = Proposal::read(tree, &before, &now)?;
        Ok((before, proposed))
    }

    /// The files of rules that the newest version in the tree signed.
    ///
    /// # Errors
    /// [`TrustError::Unsigned`] if they are not there, [`TrustError::Fs`].
    pub fn rules_of(
        &self,
        tree: &Tree,
        newest: &Version,
    ) -> Result<BTreeMap<String, Vec<u8>>, TrustError> {
        match self.standing {
            Standing::Current => self.accepted.files(),
            _ => signed_files(tree, newest),
        }
    }

    /// The administrators who signed the newest version in the tree, if each step to it from one that
    /// this machine accepted holds; else none.
    ///
    /// # Errors
    /// [`TrustError`] if it cannot be read.
    pub fn signers_of_sibling(&self, tree: &Tree) -> Result<Vec<PartyName>, TrustError> {
        let mut version = read_version(tree, newest_number(tree)?)?;
        if chain_to(tree, &self.pins, version.number).is_err() || version.number < 2 {
            return Ok(Vec::new());
        }
        let before = read_version(tree, version.number - 1)?;
        follow(tree, &mut version, &before)?;
        Ok(version.signed_by(&before).into_iter().collect())
    }

    /// Refuses unless the working tree's rules are the accepted ones, to the byte: for deploys and
    /// rekeys, which are judged by what everybody can see.
    ///
    /// # Errors
    /// [`TrustError`] naming the first file that differs.
    pub fn demand_clean(&self, tree: &Tree) -> Result<(), TrustError> {
        match self.standing {
            Standing::Current => {}
            Standing::Older => {
                return Err(self.older(tree)?);
            }
            Standing::Sibling => {
                return Err(self.sibling(tree)?);
            }
            Standing::Unpinned => return Err(Self::first_use_error(tree)?),
            Standing::Forgotten | Standing::Broken => return Err(self.fault(tree)),
        }
        let found = self.differences(tree)?;
        match found.first() {
            None => Ok(()),
            Some(first) => Err(TrustError::Unsigned {
                file: first.file().to_owned(),
                number: self.accepted.number(),
                all: found.len(),
            }),
        }
    }
}
