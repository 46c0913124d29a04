//! Changing secrets: prepared, opened again and compared, committed at once, pinned last.

mod vouch;

use std::collections::BTreeMap;

use crate::crypto::{DataKey, hex};
use crate::error::Error;
use crate::fs::{Edit, Journal, Lock, New, Sync};
use crate::lines::{self, Header, MAX_FILE};
use crate::name::{DocumentPath, PartyName, ValueName};
use crate::recipients::{PublicRecipient, Rights};
use crate::secret::Plain;
use crate::trust::{DocumentPin, Order};

use super::document::{Document, Wrap};
use super::head::Head;
use super::kind::ValueType;
use super::open::{Author, Vault};
use super::place::Place;
use super::policy::{Policy, PolicyKey};
use super::read::Opener;
use super::record::{Record, State, Unsigned, seal_value};
use super::transfer::Origin;
use super::{VaultError, file::FileDraft};

/// Turns a party's public recipient into what age seals to: plugins need the person's leave.
pub type ToRecipient<'a> =
    dyn Fn(&PublicRecipient) -> Result<Box<dyn age::Recipient + 'a>, Error> + 'a;

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
    rules: Option<(Vec<Edit>, [u8; 32])>,
    _lock: Lock,
}

/// A document that is being changed.
struct Draft {
    there: Option<There>,
    place: Place,
    head: Head,
    /// Whether its own line was signed again.
    head_is_new: bool,
    head_hash: [u8; 32],
    data_key: DataKey,
    rights: Rights,
    pin: DocumentPin,
    wraps: Vec<Wrap>,
    records: BTreeMap<ValueName, Record>,
    plain: BTreeMap<ValueName, Plain>,
    /// Every name in the text or among the new records, by its lower-case form.
    names: BTreeMap<String, String>,
}

