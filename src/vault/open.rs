//! A vault: its files, its rules, and the parties behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::audit::{AuditError, Event, Log, OpenLog};
use crate::cores::lock;
use crate::crypto::transit::TransitKey;
use crate::error::Error;
use crate::fs::{Journal, Lock, Sync, Tree};
use crate::name::PartyName;
use crate::recipients::{Party, RecipientKey, Rights, Use};
use crate::text::nearest;
use crate::trust::{self, Accepted, Expectation, Standing, Trust, TrustError};
use crate::world::World;

use super::VaultError;
use super::exception::Exception;
use super::one_place::Places;
use super::signer::{Author, Signs};

/// An open vault.
#[derive(Debug)]
pub struct Vault {
    tree: Tree,
    world: World,
    trust: Trust,
    log: Log,
    parties: Mutex<BTreeMap<PartyName, Arc<Party>>>,
    pub(super) exception: Exception,
    pub(super) places: Places,
}

impl Vault {
    /// Opens the vault in a folder; accepts newer trust versions that follow from the pinned one,
    /// and finishes or clears away what a killed run left unfinished.
    ///
    /// # Errors
    /// [`TrustError`] if its rules do not hold, [`crate::fs::FsError`].
    pub fn open(world: &World, dir: &Path, expect: Option<&Expectation>) -> Result<Self, Error> {
        let tree = Tree::open(dir)?;
        let mut trust = trust::open(&tree, world, expect)?;
        let log = Log::of(world)?;
        let journal = Journal::at(trust.pins.journal_file());
        let lock = trust.pins.lock_file();
        if journal.is_pending()? {
            let lock = Lock::take(&lock, "finishing an interrupted change")?;
            journal.recover(&tree)?;
            drop(lock);
            // What was finished may have been a change of the rules.
            trust = trust::open(&tree, world, expect)?;
        } else if journal.is_marked()?
            // With the lock held, whoever made the mark is at work.
            && let Ok(Some(_lock)) = Lock::try_take(&lock, "clearing up after an interrupted change")
        {
            journal.clear_left(&tree)?;
        }
        Ok(Self::of(tree, world.clone(), trust, log))
    }

    fn of(tree: Tree, world: World, trust: Trust, log: Log) -> Self {
        Self {
            tree,
            world,
            trust,
            log,
            parties: Mutex::default(),
            exception: Exception::default(),
            places: Places::default(),
        }
    }

    /// Opens the vault for looking; beside it what is wrong, if opening it for more is refused because of
    /// its pin or its chain.
    ///
    /// # Errors
    /// As [`Self::open`], if there is nothing to look at.
    pub fn look(
        world: &World,
        dir: &Path,
        expect: Option<&Expectation>,
    ) -> Result<(Self, Option<Error>), Error> {
        let fault = match Self::open(world, dir, expect) {
            Ok(vault) => return Ok((vault, None)),
            Err(fault) => fault,
        };
        let tree = Tree::open(dir)?;
        match trust::look(&tree, world) {
            Ok(Some(trust)) => {
                let vault = Self::of(tree, world.clone(), trust, Log::of(world)?);
                Ok((vault, Some(fault)))
            }
            Ok(None) | Err(_) => Err(fault),
        }
    }

