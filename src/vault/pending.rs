//! `[pending.NAME]`: the other value of a rotation, beside the one that is given out.
//!
//! It is the new value until that is taken over, and from then on the old one until nothing needs it any
//! more: the greater rev is the new one. Nothing is given it but the rotation.

use crate::error::Error;
use crate::lines::{LineError, MAX_FILE, Table};
use crate::name::{SecretName, ValueName};
use crate::secret::Plain;
use crate::time::Moment;

use super::VaultError;
use super::document::Document;
use super::open::Vault;
use super::pending_file::PendingFile;
use super::read::Reader;
use super::record::{Part, Record, State};
use super::sidecar::Sidecar;

/// The other value of a rotation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pending(pub(super) Record);

/// Which plaintext a record holds: it has these two wherever it lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Given {
    /// The number that it has, or shall have, as the value.
    pub rev: u64,
    /// When it was given.
    pub changed: Moment,
}

impl Given {
    pub(super) fn of(record: &Record) -> Self {
        let (rev, changed) = (record.rev, record.changed);
        Self { rev, changed }
    }

    pub(super) fn of_file(sidecar: &Sidecar) -> Self {
        let (rev, changed) = (sidecar.rev, sidecar.changed);
        Self { rev, changed }
    }
}

impl Vault {
    /// Which plaintext of a secret is given out, and which lies beside it for a rotation; none where
    /// there is no such secret. Neither is judged.
    ///
    /// # Errors
    /// [`VaultError`] if its document or sidecar does not read.
    pub fn given(&self, secret: &SecretName) -> Result<Option<(Given, Option<Given>)>, Error> {
        match secret {
            SecretName::Value(path, name) => {
                let Some(bytes) = self.tree().read(&path.to_file(), MAX_FILE)? else {
                    return Ok(None);
                };
                let document = Document::parse(&bytes, path, self.id())?;
                let pending = document.pending(name)?.map(|pending| Given::of(&pending.0));
                let live = document.record(name)?;
                Ok(live.map(|live| (Given::of(&live), pending)))
            }
            SecretName::File(path) => {
                let Some(bytes) = self.tree().read(&path.to_sidecar(), MAX_FILE)? else {
                    return Ok(None);
                };
                let sidecar = Sidecar::parse(&bytes, path)?;
                let pending = PendingFile::of(&bytes, &sidecar)?;
                let pending = pending.map(|pending| Given::of_file(pending.record()));
                Ok(Some((Given::of_file(&sidecar), pending)))
            }
        }
    }
}

impl Reader<'_> {
    /// Opens what lies beside a secret for a rotation, if anything does: for who is let in by either.
    ///
    /// # Errors
    /// [`VaultError`] if it does not count or open.
    pub fn pending(&self, secret: &SecretName) -> Result<Option<Plain>, Error> {
        let vault = self.vault;
        let rights = vault.rights(secret.ruled_path())?;
        let log = || self.log(&[secret.to_string()]);
        match secret {
            SecretName::Value(path, name) => {
                let Some(bytes) = vault.tree().read(&path.to_file(), MAX_FILE)? else {
                    return Ok(None);
                };
                let document = Document::parse(&bytes, path, vault.id())?;
                let Some(pending) = document.pending(name)? else {
                    return Ok(None);
                };
                vault.judge_head(&document, &rights, None)?;
                let claim = vault.claim_of_pending(&document, &pending, &rights)?;
                claim.verify()?;
                log()?;
                let data_key = self.data_key(&document)?;
                Ok(Some(document.open_record(&pending.0, &data_key)?))
            }
            SecretName::File(path) => {
                let Some(pending) = vault.pending_file(path)? else {
                    return Ok(None);
                };
                vault.claim_of_pending_file(&pending, &rights)?.verify()?;
                log()?;
                pending.open(vault, &self.openers).map(Some)
            }
        }
    }
}

impl Pending {
    fn parse(table: &Table<'_>) -> Result<Self, LineError> {
        let record = Record::parse(table)?;
        match record.state {
            State::Live { .. } => Ok(Self(record)),
            State::Removed => Err(table.wrong("state", "only a secret is removed".to_owned())),
        }
    }

    /// Prints the table.
    pub(super) fn print(&self) -> String {
        self.0.print_as(Part::Pending)
    }

    /// The value's name.
    #[must_use]
    pub fn name(&self) -> &ValueName {
        &self.0.name
    }

    /// When its plaintext was given.
    #[must_use]
    pub fn changed(&self) -> Moment {
        self.0.changed
    }

    /// What is sealed, as any record.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.0
    }
}

impl Document<'_> {
    /// The other value of a name's rotation, if one is under way.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn pending(&self, name: &ValueName) -> Result<Option<Pending>, VaultError> {
        let header = self.lines().find("pending", Some(name.as_str()));
        let parse = |header| Pending::parse(&self.lines().table(header)?);
        header
            .map(parse)
            .transpose()
            .map_err(|error| self.at(error))
    }

    /// All other values of rotations, in the order of the text.
    ///
    /// # Errors
    /// [`VaultError::Line`].
    pub fn all_pending(&self) -> Result<Vec<Pending>, VaultError> {
        let parse = |header| Pending::parse(&self.lines().table(header)?);
        let all: Result<Vec<_>, LineError> = self.lines().of_kind("pending").map(parse).collect();
        all.map_err(|error| self.at(error))
    }
}
