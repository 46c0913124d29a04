//! A sealed document as it lies in the vault: read, and not yet judged.

use crate::cores;
use crate::crypto::DataKey;
use crate::fs::FsError;
use crate::lines::{self, Header, Kind, LineError, MAX_FILE, Parsed, Schema};
use crate::name::{DocumentPath, ValueName};
use crate::secret::Plain;
use crate::time::Moment;

use super::VaultError;
use super::head::{HEAD_KEYS, Head};
use super::kind::ValueType;
use super::open::Vault;
use super::place::Place;
use super::record::{Record, SECRET_KEYS, State, kid_of};
use super::retired::{RETIRED_KEYS, Retired};

/// The tables and keys of a sealed document.
pub static DOCUMENT_SCHEMA: Schema = Schema {
    what: "document",
    kinds: &[
        Kind {
            name: "document",
            named: false,
            keys: HEAD_KEYS,
        },
        Kind {
            name: "reader",
            named: true,
            keys: &["recipient", "key"],
        },
        Kind {
            name: "retired",
            named: true,
            keys: RETIRED_KEYS,
        },
        Kind {
            name: "secret",
            named: true,
            keys: SECRET_KEYS,
        },
        Kind {
            name: "pending",
            named: true,
            keys: SECRET_KEYS,
        },
        Kind {
            name: "submission",
            named: true,
            keys: &["value", "type", "rev", "changed", "author", "sig"],
        },
    ],
};

impl Vault {
    /// The text of a document, or of a large one what tells about one value.
    ///
    /// # Errors
    /// [`FsError`].
    pub(super) fn text_about(
        &self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<Option<Vec<u8>>, FsError> {
        let relative = path.to_file();
        let Some(file) = self.tree().file(&relative)? else {
            return Ok(None);
        };
        let found = lines::excerpt(&file, &DOCUMENT_SCHEMA, "secret", name.as_str());
        match found.map_err(FsError::io("read", &self.tree().join(&relative)))? {
            Some(text) => Ok(Some(text)),
            None => self.tree().read(&relative, MAX_FILE),
        }
    }
}

/// A document: its head, and the way to its records.
#[derive(Debug)]
pub struct Document<'a> {
    /// Where it stands.
    pub place: Place,
    /// Its own record.
    pub head: Head,
    /// The short name of its key.
    kid: String,
    parsed: Parsed<'a>,
}

impl<'a> Document<'a> {
    /// Reads a document that lies at `path`.
    ///
    /// # Errors
    /// [`VaultError::Line`]; [`VaultError::WrongPath`] if it was signed for another path.
    pub fn parse(
        bytes: &'a [u8],
        path: &DocumentPath,
        vault: &[u8; 32],
    ) -> Result<Self, VaultError> {
        let at = |error| VaultError::Line {
            file: path.to_file(),
            error,
        };
        let parsed = lines::scan(bytes, &DOCUMENT_SCHEMA).map_err(at)?;
        let head = Head::parse(&parsed).map_err(at)?;
        if head.path != *path {
            return Err(VaultError::WrongPath {
                file: path.to_file(),
                signed: head.path.to_string(),
            });
        }
        let place = Place {
            vault: *vault,
            id: head.id,
            path: path.clone(),
        };
        Ok(Self {
            kid: kid_of(&head.key_id),
            place,
            head,
            parsed,
        })
    }

    /// A document that was read before, or some of its tables, without reading all of it again.
    pub(super) fn over(place: Place, head: Head, parsed: Parsed<'a>) -> Self {
        Self {
            kid: kid_of(&head.key_id),
            place,
            head,
            parsed,
        }
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &Parsed<'a> {
        &self.parsed
    }

    pub(super) fn at(&self, error: LineError) -> VaultError {
        VaultError::Line {
            file: self.place.path.to_file(),
            error,
        }
    }

