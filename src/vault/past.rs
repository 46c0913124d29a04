//! Looking at what is not the newest: a commit of git by its name, or the working tree as it lies there.
//!
//! Nothing here moves a pin, and nothing is compared with one. What is shown says who signed it, and
//! whether that party may write there now, could by the rules of that commit, or neither. The rules of
//! a commit count if this machine has stepped through the trust version that signed them.

mod document;
mod open;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::crypto::sha256;
use crate::error::Error;
use crate::git::{Commit, Git, Objects, not_fetched};
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, SecretName, SecretPath};
use crate::text::clean_line;
use crate::trust::{SETTINGS_FILE, Version, version_file};

use self::document::OldDocument;
use super::document::Document;
use super::listing::Listed;
use super::open::Vault;
use super::read::Opened;
use super::record::Record;
use super::sidecar::Sidecar;
use super::unseal::OpenedFile;
use super::{Found, VaultError};

/// Who stands behind a record that is looked at.
#[derive(Debug)]
pub enum Vouched {
    /// A party who may write there now.
    Now,
    /// A party who could by the rules of that commit, which is this trust version.
    Then(u64),
    /// Nobody who counts, and why.
    Nobody(VaultError),
}

impl Vouched {
    /// As a row or a sentence has it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Now => "",
            Self::Then(_) => "former writer",
            Self::Nobody(VaultError::NotWriter { .. }) => "unvouched",
            Self::Nobody(_) => "BAD",
        }
    }
}

/// What may be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Demand {
    /// What a writer, of now or of then, has signed.
    Writer,
    /// Whatever opens: somebody wants to see what was planted.
    Nobody,
}

/// An opened value of the past.
#[derive(Debug)]
pub struct OldValue {
    /// The value, and what was known about it.
    pub opened: Opened,
    /// The number of its record.
    pub(super) seq: u64,
    /// Whose signature it carries.
    pub signer: String,
    /// Whether that counts.
    pub vouched: Vouched,
}

/// An opened sealed file of the past.
pub struct OldFile {
    /// The file, verified.
    pub opened: OpenedFile,
    /// Its own id, and the number of its record.
    pub(super) record: ([u8; 16], u64),
    /// Whose signature it carries.
    pub signer: String,
    /// Whether that counts.
    pub vouched: Vouched,
}

/// A vault's files as they were, or as they lie there.
pub struct Past<'a> {
    vault: &'a Vault,
    source: Source,
    then: OnceCell<Option<Vault>>,
    /// The document that was asked for last.
    last: RefCell<Option<Rc<OldDocument>>>,
    /// Uses that were logged ahead.
    logged: RefCell<BTreeSet<String>>,
}

enum Source {
    Tree,
    Commit {
        git: Git,
        commit: Commit,
        objects: RefCell<Objects>,
    },
}

impl<'a> Past<'a> {
    /// The vault at a commit.
    ///
    /// # Errors
    /// NOTFOUND if there is no git or no such commit.
    pub fn at(vault: &'a Vault, rev: &str) -> Result<Self, Error> {
        let git = Git::at(vault.world(), vault.tree().path());
        let commit = git.commit(rev)?;
        Self::of(vault, git, commit)
    }

    /// The same for a commit that was found before.
    ///
    /// # Errors
    /// NOTFOUND if there is no git.
    pub fn of(vault: &'a Vault, git: Git, commit: Commit) -> Result<Self, Error> {
        let objects = RefCell::new(git.objects()?);
        Ok(Self {
            vault,
            source: Source::Commit {
                git,
                commit,
                objects,
            },
            then: OnceCell::new(),
            last: RefCell::default(),
            logged: RefCell::default(),
        })
    }

