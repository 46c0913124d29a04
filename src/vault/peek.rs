//! A secret's number, when it was given and its type, without opening it: for plans.

use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, SecretName, ValueName};
use crate::time::Moment;
use crate::trust::FILE_RECORD;

use super::document::Document;
use super::kind::ValueType;
use super::open::Vault;
use super::read::missing_value;
use super::record::State;
use super::sidecar::Sidecar;
use super::{Notice, VaultError};

/// A secret's value as it was given, without the value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issue {
    /// Its number.
    pub rev: u64,
    /// When it was given, and by whom: two clones give different values the same number. It stays when the
    /// value is sealed or signed anew.
    pub made: String,
}

impl Issue {
    fn of(rev: u64, changed: Moment, author: &str) -> Self {
        Self {
            rev,
            made: format!("{changed} {author}"),
        }
    }
}

impl Vault {
    /// What is known of a secret that may be used now: signed by a current writer, and not older than seen.
    /// A scope that only warns about older ones gives a notice.
    ///
    /// # Errors
    /// As opening it, keys aside.
    pub fn peek(&self, secret: &SecretName) -> Result<(Issue, Option<Notice>), Error> {
        let full = secret.to_string();
        // A path that nobody rules over is mistyped, more likely than not: what is not there is said first.
        let rights = || self.rights(secret.ruled_path());
        let pins = &self.trust().pins;
        match secret {
            SecretName::Value(path, name) => {
                let Some(bytes) = self.text_about(path, name)? else {
                    return Err(self.missing_file(path.as_str(), name.as_str())?.into());
                };
                let rights = rights()?;
                let document = Document::parse(&bytes, path, self.id())?;
                let pin = pins
                    .value((&document.head.id, path.as_str()), name.as_str())?
                    .unwrap_or_default();
                self.judge_head(&document, &rights, Some(&pin.hash))?;
                let older = self.judge_head_order(&document, Some(&pin))?;
                let known = pin.values.get(name.as_str());
                let record = document
                    .record(name)?
                    .ok_or_else(|| missing_value(&document, name, known))?;
                let judged = self.judge_record(&document, &record, &rights, known)?;
                let notice = self.judge_order(&full, &judged, known)?.or(older);
                if record.state == State::Removed {
                    return Err(VaultError::removed(full, &record.signed, &record.policy).into());
                }
                document.check_kid(&record)?;
                let issue = Issue::of(record.rev, record.changed, &record.author);
                Ok((issue, notice))
            }
            SecretName::File(path) => {
                let Some(bytes) = self.tree().read(&path.to_sidecar(), MAX_FILE)? else {
                    return Err(self.missing_file(path.as_str(), FILE_RECORD)?.into());
                };
                let rights = rights()?;
                let sidecar = Sidecar::parse(&bytes, path)?;
                let pin = pins.file(&sidecar.id, path.as_str())?.unwrap_or_default();
                let known = pin.values.get(FILE_RECORD);
                let judged = self.judge_sidecar(&sidecar, &rights, known)?;
                let notice = self.judge_order(&full, &judged, known)?;
                if sidecar.content.is_none() {
                    return Err(VaultError::removed(full, &sidecar.signed, &sidecar.policy).into());
                }
                let issue = Issue::of(sidecar.rev, sidecar.changed, &sidecar.author);
                Ok((issue, notice))
            }
        }
    }

    /// The type of a value that is there and that a writer has signed; it stands in clear. `None` for one that is
    /// new, was removed, or that nobody vouches for.
    ///
    /// # Errors
    /// [`VaultError`] if the document does not read.
    pub fn type_of(
        &self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<Option<ValueType>, Error> {
        let Some(bytes) = self.tree().read(&path.to_file(), MAX_FILE)? else {
            return Ok(None);
        };
        let document = Document::parse(&bytes, path, self.id())?;
        let Some(record) = document.record(name)? else {
            return Ok(None);
        };
        let (State::Live { kind, .. }, Ok(rights)) = (&record.state, self.rights(path.as_str()))
        else {
            return Ok(None);
        };
        let judged = self.judge_record(&document, &record, &rights, None);
        Ok(judged.is_ok().then_some(*kind))
    }
}
