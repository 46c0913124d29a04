//! What becomes of each source, under which name: plain data, before anything is written.

use std::collections::BTreeMap;

use crate::name::{DocumentPath, FilePath, Scope};
use crate::plaintext::{Envelope, Finding, Format, Kind, Layout, Matter, Value, format_within};
use crate::secret::Plain;
use crate::text::clean_line;

use super::ImportError;
use super::inventory::NewInventory;

/// All sources, sorted by path.
#[derive(Debug)]
pub struct Plan {
    /// One for each file, and for what was passed over.
    pub items: Vec<Item>,
    /// What is kept about them beside their values, one for each scope.
    pub inventories: Vec<NewInventory>,
}

/// One source.
#[derive(Debug)]
pub struct Item {
    /// Its path below the source that was named.
    pub source: String,
    /// What it is: `dotenv`, `file`, `link`, …
    pub kind: &'static str,
    /// What becomes of it.
    pub action: Action,
    /// What is worth knowing.
    pub findings: Vec<Finding>,
    pub(super) scope: Scope,
    pub(super) mode: Option<u32>,
    pub(super) keys: BTreeMap<String, String>,
    /// By what it was sealed, where that was opened.
    pub(super) sealed: Option<Kind>,
    pub(super) layout: Option<Layout>,
    pub(super) envelope: Option<Envelope>,
    /// The sealed file that holds what is kept about it.
    pub record: Option<FilePath>,
}

/// What becomes of a source.
#[derive(Debug)]
pub enum Action {
    /// Its values go into a document.
    Document(NewDocument),
    /// It is sealed byte for byte.
    File(NewSealed),
    /// It is public, and stays where it is.
    Clear,
    /// It is nothing to seal.
    Skipped,
}

/// A document to be.
#[derive(Debug)]
pub struct NewDocument {
    /// Its path.
    pub path: DocumentPath,
    pub(super) values: Vec<Value>,
    /// SHA-256 of what lies at the path, once it was looked at.
    pub(super) there: Option<[u8; 32]>,
}

/// A sealed file to be.
#[derive(Debug)]
pub struct NewSealed {
    /// Its path.
    pub path: FilePath,
    /// Its content, where that is what was inside of the source.
    pub(super) opened: Option<Plain>,
    /// The source's own path, where the name could not be kept.
    pub(super) note: Option<String>,
    /// The day when the certificate of this key ends.
    pub(super) expires: Option<String>,
    pub(super) there: Option<[u8; 32]>,
    pub(super) unchanged: bool,
}

impl Action {
    /// The word that plans use.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Document(_) => "document",
            Self::File(_) => "file",
            Self::Clear => "clear",
            Self::Skipped => "skipped",
        }
    }

    /// The secret that it makes.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Document(document) => Some(document.path.as_str()),
            Self::File(file) => Some(file.path.as_str()),
            Self::Clear | Self::Skipped => None,
        }
    }
}

impl Item {
    pub(super) fn find(&mut self, matter: Matter, text: impl Into<String>) {
        self.findings.push(Finding::new(matter, text));
    }

    /// The format that its document was read by.
    pub(super) fn format(&self) -> Option<&'static dyn Format> {
        format_within(self.kind)
    }

    /// Whether it lay in the clear, so that whoever could read it may know what it holds.
    pub(super) fn was_in_clear(&self) -> bool {
        !matches!(self.sealed, Some(Kind::Sops(_) | Kind::Age))
    }

    /// Whether the vault holds all of it already.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        match &self.action {
            Action::Document(document) => document.values.is_empty(),
            Action::File(file) => file.unchanged,
            Action::Clear | Action::Skipped => false,
        }
    }
}

impl Plan {
    /// Refuses a plan with a finding that stands against it.
    ///
    /// # Errors
    /// [`ImportError::Unreadable`], [`ImportError::Forged`], [`ImportError::Malformed`],
    /// [`ImportError::NoRule`], [`ImportError::NoDocument`], [`ImportError::Conflict`].
    pub fn demand_ready(&self) -> Result<(), ImportError> {
        let with = |matter: Matter| {
            self.items.iter().filter_map(move |item| {
                Some((item, item.findings.iter().find(|f| f.matter == matter)?))
            })
        };
        let named = |matters: &[Matter]| -> Vec<String> {
            let found = matters.iter().flat_map(|matter| with(*matter));
            found
                .map(|(item, finding)| format!("{}: {finding}", clean_line(&item.source)))
                .collect()
        };
        let sources = named(&[Matter::Unreadable, Matter::NotUtf8Name]);
        if !sources.is_empty() {
            return Err(ImportError::Unreadable { sources });
        }
        let sources = named(&[Matter::Forged]);
        if !sources.is_empty() {
            return Err(ImportError::Forged { sources });
        }
        let sources = named(&[Matter::Malformed]);
        if !sources.is_empty() {
            return Err(ImportError::Malformed { sources });
        }
        let mut scopes: Vec<(String, String)> = Vec::new();
        for (item, _) in with(Matter::NoRule) {
            let scope = item.action.secret().and_then(|path| path.split('/').next());
            let scope = scope.unwrap_or_default().to_owned();
            if !scopes.iter().any(|(known, _)| *known == scope) {
                scopes.push((scope, item.source.clone()));
            }
        }
        if !scopes.is_empty() {
            return Err(ImportError::NoRule { scopes });
        }
        let sources = named(&[Matter::CannotBeDocument]);
        if !sources.is_empty() {
            return Err(ImportError::NoDocument { sources });
        }
        let findings = self.items.iter().flat_map(|item| &item.findings);
        let conflicts = findings.filter(|finding| finding.matter == Matter::Conflict);
        let secrets: Vec<String> = conflicts.map(|finding| finding.text.clone()).collect();
        if secrets.is_empty() {
            Ok(())
        } else {
            Err(ImportError::Conflict { secrets })
        }
    }

    /// Whether there is nothing to be sealed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let sealed = |item: &&Item| item.action.secret().is_some();
        self.items.iter().filter(sealed).all(Item::is_unchanged)
            && self
                .inventories
                .iter()
                .all(|inventory| inventory.text.is_none())
    }
}
