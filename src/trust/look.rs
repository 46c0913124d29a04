//! Looking where this machine's memory does not read, or where the versions in the tree do not hold.

use super::accepted::sound_files;
use super::chain::{Standing, Trust, first_use};
use super::join::chain_to;
use super::versions::{MAX_TRUST, newest_number, read_version};
use super::{Accepted, Pins, Step, TrustError, Version, version_file};
use crate::fs::Tree;
use crate::world::World;

/// What a vault that could not be opened still shows, if it is its pin or its chain that is at fault.
///
/// Without a memory that reads it is as at a first use: the whole chain is verified, and the tree's own
/// rules are good for looking. With a chain that does not hold, the accepted rules are there to compare.
///
/// # Errors
/// [`TrustError`] if neither is to be had.
pub fn look(tree: &Tree, world: &World) -> Result<Option<Trust>, TrustError> {
    let newest = newest_number(tree)?;
    let root = tree.read(&version_file(1), MAX_TRUST)?;
    let vault = Version::body_hash(&root.ok_or(TrustError::Gap(1, None))?);
    let pins = Pins::of(world, &vault)?;
    match pins.recall() {
        Err(_) => first_use(tree, vault, newest, pins, None).map(|trust| {
            Some(Trust {
                standing: Standing::Forgotten,
                ..trust
            })
        }),
        Ok(Some((chain, accepted))) if breach(tree, &pins, newest).is_err() => Ok(Some(Trust {
            vault,
            standing: Standing::Broken,
            accepted,
            pins,
            seen: u64::try_from(chain.len()).unwrap_or(u64::MAX),
        })),
        Ok(_) => Ok(None),
    }
}

/// Whether the tree's versions follow on what was accepted, and its files are what the newest signed and hold.
fn breach(tree: &Tree, pins: &Pins, newest: u64) -> Result<(), TrustError> {
    chain_to(tree, pins, newest)?;
    sound_files(tree, &read_version(tree, newest)?).map(drop)
}

impl Pins {
    /// The accepted versions and rules; none before first use.
    ///
    /// # Errors
    /// [`TrustError`] if they do not read.
    fn recall(&self) -> Result<Option<(Vec<Step>, Accepted)>, TrustError> {
        let chain = self.chain()?;
        if chain.is_empty() {
            return Ok(None);
        }
        let accepted = self.accepted(chain.len())?;
        Ok(Some((chain, accepted)))
    }
}

impl Trust {
    /// Why nothing may be used: what is wrong with the pin, or with the chain.
    #[must_use]
    pub fn fault(&self, tree: &Tree) -> TrustError {
        let found = match self.standing {
            Standing::Forgotten => self.pins.recall().map(drop),
            _ => newest_number(tree).and_then(|newest| breach(tree, &self.pins, newest)),
        };
        // Put right meanwhile.
        found.err().unwrap_or(TrustError::Moved)
    }
}
