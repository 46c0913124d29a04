//! A sealed document as it lies in the vault: read, and not yet judged.

use crate::cores;
use crate::crypto::{DataKey, decode_base64, encode_base64, unwrap, wrap};
use crate::fs::FsError;
use crate::lines::{self, Header, Kind, LineError, MAX_FILE, Parsed, Schema};
use crate::name::{DocumentPath, ValueName};
use crate::secret::Plain;

use super::head::{HEAD_KEYS, Head};
use super::open::Vault;
use super::place::Place;
use super::record::{Record, SECRET_KEYS, kid_of};
use super::retired::{RETIRED_KEYS, Retired};
use super::submission::SUBMISSION_KEYS;
use super::{Opener, VaultError};

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
            keys: SUBMISSION_KEYS,
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

/// The data key, wrapped for one recipient of one reader: `[reader."ada/laptop"]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrap {
    /// Party and recipient: `ada/laptop`.
    pub name: String,
    /// The public key that it is wrapped for, as the file claims.
    pub recipient: String,
    /// `kid:age:base64`.
    pub text: String,
}

impl Wrap {
    /// Wraps a data key.
    pub(super) fn seal(
        name: String,
        recipient: &str,
        key: &dyn age::Recipient,
        (key_id, data_key): (&[u8; 32], &DataKey),
    ) -> Result<Self, VaultError> {
        let bytes = wrap(data_key, key).map_err(|_| VaultError::CannotWrap {
            recipient: recipient.to_owned(),
        })?;
        let text = format!("{}:age:{}", kid_of(key_id), encode_base64(&bytes));
        Ok(Self {
            name,
            recipient: recipient.to_owned(),
            text,
        })
    }

