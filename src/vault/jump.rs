//! What a person says to where this machine would not go by itself: a number that went further than is believed, a
//! data key of another branch.

use crate::crypto::hex;
use crate::error::Error;
use crate::fs::{Lock, Sync};
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, SecretName, ValueName};
use crate::recipients::Rights;
use crate::text::clean_line;
use crate::trust::{DocumentPin, FILE_RECORD, LAST, RecordMark, SeenKind, is_jump};

use super::VaultError;
use super::document::Document;
use super::open::Vault;
use super::sidecar::Sidecar;

/// What a person is asked to believe, verified otherwise.
#[derive(Debug)]
pub struct Jump {
    /// What it is.
    pub leap: Leap,
    /// Who signed it.
    pub signer: String,
    id: [u8; 16],
    path: String,
    head: Option<(u64, String, [u8; 32])>,
    record: Option<(String, RecordMark)>,
}

impl Jump {
    /// The greatest number that would be believed.
    fn greatest(&self) -> u64 {
        let head = self.head.as_ref().map_or(0, |(seq, ..)| *seq);
        let record = self.record.as_ref();
        head.max(record.map_or(0, |(_, mark)| mark.rev.max(mark.seq)))
    }
}

/// How something went further than is believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leap {
    /// A number jumped.
    Number {
        /// The greatest that was seen.
        seen: u64,
        /// What is here.
        here: u64,
    },
    /// A document's data key was changed apart from the one that was seen.
    Branch,
}

/// What is asked about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Leaping {
    /// A document's own line.
    Document(DocumentPath),
    /// A value or file, and the line of the document that it is in.
    Secret(SecretName),
}

impl Vault {
    /// The jump of a secret, or of the document that it is in.
    ///
    /// # Errors
    /// [`VaultError`] if it does not count otherwise; [`VaultError::Jump`] if no number is left behind it.
    pub fn jump_of(&self, what: &Leaping) -> Result<Option<Jump>, Error> {
        self.demand_pin_to_write()?;
        let (name, jump) = match what {
            Leaping::Document(path) => (path.to_string(), self.jump_in(path, None)?),
            Leaping::Secret(secret) => {
                let jump = match secret {
                    SecretName::Value(path, name) => self.jump_in(path, Some(name)),
                    SecretName::File(path) => self.jump_of_file(path),
                };
                (secret.to_string(), jump?)
            }
        };
        match jump {
            Some(jump) if jump.greatest() > LAST => Err(VaultError::Jump {
                name,
                here: jump.greatest(),
                seen: match jump.leap {
                    Leap::Number { seen, .. } => seen,
                    Leap::Branch => 0,
                },
            }
            .into()),
            jump => Ok(jump),
        }
    }

    fn jump_in(
        &self,
        path: &DocumentPath,
        name: Option<&ValueName>,
    ) -> Result<Option<Jump>, Error> {
        let rights = self.rights(path.as_str())?;
        let bytes = self.tree().read(&path.to_file(), MAX_FILE)?;
        let bytes = bytes.ok_or_else(|| self.missing(path))?;
        let document = Document::parse(&bytes, path, self.id())?;
        let pins = &self.trust().pins;
        let pin = pins.document(&document.head.id, path.as_str())?;
        let pin = pin.unwrap_or_default();
        let hash = self.judge_head(&document, &rights, Some(&pin.hash))?;
        let of_head = match self.demand_head_number(&document, Some(&pin)) {
            Err(VaultError::Jump { here, seen, .. }) => Some(Leap::Number { seen, here }),
            Err(VaultError::OtherBranch { .. }) => Some(Leap::Branch),
            judged => judged.map(|()| None)?,
        };
        let value = match name {
            Some(name) => Some(self.jump_of_value((&document, &rights), name, &pin)?),
            None => None,
        };
        let of_value = value.as_ref().and_then(|(leap, ..)| *leap);
        let Some(leap) = of_value.or(of_head) else {
            return Ok(None);
        };
        let signed = value.as_ref().map(|(_, _, signer)| signer.as_str());
        Ok(Some(Jump {
            leap,
            signer: clean_line(signed.unwrap_or(&document.head.signed.party)),
            id: document.head.id,
            path: path.to_string(),
            head: Some((document.head.seq, hex(&document.head.key_id), hash)),
            record: name
                .zip(value)
                .map(|(name, (_, mark, _))| (name.to_string(), mark)),
        }))
    }

    /// How a value jumped if it did, what it is compared by, and who signed it.
    fn jump_of_value(
        &self,
        (document, rights): (&Document<'_>, &Rights),
        name: &ValueName,
        pin: &DocumentPin,
    ) -> Result<(Option<Leap>, RecordMark, String), Error> {
        let missing = || self.missing(&format!("{}/{name}", document.place.path));
        let record = document.record(name)?.ok_or_else(missing)?;
        let mark = self.judge_record(document, &record, rights, None)?.mark;
        let leap = number_leap(&mark, pin.values.get(name.as_str()));
        Ok((leap, mark, record.signed.party))
    }

    fn jump_of_file(&self, path: &FilePath) -> Result<Option<Jump>, Error> {
        let rights = self.rights(path.as_str())?;
        let bytes = self.tree().read(&path.to_sidecar(), MAX_FILE)?;
        let bytes = bytes.ok_or_else(|| self.missing(path))?;
        let sidecar = Sidecar::parse(&bytes, path)?;
        let pins = &self.trust().pins;
        let pin = pins.file(&sidecar.id, path.as_str())?.unwrap_or_default();
        let mark = self.judge_sidecar(&sidecar, &rights, None)?.mark;
        let leap = number_leap(&mark, pin.values.get(FILE_RECORD));
        Ok(leap.map(|leap| Jump {
            leap,
            signer: clean_line(&sidecar.signed.party),
            id: sidecar.id,
            path: path.to_string(),
            head: None,
            record: Some((FILE_RECORD.to_owned(), mark)),
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
        let pin = pins.seen(kind, &jump.id, &jump.path)?;
        let mut pin = pin.unwrap_or_default();
        pin.path = jump.path;
        if let Some(head) = jump.head
            && head.0 >= pin.seq
        {
            (pin.seq, pin.key_id, pin.hash) = head;
        }
        if let Some((name, mark)) = jump.record {
            let known = pin.values.entry(name).or_insert(mark);
            *known = (*known).max(mark);
        }
        Ok(pins.set_document(&jump.id, &pin, Sync::Disk)?)
    }
}

fn number_leap(here: &RecordMark, known: Option<&RecordMark>) -> Option<Leap> {
    is_jump(here, known).then(|| Leap::Number {
        seen: known.map_or(0, |known| known.seq.max(known.rev)),
        here: here.seq.max(here.rev),
    })
}
