//! `[pending]` of a sidecar: the other content of a sealed file's rotation, beside the one that is given
//! out. The age file lies in the table itself, so that a sidecar and the file beside it are all there is
//! of a sealed file, and the two contents change places by two renames in one journal.

use std::io::Cursor;
use std::iter::once;

use zeroize::Zeroizing;

use crate::crypto::stream;
use crate::crypto::{decode_base64, encode_base64, sha256};
use crate::error::Error;
use crate::lines::{self, MAX_FILE, Value};
use crate::name::FilePath;
use crate::secret::Plain;

use super::VaultError;
use super::kind::MAX_VALUE;
use super::open::Vault;
use super::opener::Opener;
use super::policy::Policy;
use super::sidecar::{Content, SIDECAR_SCHEMA, Sidecar, mode_of, mode_text};
use super::unseal::{explain, with_each};

/// The other content of a rotation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PendingFile {
    /// What is signed; id and path are the file's.
    pub(super) record: Sidecar,
    /// The age file.
    pub(super) age: Vec<u8>,
}

impl PendingFile {
    /// What lies beside the content of this sidecar, by its text.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn of(bytes: &[u8], sidecar: &Sidecar) -> Result<Option<Self>, VaultError> {
        let at = |error| VaultError::Line {
            file: sidecar.path.to_sidecar(),
            error,
        };
        let parsed = lines::scan(bytes, &SIDECAR_SCHEMA).map_err(at)?;
        let Some(header) = parsed.find("pending", None) else {
            return Ok(None);
        };
        let table = parsed.table(header).map_err(at)?;
        let read = || {
            let age = decode_base64(table.text("age")?)
                .map_err(|_| table.wrong("age", "base64 is wanted".to_owned()))?;
            let content = Content {
                mode: mode_of(&table)?,
                size: table.number("size")?,
                sha256: sha256(&age),
            };
            let record = Sidecar {
                id: sidecar.id,
                path: sidecar.path.clone(),
                content: Some(content),
                readers: table.texts("readers")?.to_vec(),
                rev: table.number("rev")?,
                seq: table.number("seq")?,
                changed: table.parsed("changed")?,
                author: table.text("author")?.to_owned(),
                policy: Policy::parse(&table)?,
                signed: table.parsed("sig")?,
            };
            Ok(Some(Self { record, age }))
        };
        read().map_err(at)
    }

    /// Prints the table.
    pub(super) fn print(&self) -> String {
        let record = &self.record;
        let mut fields: Vec<(&str, Value)> = vec![("age", encode_base64(&self.age).into())];
        if let Some(Content { mode, size, .. }) = &record.content {
            fields.push(("mode", mode_text(*mode).into()));
            fields.push(("size", (*size).into()));
        }
        fields.push(("readers", Value::Texts(record.readers.clone())));
        fields.push(("rev", record.rev.into()));
        fields.push(("seq", record.seq.into()));
        fields.push(("changed", record.changed.to_string().into()));
        fields.push(("author", record.author.as_str().into()));
        fields.extend(record.policy.fields());
        fields.push(("sig", record.signed.to_string().into()));
        lines::print("pending", None, &fields)
    }

    /// What is signed about it; id and path are the file's.
    #[must_use]
    pub fn record(&self) -> &Sidecar {
        &self.record
    }

    /// Refuses it if its age file was not sealed for where it lies.
    ///
    /// # Errors
    /// As [`Vault::demand_place`].
    pub fn demand_place(&self, vault: &Vault) -> Result<(), Error> {
        vault.demand_place(&self.record.path, &mut Cursor::new(&self.age))
    }

    /// Opens it; whoever asks has verified and logged it.
    ///
    /// # Errors
    /// [`VaultError::NoKey`], [`VaultError::BadFile`], [`VaultError::OtherPlace`], [`VaultError::TooLargeToRotate`].
    pub fn open(&self, vault: &Vault, openers: &[&dyn Opener]) -> Result<Plain, Error> {
        self.demand_place(vault)?;
        self.unseal(openers)
    }

    fn unseal(&self, openers: &[&dyn Opener]) -> Result<Plain, Error> {
        let path = &self.record.path;
        let size = self.record.content.map(|content| content.size);
        if let Some(size) = size.filter(|size| *size > MAX_VALUE as u64) {
            let name = path.to_string();
            return Err(VaultError::TooLargeToRotate { name, size }.into());
        }
        let mut plain = Zeroizing::new(Vec::new());
        let passed = with_each(openers, path.as_str(), |identity| {
            plain.clear();
            stream::open_file(&mut Cursor::new(&self.age), once(identity), &mut *plain)
        })?
        .map_err(|error| explain(openers, path, &self.record, error))?;
        match size == Some(passed.size) {
            true => Ok(Plain::new(std::mem::take(&mut *plain))),
            false => Err(VaultError::BadFile {
                name: path.to_string(),
                why: "what lies beside it has another size than was signed".to_owned(),
            }
            .into()),
        }
    }
}

impl Vault {
    /// What lies beside a sealed file's content, for a rotation; not judged.
    ///
    /// # Errors
    /// [`VaultError::Line`], [`crate::fs::FsError`].
    pub fn pending_file(&self, path: &FilePath) -> Result<Option<PendingFile>, Error> {
        let Some(bytes) = self.tree().read(&path.to_sidecar(), MAX_FILE)? else {
            return Ok(None);
        };
        let sidecar = Sidecar::parse(&bytes, path)?;
        Ok(PendingFile::of(&bytes, &sidecar)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sshsig::{Namespace, SignedBy, SigningKey};

    /// Somebody may sign more than a rotation holds in memory; it is opened for nobody.
    #[test]
    fn what_is_larger_than_a_value_is_not_opened() {
        let signing = SigningKey::from_seed(&Zeroizing::new([1; 32])).unwrap();
        for (size, is_too_large) in [(MAX_VALUE, false), (MAX_VALUE + 1, true)] {
            let content = Content {
                mode: 0o600,
                size: size as u64,
                sha256: [0; 32],
            };
            let record = Sidecar {
                id: [7; 16],
                path: "prod/tls/site.key".parse().unwrap(),
                content: Some(content),
                readers: vec!["ada".into()],
                rev: 1,
                seq: 1,
                changed: "2026-11-24T10:00:00Z".parse().unwrap(),
                author: "ada".into(),
                policy: Policy::default(),
                signed: SignedBy {
                    party: "ada".into(),
                    fingerprint: signing.public().fingerprint(),
                    signature: signing.sign(Namespace::File, b""),
                },
            };
            let age = Vec::new();
            let error = PendingFile { record, age }.unseal(&[]).unwrap_err();
            let refused = error.downcast_ref();
            let named = matches!(refused, Some(VaultError::TooLargeToRotate { .. }));
            assert_eq!(named, is_too_large, "{size}: {}", error.message());
        }
    }
}