/// The text of a document as it lies there, and where each value's table stands in it. Scanned once:
/// a change may touch all of 10,000 values.
struct There {
    text: String,
    tables: BTreeMap<String, (usize, usize)>,
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
        vault.demand_pin(true)?;
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
            rules: None,
            _lock: lock,
        })
    }

    /// Sets a value; keeps the policy of the one before, changed by `policy`.
    ///
    /// Its rev becomes one more than any that the file or the pin knows.
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
        let origin = Origin::here(self);
        self.set_from(path, name, new, origin, policy)
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
        let before = draft.before(name)?;
        let (rev, seq) = draft.next(name, before.as_ref());
        // What a record says is signed on only if somebody who may write had signed it.
        let vouched = before.filter(|record| draft.is_vouched(vault, record));
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
        let unsigned = Unsigned {
            place: &draft.place,
            name,
            state: State::Live {
                kind: new.kind,
                text,
            },
            key_id: &draft.head.key_id,
            rev,
            seq,
            changed: origin.changed,
            author: &origin.author,
            policy: kept,
        };
        let record = unsigned.sign(author.signer)?;
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
        let missing = || VaultError::NotFound {
            name: format!("{path}/{name}"),
            nearest: None,
        };
        let before = draft
            .before(name)?
            .filter(|r| r.state != State::Removed)
            .ok_or_else(missing)?;
        draft.judge_before(vault, &before)?;
        let (_, seq) = draft.next(name, Some(&before));
        let mut kept = before.policy;
        policy(&mut kept);
        let unsigned = Unsigned {
            place: &draft.place,
            name,
            state: before.state,
            key_id: &draft.head.key_id,
            rev: before.rev,
            seq,
            changed: before.changed,
            author: &before.author,
            policy: kept,
        };
        let record = unsigned.sign(author.signer)?;
        draft.records.insert(name.clone(), record);
        Ok(())
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
        let missing = || VaultError::NotFound {
            name: format!("{path}/{name}"),
            nearest: None,
        };
        let before = draft
            .before(name)?
            .filter(|r| r.state != State::Removed)
            .ok_or_else(missing)?;
        let (rev, seq) = draft.next(name, Some(&before));
        let mut policy = Policy::default();
        policy.set(PolicyKey::MovedTo, moved_to);
        let unsigned = Unsigned {
            place: &draft.place,
            name,
            state: State::Removed,
            key_id: &draft.head.key_id,
            rev,
            seq,
            changed: vault.world().now(),
            author: author.party.as_str(),
            policy,
        };
        let record = unsigned.sign(author.signer)?;
        draft.records.insert(name.clone(), record);
        draft.plain.remove(name);
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
        let wanted = wraps_for(vault, &draft.rights, |name, recipient| {
            let known = |wrap: &Wrap| wrap.name == name && wrap.recipient == recipient.key.as_str();
            if there.iter().chain(&draft.wraps).any(known) {
                return Ok(None);
            }
            let keys = (&draft.head.key_id, &draft.data_key);
            let key = to_recipient(recipient)?;
            Ok(Some(Wrap::seal(
                name.to_owned(),
                recipient.key.as_str(),
                &*key,
                keys,
            )?))
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
        self.documents.get_mut(path).ok_or_else(|| {
            VaultError::NotFound {
                name: path.to_string(),
                nearest: None,
            }
            .into()
        })
    }

    fn load(&self, path: &DocumentPath, purpose: Purpose) -> Result<Draft, Error> {
        let rights = self.writable(path.as_str(), purpose)?;
        let Some(bytes) = self.vault.tree().read(&path.to_file(), MAX_FILE)? else {
            return self.create(path, rights);
        };
        let document = Document::parse(&bytes, path, self.vault.id())?;
        let pins = &self.vault.trust().pins;
        let pin = pins.document(&document.head.id)?.unwrap_or_default();
        let head_hash = self.vault.judge_head(&document, &rights, Some(&pin.hash))?;
        if document.head.seq < pin.seq {
            return Err(VaultError::Older {
                name: path.to_string(),
                here: format!("document record {}", document.head.seq),
                seen: format!("document record {}", pin.seq),
            }
            .into());
        }
        self.draft_of(&document, rights, pin, head_hash)
    }

    /// The draft of a document whose own line was judged: opened, if nobody outside the rules can.
    fn draft_of(
        &self,
        document: &Document<'_>,
        rights: Rights,
        pin: DocumentPin,
        head_hash: [u8; 32],
    ) -> Result<Draft, Error> {
        self.refuse_extra_readers(document, &rights)?;
        let data_key = document.data_key(self.openers)?;
        let there = There::of(document);
        let names = there.tables.keys();
        Ok(Draft {
            names: names.map(|name| (lower(name), name.clone())).collect(),
            there: Some(there),
            place: document.place.clone(),
            head: document.head.clone(),
            head_is_new: false,
            head_hash,
            data_key,
            rights,
            pin,
            wraps: Vec::new(),
            records: BTreeMap::new(),
            plain: BTreeMap::new(),
        })
    }

    /// A new document: a fresh id and data key, a wrap for every recipient of every reader.
    fn create(&self, path: &DocumentPath, rights: Rights) -> Result<Draft, Error> {
        for (taken, why) in [
            (format!("secrets/{path}"), "a folder of that name is there"),
            (
                format!("secrets/{path}.age.toml"),
                "a sealed file of that name is there",
            ),
        ] {
            if self.vault.tree().exists(&taken)? {
                let (path, why) = (path.to_string(), why.to_owned());
                return Err(VaultError::Clash { path, why }.into());
            }
        }
        let world = self.vault.world();
        let place = Place {
            vault: *self.vault.id(),
            id: world.random()?,
            path: path.clone(),
        };
        let data_key = DataKey::new(world.random()?);
        let broken = |_| VaultError::NotVerified(path.to_string());
        let key_id = data_key
            .commitment(&place.vault, &place.id)
            .map_err(broken)?;
        let head = Head::sign(&place, 1, key_id, self.author.signer)?;
        let head_hash = head.hash(&head.message(&place, self.author.signer.public()));
        let wraps = wraps_for(self.vault, &rights, |name, recipient| {
            let key = (self.to_recipient)(recipient)?;
            let keys = (&key_id, &data_key);
            Ok(Some(Wrap::seal(
                name.to_owned(),
                recipient.key.as_str(),
                &*key,
                keys,
            )?))
        })?;
        // Writing and reading are two rights, and a writer who cannot open what it wrote is a
        // submitter: what such a one writes could not be verified before it counts.
        let mine = |wrap: &Wrap| {
            self.openers
                .iter()
                .any(|opener| opener.recipient() == Some(&wrap.recipient))
        };
        if !wraps.iter().any(mine) {
            return Err(VaultError::NoKey {
                name: path.to_string(),
                tried: self.openers.iter().map(|opener| opener.label()).collect(),
                readers: rights.readers.iter().map(ToString::to_string).collect(),
            }
            .into());
        }
        Ok(Draft {
            there: None,
            place,
            head,
            head_is_new: true,
            head_hash,
            data_key,
            rights,
            pin: DocumentPin::default(),
            wraps,
            records: BTreeMap::new(),
            plain: BTreeMap::new(),
            names: BTreeMap::new(),
        })
    }

    /// The rights on a path, if the author may do this there.
    pub(super) fn writable(&self, path: &str, purpose: Purpose) -> Result<Rights, Error> {
        let me = &self.author.party;
        let rights = self.vault.rights(path).map_err(|_| VaultError::NoRule {
            path: path.to_owned(),
            you: me.to_string(),
        })?;
        if purpose == Purpose::Write && !rights.writers.contains(me) {
            return Err(VaultError::MayNotWrite {
                who: me.to_string(),
                path: path.to_owned(),
                writers: rights.writers.iter().map(ToString::to_string).collect(),
            }
            .into());
        }
        Ok(rights)
    }

    /// Refuses to seal anything more into a document that somebody outside the rules can open.
    fn refuse_extra_readers(&self, document: &Document<'_>, rights: &Rights) -> Result<(), Error> {
        for wrap in document.wraps()? {
            let party = wrap.party().parse::<PartyName>().ok();
            let party = party.filter(|party| rights.readers.contains(party));
            let party = match party {
                Some(party) => self.vault.party_if_known(&party)?,
                None => None,
            };
            let known = party.is_some_and(|party| {
                party
                    .recipients
                    .iter()
                    .any(|recipient| recipient.key.as_str() == wrap.recipient)
            });
            if !known {
                return Err(VaultError::ExtraReader {
                    document: document.place.path.to_string(),
                    reader: crate::text::clean(&wrap.name),
                }
                .into());
            }
        }
        Ok(())
    }

    /// Takes the next trust version along: its files, and its hash for the pin. The vault must be one
    /// under the new rules.
    pub fn with_rules(&mut self, edits: Vec<Edit>, version: [u8; 32]) {
        self.rules = Some((edits, version));
    }

    /// The secrets that this change touches, by name.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let values = self.documents.iter().flat_map(|(path, draft)| {
            draft
                .records
                .keys()
                .map(move |name| format!("{path}/{name}"))
        });
        values
            .chain(self.files.iter().map(|file| file.sidecar.path.to_string()))
            .collect()
    }

    /// Opens everything again, compares, logs, commits all of it or nothing, and moves the pins.
    ///
    /// # Errors
    /// [`VaultError`], [`crate::fs::FsError`], [`crate::audit::AuditError`]; before the commit
    /// nothing has changed.
    pub fn commit(self) -> Result<(), Error> {
        let names = self.names();
        let mut edits = Vec::new();
        let mut pins = Vec::new();
        for (path, draft) in self.documents {
            if draft.is_unchanged() {
                continue;
            }
            let text = draft.print(&path, self.vault.id())?;
            let pin = draft.verify(self.vault, &path, text.as_bytes())?;
            let old = draft.there.as_ref().map(|there| there.text.as_bytes());
            edits.push(Edit::of(path.to_file(), old, New::Bytes(text.into_bytes())));
            pins.push((draft.place.id, pin));
        }
        for mut file in self.files {
            file.verify(self.vault, self.openers)?;
            pins.push((
                file.sidecar.id,
                file.pin(self.vault, self.author.signer.public()),
            ));
            edits.extend(file.into_edits());
        }
        let mut version = None;
        if let Some((rules, hash)) = self.rules {
            edits.extend(rules);
            version = Some(hash);
        }
        let memory = &self.vault.trust().pins;
        let journal = Journal::at(memory.journal_file());
        if edits.is_empty() {
            journal.end();
            return Ok(());
        }
        self.vault.record_use(self.what, &names, Sync::Disk)?;
        journal.commit(self.vault.tree(), self.vault.world(), edits)?;
        memory.set_documents(&pins)?;
        if let Some(hash) = version {
            let mut chain = memory.chain()?;
            chain.push(hash);
            memory.accept(&chain, &self.vault.trust().accepted.files()?)?;
        }
        journal.end();
        Ok(())
    }
}

