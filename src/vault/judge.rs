//! Whether what lies in the vault counts: signed by a current writer, and not older than seen.

use crate::recipients::Rights;
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
        self.claim_of_head(document, rights)?.verify_unless(pinned)
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
        let (claim, mark) = self.claim_of_record(document, record, rights)?;
        claim.verify_unless(pinned.map(|mark| &mark.hash))?;
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
