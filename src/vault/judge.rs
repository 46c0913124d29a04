//! Whether what lies in the vault counts: signed by a current writer, and not older than seen.

use std::fmt::Display;

use crate::crypto::sshsig::Namespace;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::DocumentPath;
use crate::recipients::Rights;
use crate::trust::{
    DocumentPin, FILE_RECORD, Order, RecordMark, Rollback, SeenKind, compare, is_far, is_jump,
};

use super::VaultError;
use super::document::Document;
use super::open::Vault;
use super::record::Record;
use super::sidecar::Sidecar;

/// A line for the person, besides the result.
pub type Notice = String;

/// A record that counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Judged {
    /// How it stands to what was seen.
    pub order: Order,
    /// What it is compared by.
    pub mark: RecordMark,
}

impl Vault {
    /// Checks a document's own record: a current writer signed it.
    ///
    /// A record whose hash the pin holds was verified before, by a key that still counts, and needs
    /// no second verification. One that is new here must have an id of its own. Gives its hash.
    ///
    /// # Errors
    /// [`VaultError::NotWriter`], [`VaultError::UnknownKey`], [`VaultError::BadSignature`],
    /// [`VaultError::OtherId`].
    pub fn judge_head(
        &self,
        document: &Document<'_>,
        rights: &Rights,
        pinned: Option<&[u8; 32]>,
    ) -> Result<[u8; 32], VaultError> {
        let claim = self.claim_of_head(document, rights)?;
        let hash = claim.verify_unless(pinned)?;
        if pinned != Some(&hash) {
            self.demand_one_place(document, rights)?;
        }
        Ok(hash)
    }

    /// Checks one value's record: a current writer signed it; and compares it with the pin.
    ///
    /// # Errors
    /// As [`Self::judge_head`].
    pub fn judge_record(
        &self,
        document: &Document<'_>,
        record: &Record,
        rights: &Rights,
        pinned: Option<&RecordMark>,
    ) -> Result<Judged, VaultError> {
        let name = || format!("{}/{}", document.place.path, record.name);
        let signer = self.signer(name, &record.signed, &rights.writers, Namespace::Value)?;
        let key_id = document.key_id_of(record);
        let mark = record.mark(&record.message(&document.place, key_id, &signer));
        // What the pin holds was verified before, by a key that still counts.
        if pinned.map(|pinned| &pinned.hash) != Some(&mark.hash) {
            self.claim_of_record(document, record, rights)?.0.verify()?;
        }
        Ok(Judged {
            order: compare(&mark, pinned),
            mark,
        })
    }

    /// Checks a sealed file's sidecar in the same way.
    ///
    /// # Errors
    /// As [`Self::judge_head`].
    pub fn judge_sidecar(
        &self,
        sidecar: &Sidecar,
        rights: &Rights,
        pinned: Option<&RecordMark>,
    ) -> Result<Judged, VaultError> {
        let (claim, mark) = self.claim_of_sidecar(sidecar, rights)?;
        claim.verify_unless(pinned.map(|mark| &mark.hash))?;
        Ok(Judged {
            order: compare(&mark, pinned),
            mark,
        })
    }

    /// What an older record leads to: a refusal, or a notice where the scope only warns. One whose
    /// number jumped is refused in any scope.
    ///
    /// # Errors
    /// [`VaultError::Older`], [`VaultError::Jump`].
    pub fn judge_order(
        &self,
        name: &dyn Display,
        judged: &Judged,
        pinned: Option<&RecordMark>,
    ) -> Result<Option<Notice>, VaultError> {
        demand_no_jump(name, &judged.mark, pinned)?;
        let (Order::Older, Some(pinned)) = (judged.order, pinned) else {
            return Ok(None);
        };
        let name = &name.to_string();
        let how = || format!("{}, older than {}", shown(&judged.mark), shown(pinned));
        if self.passes(name, how) {
            return Ok(None);
        }
        let scope = name.split('/').next().unwrap_or_default();
        let policy = scope
            .parse()
            .map(|scope| self.trust().accepted.rollback(&scope));
        match policy {
            Ok(Rollback::Warn) => Ok(Some(format!(
                "`{name}` here is {}, older than {}, which this machine has seen",
                shown(&judged.mark),
                shown(pinned)
            ))),
            _ => Err(older(name, &judged.mark, pinned)),
        }
    }