/// What a draft is opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// New records, which need the right to write.
    Write,
    /// More wraps, which are unsigned: whoever reads can give a listed reader theirs.
    Wrap,
}

/// A wrap for each recipient of each reader, by `seal`.
fn wraps_for(
    vault: &Vault,
    rights: &Rights,
    mut seal: impl FnMut(&str, &PublicRecipient) -> Result<Option<Wrap>, Error>,
) -> Result<Vec<Wrap>, Error> {
    let mut wraps = Vec::new();
    for reader in &rights.readers {
        for recipient in &vault.party(reader)?.recipients {
            wraps.extend(seal(&format!("{reader}/{}", recipient.name), recipient)?);
        }
    }
    Ok(wraps)
}

/// The form in which names are compared.
fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl There {
    fn of(document: &Document<'_>) -> Self {
        let tables = document
            .lines()
            .of_kind("secret")
            .filter_map(|header| Some((header.name?.to_owned(), (header.start, header.end))));
        Self {
            tables: tables.collect(),
            text: document.lines().source().to_owned(),
        }
    }

    /// The header of a value's table.
    fn header(&self, name: &ValueName) -> Option<Header<'_>> {
        let (name, (start, end)) = self.tables.get_key_value(name.as_str())?;
        Some(Header {
            kind: "secret",
            name: Some(name),
            start: *start,
            end: *end,
        })
    }
}