    /// One value's record.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn record(&self, name: &ValueName) -> Result<Option<Record>, VaultError> {
        let header = self.parsed.find("secret", Some(name.as_str()));
        header.map(|header| self.record_at(header)).transpose()
    }

    fn record_at(&self, header: Header<'a>) -> Result<Record, VaultError> {
        let table = self.parsed.table(header);
        let record = table.and_then(|table| Record::parse(&table));
        record.map_err(|error| self.at(error))
    }

    /// All records, in the order of the text.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn records(&self) -> Result<Vec<Record>, VaultError> {
        self.each_record(|record| record)
    }

    /// What `work` makes of each record, in the order of the text; on all cores.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub(super) fn each_record<R: Send>(
        &self,
        work: impl Fn(Record) -> R + Sync,
    ) -> Result<Vec<R>, VaultError> {
        let read = |header| self.record_at(header).map(&work);
        let headers = self.parsed.of_kind("secret").collect();
        let records = cores::each(headers, cores::LINES, read);
        records.into_iter().collect()
    }

    /// Names and types of the live values. Of a record that looks as it should no more is read.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn live(&self) -> Result<Vec<(ValueName, ValueType)>, VaultError> {
        let mut live = Vec::new();
        for header in self.parsed.of_kind("secret") {
            let kind = self.parsed.glimpse(header, "type");
            let kind = kind.and_then(|kind| kind.parse().ok());
            let name = header.name.and_then(|name| name.parse().ok());
            if let (Some(name), Some(kind)) = (name, kind) {
                live.push((name, kind));
                continue;
            }
            let record = self.record_at(header)?;
            if let State::Live { kind, .. } = record.state {
                live.push((record.name, kind));
            }
        }
        Ok(live)
    }

    /// The names of all records, removed ones too, without reading them.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.parsed
            .of_kind("secret")
            .filter_map(|header| header.name)
    }

    /// Checks that a record is sealed under this document's current key.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`].
    pub fn check_kid(&self, record: &Record) -> Result<(), VaultError> {
        let is_current = record.kid().is_none_or(|kid| kid == self.kid);
        is_current
            .then_some(())
            .ok_or_else(|| VaultError::OtherKey {
                name: format!("{}/{}", self.place.path, record.name),
                left: self.retired_of(record).map(|retired| retired.left.clone()),
            })
    }

    /// The old key that a record is sealed under, if that is kept and the only one of its short name.
    fn retired_of(&self, record: &Record) -> Option<&Retired> {
        let kid = record.kid().filter(|kid| *kid != self.kid)?;
        let fits = |retired: &&Retired| kid_of(&retired.key_id) == kid;
        let mut fitting = self.head.retired.iter().filter(fits);
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }

    /// Who left with the old key that a record is sealed under, if it is under one.
    #[must_use]
    pub fn left_with(&self, record: &Record) -> Option<Vec<String>> {
        self.retired_of(record).map(|retired| retired.left.clone())
    }

    /// Who could read what was handed in at a moment and has left since. Of keys that are kept no more, nobody is
    /// known.
    #[must_use]
    pub(super) fn left_since(&self, handed_in: Moment) -> Vec<String> {
        let ended = |retired: &&Retired| retired.ended_after(handed_in);
        let mut left: Vec<String> = self
            .head
            .retired
            .iter()
            .filter(ended)
            .flat_map(|retired| retired.left.iter().cloned())
            .collect();
        left.sort();
        left.dedup();
        left
    }

    /// The commitment to the key that a record is sealed under, as it enters what was signed.
    #[must_use]
    pub fn key_id_of(&self, record: &Record) -> &[u8; 32] {
        self.retired_of(record)
            .map_or(&self.head.key_id, |retired| &retired.key_id)
    }

    /// The data key of a commitment, given the current one: that, or one from before that is kept.
    ///
    /// # Errors
    /// [`VaultError::Broken`].
    pub(super) fn key_of(
        &self,
        key_id: &[u8; 32],
        data_key: &DataKey,
    ) -> Result<Option<DataKey>, VaultError> {
        if *key_id == self.head.key_id {
            return Ok(Some(data_key.duplicate()));
        }
        let mut kept = self.head.retired.iter();
        kept.find(|retired| retired.key_id == *key_id)
            .map(|retired| retired.open(&self.place, (&self.head.key_id, data_key)))
            .transpose()
    }

    /// Opens a record, under the current key or one from before.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`], [`VaultError::Broken`].
    pub fn open_record(&self, record: &Record, data_key: &DataKey) -> Result<Plain, VaultError> {
        let current = (&self.head.key_id, data_key);
        match self.retired_of(record) {
            Some(retired) => {
                let key = retired.open(&self.place, current)?;
                record.open(&self.place, &retired.key_id, &key)
            }
            None => {
                self.check_kid(record)?;
                record.open(&self.place, current.0, current.1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{encode_base64, hex};

    /// A document whose keys from before are these, each named by its first byte, and left by one person.
    fn document(retired: &[([u8; 32], &str)]) -> String {
        let signed = format!("ada/0123456789abcdef:{}", encode_base64(&[0; 64]));
        let mut text = format!(
            "[document]\nformat = 1\nid = \"{}\"\npath = \"prod/web\"\nseq = 1\nkey_id = \"{}\"\n\
             sig = \"{signed}\"\n\n",
            hex(&[1; 16]),
            hex(&[9; 32])
        );
        for (key_id, left) in retired {
            let key_id = hex(key_id);
            text += &format!(
                "[retired.{}]\nkey = \"\"\nkey_id = \"{key_id}\"\nuntil = \"2027-05-23T10:00:00Z\"\n\
                 left = [\"{left}\"]\n\n",
                &key_id[..16]
            );
        }
        text + &format!(
            "[secret.TOKEN]\nvalue = \"v1:07070707:\"\ntype = \"string\"\nrev = 1\nseq = 1\n\
             changed = \"2026-11-24T10:00:00Z\"\nauthor = \"ada\"\nsig = \"{signed}\"\n\n[end]\n"
        )
    }

    #[test]
    fn of_two_old_keys_of_one_short_name_neither_is_taken() {
        let (seven, mut other) = ([7; 32], [7; 32]);
        other[4] = 8;
        let path = "prod/web".parse().unwrap();
        for (retired, left) in [
            (vec![(seven, "ben")], Some(vec!["ben".to_owned()])),
            (vec![(seven, "ben"), (other, "cleo")], None),
            (vec![(other, "cleo"), (seven, "ben")], None),
        ] {
            let text = document(&retired);
            let document = Document::parse(text.as_bytes(), &path, &[2; 32]).unwrap();
            let record = document.record(&"TOKEN".parse().unwrap()).unwrap().unwrap();
            assert_eq!(document.left_with(&record), left);
            // What it was signed over is then no longer known, and nothing opens it.
            let signed_over = left.as_ref().map_or([9; 32], |_| seven);
            assert_eq!(*document.key_id_of(&record), signed_over);
            let opened = document.open_record(&record, &DataKey::new([0; 32]));
            match (opened, left) {
                (Err(VaultError::OtherKey { left: None, .. }), None)
                | (Err(VaultError::Broken { .. }), Some(_)) => {}
                (opened, _) => panic!("{opened:?}"),
            }
        }
    }
}
