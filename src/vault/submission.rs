//! `[submission.NAME]`: a value handed in by somebody who cannot read the document.
//!
//! It is sealed to every reader and signed by a submitter. It stands beside the live value and counts for
//! nothing until a writer takes it over.

use std::io::Cursor;
use std::iter::once;

use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::crypto::stream::{open_file, seal_file};
use crate::crypto::{List, decode_base64, encode_base64, field, pad, sha256, unpad};
use crate::error::Error;
use crate::lines::{self, LineError, MAX_FILE, Table, Value};
use crate::name::{DocumentPath, ValueName};
use crate::recipients::{Rights, Sealing};
use crate::secret::Plain;
use crate::time::Moment;
use crate::trust::RecordMark;

use super::claim::Claim;
use super::document::Document;
use super::kind::ValueType;
use super::open::Vault;
use super::opener::Opener;
use super::place::Place;
use super::record::Record;
use super::sealing::not_to_server;
use super::signer::Signs;
use super::unseal::with_each;
use super::{Notice, VaultError};

/// A value that was handed in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Submission {
    /// The value that it is for.
    pub name: ValueName,
    /// Its type.
    pub kind: ValueType,
    /// The number of the value that it is meant to replace; 0 for none.
    pub rev: u64,
    /// When it was handed in.
    pub changed: Moment,
    /// By whom.
    pub author: String,
    /// Who signed it: the same.
    pub signed: SignedBy,
    /// The age file.
    sealed: Vec<u8>,
}

impl Submission {
    /// Seals a value to all readers and signs it.
    pub(super) fn seal(
        place: &Place,
        (name, kind, rev): (&ValueName, ValueType, u64),
        plain: &Plain,
        recipients: &[Sealing<'_>],
        (changed, author, signer): (Moment, &str, &dyn Signs),
    ) -> Result<Self, Error> {
        let about = about(place, name, kind, rev);
        let mut whole = zeroize::Zeroizing::new(Vec::new());
        field(&mut whole, &about.clone().encode());
        plain.with(|plain| whole.extend_from_slice(&pad(plain)));
        let mut sealed = Vec::new();
        let each = recipients.iter().map(Sealing::age);
        seal_file(each, whole.as_slice(), &mut sealed).map_err(|error| {
            let name = format!("{}/{name}", place.path);
            let why = error.to_string();
            not_to_server(&name, recipients)
                .unwrap_or_else(|| VaultError::BadFile { name, why }.into())
        })?;
        let message = message(about, changed, &sealed, signer.public());
        Ok(Self {
            name: name.clone(),
            kind,
            rev,
            changed,
            author: author.to_owned(),
            signed: signer.sign(Namespace::Submit, &message)?,
            sealed,
        })
    }

    pub(super) fn parse(table: &Table<'_>) -> Result<Self, LineError> {
        let name = table.name().parse::<ValueName>();
        let sealed = table
            .text("value")?
            .strip_prefix("age:")
            .and_then(|text| decode_base64(text).ok())
            .ok_or_else(|| table.wrong("value", "`age:` and base64 is wanted".to_owned()))?;
        let (author, signed): (&str, SignedBy) = (table.text("author")?, table.parsed("sig")?);
        if signed.party != author {
            return Err(table.wrong("author", "it is signed by somebody else".to_owned()));
        }
        Ok(Self {
            name: name.map_err(|error| table.wrong("rev", error.to_string()))?,
            kind: table.parsed("type")?,
            rev: table.number("rev")?,
            changed: table.parsed("changed")?,
            author: author.to_owned(),
            signed,
            sealed,
        })
    }

    /// Prints the table.
    pub(super) fn print(&self) -> String {
        let fields: [(&str, Value); 6] = [
            (
                "value",
                format!("age:{}", encode_base64(&self.sealed)).into(),
            ),
            ("type", self.kind.as_str().into()),
            ("rev", self.rev.into()),
            ("changed", self.changed.to_string().into()),
            ("author", self.author.as_str().into()),
            ("sig", self.signed.to_string().into()),
        ];
        lines::print("submission", Some(self.name.as_str()), &fields)
    }

    /// Opens it, and compares what is sealed with what is shown.
    ///
    /// # Errors
    /// [`VaultError::NoKey`], [`VaultError::Broken`].
    pub(super) fn open(&self, place: &Place, openers: &[&dyn Opener]) -> Result<Plain, Error> {
        let name = format!("{}/{}", place.path, self.name);
        let broken = || VaultError::Broken { name: name.clone() };
        let mut whole = zeroize::Zeroizing::new(Vec::new());
        with_each(openers, &name, |identity| {
            whole.clear();
            open_file(&mut Cursor::new(&self.sealed), once(identity), &mut *whole)
        })?
        .map_err(|error| VaultError::BadFile {
            name: name.clone(),
            why: error.to_string(),
        })?;
        let mut wanted = Vec::new();
        field(
            &mut wanted,
            &about(place, &self.name, self.kind, self.rev).encode(),
        );
        let padded = whole.strip_prefix(wanted.as_slice()).ok_or_else(broken)?;
        let plain = unpad(Plain::new(padded.to_vec()));
        Ok(plain.map_err(|_| broken())?)
    }

    /// What a writer should know if it was handed in for another value than there is now. What was seen counts as there:
    /// whoever puts back what was handed in can put back the value of before beside it.
    pub(super) fn stale(
        &self,
        place: &Place,
        there: Option<&Record>,
        seen: Option<&RecordMark>,
    ) -> Option<Notice> {
        let there = there.map_or(0, |record| record.rev);
        let rev = there.max(seen.map_or(0, |mark| mark.rev));
        let what = if rev > there { "was seen" } else { "is there" };
        (self.rev != rev).then(|| {
            format!(
                "`{}/{}` was handed in to replace rev {}, and rev {rev} {what}",
                place.path, self.name, self.rev
            )
        })
    }

    /// Bytes of its line, at most.
    pub(super) fn line(&self) -> usize {
        self.sealed.len().div_ceil(3) * 4 + 16
    }
}

/// `L("clws.v1.submit", vault, doc, scope, name, type, u64(rev it replaces))`.
fn about(place: &Place, name: &ValueName, kind: ValueType, rev: u64) -> List {
    List::new("clws.v1.submit")
        .bytes(&place.vault)
        .bytes(&place.id)
        .text(place.scope().as_str())
        .text(name.as_str())
        .text(kind.as_str())
        .number(rev)
}

/// The same list with `changed, SHA-256(age file), signer blob` behind.
fn message(about: List, changed: Moment, sealed: &[u8], signer: &PublicKey) -> Vec<u8> {
    about
        .text(&changed.to_string())
        .bytes(&sha256(sealed))
        .bytes(signer.blob())
        .encode()
}

impl Document<'_> {
    /// What was handed in, in the order of the text.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn submissions(&self) -> Result<Vec<Submission>, VaultError> {
        let parse = |header| Submission::parse(&self.lines().table(header)?);
        let all: Result<Vec<_>, LineError> =
            self.lines().of_kind("submission").map(parse).collect();
        all.map_err(|error| self.at(error))
    }

    /// What was handed in for one value, if anything was.
    pub(super) fn submission(&self, name: &ValueName) -> Result<Option<Submission>, VaultError> {
        let mut all = self.submissions()?.into_iter();
        Ok(all.find(|one| one.name == *name))
    }
}