    /// The vault as it lies in the working tree, whatever a pin says.
    #[must_use]
    pub fn here(vault: &'a Vault) -> Self {
        Self {
            vault,
            source: Source::Tree,
            then: OnceCell::from(None),
            last: RefCell::default(),
            logged: RefCell::default(),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.source {
            Source::Tree => "the working tree".to_owned(),
            Source::Commit { commit, .. } => format!("commit {}", commit.short()),
        }
    }

    /// A file of the vault.
    ///
    /// # Errors
    /// [`crate::fs::FsError`]; what git says.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match &self.source {
            Source::Tree => Ok(self.vault.tree().read(path, MAX_FILE)?),
            Source::Commit {
                commit, objects, ..
            } => {
                let found = objects.borrow_mut().bytes(&commit.spec(path), MAX_FILE)?;
                if found.is_none() {
                    self.demand_fetched(path)?;
                }
                Ok(found)
            }
        }
    }

    /// A partial clone may know of a file and not have it: that is not one that is not there.
    fn demand_fetched(&self, path: &str) -> Result<(), Error> {
        let Source::Commit { git, commit, .. } = &self.source else {
            return Ok(());
        };
        if !git.files(commit, path)?.contains_key(path) {
            return Ok(());
        }
        Err(not_fetched(commit, path))
    }

    /// Who signed a secret, and whether that counts.
    ///
    /// # Errors
    /// [`VaultError`] if it is not there or does not read.
    pub fn vouches(&self, secret: &SecretName) -> Result<(String, Vouched), Error> {
        let missing = || self.vault.missing(secret);
        match secret {
            SecretName::Value(path, name) => {
                let old = self.document(path)?.ok_or_else(missing)?;
                let document = old.about(name).ok_or_else(missing)?;
                let record = document.record(name)?.ok_or_else(missing)?;
                let vouched = self.vouches_record(&document, &record);
                Ok((clean_line(&record.signed.party), vouched))
            }
            SecretName::File(path) => {
                let bytes = self.read(&path.to_sidecar())?.ok_or_else(missing)?;
                let sidecar = Sidecar::parse(&bytes, path)?;
                let vouched = self.vouches_sidecar(&sidecar);
                Ok((clean_line(&sidecar.signed.party), vouched))
            }
        }
    }

    /// All documents and sealed files, with what tells whether two of them are the same.
    ///
    /// # Errors
    /// [`crate::fs::FsError`]; what git says.
    pub fn list(&self, below: Option<&str>) -> Result<BTreeMap<Listed, Option<String>>, Error> {
        match &self.source {
            Source::Tree => {
                let listed = self.vault.list(below)?;
                Ok(listed.into_iter().map(|item| (item, None)).collect())
            }
            Source::Commit { git, commit, .. } => {
                let files = git.files(commit, "secrets")?;
                let listed = files.into_iter().filter_map(|(file, id)| {
                    let path = file.strip_prefix("secrets/")?;
                    let item = match path.strip_suffix(".age.toml") {
                        Some(path) => Listed::File(path.parse().ok()?),
                        None => Listed::Document(path.strip_suffix(".toml")?.parse().ok()?),
                    };
                    let is_below = below.is_none_or(|below| {
                        let rest = item.path().strip_prefix(below);
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    });
                    is_below.then_some((item, Some(id)))
                });
                Ok(listed.collect())
            }
        }
    }

    /// The secret that a path stood for.
    ///
    /// # Errors
    /// As [`Vault::find_secret`].
    pub fn find_secret(&self, path: &SecretPath) -> Result<SecretName, Error> {
        match self.find(path)? {
            Found::Value(document, name) => Ok(SecretName::Value(document, name)),
            Found::File(file) => Ok(SecretName::File(file)),
            Found::Document(document) if self.read(&document.to_file())?.is_some() => {
                Err(VaultError::IsDocument(document.to_string()).into())
            }
            Found::Document(_) | Found::Folder(_) => Err(self.vault.missing(path).into()),
        }
    }

    /// What a path stood for.
    ///
    /// # Errors
    /// As [`Vault::find`].
    pub fn find(&self, path: &SecretPath) -> Result<Found, Error> {
        if matches!(self.source, Source::Commit { .. }) {
            let text = path.as_str();
            if self.read(&format!("secrets/{text}.age.toml"))?.is_some() {
                return Ok(Found::File(text.parse()?));
            }
            if let [scope, document, name] = path.segments().as_slice()
                && let Ok(document) = format!("{scope}/{document}").parse::<DocumentPath>()
                && self.read(&document.to_file())?.is_some()
            {
                return Ok(Found::Value(document, name.parse()?));
            }
        }
        self.vault.find(path)
    }

    /// Who stands behind a document's own record.
    #[must_use]
    pub fn vouches_head(&self, document: &Document<'_>) -> Vouched {
        let path = document.place.path.as_str();
        self.vouched(|vault| {
            let rights = vault.rights(path)?;
            vault.judge_head(document, &rights, None).map(drop)
        })
    }

    /// Who stands behind a value.
    #[must_use]
    pub fn vouches_record(&self, document: &Document<'_>, record: &Record) -> Vouched {
        let path = document.place.path.as_str();
        self.vouched(|vault| {
            let rights = vault.rights(path)?;
            vault
                .judge_record(document, record, &rights, None)
                .map(drop)
        })
    }

    /// Who stands behind a sealed file.
    #[must_use]
    pub fn vouches_sidecar(&self, sidecar: &Sidecar) -> Vouched {
        let path = sidecar.path.as_str();
        self.vouched(|vault| {
            let rights = vault.rights(path)?;
            vault.judge_sidecar(sidecar, &rights, None).map(drop)
        })
    }

    fn vouched(&self, judge: impl Fn(&Vault) -> Result<(), VaultError>) -> Vouched {
        let now = match judge(self.vault) {
            Ok(()) => return Vouched::Now,
            Err(error) => error,
        };
        match self.then() {
            Some(then) if judge(then).is_ok() => Vouched::Then(then.trust().accepted.number()),
            _ => Vouched::Nobody(now),
        }
    }

    /// The vault under the rules of that commit, if this machine knows the version that signed them.
    fn then(&self) -> Option<&Vault> {
        self.then
            .get_or_init(|| self.rules_then().ok().flatten())
            .as_ref()
    }

    fn rules_then(&self) -> Result<Option<Vault>, Error> {
        let Source::Commit { git, commit, .. } = &self.source else {
            return Ok(None);
        };
        let versions = git.files(commit, "recipients/trust")?;
        let number = |file: &String| {
            let name = file.strip_prefix("recipients/trust/")?;
            name.strip_suffix(".toml")?.parse::<u64>().ok()
        };
        let Some(newest) = versions.keys().filter_map(number).max() else {
            return Ok(None);
        };
        let Some(bytes) = self.read(&version_file(newest))? else {
            return Ok(None);
        };
        // Stepped through, or brought in from another branch by one that was.
        let hash = Version::body_hash(&bytes);
        let chain = self.vault.trust().pins.chain()?;
        if !chain
            .iter()
            .any(|step| step.hash == hash || step.joined.contains(&hash))
        {
            return Ok(None);
        }
        let mut files = BTreeMap::new();
        for (path, hash) in Version::parse(&bytes)?.files {
            let is_rule = path == SETTINGS_FILE || path.starts_with("recipients/");
            match self.read(&path)? {
                Some(bytes) if is_rule && sha256(&bytes) == hash => files.insert(path, bytes),
                _ => return Ok(None),
            };
        }
        self.vault.under(files, newest).map(Some)
    }
}

/// Lets through what is vouched for, and the rest only if that was asked for.
fn demanded(vouched: Vouched, demand: Demand) -> Result<Vouched, VaultError> {
    match (vouched, demand) {
        (Vouched::Nobody(error), Demand::Writer) => Err(error),
        (vouched, _) => Ok(vouched),
    }
}
