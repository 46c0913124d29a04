//! A document that is being changed: what was there, and what is new.

use std::collections::{BTreeMap, BTreeSet};

use crate::cores;
use crate::crypto::{DataKey, hex};
use crate::error::Error;
use crate::lines::{self, MAX_FILE};
use crate::name::{DocumentPath, ValueName};
use crate::recipients::Rights;
use crate::secret::Plain;
use crate::trust::{Order, PinDraft, RecordMark, compare};
use crate::vault::VaultError;
use crate::vault::claim::{Claim, WORTH_A_THREAD};
use crate::vault::document::Document;
use crate::vault::head::Head;
use crate::vault::judge::{demand_no_jump, older};
use crate::vault::open::Vault;
use crate::vault::pending::Pending;
use crate::vault::place::Place;
use crate::vault::policy::Policy;
use crate::vault::record::Record;
use crate::vault::signer::Signs;
use crate::vault::text::There;
use crate::vault::wrap::Wrap;

use super::LOOKED_AT;

/// A document that is being changed.
pub(super) struct Draft {
    pub(super) there: Option<There>,
    pub(super) place: Place,
    pub(super) head: Head,
    /// Whether its own line was signed again.
    pub(super) head_is_new: bool,
    /// Whether it has another data key than the text that is there: no old wrap stays.
    pub(super) is_rekeyed: bool,
    pub(super) head_hash: [u8; 32],
    pub(super) data_key: DataKey,
    pub(super) rights: Rights,
    pub(super) seen: PinDraft,
    pub(super) wraps: Vec<Wrap>,
    pub(super) records: BTreeMap<ValueName, Record>,
    pub(super) plain: BTreeMap<ValueName, Plain>,
    /// Records that lie elsewhere and are counted on from: rev and seq.
    pub(super) known: BTreeMap<ValueName, RecordMark>,
    /// The other values of rotations, and what they are; none where it is to go.
    pub(super) pending: BTreeMap<ValueName, Option<(Pending, Plain)>>,
    /// What was handed in and is taken over or thrown away.
    pub(super) dropped: BTreeSet<ValueName>,
    /// Every name among the new records, by its lower-case form.
    pub(super) names: BTreeMap<String, String>,
}

/// A draft of a document whose text is to be put to it.
pub(super) struct BareDraft(Draft);

impl BareDraft {
    /// The draft of a document that was judged and opened.
    pub(super) fn of(
        document: &Document<'_>,
        rights: Rights,
        pin: impl Into<PinDraft>,
        head_hash: [u8; 32],
        data_key: DataKey,
    ) -> Self {
        let head = (document.head.clone(), head_hash);
        let place = document.place.clone();
        Self(Draft::new(place, head, data_key, rights, pin.into()))
    }

    pub(super) fn over(self, there: There) -> Draft {
        Draft {
            there: Some(there),
            ..self.0
        }
    }
}