    /// The same vault under rules that are about to be signed, for sealing by them.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn under(&self, files: BTreeMap<String, Vec<u8>>, number: u64) -> Result<Self, Error> {
        let trust = Trust {
            vault: self.trust.vault,
            // The rules that are about to count are nobody's sibling any more.
            standing: Standing::Current,
            accepted: Accepted::of_files(files, number)?,
            pins: self.trust.pins.clone(),
            seen: self.trust.seen,
        };
        let tree = Tree::open(self.tree.path())?;
        Ok(Self::of(tree, self.world.clone(), trust, self.log.clone()))
    }

    /// The vault's files.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The world that it was opened in.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The rules, and what this machine remembers.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The vault's id.
    #[must_use]
    pub fn id(&self) -> &[u8; 32] {
        &self.trust.vault
    }

    /// Who has which right on a path.
    ///
    /// # Errors
    /// [`VaultError::NoRule`].
    pub fn rights(&self, path: &str) -> Result<Rights, VaultError> {
        self.trust
            .accepted
            .rights(path)
            .ok_or_else(|| VaultError::NoRule {
                path: path.to_owned(),
                you: "NAME".to_owned(),
                nearest: None,
                scopes: Vec::new(),
            })
    }

    /// The rights on a path that somebody wants to change, with what may be meant where no rule covers it.
    ///
    /// # Errors
    /// [`VaultError::NoRule`].
    pub fn rights_for(&self, me: &PartyName, path: &str) -> Result<Rights, VaultError> {
        self.rights(path).map_err(|_| VaultError::NoRule {
            path: path.to_owned(),
            you: me.to_string(),
            nearest: self.near(path),
            scopes: self.trust.accepted.access().scopes(),
        })
    }

    /// Refuses who may not write a path.
    ///
    /// # Errors
    /// [`VaultError::MayNotWrite`]; [`VaultError::NoRule`].
    pub fn demand_writer(&self, me: &PartyName, path: &str) -> Result<(), VaultError> {
        let rights = self.rights_for(me, path)?;
        match rights.writers.contains(me) {
            true => Ok(()),
            false => Err(VaultError::may_not_write(me, path, &rights)),
        }
    }

    /// A party of the accepted rules.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn party(&self, name: &PartyName) -> Result<Arc<Party>, TrustError> {
        if let Some(party) = self.party_if_known(name)? {
            return Ok(party);
        }
        let known = self.trust.accepted.party_names()?;
        let near = nearest(name.as_str(), known.iter().map(PartyName::as_str));
        Err(TrustError::NoParty {
            name: name.to_string(),
            nearest: near.map(str::to_owned),
        })
    }

    /// A party of the accepted rules, if there is one of that name.
    ///
    /// # Errors
    /// [`TrustError`] if that cannot be told: a file that cannot be read is no missing party.
    pub fn party_if_known(&self, name: &PartyName) -> Result<Option<Arc<Party>>, TrustError> {
        if let Some(party) = lock(&self.parties).get(name) {
            return Ok(Some(Arc::clone(party)));
        }
        let party = match self.trust.accepted.party(name) {
            Err(TrustError::NoParty { .. }) => return Ok(None),
            party => Arc::new(party?),
        };
        lock(&self.parties).insert(name.clone(), Arc::clone(&party));
        Ok(Some(party))
    }

    /// The keys of a server that parties of the accepted rules have.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn transit_keys(&self) -> Result<Vec<TransitKey>, TrustError> {
        let mut keys = BTreeSet::new();
        for name in self.trust.accepted.party_names()? {
            for recipient in &self.party(&name)?.recipients {
                if let RecipientKey::Transit(key) = &recipient.key {
                    keys.insert(key.clone());
                }
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// Whether a private key may lie at this path of the vault: in the folder, below `recipients/`, of
    /// a party that says `public = true`, signed by the administrators.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn is_public_place(&self, path: &str) -> Result<bool, TrustError> {
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        let party = folder.parse::<PartyName>().ok();
        match party.filter(|_| path.starts_with("recipients/")) {
            Some(party) => Ok(self
                .party_if_known(&party)?
                .is_some_and(|party| party.public)),
            None => Ok(false),
        }
    }

    /// The party that the first of these keys signs for that signs for any.
    ///
    /// # Errors
    /// [`VaultError::NobodyHere`] if none does.
    pub fn author<'a>(&self, signers: &[&'a dyn Signs]) -> Result<Author<'a>, Error> {
        // How many signers come before the one that was found: there may be a thousand parties to read.
        let mut first: Option<(usize, PartyName)> = None;
        for name in self.trust.accepted.party_names()? {
            let party = self.party(&name)?;
            let signing = party.signing.iter().filter(|key| key.usable == Use::Sign);
            let at = signing.filter_map(|key| {
                let is_it = |signer: &&dyn Signs| *signer.public() == key.key;
                signers.iter().position(is_it)
            });
            if let Some(at) = at.min()
                && first.as_ref().is_none_or(|(before, _)| at < *before)
            {
                first = Some((at, name));
            }
            if let Some((0, _)) = first {
                break;
            }
        }
        if let Some((at, party)) = first
            && let Some(signer) = signers.get(at)
        {
            return Ok(Author {
                party,
                signer: *signer,
            });
        }
        let tried = signers.iter().map(|signer| signer.label()).collect();
        Err(VaultError::NobodyHere { tried }.into())
    }

    /// Refuses if this machine has not accepted the vault.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn demand_pin(&self) -> Result<(), TrustError> {
        match self.trust.standing {
            Standing::Unpinned => Err(Trust::first_use_error(&self.tree)?),
            Standing::Forgotten | Standing::Broken => Err(self.trust.fault(&self.tree)),
            _ => Ok(()),
        }
    }

    /// As [`Self::demand_pin`], and refuses if two versions of the rules compete: nothing is written then.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn demand_pin_to_write(&self) -> Result<(), TrustError> {
        match self.trust.standing {
            Standing::Sibling => Err(self.trust.sibling(&self.tree)?),
            _ => self.demand_pin(),
        }
    }

    /// Refuses to write by rules that were newer ones when the lock was waited for.
    ///
    /// # Errors
    /// [`TrustError::Moved`], [`TrustError`].
    pub fn demand_unmoved(&self) -> Result<(), TrustError> {
        let number = self.trust.accepted.number();
        let pinned = u64::try_from(self.trust.pins.chain()?.len()).unwrap_or(u64::MAX);
        // One more than is pinned: the rules are those that this change brings in.
        let known =
            pinned == self.trust.seen || pinned == number || pinned.checked_add(1) == Some(number);
        let newest = trust::newest_number(&self.tree)?;
        if known && (self.trust.standing != Standing::Current || newest <= pinned.max(number)) {
            Ok(())
        } else {
            Err(TrustError::Moved)
        }
    }

    /// Writes a line to the audit log, before what it speaks of happens.
    ///
    /// # Errors
    /// [`crate::audit::AuditError`]: nothing may then be opened or changed.
    pub fn record_use(&self, what: &str, secrets: &[String], sync: Sync) -> Result<(), Error> {
        self.each_line(what, secrets, |event, is_last| {
            // The last line's sync takes those before it along: they lie in one file.
            let sync = if is_last { sync } else { Sync::Lazy };
            self.log.record(&self.world, event, sync)
        })
    }

    /// The same in a log that is held open. It counts when that was synced.
    ///
    /// # Errors
    /// As [`Self::record_use`].
    pub fn add_use(&self, log: &OpenLog, what: &str, secrets: &[String]) -> Result<(), Error> {
        self.each_line(what, secrets, |event, _| log.add(&self.world, event))
    }

    /// Spreads the names of a use over lines; tells the last one.
    fn each_line(
        &self,
        what: &str,
        secrets: &[String],
        mut write: impl FnMut(&Event<'_>, bool) -> Result<(), AuditError>,
    ) -> Result<(), Error> {
        let mut rest = secrets;
        loop {
            let (line, more) = rest.split_at(fitting(rest));
            rest = more;
            let event = Event {
                what,
                vault: self.id(),
                secrets: line,
                more: serde_json::Map::new(),
            };
            write(&event, rest.is_empty())?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// The audit log of this machine.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }
}

/// How many of these names one line of the log takes: half of the 1 MiB that a line may have. A
/// change may touch tens of thousands of secrets.
fn fitting(names: &[String]) -> usize {
    let mut size = 0;
    let most = names.iter().take_while(|name| {
        size += name.len() + 3;
        size <= 512 * 1024
    });
    most.count().max(1).min(names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_large_change_are_spread_over_lines() {
        let names: Vec<String> = (0..20_000).map(|n| format!("prod/web/{n:0>60}")).collect();
        let (mut rest, mut lines) = (&names[..], 0);
        while !rest.is_empty() {
            let most = fitting(rest);
            assert!(
                rest[..most]
                    .iter()
                    .map(|name| name.len() + 3)
                    .sum::<usize>()
                    <= 512 * 1024
            );
            rest = &rest[most..];
            lines += 1;
        }
        assert_eq!(lines, 3);
        assert_eq!(fitting(&[]), 0);
        assert_eq!(fitting(&["x".repeat(1024 * 1024)]), 1);
    }
}