    /// The party before the slash.
    #[must_use]
    pub fn party(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// Prints the table.
    #[must_use]
    pub fn print(&self) -> String {
        let fields = [
            ("recipient", self.recipient.as_str().into()),
            ("key", self.text.as_str().into()),
        ];
        lines::print("reader", Some(&self.name), &fields)
    }
}

/// A document: its head, and the way to its records.
#[derive(Debug)]
pub struct Document<'a> {
    /// Where it stands.
    pub place: Place,
    /// Its own record.
    pub head: Head,
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
            place,
            head,
            parsed,
        })
    }

    /// One table of a document that was read before, without reading all of it again.
    pub(super) fn of_one(place: Place, head: Head, text: &'a str, header: Header<'a>) -> Self {
        Self {
            place,
            head,
            parsed: Parsed::of_one(text, &DOCUMENT_SCHEMA, header),
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
        let Some(header) = self.parsed.find("secret", Some(name.as_str())) else {
            return Ok(None);
        };
        let record = self
            .parsed
            .table(header)
            .and_then(|table| Record::parse(&table));
        record.map(Some).map_err(|error| self.at(error))
    }

    /// All records, in the order of the text.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn records(&self) -> Result<Vec<Record>, VaultError> {
        let parse = |header| {
            self.parsed
                .table(header)
                .and_then(|table| Record::parse(&table))
        };
        let headers = self.parsed.of_kind("secret").collect();
        let records = cores::each(headers, cores::LINES, parse).into_iter();
        records
            .collect::<Result<_, _>>()
            .map_err(|error| self.at(error))
    }

    /// The names of all records, removed ones too, without reading them.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.parsed
            .of_kind("secret")
            .filter_map(|header| header.name)
    }

    /// All wraps.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn wraps(&self) -> Result<Vec<Wrap>, VaultError> {
        let parse = |header| {
            let table = self.parsed.table(header)?;
            Ok(Wrap {
                name: table.name().to_owned(),
                recipient: table.text("recipient")?.to_owned(),
                text: table.text("key")?.to_owned(),
            })
        };
        let wraps: Result<Vec<_>, _> = self.parsed.of_kind("reader").map(parse).collect();
        wraps.map_err(|error| self.at(error))
    }

    /// Unwraps the data key with the first of `openers` that a wrap is for, and checks it against
    /// the commitment.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] if there is no wrap for any of them, [`VaultError::BadWrap`] if the
    /// wrap does not hold this document's key.
    pub fn data_key(&self, openers: &[&dyn Opener]) -> Result<DataKey, crate::error::Error> {
        let wraps = self.wraps()?;
        let mine = openers.iter().find_map(|opener| {
            let recipient = opener.recipient()?;
            let wrap = wraps.iter().find(|wrap| wrap.recipient == recipient)?;
            Some((opener, wrap))
        });
        let Some((opener, wrap)) = mine else {
            // A public half that only opening would show (an identity under a passphrase) is worth a
            // try with each wrap. If that fails, why it stayed closed is what the person must know.
            let mut closed = None;
            for opener in openers.iter().filter(|opener| opener.recipient().is_none()) {
                let identity = match opener.age() {
                    Ok(identity) => identity,
                    Err(error) => {
                        closed = closed.or(Some(error));
                        continue;
                    }
                };
                for wrap in &wraps {
                    if let Some(Ok(data_key)) = self.open_wrap(wrap, &*identity) {
                        return Ok(data_key);
                    }
                }
            }
            if let Some(error) = closed {
                return Err(error);
            }
            let mut readers: Vec<String> = wraps.iter().map(|w| w.party().to_owned()).collect();
            readers.dedup();
            return Err(VaultError::NoKey {
                name: self.place.path.to_string(),
                tried: openers.iter().map(|opener| opener.label()).collect(),
                readers,
            }
            .into());
        };
        let identity = opener.age()?;
        match self.open_wrap(wrap, &*identity) {
            Some(opened) => Ok(opened?),
            None => Err(self.bad_wrap(wrap).into()),
        }
    }

    fn bad_wrap(&self, wrap: &Wrap) -> VaultError {
        VaultError::BadWrap {
            document: self.place.path.to_string(),
            reader: crate::text::clean(&wrap.name),
        }
    }

    /// The age file of a wrap that says it holds this document's key.
    fn wrapped(&self, wrap: &Wrap) -> Result<Vec<u8>, VaultError> {
        let mut parts = wrap.text.splitn(3, ':');
        let (kid, form, bytes) = (parts.next(), parts.next(), parts.next());
        let ours = kid == Some(&kid_of(&self.head.key_id)) && form == Some("age");
        let bytes = bytes.filter(|_| ours);
        bytes
            .and_then(|bytes| decode_base64(bytes).ok())
            .ok_or_else(|| self.bad_wrap(wrap))
    }

    /// Checks what shows of a wrap without a private key: that it names this document's key, and is an
    /// age file.
    ///
    /// # Errors
    /// [`VaultError::BadWrap`].
    pub fn check_wrap(&self, wrap: &Wrap) -> Result<(), VaultError> {
        if self
            .wrapped(wrap)?
            .starts_with(b"age-encryption.org/v1\n-> ")
        {
            Ok(())
        } else {
            Err(self.bad_wrap(wrap))
        }
    }

    /// Opens one wrap and compares the key with the commitment; `None` if it is for somebody else.
    fn open_wrap(
        &self,
        wrap: &Wrap,
        identity: &dyn age::Identity,
    ) -> Option<Result<DataKey, VaultError>> {
        let bytes = match self.wrapped(wrap) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error)),
        };
        let data_key = match unwrap(&bytes, identity) {
            Ok(data_key) => data_key,
            Err(crate::crypto::CryptoError::NoIdentity) => return None,
            Err(_) => return Some(Err(self.bad_wrap(wrap))),
        };
        let commitment = data_key.commitment(&self.place.vault, &self.place.id);
        if commitment == Ok(self.head.key_id) {
            Some(Ok(data_key))
        } else {
            Some(Err(self.bad_wrap(wrap)))
        }
    }

    /// Checks that a record is sealed under this document's current key.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`].
    pub fn check_kid(&self, record: &Record) -> Result<(), VaultError> {
        let is_current = record
            .kid()
            .is_none_or(|kid| kid == kid_of(&self.head.key_id));
        is_current
            .then_some(())
            .ok_or_else(|| VaultError::OtherKey {
                name: format!("{}/{}", self.place.path, record.name),
                left: self.retired_of(record).map(|retired| retired.left.clone()),
            })
    }

    /// The old key that a record is sealed under, if that is kept and the only one of its short name.
    fn retired_of(&self, record: &Record) -> Option<&Retired> {
        let kid = record.kid()?;
        let fits = |retired: &&Retired| kid_of(&retired.key_id) == kid;
        let mut fitting = self.head.retired.iter().filter(fits);
        let first = fitting
            .next()
            .filter(|_| kid != kid_of(&self.head.key_id))?;
        fitting.next().is_none().then_some(first)
    }

    /// Who left with the old key that a record is sealed under, if it is under one.
    #[must_use]
    pub fn left_with(&self, record: &Record) -> Option<Vec<String>> {
        self.retired_of(record).map(|retired| retired.left.clone())
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
            return Ok(Some(data_key.with(|key| DataKey::new(*key))));
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