    /// Refuses what is older than seen, whatever the scope says: a record that is signed on keeps its
    /// number, and would carry the older value on as the newest.
    ///
    /// # Errors
    /// [`VaultError::Older`], [`VaultError::Jump`].
    pub fn demand_newest(
        &self,
        name: &dyn Display,
        judged: &Judged,
        pinned: Option<&RecordMark>,
    ) -> Result<(), VaultError> {
        demand_no_jump(name, &judged.mark, pinned)?;
        match (judged.order, pinned) {
            (Order::Older, Some(pinned)) => Err(older(name, &judged.mark, pinned)),
            _ => Ok(()),
        }
    }

    /// The error for a secret whose file is not here: whether this machine has seen it tells whether it
    /// is an old branch or a wrong name.
    ///
    /// # Errors
    /// [`crate::trust::TrustError`] if a pin is damaged.
    pub(super) fn missing_file(&self, path: &str, name: &str) -> Result<VaultError, VaultError> {
        let full = match name {
            FILE_RECORD | "" => path.to_owned(),
            name => format!("{path}/{name}"),
        };
        let pins = &self.trust().pins;
        let kind = match name {
            FILE_RECORD => SeenKind::File,
            _ => SeenKind::Document,
        };
        let mut marks = Vec::new();
        for id in pins.ids_at(path, kind)? {
            let pin = pins.seen(kind, &id, path)?.unwrap_or_default();
            marks.extend(match name {
                "" => pin.values.into_values().max(),
                name => pin.values.get(name).copied(),
            });
        }
        let mark = marks.into_iter().max();
        Ok(match mark {
            Some(mark) => VaultError::Absent {
                name: full,
                seen: mark.rev,
            },
            None => self.missing(&full),
        })
    }

    /// The id of what is founded at a path, and what was seen under it.
    ///
    /// Of what lay there before and is gone without a tombstone the numbers go on: else whoever brings the old one
    /// back would not be seen. A file keeps its id, too. A document gets another one, since its new data key follows
    /// from none that was seen.
    pub(super) fn id_for(
        &self,
        path: &str,
        kind: SeenKind,
    ) -> Result<([u8; 16], DocumentPin), Error> {
        let pins = &self.trust().pins;
        let mut seen = Vec::new();
        for id in pins.ids_at(path, kind)? {
            seen.extend(pins.seen(kind, &id, path)?.map(|pin| (id, pin)));
        }
        // Of several, founded on branches that did not know each other, the one that everybody goes by.
        let newest = seen
            .into_iter()
            .max_by_key(|(id, pin)| (pin.values.get(FILE_RECORD).copied(), pin.seq, *id));
        match (newest, kind) {
            (Some(newest), SeenKind::File) => Ok(newest),
            (Some((_, pin)), SeenKind::Document) => Ok((self.world().random()?, pin)),
            (None, _) => Ok((self.world().random()?, DocumentPin::default())),
        }
    }

    /// What a document line that is older than seen leads to: it is one from before its data key was
    /// changed.
    ///
    /// # Errors
    /// As [`Self::demand_newest_head`].
    pub fn judge_head_order(
        &self,
        document: &Document<'_>,
        pin: Option<&DocumentPin>,
    ) -> Result<Option<Notice>, VaultError> {
        let path = &document.place.path;
        match self.demand_newest_head(document, pin) {
            Err(VaultError::OlderDocument { here, seen, .. })
                if self.passes(path.as_str(), || {
                    format!("of key number {here}, from before number {seen}")
                }) =>
            {
                Ok(None)
            }
            Err(error @ (VaultError::OtherDocument { .. } | VaultError::OtherBranch { .. }))
                if self.passes(path.as_str(), || {
                    "of another branch than the newest".to_owned()
                }) || self.trust().accepted.rollback(&path.scope()) == Rollback::Warn =>
            {
                Ok(Some(error.to_string()))
            }
            Err(VaultError::OlderDocument { here, seen, .. })
                if self.trust().accepted.rollback(&path.scope()) == Rollback::Warn =>
            {
                Ok(Some(format!(
                    "the document line of `{path}` is number {here}, and {seen} was seen"
                )))
            }
            other => other.map(|()| None),
        }
    }

