//! Which value goes under which name: decided from names and types, before anything is opened.

use std::collections::BTreeMap;

use super::error::ExecError;
use super::request::{FileRequest, Rename, Request, ValueRef};
use super::shelf::Shelf;
use super::variable::VariableName;
use crate::error::Error;
use crate::name::{DocumentPath, SecretName, SecretPath, ValueName};
use crate::plaintext::Ansible;
use crate::vault::{Found, Vault};

/// What a program will get.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// The documents that values come from.
    pub documents: BTreeMap<DocumentPath, Picked>,
    /// What is put into files, by the variable that gets the path.
    pub files: BTreeMap<VariableName, FileSource>,
    /// Where the content of each variable comes from.
    sources: BTreeMap<VariableName, String>,
}

/// What a file is made of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileSource {
    /// A value or a sealed file, as it is.
    One(SecretName),
    /// All values of a document, as variables of Ansible in YAML.
    Document(DocumentPath),
}

impl std::fmt::Display for FileSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(secret) => secret.fmt(f),
            Self::Document(document) => document.fmt(f),
        }
    }
}

/// What is taken out of one document.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Picked {
    /// Whether the document was named, and not only values of it.
    pub whole: bool,
    /// Each value, with the variables that get it.
    pub values: BTreeMap<ValueName, Vec<VariableName>>,
}

impl Plan {
    /// Settles a request.
    ///
    /// # Errors
    /// [`ExecError`]; [`VaultError::NotFound`].
    pub fn of(vault: &Vault, request: &Request) -> Result<Self, Error> {
        let mut plan = Self::default();
        let mut shelf = Shelf::default();
        let mut singles = Vec::new();
        for path in &request.paths {
            match vault.find(path)? {
                Found::Document(document) => {
                    shelf.load(vault, &document)?;
                    plan.documents.entry(document).or_default().whole = true;
                }
                Found::Value(document, name) => {
                    shelf.demand(vault, &document, &name)?;
                    singles.push((document, name));
                }
                Found::File(file) => {
                    vault.demand_file(&file)?;
                    let path = file.to_string();
                    return Err(ExecError::SealedFile { path }.into());
                }
                Found::Folder(path) => {
                    let what = if path.contains('/') {
                        "folder"
                    } else {
                        "scope"
                    };
                    return Err(ExecError::NotValues { path, what }.into());
                }
            }
        }
        let renamed = renames(vault, &mut shelf, &request.renames)?;
        for FileRequest { variable, path } in &request.files {
            let secret = file_of(vault, &mut shelf, path)?;
            if let FileSource::Document(document) = &secret {
                check_of_ansible(shelf.load(vault, document)?.keys(), &request.allowed)?;
            }
            plan.add_file(variable, secret)?;
        }
        // What is given under another name or as a file is not given under its own name as well.
        let own = |document: &DocumentPath, name: &ValueName| {
            let elsewhere = plan.files.values().any(
                |file| matches!(file, FileSource::One(SecretName::Value(d, n)) if d == document && n == name),
            );
            !elsewhere && !renamed.iter().any(|(d, n, _)| d == document && n == name)
        };
        let mut picks = Vec::new();
        for (document, picked) in &plan.documents {
            let wanted =
                |name: &&ValueName| request.only.is_empty() || request.only.contains(*name);
            let names = shelf.names(document).filter(|_| picked.whole);
            for name in names.filter(wanted).filter(|name| own(document, name)) {
                picks.push((document.clone(), name.clone(), variable(document, name)?));
            }
        }
        for (document, name) in singles {
            if own(&document, &name) {
                let variable = variable(&document, &name)?;
                picks.push((document, name, variable));
            }
        }
        plan.check_only(&shelf, &request.only)?;
        for (document, name, variable) in picks.into_iter().chain(renamed) {
            shelf.check_type(&document, &name)?;
            plan.add(document, name, variable)?;
        }
        plan.check(request)?;
        Ok(plan)
    }

    fn add(
        &mut self,
        document: DocumentPath,
        name: ValueName,
        variable: VariableName,
    ) -> Result<(), ExecError> {
        let source = format!("{document}/{name}");
        let first = self
            .sources
            .get(&variable)
            .filter(|first| **first != source);
        demand_once(&variable, first, &source)?;
        self.sources.insert(variable.clone(), source);
        let picked = self.documents.entry(document).or_default();
        let variables = picked.values.entry(name).or_default();
        if !variables.contains(&variable) {
            variables.push(variable);
        }
        Ok(())
    }

