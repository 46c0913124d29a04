//! What a check opens where it may: every wrap of ours, every value, every file.

use super::{Check, Finding, Kind};
use crate::crypto::DataKey;
use crate::error::{Code, Error};
use crate::fs::Sync;
use crate::identity::IdentityError;
use crate::name::FilePath;
use crate::vault::{Document, PendingFile, Record, State, VaultError};

/// What the audit log calls it.
pub(super) const WHAT: &str = "check --full";

impl Check<'_> {
    /// Opens a document's wraps with each identity that there is one for, then all its values.
    pub(super) fn open_document(
        &mut self,
        document: &Document<'_>,
        records: &[Record],
    ) -> Result<(), Error> {
        if self.full.is_none() {
            return Ok(());
        }
        let path = &document.place.path;
        let live: Vec<&Record> = records
            .iter()
            .filter(|record| record.state != State::Removed)
            .collect();
        let names: Vec<String> = live
            .iter()
            .map(|record| format!("{path}/{}", record.name))
            .collect();
        self.vault.record_use(WHAT, &names, Sync::Lazy)?;
        let Some(data_key) = self.data_key(document)? else {
            return Ok(());
        };
        for (record, name) in live.into_iter().zip(names) {
            match document.open_record(record, &data_key) {
                // Under a key that nobody has any more: named before.
                Err(VaultError::OtherKey { .. }) => {}
                Err(error) => self.add(Finding::of(Kind::Seal, name, &error).since(record.changed)),
                Ok(plain) => {
                    let State::Live { kind, .. } = &record.state else {
                        continue;
                    };
                    if let Err(error) = plain.with(|plain| kind.check(&name, plain)) {
                        self.add(Finding::of(Kind::Form, name, &error).since(record.changed));
                    }
                }
            }
        }
        for pending in document.all_pending().unwrap_or_default() {
            if let Err(error) = document.open_record(pending.record(), &data_key) {
                let name = format!("{path}/{}", pending.name());
                let finding = Finding::of(Kind::Seal, name, &error);
                self.add(finding.since(pending.changed()));
            }
        }
        Ok(())
    }

    fn data_key(&mut self, document: &Document<'_>) -> Result<Option<DataKey>, Error> {
        let path = document.place.path.as_str();
        let mut opened = None;
        let mut faulty = false;
        let mut unopened = None;
        for opener in self.openers {
            match document.data_key(std::slice::from_ref(opener)) {
                Ok(data_key) => {
                    if opener.login().is_some() {
                        self.counts.by_server = self.counts.by_server.saturating_sub(1);
                    }
                    opened = Some(data_key);
                }
                Err(error) if error.code() == Code::NoKey => {}
                // That an identity stays closed, for want of somebody who says its passphrase, is none either.
                Err(error) if error.downcast_ref::<IdentityError>().is_some() => {
                    unopened = unopened.or(Some(error));
                }
                // That a server is down or refuses is no fault of the vault.
                Err(error) if opener.login().is_some() && error.code() != Code::Auth => {}
                Err(error) => {
                    faulty = true;
                    self.add(of_error(Kind::Wrap, path, &error));
                }
            }
        }
        if opened.is_none() && !faulty {
            if let Some(error) = unopened {
                return Err(error);
            }
            self.closed.push(path.to_owned());
        }
        Ok(opened)
    }

    /// Goes through a sealed file from its first byte to its last.
    pub(super) fn open_file(&mut self, path: &FilePath) -> Result<(), Error> {
        let Some(reader) = &self.full else {
            return Ok(());
        };
        match reader.open_file(path) {
            Ok(_) => Ok(()),
            Err(error) => match error.code() {
                Code::NoKey => {
                    self.closed.push(path.to_string());
                    Ok(())
                }
                Code::Auth | Code::DataErr | Code::Trust => {
                    self.add(of_error(Kind::Seal, path.as_str(), &error));
                    Ok(())
                }
                _ => Err(error),
            },
        }
    }

    /// Opens what lies beside a sealed file, in a full check.
    pub(super) fn open_pending_file(&mut self, name: &str, pending: &PendingFile) {
        if self.full.is_none() {
            return;
        }
        match pending.open(self.vault, self.openers) {
            Ok(_) => {}
            Err(error) if error.code() == Code::NoKey => self.closed.push(name.to_owned()),
            Err(error) => self.add(of_error(Kind::Seal, name, &error)),
        }
    }
}

pub(super) fn of_error(kind: Kind, path: &str, error: &Error) -> Finding {
    let next = error.hints().into_iter().next();
    Finding::new(kind, path, error.message()).next(next.unwrap_or_default())
}