impl Draft {
    /// The record before this change, as the file has it.
    fn before(&self, name: &ValueName) -> Result<Option<Record>, Error> {
        if let Some(record) = self.records.get(name) {
            return Ok(Some(record.clone()));
        }
        match self.document_of(name) {
            Some(document) => Ok(document.record(name)?),
            None => Ok(None),
        }
    }

    /// The document with the one table of a value; none if it has no such value.
    fn document_of(&self, name: &ValueName) -> Option<Document<'_>> {
        let there = self.there.as_ref()?;
        let header = there.header(name)?;
        let (place, head) = (self.place.clone(), self.head.clone());
        Some(Document::of_one(place, head, &there.text, header))
    }

    /// Whether nothing of the document is to be written.
    fn is_unchanged(&self) -> bool {
        self.records.is_empty() && self.wraps.is_empty() && !self.head_is_new
    }

    /// Whether a current writer signed a record, however old it is.
    fn is_vouched(&self, vault: &Vault, record: &Record) -> bool {
        self.document_of(&record.name).is_none_or(|document| {
            let judged = vault.judge_record(&document, record, &self.rights, None);
            judged.is_ok()
        })
    }

    /// A value whose record is signed again must be one that counts.
    fn judge_before(&self, vault: &Vault, record: &Record) -> Result<(), Error> {
        let Some(document) = self.document_of(&record.name) else {
            return Ok(());
        };
        let known = self.pin.values.get(record.name.as_str());
        let judged = vault.judge_record(&document, record, &self.rights, known)?;
        if judged.order == Order::Older {
            let name = format!("{}/{}", self.place.path, record.name);
            vault.judge_order(&name, &judged, known)?;
        }
        Ok(())
    }

    /// Two names that differ in case alone would be one file on other systems' exports.
    fn check_case(&self, name: &ValueName) -> Result<(), Error> {
        match self.names.get(&lower(name.as_str())) {
            Some(other) if other != name.as_str() => Err(VaultError::Clash {
                path: format!("{}/{name}", self.place.path),
                why: format!("`{other}` is there, and differs in case alone"),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// The next rev and seq: one more than any that the file or the pin knows.
    fn next(&self, name: &ValueName, before: Option<&Record>) -> (u64, u64) {
        let pinned = self.pin.values.get(name.as_str());
        let rev = before
            .map_or(0, |record| record.rev)
            .max(pinned.map_or(0, |mark| mark.rev));
        let seq = before
            .map_or(0, |record| record.seq)
            .max(pinned.map_or(0, |mark| mark.seq));
        (rev + 1, seq + 1)
    }

    fn print(&self, path: &DocumentPath, vault: &[u8; 32]) -> Result<String, Error> {
        let mut changes = lines::Changes::new();
        for wrap in &self.wraps {
            changes.insert(("reader", Some(&wrap.name)), Some(wrap.print()));
        }
        for (name, record) in &self.records {
            changes.insert(("secret", Some(name.as_str())), Some(record.print()));
        }
        let text = match &self.there {
            Some(there) => {
                let document = Document::parse(there.text.as_bytes(), path, vault)?;
                if self.head_is_new {
                    changes.insert(("document", None), Some(self.head.print()));
                }
                lines::apply(document.lines(), &changes)
            }
            None => {
                let tables = changes.into_values().flatten();
                lines::render(
                    "",
                    &std::iter::once(self.head.print())
                        .chain(tables)
                        .collect::<Vec<_>>(),
                )
            }
        };
        if text.len() > MAX_FILE {
            return Err(VaultError::DocumentTooLarge {
                document: path.to_string(),
            }
            .into());
        }
        Ok(text)
    }

    /// Reads what would be written as any reader would, and compares. Gives the pin for it.
    fn verify(
        &self,
        vault: &Vault,
        path: &DocumentPath,
        bytes: &[u8],
    ) -> Result<DocumentPin, Error> {
        let wrong = || VaultError::NotVerified(path.to_string());
        let document = Document::parse(bytes, path, vault.id())?;
        let mut pin = self.pin.clone();
        path.as_str().clone_into(&mut pin.path);
        (pin.seq, pin.key_id) = (document.head.seq, hex(&document.head.key_id));
        pin.hash = self.head_hash;
        if document.head != self.head {
            return Err(wrong().into());
        }
        for (name, record) in &self.records {
            let read = document.record(name)?.ok_or_else(wrong)?;
            let judged = vault.judge_record(&document, &read, &self.rights, None)?;
            if read != *record {
                return Err(wrong().into());
            }
            if let Some(plain) = self.plain.get(name) {
                let opened = read.open(&document.place, &document.head.key_id, &self.data_key)?;
                if !opened.same_as(plain) {
                    return Err(wrong().into());
                }
            }
            pin.values.insert(name.to_string(), judged.mark);
        }
        Ok(pin)
    }
}
