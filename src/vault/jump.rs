//! Numbers that went further than is believed without a person.

use crate::crypto::hex;
use crate::error::Error;
use crate::fs::{Lock, Sync};
use crate::lines::MAX_FILE;
use crate::name::SecretName;
use crate::text::clean;
use crate::trust::{DocumentPin, FILE_RECORD, RecordMark, SeenKind};

use super::document::Document;
use super::judge::{MOST_AT_ONCE, is_jump};
use super::open::Vault;
use super::sidecar::Sidecar;

/// A record whose number jumped, verified otherwise.
#[derive(Debug)]
pub struct Jump {
    /// The greatest number that was seen.
    pub seen: u64,
    /// The number that it has.
    pub here: u64,
    /// Who signed it.
    pub signer: String,
    id: [u8; 16],
    head: Option<(u64, String, [u8; 32])>,
    record: (String, RecordMark),
}

impl Vault {
    /// The jump of a secret, or of the document that it is in.
    ///
    /// # Errors
    /// [`VaultError`] if it does not count otherwise.
    pub fn jump_of(&self, secret: &SecretName) -> Result<Option<Jump>, Error> {
        self.demand_pin(true)?;
        let missing = || self.missing(secret);
        let rights = self.rights(secret.ruled_path())?;
        let pins = &self.trust().pins;
        let (id, head, record, signer, pin) = match secret {
            SecretName::Value(path, name) => {
                let bytes = self.tree().read(&path.to_file(), MAX_FILE)?;
                let bytes = bytes.ok_or_else(missing)?;
                let document = Document::parse(&bytes, path, self.id())?;
                let pin = pins.document(&document.head.id)?.unwrap_or_default();
                let hash = self.judge_head(&document, &rights, Some(&pin.hash))?;
                let record = document.record(name)?.ok_or_else(missing)?;
                let judged = self.judge_record(&document, &record, &rights, None)?;
                let head = (document.head.seq, hex(&document.head.key_id), hash);
                let signer = clean(&record.signed.party);
                let record = (name.to_string(), judged.mark);
                (document.head.id, Some(head), record, signer, pin)
            }
            SecretName::File(path) => {
                let bytes = self.tree().read(&path.to_sidecar(), MAX_FILE)?;
                let sidecar = Sidecar::parse(&bytes.ok_or_else(missing)?, path)?;
                let pin = pins.file(&sidecar.id, path.as_str())?.unwrap_or_default();
                let judged = self.judge_sidecar(&sidecar, &rights, None)?;
                let signer = clean(&sidecar.signed.party);
                let record = (FILE_RECORD.to_owned(), judged.mark);
                (sidecar.id, None, record, signer, pin)
            }
        };
        let known = pin.values.get(&record.0);
        let head_jumped = head
            .as_ref()
            .filter(|(seq, ..)| pin.seq > 0 && seq.saturating_sub(pin.seq) > MOST_AT_ONCE);
        let (seen, here) = match (known, head_jumped) {
            (Some(known), _) if is_jump(&record.1, Some(known)) => {
                (known.seq.max(known.rev), record.1.seq.max(record.1.rev))
            }
            (_, Some((seq, ..))) => (pin.seq, *seq),
            _ => return Ok(None),
        };
        Ok(Some(Jump {
            seen,
            here,
            signer,
            id,
            head,
            record,
        }))
    }

    /// Moves the pin over a jump.
    ///
    /// # Errors
    /// [`crate::trust::TrustError`], [`crate::fs::FsError::Locked`].
    pub fn accept_jump(&self, jump: Jump) -> Result<(), Error> {
        let pins = &self.trust().pins;
        let _lock = Lock::take(&pins.lock_file(), "secret accept")?;
        let kind = match jump.head {
            Some(_) => SeenKind::Document,
            None => SeenKind::File,
        };
        let mut pin: DocumentPin = pins.seen(kind, &jump.id)?.unwrap_or_default();
        if let Some((seq, key_id, hash)) = jump.head
            && seq > pin.seq
        {
            (pin.seq, pin.key_id, pin.hash) = (seq, key_id, hash);
        }
        let (name, mark) = jump.record;
        let known = pin.values.entry(name).or_insert(mark);
        *known = (*known).max(mark);
        Ok(pins.set_document(&jump.id, &pin, Sync::Disk)?)
    }
}