/// What a writer should know before a value that was handed in is taken over.
#[derive(Clone, Debug)]
pub struct HandedIn {
    /// Who handed it in.
    pub by: String,
    /// When.
    pub at: Moment,
    /// That another value is there than the one it was meant to replace. So it is, too, where somebody puts back what
    /// was taken over long ago; what was thrown away or replaced by a newer one can be put back unseen.
    pub stale: Option<Notice>,
}

impl Vault {
    /// What was handed in for a value, if anything was.
    ///
    /// # Errors
    /// [`VaultError`] if the document does not read, or no submitter signed it.
    pub fn handed_in(
        &self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<Option<HandedIn>, Error> {
        let Some(bytes) = self.tree().read(&path.to_file(), MAX_FILE)? else {
            return Ok(None);
        };
        let document = Document::parse(&bytes, path, self.id())?;
        let Some(submission) = document.submission(name)? else {
            return Ok(None);
        };
        let rights = self.rights(path.as_str())?;
        self.claim_of_submission(&document, &submission, &rights)?
            .verify()?;
        let pins = &self.trust().pins;
        let pin = pins.value((&document.head.id, path.as_str()), name.as_str())?;
        let seen = pin.as_ref().and_then(|pin| pin.values.get(name.as_str()));
        let stale = submission.stale(&document.place, document.record(name)?.as_ref(), seen);
        Ok(Some(HandedIn {
            stale,
            by: submission.author,
            at: submission.changed,
        }))
    }

    /// The claim of what was handed in: by a current submitter.
    ///
    /// # Errors
    /// [`VaultError::NotSubmitter`], [`VaultError::UnknownKey`].
    pub fn claim_of_submission(
        &self,
        document: &Document<'_>,
        submission: &Submission,
        rights: &Rights,
    ) -> Result<Claim, VaultError> {
        let place = &document.place;
        let name = format!("{}/{}", place.path, submission.name);
        let Submission {
            name: value,
            kind,
            rev,
            ..
        } = submission;
        self.claim(
            name,
            &submission.signed,
            &rights.submitters,
            Namespace::Submit,
            |key| {
                let about = about(place, value, *kind, *rev);
                message(about, submission.changed, &submission.sealed, key)
            },
        )
        .map_err(|error| match error {
            VaultError::NotWriter { name, signer, .. } => VaultError::NotSubmitter { name, signer },
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::crypto::hex;
    use crate::crypto::sshsig::SigningKey;

    #[test]
    fn the_submission_of_the_specification_comes_out_to_the_byte() {
        let bytes = |from: u8| move |at| from + u8::try_from(at).unwrap();
        let place = Place {
            vault: std::array::from_fn(bytes(0)),
            id: std::array::from_fn(bytes(0x40)),
            path: "prod/web".parse().unwrap(),
        };
        let signing = SigningKey::from_seed(&Zeroizing::new([1; 32])).unwrap();
        let name = "DB_PASSWORD".parse().unwrap();
        let about = about(&place, &name, ValueType::String, 7);
        let changed = "2026-11-24T10:00:00Z".parse().unwrap();
        let hash = hex(&sha256(&message(about, changed, b"age", signing.public())));
        assert!(
            include_str!("../../docs/format.md").contains(&hash),
            "{hash}"
        );
    }
}
