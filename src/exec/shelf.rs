//! Names and types of the values in documents, read without opening any.

use std::collections::BTreeMap;

use super::error::ExecError;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, ValueName};
use crate::text::nearest;
use crate::vault::{Document, ValueType, Vault, VaultError};

/// The live values of one document, and their types.
type Values = BTreeMap<ValueName, ValueType>;

/// The documents that were looked into.
#[derive(Default)]
pub(super) struct Shelf {
    documents: BTreeMap<DocumentPath, Values>,
}

impl Shelf {
    /// The documents so far.
    pub(super) fn documents(&self) -> Vec<DocumentPath> {
        self.documents.keys().cloned().collect()
    }

    /// Looks into a document.
    pub(super) fn load(&mut self, vault: &Vault, path: &DocumentPath) -> Result<&Values, Error> {
        if !self.documents.contains_key(path) {
            let bytes = vault.tree().read(&path.to_file(), MAX_FILE)?;
            let bytes = bytes.ok_or_else(|| vault.missing(path))?;
            let document = Document::parse(&bytes, path, vault.id())?;
            let live = document.live()?.into_iter().collect();
            self.documents.insert(path.clone(), live);
        }
        Ok(self.documents.entry(path.clone()).or_default())
    }

    /// A value that must be there. One that was removed is left to the reader, who says by whom.
    pub(super) fn demand(
        &mut self,
        vault: &Vault,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<(), Error> {
        let values = self.load(vault, path)?;
        if values.contains_key(name) {
            return Ok(());
        }
        let bytes = vault.tree().read(&path.to_file(), MAX_FILE)?;
        let document = Document::parse(bytes.as_deref().unwrap_or_default(), path, vault.id())?;
        if document.names().any(|other| other == name.as_str()) {
            return Ok(());
        }
        let near = nearest(name.as_str(), values.keys().map(ValueName::as_str));
        Err(VaultError::NotFound {
            name: format!("{path}/{name}"),
            nearest: near.map(|near| format!("{path}/{near}")),
        }
        .into())
    }

    /// The live values of a document.
    pub(super) fn names(&self, path: &DocumentPath) -> impl Iterator<Item = &ValueName> {
        self.documents.get(path).into_iter().flat_map(Values::keys)
    }

    /// The one document of `among` that has a value of this name.
    pub(super) fn holder(
        &self,
        among: &[DocumentPath],
        name: &ValueName,
    ) -> Result<DocumentPath, ExecError> {
        let has = |path: &&DocumentPath| self.names(path).any(|other| other == name);
        let mut holders = among.iter().filter(has);
        match (holders.next(), holders.next()) {
            (Some(one), None) => Ok(one.clone()),
            (Some(first), Some(second)) => Err(ExecError::Ambiguous {
                name: name.to_string(),
                first: first.to_string(),
                second: second.to_string(),
            }),
            (None, _) => Err(self.no_value(among.iter(), name)),
        }
    }

    /// What says that none of `among` has a value of this name.
    pub(super) fn no_value<'a>(
        &self,
        among: impl Iterator<Item = &'a DocumentPath>,
        name: &ValueName,
    ) -> ExecError {
        let known = among.flat_map(|path| self.names(path));
        let near = nearest(name.as_str(), known.map(ValueName::as_str));
        ExecError::NoValue {
            name: name.to_string(),
            nearest: near.map(str::to_owned),
        }
    }

    /// Refuses a value that is no one plain text.
    pub(super) fn check_type(
        &self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<(), ExecError> {
        match self.documents.get(path).and_then(|values| values.get(name)) {
            Some(kind @ (ValueType::Array | ValueType::Table)) => Err(ExecError::NotText {
                path: format!("{path}/{name}"),
                kind: *kind,
            }),
            _ => Ok(()),
        }
    }
}
