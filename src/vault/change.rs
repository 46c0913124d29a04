//! Changing secrets: prepared, opened again and compared, committed at once, pinned last.

mod adopt;
mod draft;
mod load;
mod pend;
mod pend_file;
mod rekey;
mod restore;
mod rewrite;
mod submit;
mod vouch;

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::cores;
use crate::error::Error;
use crate::fs::{Edit, Journal, Lock, New, NewFolders, Sync, Was};
use crate::name::{DocumentPath, FilePath, ValueName};
use crate::recipients::{PublicRecipient, Sealing};
use crate::secret::Plain;
use crate::trust::Step;

pub use self::adopt::Adopted;
use self::draft::{Draft, lower};
pub(super) use self::load::Purpose;
use self::load::wraps_for;
pub use self::restore::Restored;
use super::claim::refused;
use super::document::Document;
use super::kind::ValueType;
use super::open::Vault;
use super::opener::Opener;
use super::origin::Origin;
use super::policy::{Policy, PolicyKey};
use super::read::Opened;
use super::record::{Record, State, seal_value};
use super::sealing::Keys;
use super::signer::Author;
use super::wrap::Wrap;
use super::{VaultError, file_draft::FileDraft};

/// Turns a party's public recipient into what is sealed to: plugins need the person's leave, a server's keys
/// a login there.
pub type ToRecipient<'a> = dyn Fn(&PublicRecipient) -> Result<Sealing<'a>, Error> + 'a;

/// So many of its own signatures a change verifies. What it reads back is the very record that was signed,
/// and a signature was verified when an agent gave it, or made by ring in this process; what is left to
/// find is that it was the wrong key, and that the first ones show. Verifying is twice the work of signing.
pub(super) const LOOKED_AT: usize = 32;

/// A piece of a long change that is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Work {
    /// A value or file was sealed anew.
    Sealed,
    /// What was sealed was opened again and compared.
    ReadBack,
}

/// A value to be sealed.
#[derive(Debug)]
pub struct NewValue {
    /// Its type.
    pub kind: ValueType,
    /// The value.
    pub plain: Plain,
}

/// A change of one or many secrets, under the vault's lock.
pub struct Change<'a> {
    pub(super) vault: &'a Vault,
    pub(super) author: &'a Author<'a>,
    pub(super) openers: &'a [&'a dyn Opener],
    pub(super) to_recipient: &'a ToRecipient<'a>,
    what: &'a str,
    documents: BTreeMap<DocumentPath, Draft>,
    pub(super) files: Vec<FileDraft>,
    /// The folders that it makes.
    pub(super) folders: NewFolders,
    /// Documents with something handed in: path, name, the text before and after.
    submitted: Vec<(DocumentPath, String, Vec<u8>, Vec<u8>)>,
    rules: Vec<Edit>,
    chain: Option<Vec<Step>>,
    /// The keys for the recipients that were sealed to last.
    pub(super) keys: Option<(Vec<PublicRecipient>, Option<Arc<Keys>>)>,
    /// Files whose opening was logged before.
    logged: HashSet<String>,
    watch: Option<Rc<dyn Fn(Work)>>,
    _lock: Lock,
}