    fn add_file(&mut self, variable: &VariableName, secret: FileSource) -> Result<(), ExecError> {
        let source = secret.to_string();
        demand_once(variable, self.sources.get(variable), &source)?;
        self.sources.insert(variable.clone(), source);
        self.files.insert(variable.clone(), secret);
        Ok(())
    }

    /// Each name that was picked must be one of a document that was named.
    fn check_only(&self, shelf: &Shelf, only: &[ValueName]) -> Result<(), ExecError> {
        let whole = self.documents.iter().filter(|(_, picked)| picked.whole);
        let whole = whole.map(|(path, _)| path);
        for name in only {
            let has = |path| shelf.names(path).any(|other| other == name);
            if !whole.clone().any(has) {
                return Err(shelf.no_value(whole, name));
            }
        }
        Ok(())
    }

    fn variables(&self) -> impl Iterator<Item = &VariableName> {
        let of_values = self
            .documents
            .values()
            .flat_map(|picked| picked.values.values().flatten());
        of_values.chain(self.files.keys())
    }

    fn check(&self, request: &Request) -> Result<(), ExecError> {
        if self.documents.is_empty() && self.files.is_empty() {
            return Err(ExecError::Nothing);
        }
        for variable in self.variables() {
            if let Some(why) = variable.danger()
                && !request.allowed.contains(variable)
            {
                let name = variable.to_string();
                return Err(ExecError::Dangerous { name, why });
            }
        }
        Ok(())
    }
}

/// A variable has one content.
fn demand_once(
    variable: &VariableName,
    first: Option<&String>,
    second: &str,
) -> Result<(), ExecError> {
    first.map_or(Ok(()), |first| {
        Err(ExecError::Twice {
            variable: variable.to_string(),
            first: first.clone(),
            second: second.to_owned(),
        })
    })
}

/// A whole document as variables of Ansible: what says how that itself works must be meant.
fn check_of_ansible<'n>(
    mut names: impl Iterator<Item = &'n ValueName>,
    allowed: &[VariableName],
) -> Result<(), ExecError> {
    let is_allowed = |name: &ValueName| allowed.iter().any(|one| one.as_str() == name.as_str());
    let own = names.find(|name| Ansible::is_its_own(name.as_str()) && !is_allowed(name));
    own.map_or(Ok(()), |name| {
        let name = name.to_string();
        Err(ExecError::OfAnsible { name })
    })
}

fn variable(document: &DocumentPath, name: &ValueName) -> Result<VariableName, ExecError> {
    name.as_str().parse().map_err(|_| ExecError::NotAVariable {
        document: document.to_string(),
        name: name.to_string(),
    })
}

/// The values that get another name.
fn renames(
    vault: &Vault,
    shelf: &mut Shelf,
    renames: &[Rename],
) -> Result<Vec<(DocumentPath, ValueName, VariableName)>, Error> {
    // Short names are those of the documents that were named, not of each other's paths.
    let named = shelf.documents();
    let mut found = Vec::new();
    for Rename { variable, value } in renames {
        let (document, name) = match value {
            ValueRef::Name(name) => (shelf.holder(&named, name)?, name.clone()),
            ValueRef::Path(path) => match vault.find_secret(path)? {
                SecretName::Value(document, name) => (document, name),
                SecretName::File(file) => {
                    let path = file.to_string();
                    return Err(ExecError::SealedFile { path }.into());
                }
            },
        };
        shelf.demand(vault, &document, &name)?;
        found.push((document, name, variable.clone()));
    }
    Ok(found)
}

fn file_of(vault: &Vault, shelf: &mut Shelf, path: &SecretPath) -> Result<FileSource, Error> {
    match vault.find(path)? {
        Found::File(file) => {
            vault.demand_file(&file)?;
            Ok(FileSource::One(SecretName::File(file)))
        }
        Found::Value(document, name) => {
            shelf.demand(vault, &document, &name)?;
            Ok(FileSource::One(SecretName::Value(document, name)))
        }
        Found::Document(document) => Ok(FileSource::Document(document)),
        Found::Folder(path) => Err(vault.missing(&path).into()),
    }
}