    /// Refuses to seal into a document from before its data key was changed: those who left could read
    /// what is sealed under the old one. Refuses one that lost against another of its path, too, and one whose key
    /// was changed apart from the one that was seen.
    ///
    /// # Errors
    /// [`VaultError::OlderDocument`], [`VaultError::OtherDocument`], [`VaultError::OtherBranch`],
    /// [`VaultError::Jump`].
    pub fn demand_newest_head(
        &self,
        document: &Document<'_>,
        pin: Option<&DocumentPin>,
    ) -> Result<(), VaultError> {
        self.demand_head_number(document, pin)?;
        let (mine, path) = ((document.head.seq, document.head.id), &document.place.path);
        match self.newest_of_others(document)? {
            Some(other) if other > mine => Err(VaultError::OtherDocument {
                path: path.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Two branches may each have founded a document of one path. Whoever saw both goes by the one with
    /// the greater number, then id: the same one everywhere, so that the other cannot be brought back.
    /// This is the greatest of those that are not this document.
    ///
    /// # Errors
    /// [`crate::trust::TrustError`] if a pin is damaged.
    pub(super) fn newest_of_others(
        &self,
        document: &Document<'_>,
    ) -> Result<Option<(u64, [u8; 16])>, VaultError> {
        let (path, id) = (document.place.path.as_str(), &document.head.id);
        let pins = &self.trust().pins;
        let others = pins.others_at(path, SeenKind::Document, id)?;
        Ok(others.into_iter().map(|(id, pin)| (pin.seq, id)).max())
    }

    /// Why a document as it lies here is not the newest of its path, if it is not.
    ///
    /// # Errors
    /// [`VaultError`] if it does not read, or jumped.
    pub fn lost_document(&self, path: &DocumentPath) -> Result<Option<VaultError>, Error> {
        let Some(bytes) = self.tree().read(&path.to_file(), MAX_FILE)? else {
            return Ok(None);
        };
        let document = Document::parse(&bytes, path, self.id())?;
        let pin = self
            .trust()
            .pins
            .document(&document.head.id, path.as_str())?;
        match self.demand_newest_head(&document, pin.as_ref()) {
            Err(
                lost @ (VaultError::OtherDocument { .. }
                | VaultError::OlderDocument { .. }
                | VaultError::OtherBranch { .. }),
            ) => Ok(Some(lost)),
            judged => Ok(judged.map(|()| None)?),
        }
    }

    pub(super) fn demand_head_number(
        &self,
        document: &Document<'_>,
        pin: Option<&DocumentPin>,
    ) -> Result<(), VaultError> {
        let (here, path) = (document.head.seq, &document.place.path);
        let pin = pin.filter(|pin| pin.seq > 0);
        let seen = pin.map_or(0, |pin| pin.seq);
        if here < seen {
            let path = path.to_string();
            return Err(VaultError::OlderDocument { path, here, seen });
        }
        if is_far(here, pin.map(|pin| pin.seq)) {
            let name = path.to_string();
            return Err(VaultError::Jump { name, here, seen });
        }
        // Two branches may each have changed the key. Of the one that was not seen nobody knows here who left before
        // it was made.
        if pin.is_some_and(|pin| !document.head.follows_key(&pin.key_id)) {
            return Err(VaultError::OtherBranch {
                path: path.to_string(),
            });
        }
        Ok(())
    }
}

/// Refuses a jump.
///
/// # Errors
/// [`VaultError::Jump`].
pub(super) fn demand_no_jump(
    name: &dyn Display,
    here: &RecordMark,
    pinned: Option<&RecordMark>,
) -> Result<(), VaultError> {
    if !is_jump(here, pinned) {
        return Ok(());
    }
    Err(VaultError::Jump {
        name: name.to_string(),
        here: here.seq.max(here.rev),
        seen: pinned.map_or(0, |pinned| pinned.seq.max(pinned.rev)),
    })
}

fn shown(mark: &RecordMark) -> String {
    format!("rev {} of {}", mark.rev, mark.changed)
}

pub(super) fn older(name: &dyn Display, here: &RecordMark, seen: &RecordMark) -> VaultError {
    VaultError::Older {
        name: name.to_string(),
        here: shown(here),
        seen: shown(seen),
    }
}