impl<'a> Change<'a> {
    /// Begins a change; waits for another writer of this vault.
    ///
    /// # Errors
    /// [`crate::trust::TrustError`] if this machine may not write here, [`crate::fs::FsError::Locked`].
    pub fn begin(
        vault: &'a Vault,
        author: &'a Author<'a>,
        openers: &'a [&'a dyn Opener],
        to_recipient: &'a ToRecipient<'a>,
        what: &'a str,
    ) -> Result<Self, Error> {
        vault.demand_pin_to_write()?;
        let pins = &vault.trust().pins;
        let lock = Lock::take(&pins.lock_file(), what)?;
        Journal::at(pins.journal_file()).begin(vault.tree())?;
        vault.demand_unmoved()?;
        Ok(Self {
            vault,
            author,
            openers,
            to_recipient,
            what,
            documents: BTreeMap::new(),
            files: Vec::new(),
            folders: NewFolders::default(),
            submitted: Vec::new(),
            rules: Vec::new(),
            chain: None,
            keys: None,
            logged: HashSet::new(),
            watch: None,
            _lock: lock,
        })
    }

    /// Tells `watch` of each value and file as it is done.
    pub fn watched(&mut self, watch: Rc<dyn Fn(Work)>) {
        self.watch = Some(watch);
    }

    pub(super) fn done(&self, work: Work) {
        if let Some(watch) = &self.watch {
            watch(work);
        }
    }

    /// Logs the opening of many files at once, for whoever seals them anew one after the other.
    ///
    /// # Errors
    /// [`crate::audit::AuditError`].
    pub fn log_ahead<'f>(
        &mut self,
        files: impl IntoIterator<Item = &'f FilePath>,
    ) -> Result<(), Error> {
        let names = files.into_iter().map(ToString::to_string);
        let names: Vec<String> = names.filter(|name| !self.logged.contains(name)).collect();
        if !names.is_empty() {
            self.vault.record_use("rekey", &names, Sync::Lazy)?;
            self.logged.extend(names);
        }
        Ok(())
    }

    /// Sets a value; keeps the policy of the one before, changed by `policy`.
    ///
    /// Its rev becomes one more than any that a writer signed or the pin knows.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn set(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        new: NewValue,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<u64, Error> {
        let origin = self.origin();
        self.set_from(path, name, new, origin, policy)
    }

    /// Seals a value as it was opened, its policy, its giver and their time with it.
    pub(super) fn set_opened(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        opened: Opened,
    ) -> Result<u64, Error> {
        let new = NewValue {
            kind: opened.kind,
            plain: opened.value,
        };
        let origin = Origin {
            author: opened.author,
            changed: opened.changed,
        };
        self.set_from(path, name, new, origin, |kept| *kept = opened.policy)
    }

    /// Of what is given now, by whoever makes this change.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            author: self.author.party.to_string(),
            changed: self.vault.world().now(),
        }
    }

    /// As [`Self::set`], for a plaintext that somebody gave before.
    pub(super) fn set_from(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        new: NewValue,
        origin: Origin,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<u64, Error> {
        let full = format!("{path}/{name}");
        new.plain.with(|plain| new.kind.check(&full, plain))?;
        let (vault, author) = (self.vault, self.author);
        let draft = self.draft(path)?;
        draft.check_case(name)?;
        // What a record says is signed on, its numbers too, only if somebody who may write had signed
        // it: a forged number could be so high that no next one is left.
        let before = draft.before(name)?;
        let vouched = before.filter(|record| draft.is_vouched(vault, record));
        let (rev, seq) = draft.next(name, vouched.as_ref())?;
        let mut kept = vouched.map(|record| record.policy).unwrap_or_default();
        // A new plaintext is what an exposed value waited for.
        kept.set(PolicyKey::Exposed, None);
        kept.set(PolicyKey::MovedTo, None);
        policy(&mut kept);
        let salt = vault.world().random()?;
        let keys = (&draft.head.key_id, &draft.data_key);
        let text = seal_value(
            &draft.place,
            name.as_str(),
            new.kind,
            rev,
            keys,
            &salt,
            &new.plain,
        )?;
        let unsigned = Record {
            name: name.clone(),
            state: State::Live {
                kind: new.kind,
                text,
            },
            rev,
            seq,
            changed: origin.changed,
            author: origin.author,
            policy: kept,
            signed: (),
        };
        let record = unsigned.sign(&draft.place, &draft.head.key_id, author.signer)?;
        draft.records.insert(name.clone(), record);
        draft.plain.insert(name.clone(), new.plain);
        draft.names.insert(lower(name.as_str()), name.to_string());
        Ok(rev)
    }

    /// Changes what is known about a value, not the value.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError`].
    pub fn set_policy(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<(), Error> {
        let (vault, author) = (self.vault, self.author);
        let draft = self.draft(path)?;
        let missing = || vault.missing(&format!("{path}/{name}"));
        let before = draft
            .before(name)?
            .filter(|r| r.state != State::Removed)
            .ok_or_else(missing)?;
        draft.judge_before(vault, &before)?;
        if let Some(document) = draft.document_of(name) {
            document.check_kid(&before)?;
        }
        let (_, seq) = draft.next(name, Some(&before))?;
        let mut after = Record { seq, ..before };
        policy(&mut after.policy);
        let record = after.sign(&draft.place, &draft.head.key_id, author.signer)?;
        draft.records.insert(name.clone(), record);
        Ok(())
    }

    /// Changes what a document says of its values where they say nothing themselves.
    ///
    /// # Errors
    /// [`VaultError::NoDocument`], [`VaultError`].
    pub fn set_document_policy(
        &mut self,
        path: &DocumentPath,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<(), Error> {
        if !self.vault.tree().exists(&path.to_file())? {
            return Err(VaultError::NoDocument(path.to_string()).into());
        }
        let signer = self.author.signer;
        let draft = self.draft(path)?;
        let mut kept = draft.head.policy.clone();
        policy(&mut kept);
        draft.sign_head(draft.head.seq.max(draft.seen.pin.seq) + 1, kept, signer)
    }

    /// Removes a value; a tombstone stays, so that an old branch does not bring it back.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError`].
    pub fn remove(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        moved_to: Option<String>,
    ) -> Result<(), Error> {
        let (vault, author) = (self.vault, self.author);
        let draft = self.draft(path)?;
        let missing = || vault.missing(&format!("{path}/{name}"));
        let before = draft.before(name)?;
        // One that is gone without a tombstone, as after `git revert` of what added it, gets one.
        let is_seen = before.is_none() && draft.seen.mark(name.as_str())?.is_some();
        match &before {
            Some(record) if record.state == State::Removed => {
                let name = format!("{path}/{name}");
                return Err(VaultError::removed(name, &record.signed, &record.policy).into());
            }
            None if !is_seen => return Err(missing().into()),
            _ => {}
        }
        let vouched = before.filter(|record| draft.is_vouched(vault, record));
        let (rev, seq) = draft.next(name, vouched.as_ref())?;
        let mut policy = Policy::default();
        policy.set(PolicyKey::MovedTo, moved_to);
        let unsigned = Record {
            name: name.clone(),
            state: State::Removed,
            rev,
            seq,
            changed: vault.world().now(),
            author: author.party.to_string(),
            policy,
            signed: (),
        };
        let record = unsigned.sign(&draft.place, &draft.head.key_id, author.signer)?;
        draft.records.insert(name.clone(), record);
        draft.plain.remove(name);
        draft.drop_pending(name);
        Ok(())
    }

    /// Wraps a document's key for every reader of its rule who has no wrap yet. Gives the names of
    /// the wraps that were added.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn wrap_for_readers(&mut self, path: &DocumentPath) -> Result<Vec<String>, Error> {
        let (vault, to_recipient) = (self.vault, self.to_recipient);
        let draft = self.draft_for(path, Purpose::Wrap)?;
        let there = match &draft.there {
            Some(there) => Document::parse(there.text.as_bytes(), path, vault.id())?.wraps()?,
            None => Vec::new(),
        };
        let keys = (&draft.head.key_id, &draft.data_key);
        let by = (vault, to_recipient);
        let wanted = wraps_for(by, &draft.rights, &draft.place, keys, |name, recipient| {
            let known = |wrap: &Wrap| wrap.name == name && wrap.recipient == recipient.key.as_str();
            !there.iter().chain(&draft.wraps).any(known)
        })?;
        let names = wanted.iter().map(|wrap| wrap.name.clone()).collect();
        draft.wraps.extend(wanted);
        Ok(names)
    }

    fn draft(&mut self, path: &DocumentPath) -> Result<&mut Draft, Error> {
        self.draft_for(path, Purpose::Write)
    }

    fn draft_for(&mut self, path: &DocumentPath, purpose: Purpose) -> Result<&mut Draft, Error> {
        if !self.documents.contains_key(path) {
            let draft = self.load(path, purpose)?;
            self.documents.insert(path.clone(), draft);
        }
        let vault = self.vault;
        self.documents
            .get_mut(path)
            .ok_or_else(|| vault.missing(path).into())
    }

    /// Takes the next trust version along: its files, and the chain up to it for the pin. The vault
    /// must be one under the new rules.
    pub fn with_rules(&mut self, edits: Vec<Edit>, chain: Vec<Step>) {
        self.rules = edits;
        self.chain = Some(chain);
    }

    /// Takes the files of a proposal along, which counts for nothing yet: no pin moves by it.
    pub fn with_proposal(&mut self, edits: Vec<Edit>) {
        self.rules = edits;
    }

    /// The secrets that this change touches, by name.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let values = self.documents.iter().flat_map(|(path, draft)| {
            draft
                .records
                .keys()
                .chain(
                    draft
                        .pending
                        .keys()
                        .filter(|name| !draft.records.contains_key(*name)),
                )
                .map(move |name| format!("{path}/{name}"))
        });
        values
            .chain(self.files.iter().map(|file| file.sidecar.path.to_string()))
            .chain(self.submitted.iter().map(|(_, name, ..)| name.clone()))
            .collect()
    }

    /// Opens everything again, compares, logs, commits all of it or nothing, and moves the pins.
    ///
    /// # Errors
    /// [`VaultError`], [`crate::fs::FsError`], [`crate::audit::AuditError`]; before the commit
    /// nothing has changed.
    pub fn commit(self) -> Result<(), Error> {
        let names = self.names();
        let watch = self.watch.clone();
        let read_back = || watch.iter().for_each(|watch| watch(Work::ReadBack));
        let mut edits = Vec::new();
        let mut pins = Vec::new();
        let mut claims = Vec::new();
        for (path, draft) in self.documents {
            if draft.is_unchanged() {
                continue;
            }
            let text = draft.print(&path)?;
            let pin = draft.verify(self.vault, &path, text.as_bytes(), &mut claims, &read_back)?;
            let there = draft.there.map(|there| there.text.into_bytes());
            edits.push(Edit {
                path: path.to_file(),
                was: there.map_or(Was::Nothing, Was::Content),
                new: New::Bytes(text.into_bytes()),
            });
            pins.push((draft.place.id, pin));
            claims.truncate(LOOKED_AT);
        }
        for (path, _, old, new) in self.submitted {
            edits.push(Edit::of(path.to_file(), Some(&old), New::Bytes(new)));
        }
        for mut file in self.files {
            let pin = file.verify(self.vault, self.openers, &mut claims)?;
            read_back();
            claims.truncate(LOOKED_AT);
            pins.push((file.sidecar.id, pin.into()));
            edits.extend(file.into_edits()?);
        }
        // One key signed all of it in one way.
        if let Some((_, error)) = refused(claims).into_iter().next() {
            return Err(error.into());
        }
        edits.extend(self.rules);
        let memory = &self.vault.trust().pins;
        let journal = Journal::at(memory.journal_file());
        if edits.is_empty() {
            journal.end();
            return Ok(());
        }
        self.vault.record_use(self.what, &names, Sync::Disk)?;
        let commit = || journal.commit(self.vault.tree(), self.vault.world(), edits);
        if pins.len() < cores::LINES {
            commit()?;
            memory.set_documents(&pins)?;
        } else {
            // They are printed and written while the disk is waited for.
            let (staged, committed) = cores::both(|| memory.stage(&pins), commit);
            committed?;
            staged?.commit()?;
        }
        if let Some(chain) = self.chain {
            memory.keep_versions(self.vault.tree(), &chain)?;
            memory.accept(&chain, &self.vault.trust().accepted.files()?)?;
        }
        journal.end();
        Ok(())
    }
}
