//! A document as it lay when it was opened, so that a save overwrites nothing that others wrote.

use std::collections::BTreeMap;

use super::EditError;
use super::session::Desk;
use crate::error::Error;
use crate::fs::FsError;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, ValueName};
use crate::text::clean_line;
use crate::vault::{Change, Document, Record, Vault};

/// The records of a document, by name; none for a document that is not there.
#[derive(Debug)]
pub(super) struct Snapshot {
    path: DocumentPath,
    bytes: Option<Vec<u8>>,
    id: Option<[u8; 16]>,
    records: BTreeMap<ValueName, Record>,
}

impl Snapshot {
    /// Reads the document as it lies there. Nothing of it is judged: what is opened is judged by the
    /// reader, and here it only matters whether something is still the same.
    ///
    /// # Errors
    /// [`crate::vault::VaultError`], [`FsError`].
    pub(super) fn take(vault: &Vault, path: &DocumentPath) -> Result<Self, Error> {
        let bytes = read(vault, path)?;
        let mut snapshot = Self {
            path: path.clone(),
            bytes: None,
            id: None,
            records: BTreeMap::new(),
        };
        if let Some(bytes) = &bytes {
            let document = Document::parse(bytes, path, vault.id())?;
            snapshot.id = Some(document.head.id);
            let records = document.records()?.into_iter();
            snapshot.records = records
                .map(|record| (record.name.clone(), record))
                .collect();
        }
        snapshot.bytes = bytes;
        Ok(snapshot)
    }

    /// Whether there is no such document yet.
    pub(super) fn is_new(&self) -> bool {
        self.bytes.is_none()
    }

    /// The document's id.
    pub(super) fn id(&self) -> Option<&[u8; 16]> {
        self.id.as_ref()
    }

    /// The record of a name, a tombstone too.
    pub(super) fn record(&self, name: &ValueName) -> Option<&Record> {
        self.records.get(name)
    }

    /// All records.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// From now on, these names are expected as `now` has them.
    pub(super) fn adopt<'n>(&mut self, now: &Self, names: impl Iterator<Item = &'n ValueName>) {
        for name in names {
            match now.records.get(name) {
                Some(record) => self.records.insert(name.clone(), record.clone()),
                None => self.records.remove(name),
            };
        }
    }

    /// Changes these values under the vault's lock, if they still are what was opened. What others
    /// did to the rest of the document stays.
    ///
    /// # Errors
    /// [`EditError::Conflict`], [`EditError::OtherDocument`], and those of `make`.
    pub(super) fn save(
        &self,
        desk: &dyn Desk,
        names: &[&ValueName],
        make: &mut dyn FnMut(&mut Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // Anew: the rules may have changed while somebody typed.
        let vault = desk.vault()?;
        desk.change(&vault, &mut |change| {
            let now = Self::take(&vault, &self.path)?;
            self.demand_same(&now, names)?;
            make(change)?;
            // Programs that know no lock write here as well: git. The change has read the document
            // between these two looks at it, and what comes after them the commit notices.
            if read(&vault, &self.path)? != now.bytes {
                let path = vault.tree().join(&self.path.to_file());
                return Err(FsError::Changed { path }.into());
            }
            Ok(())
        })
    }

    fn demand_same(&self, now: &Self, names: &[&ValueName]) -> Result<(), EditError> {
        // A document that was not there may be there by now; one that was there must still be it.
        if self.id.is_some() && self.id != now.id {
            return Err(EditError::OtherDocument {
                path: self.path.to_string(),
            });
        }
        let changed = names
            .iter()
            .filter(|name| self.records.get(**name) != now.records.get(**name));
        let (mut names, mut by) = (Vec::new(), Vec::new());
        for name in changed {
            names.push(format!("{}/{name}", self.path));
            by.push(match now.records.get(*name) {
                Some(record) => clean_line(&record.signed.party),
                None => "somebody who took it out".to_owned(),
            });
        }
        by.sort();
        by.dedup();
        if names.is_empty() {
            return Ok(());
        }
        let path = self.path.to_string();
        Err(EditError::Conflict { path, names, by })
    }
}

fn read(vault: &Vault, path: &DocumentPath) -> Result<Option<Vec<u8>>, FsError> {
    vault.tree().read(&path.to_file(), MAX_FILE)
}
