//! Whether what lies in the vault counts: signed by a current writer, and not older than seen.

use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::name::PartyName;
use crate::recipients::Rights;
use crate::text::clean;
use crate::trust::{Order, RecordMark, Rollback, compare};

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
    /// no second verification. Gives its hash.
    ///
    /// # Errors
    /// [`VaultError::NotWriter`], [`VaultError::UnknownKey`], [`VaultError::BadSignature`].
    pub fn judge_head(
        &self,
        document: &Document<'_>,
        rights: &Rights,
        pinned: Option<&[u8; 32]>,
    ) -> Result<[u8; 32], VaultError> {
        let (place, head) = (&document.place, &document.head);
        let hash = |key: &PublicKey| {
            let message = head.message(place, key);
            (head.hash(&message), message)
        };
        self.verify(
            place.path.as_str(),
            &head.signed,
            rights,
            Namespace::Document,
            hash,
            pinned,
        )
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
        let name = format!("{}/{}", document.place.path, record.name);
        let hash = |key: &PublicKey| {
            let message = record.message(&document.place, &document.head.key_id, key);
            (record.mark(&message).hash, message)
        };
        let known = pinned.map(|mark| &mark.hash);
        let hash = self.verify(&name, &record.signed, rights, Namespace::Value, hash, known)?;
        let Record {
            rev, seq, changed, ..
        } = *record;
        let mark = RecordMark {
            rev,
            seq,
            changed,
            hash,
        };
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
        let hash = |key: &PublicKey| {
            let message = sidecar.message(self.id(), key);
            (sidecar.mark(&message).hash, message)
        };
        let known = pinned.map(|mark| &mark.hash);
        let name = sidecar.path.as_str();
        let hash = self.verify(name, &sidecar.signed, rights, Namespace::File, hash, known)?;
        let Sidecar {
            rev, seq, changed, ..
        } = *sidecar;
        let mark = RecordMark {
            rev,
            seq,
            changed,
            hash,
        };
        Ok(Judged {
            order: compare(&mark, pinned),
            mark,
        })
    }

    fn verify(
        &self,
        name: &str,
        signed: &SignedBy,
        rights: &Rights,
        namespace: Namespace,
        hash_and_message: impl Fn(&PublicKey) -> ([u8; 32], Vec<u8>),
        known: Option<&[u8; 32]>,
    ) -> Result<[u8; 32], VaultError> {
        let signer = clean(&signed.party);
        let writer = signed.party.parse::<PartyName>().ok();
        let writer = writer
            .filter(|party| rights.writers.contains(party))
            .ok_or_else(|| VaultError::NotWriter {
                name: name.to_owned(),
                signer: signer.clone(),
                writers: rights.writers.iter().map(ToString::to_string).collect(),
            })?;
        let unknown = || VaultError::UnknownKey {
            name: name.to_owned(),
            signer: signer.clone(),
        };
        let party = self.party(&writer).map_err(|_| unknown())?;
        let key = &party
            .verifying_key(&signed.fingerprint)
            .ok_or_else(unknown)?
            .key;
        let (hash, message) = hash_and_message(key);
        if known != Some(&hash) {
            key.verify(namespace, &message, &signed.signature)
                .map_err(|_| VaultError::BadSignature {
                    name: name.to_owned(),
                    signer: signer.clone(),
                })?;
        }
        Ok(hash)
    }

    /// What an older record leads to: a refusal, or a notice where the scope only warns.
    ///
    /// # Errors
    /// [`VaultError::Older`].
    pub fn judge_order(
        &self,
        name: &str,
        judged: &Judged,
        pinned: Option<&RecordMark>,
    ) -> Result<Option<Notice>, VaultError> {
        let (Order::Older, Some(pinned)) = (judged.order, pinned) else {
            return Ok(None);
        };
        let shown = |mark: &RecordMark| format!("rev {} of {}", mark.rev, mark.changed);
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
            _ => Err(VaultError::Older {
                name: name.to_owned(),
                here: shown(&judged.mark),
                seen: shown(pinned),
            }),
        }
    }
}