/// The form in which names are compared.
pub(super) fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl Draft {
    /// One in which nothing is new.
    pub(super) fn new(
        place: Place,
        (head, head_hash): (Head, [u8; 32]),
        data_key: DataKey,
        rights: Rights,
        seen: PinDraft,
    ) -> Self {
        Self {
            there: None,
            place,
            head,
            head_is_new: false,
            is_rekeyed: false,
            head_hash,
            data_key,
            rights,
            seen,
            wraps: Vec::new(),
            records: BTreeMap::new(),
            plain: BTreeMap::new(),
            known: BTreeMap::new(),
            pending: BTreeMap::new(),
            dropped: BTreeSet::new(),
            names: BTreeMap::new(),
        }
    }

    /// The record before this change, as the file has it.
    pub(super) fn before(&self, name: &ValueName) -> Result<Option<Record>, Error> {
        if let Some(record) = self.records.get(name) {
            return Ok(Some(record.clone()));
        }
        match self.document_of(name) {
            Some(document) => Ok(document.record(name)?),
            None => Ok(None),
        }
    }

    /// The document with the one table of a value; none if it has no such value.
    pub(super) fn document_of(&self, name: &ValueName) -> Option<Document<'_>> {
        let there = self.there.as_ref()?;
        let table = there.about(name)?;
        Some(Document::over(self.place.clone(), self.head.clone(), table))
    }

    /// Signs the document's own line again, under this number.
    pub(super) fn sign_head(
        &mut self,
        seq: u64,
        policy: Policy,
        signer: &dyn Signs,
    ) -> Result<(), Error> {
        let kept = (policy, self.head.retired.clone());
        let signed = Head::sign(&self.place, seq, self.head.key_id, kept, signer)?;
        (self.head, self.head_hash) = signed;
        self.head_is_new = true;
        Ok(())
    }

    /// Whether nothing of the document is to be written.
    pub(super) fn is_unchanged(&self) -> bool {
        self.records.is_empty()
            && self.wraps.is_empty()
            && self.pending.is_empty()
            && self.dropped.is_empty()
            && !self.head_is_new
    }

    /// Whether a current writer signed a record, however old it is.
    pub(super) fn is_vouched(&self, vault: &Vault, record: &Record) -> bool {
        self.document_of(&record.name).is_none_or(|document| {
            let judged = vault.judge_record(&document, record, &self.rights, None);
            judged.is_ok()
        })
    }

    /// A value whose record is signed again must be one that counts.
    pub(super) fn judge_before(&self, vault: &Vault, record: &Record) -> Result<(), Error> {
        let Some(document) = self.document_of(&record.name) else {
            return Ok(());
        };
        let known = self.seen.mark(record.name.as_str())?;
        let known = known.as_ref();
        let judged = vault.judge_record(&document, record, &self.rights, known)?;
        let name = format!("{}/{}", self.place.path, record.name);
        Ok(vault.demand_newest(&name, &judged, known)?)
    }

    /// Refuses a record that is older than seen, whoever signed it.
    pub(super) fn demand_not_older(&self, record: &Record) -> Result<(), VaultError> {
        let known = self.seen.mark(record.name.as_str())?;
        let Some(known) = known else { return Ok(()) };
        let here = record.mark_of(known.hash);
        match compare(&here, Some(&known)) {
            Order::Older => {
                let name = format!("{}/{}", self.place.path, record.name);
                Err(older(&name, &here, &known))
            }
            _ => Ok(()),
        }
    }

    /// Two names that differ in case alone would be one file on other systems' exports.
    pub(super) fn check_case(&self, name: &ValueName) -> Result<(), Error> {
        let there = self
            .there
            .iter()
            .flat_map(|there| there.named(name.as_str()));
        let there = there.filter_map(|header| header.name);
        let new = self.names.get(&lower(name.as_str())).map(String::as_str);
        match there.chain(new).find(|other| *other != name.as_str()) {
            Some(other) => Err(VaultError::Clash {
                path: format!("{}/{name}", self.place.path),
                why: format!("`{other}` is there, and differs in case alone"),
            }
            .into()),
            None => Ok(()),
        }
    }

    /// The next rev and seq: one more than the record and the pin know.
    ///
    /// # Errors
    /// [`VaultError::Jump`] if the record's are not to be counted on from.
    pub(super) fn next(
        &self,
        name: &ValueName,
        before: Option<&Record>,
    ) -> Result<(u64, u64), VaultError> {
        let pinned = self.seen.mark(name.as_str())?;
        let pinned = pinned.as_ref();
        let before = before.map(|before| before.mark_of([0; 32]));
        let elsewhere = self.known.get(name);
        for here in before.iter().chain(elsewhere) {
            demand_no_jump(&format!("{}/{name}", self.place.path), here, pinned)?;
        }
        let known = || before.iter().chain(elsewhere).chain(pinned);
        let rev = known().map(|mark| mark.rev).max().unwrap_or(0);
        let seq = known().map(|mark| mark.seq).max().unwrap_or(0);
        Ok((rev.saturating_add(1), seq.saturating_add(1)))
    }

    pub(super) fn print(&self, path: &DocumentPath) -> Result<String, Error> {
        let mut changes = lines::Changes::new();
        let there = self.there.as_ref().map(There::lines);
        if let Some(there) = there.as_ref().filter(|_| self.is_rekeyed) {
            for kind in ["reader", "retired"] {
                let gone = there.of_kind(kind);
                changes.extend(gone.map(|header| ((header.kind, header.name), None)));
            }
            for retired in &self.head.retired {
                changes.insert(("retired", Some(&retired.id)), Some(retired.print()));
            }
        }
        for name in &self.dropped {
            changes.insert(("submission", Some(name.as_str())), None);
        }
        for (name, pending) in &self.pending {
            let text = pending.as_ref().map(|(pending, _)| pending.print());
            changes.insert(("pending", Some(name.as_str())), text);
        }
        for wrap in &self.wraps {
            changes.insert(("reader", Some(&wrap.name)), Some(wrap.print()));
        }
        let records = self.records.iter().collect();
        let printed = cores::each(
            records,
            cores::LINES,
            |(name, record): (&ValueName, &Record)| {
                (("secret", Some(name.as_str())), Some(record.print()))
            },
        );
        changes.extend(printed);
        let text = match &there {
            Some(there) => {
                if self.head_is_new {
                    changes.insert(("document", None), Some(self.head.print()));
                }
                lines::apply(there, &changes)
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

    /// Reads what would be written as any reader would, and compares. Gives the pin for it, and tells
    /// `done` of each value.
    pub(super) fn verify(
        &self,
        vault: &Vault,
        path: &DocumentPath,
        bytes: &[u8],
        claims: &mut Vec<Claim>,
        done: &dyn Fn(),
    ) -> Result<PinDraft, Error> {
        let wrong = || VaultError::NotVerified(path.to_string());
        let document = Document::parse(bytes, path, vault.id())?;
        let mut seen = self.seen.clone();
        let pin = &mut seen.pin;
        if document.head.seq < pin.seq {
            return Err(wrong().into());
        }
        path.as_str().clone_into(&mut pin.path);
        (pin.seq, pin.key_id) = (document.head.seq, hex(&document.head.key_id));
        pin.hash = self.head_hash;
        if document.head != self.head {
            return Err(wrong().into());
        }
        let read_back = |(at, (name, record)): (usize, (&ValueName, &Record))| {
            let read = document.record(name)?.ok_or_else(wrong)?;
            if read != *record {
                return Err(wrong().into());
            }
            if let Some(plain) = self.plain.get(name) {
                let opened = read.open(&document.place, &document.head.key_id, &self.data_key)?;
                if !opened.same_as(plain) {
                    return Err(wrong().into());
                }
            }
            let (claim, mark) = vault.claim_of_record(&document, &read, &self.rights)?;
            Ok::<_, Error>(((at < LOOKED_AT).then_some(claim), mark))
        };
        let records = self.records.iter().enumerate().collect();
        let read = cores::each(records, WORTH_A_THREAD, read_back);
        for (name, read) in self.records.keys().zip(read) {
            let (claim, mark) = read?;
            claims.extend(claim);
            pin.values.insert(name.to_string(), mark);
            done();
        }
        for (name, pending) in &self.pending {
            let read = document.pending(name)?;
            if read.as_ref() != pending.as_ref().map(|(pending, _)| pending) {
                return Err(wrong().into());
            }
            let Some((pending, plain)) = pending else {
                continue;
            };
            claims.push(vault.claim_of_pending(&document, pending, &self.rights)?);
            let key_id = &document.head.key_id;
            let opened = pending.0.open(&document.place, key_id, &self.data_key)?;
            if !opened.same_as(plain) {
                return Err(wrong().into());
            }
        }
        Ok(seen)
    }
}
