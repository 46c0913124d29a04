//! Looking at what is not the newest: a commit of git by its name, or the working tree as it lies there.
//!
//! Nothing here moves a pin, and nothing is compared with one. What is shown says who signed it, and
//! whether that party may write there now, could by the rules of that commit, or neither. The rules of
//! a commit count if this machine has stepped through the trust version that signed them.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};

use crate::crypto::{DataKey, sha256, stream};
use crate::error::Error;
use crate::fs::{FsError, Sync};
use crate::git::{Commit, Git, Objects, broken};
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, SecretName, SecretPath, ValueName};
use crate::text::clean;
use crate::trust::{SETTINGS_FILE, Version, version_file};

use super::document::Document;
use super::listing::Listed;
use super::open::Vault;
use super::policy::PolicyKey;
use super::read::{Opened, Opener, open_record};
use super::record::{Record, State};
use super::sidecar::{Content, Sidecar};
use super::transfer::Origin;
use super::unseal::{OpenedFile, hash_of, with_each};
use super::{Found, Notice, VaultError};

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

    /// What somebody should know who takes it over.
    pub(super) fn notice(&self, name: &str, signer: &str) -> Vec<Notice> {
        match self {
            Self::Then(version) => vec![format!(
                "`{name}` was signed by {signer}, who could write it by trust version {version} and may not now"
            )],
            Self::Now | Self::Nobody(_) => Vec::new(),
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
    /// Whose signature it carries.
    pub signer: String,
    /// Whether that counts.
    pub vouched: Vouched,
}

/// An opened sealed file of the past.
pub struct OldFile {
    /// The file, verified.
    pub opened: OpenedFile,
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
        })
    }

    /// The vault as it lies in the working tree, whatever a pin says.
    #[must_use]
    pub fn here(vault: &'a Vault) -> Self {
        Self {
            vault,
            source: Source::Tree,
            then: OnceCell::from(None),
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
    /// [`FsError`]; what git says.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match &self.source {
            Source::Tree => Ok(self.vault.tree().read(path, MAX_FILE)?),
            Source::Commit {
                commit, objects, ..
            } => objects.borrow_mut().bytes(&commit.spec(path), MAX_FILE),
        }
    }

    /// An age file, to be read from its beginning.
    fn age_file(&self, path: &FilePath) -> Result<Option<File>, Error> {
        let (commit, objects) = match &self.source {
            Source::Tree => return Ok(self.vault.tree().file(&path.to_file())?),
            Source::Commit {
                commit, objects, ..
            } => (commit, objects),
        };
        // Ciphertext, gone over twice: it needs a place to go back in.
        let name = std::path::Path::new(path.as_str());
        let memory = rustix::fs::memfd_create("clws", rustix::fs::MemfdFlags::CLOEXEC);
        let mut file: File = memory
            .map_err(|error| FsError::io("make memory for", name)(error.into()))?
            .into();
        let spec = commit.spec(&path.to_file());
        let copied = objects.borrow_mut().blob(&spec, |object| {
            std::io::copy(object, &mut file).map_err(|error| broken(&error.to_string()))
        })?;
        file.flush()
            .and_then(|()| file.rewind())
            .map_err(FsError::io("keep", name))?;
        Ok(copied.map(|_| file))
    }

    /// All documents and sealed files, with what tells whether two of them are the same.
    ///
    /// # Errors
    /// [`FsError`]; what git says.
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
            Found::Document(document) => Err(VaultError::IsDocument(document.to_string()).into()),
            Found::Folder(name) => Err(VaultError::NotFound {
                name,
                nearest: None,
            }
            .into()),
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
        let chain = self.vault.trust().pins.chain()?;
        let known = usize::try_from(newest)
            .ok()
            .and_then(|number| chain.get(number.checked_sub(1)?));
        if known != Some(&Version::body_hash(&bytes)) {
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

    /// Opens one value as it was.
    ///
    /// # Errors
    /// [`VaultError`]: as for opening the newest, but for what the pin says.
    pub fn value(
        &self,
        path: &DocumentPath,
        name: &ValueName,
        openers: &[&dyn Opener],
        (what, demand): (&str, Demand),
    ) -> Result<OldValue, Error> {
        let full = format!("{path}/{name}");
        let missing = || VaultError::NotFound {
            name: full.clone(),
            nearest: None,
        };
        self.vault.demand_pin(false)?;
        let bytes = self.read(&path.to_file())?.ok_or_else(missing)?;
        let document = Document::parse(&bytes, path, self.vault.id())?;
        demanded(self.vouches_head(&document), demand)?;
        let record = document.record(name)?.ok_or_else(missing)?;
        let vouched = demanded(self.vouches_record(&document, &record), demand)?;
        if record.state == State::Removed {
            return Err(VaultError::Removed {
                name: full,
                by: record.signed.party,
                moved_to: record.policy.value(PolicyKey::MovedTo).map(str::to_owned),
            }
            .into());
        }
        self.record_use(what, full)?;
        let data_key = self.data_key(&document, openers)?;
        let signer = clean(&record.signed.party);
        Ok(OldValue {
            opened: open_record(&document, record, &data_key)?,
            signer,
            vouched,
        })
    }

    /// The commitment to the key that a value was sealed under; none if it is not there.
    pub(super) fn key_of(
        &self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<Option<[u8; 32]>, Error> {
        let Some(bytes) = self.read(&path.to_file())? else {
            return Ok(None);
        };
        let document = Document::parse(&bytes, path, self.vault.id())?;
        let record = document.record(name)?;
        Ok(record.map(|record| *document.key_id_of(&record)))
    }

    /// To whom a file was sealed, as its sidecar said.
    pub(super) fn readers_of(&self, path: &FilePath) -> Result<Vec<String>, Error> {
        let bytes = self.read(&path.to_sidecar())?.unwrap_or_default();
        Ok(Sidecar::parse(&bytes, path)?.readers)
    }

    /// The key of an older document: by its own wraps, or kept in the newest under the present key, for
    /// who was no reader then, or with another key.
    fn data_key(&self, document: &Document<'_>, openers: &[&dyn Opener]) -> Result<DataKey, Error> {
        if openers.is_empty() {
            return Err(VaultError::NoIdentity {
                name: document.place.path.to_string(),
            }
            .into());
        }
        let refused = match document.data_key(openers) {
            Ok(key) => return Ok(key),
            Err(error) => error,
        };
        if !matches!(refused.downcast_ref(), Some(VaultError::NoKey { .. })) {
            return Err(refused);
        }
        let path = &document.place.path;
        let Some(bytes) = self.vault.tree().read(&path.to_file(), MAX_FILE)? else {
            return Err(refused);
        };
        let newest = Document::parse(&bytes, path, self.vault.id())?;
        let counts = newest.head.id == document.head.id
            && matches!(Self::here(self.vault).vouches_head(&newest), Vouched::Now);
        if !counts {
            return Err(refused);
        }
        let Ok(key) = newest.data_key(openers) else {
            return Err(refused);
        };
        Ok(newest.key_of(&document.head.key_id, &key)?.ok_or(refused)?)
    }

    /// Opens one sealed file as it was: all of it is verified before this returns.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn file(
        &self,
        path: &FilePath,
        openers: &[&dyn Opener],
        (what, demand): (&str, Demand),
    ) -> Result<OldFile, Error> {
        let missing = || VaultError::NotFound {
            name: path.to_string(),
            nearest: None,
        };
        let other = || VaultError::OtherFile {
            name: path.to_string(),
        };
        self.vault.demand_pin(false)?;
        let bytes = self.read(&path.to_sidecar())?.ok_or_else(missing)?;
        let sidecar = Sidecar::parse(&bytes, path)?;
        let vouched = demanded(self.vouches_sidecar(&sidecar), demand)?;
        let content: Content = sidecar.content.ok_or_else(|| VaultError::Removed {
            name: path.to_string(),
            by: sidecar.signed.party.clone(),
            moved_to: sidecar.policy.value(PolicyKey::MovedTo).map(str::to_owned),
        })?;
        let mut file = self.age_file(path)?.ok_or_else(other)?;
        if hash_of(&mut file, path)? != content.sha256 {
            return Err(other().into());
        }
        self.record_use(what, path.to_string())?;
        let (passed, reader) = with_each(openers, |identities| {
            let file = file.try_clone()?;
            stream::verified_reader(file, identities.iter().map(|identity| &**identity))
        })?
        .map_err(|error| super::unseal::explain(openers, path, &sidecar, error))?;
        if passed.size != content.size {
            return Err(other().into());
        }
        Ok(OldFile {
            signer: clean(&sidecar.signed.party),
            vouched,
            opened: OpenedFile {
                content,
                rev: sidecar.rev,
                origin: Origin {
                    author: sidecar.author,
                    changed: sidecar.changed,
                },
                policy: sidecar.policy,
                reader,
            },
        })
    }

    /// The log says at which commit.
    fn record_use(&self, what: &str, name: String) -> Result<(), Error> {
        let what = match &self.source {
            Source::Tree => what.to_owned(),
            Source::Commit { commit, .. } => format!("{what} --at {}", commit.short()),
        };
        self.vault.record_use(&what, &[name], Sync::Lazy)
    }
}

/// Lets through what is vouched for, and the rest only if that was asked for.
fn demanded(vouched: Vouched, demand: Demand) -> Result<Vouched, VaultError> {
    match (vouched, demand) {
        (Vouched::Nobody(error), Demand::Writer) => Err(error),
        (vouched, _) => Ok(vouched),
    }
}
