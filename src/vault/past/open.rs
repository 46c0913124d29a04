//! Opening what is not the newest.

use std::fs::File;
use std::io::{Seek as _, Write as _};

use crate::crypto::{DataKey, stream};
use crate::error::Error;
use crate::fs::{FsError, Sync};
use crate::git::broken;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, ValueName};
use crate::text::clean_line;

use super::{Demand, OldFile, OldValue, Past, Source, Vouched, demanded};
use crate::vault::VaultError;
use crate::vault::document::Document;
use crate::vault::opener::Opener;
use crate::vault::read::open_record;
use crate::vault::record::State;
use crate::vault::sidecar::Sidecar;
use crate::vault::unseal::{OpenedFile, explain, hash_of, with_each};

impl Past<'_> {
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
        let missing = || self.vault.missing(&full);
        self.vault.demand_pin()?;
        let old = self.document(path)?.ok_or_else(missing)?;
        self.demand_head(&old, demand)?;
        let document = old.about(name).ok_or_else(missing)?;
        let record = document.record(name)?.ok_or_else(missing)?;
        let vouched = demanded(self.vouches_record(&document, &record), demand)?;
        if record.state == State::Removed {
            return Err(VaultError::removed(full, &record.signed, &record.policy).into());
        }
        self.record_use(what, full)?;
        let data_key = self.key_to(&old, openers)?;
        let (signer, seq) = (clean_line(&record.signed.party), record.seq);
        Ok(OldValue {
            seq,
            opened: open_record(&document, record, data_key)?,
            signer,
            vouched,
        })
    }

    /// The commitment to the key that a value was sealed under; none if it is not there.
    pub(in crate::vault) fn key_of(
        &self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<Option<[u8; 32]>, Error> {
        let old = self.document(path)?;
        let Some(document) = old.as_ref().and_then(|old| old.about(name)) else {
            return Ok(None);
        };
        let record = document.record(name)?;
        Ok(record.map(|record| *document.key_id_of(&record)))
    }

    /// To whom a file was sealed, as its sidecar said.
    pub(in crate::vault) fn readers_of(&self, path: &FilePath) -> Result<Vec<String>, Error> {
        let bytes = self.read(&path.to_sidecar())?.unwrap_or_default();
        Ok(Sidecar::parse(&bytes, path)?.readers)
    }

    /// The key of an older document: by its own wraps, or kept in the newest under the present key, for
    /// who was no reader then, or with another key.
    pub(super) fn data_key(
        &self,
        document: &Document<'_>,
        openers: &[&dyn Opener],
    ) -> Result<DataKey, Error> {
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
        if !matches!(
            refused.downcast_ref(),
            Some(VaultError::NoKey { .. } | VaultError::NoIdentity { .. })
        ) {
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
        newest.key_of(&document.head.key_id, &key)?.ok_or(refused)
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
        let missing = || self.vault.missing(path);
        let other = |is_there| VaultError::OtherFile {
            name: path.to_string(),
            is_there,
        };
        self.vault.demand_pin()?;
        let bytes = self.read(&path.to_sidecar())?.ok_or_else(missing)?;
        let sidecar = Sidecar::parse(&bytes, path)?;
        let vouched = demanded(self.vouches_sidecar(&sidecar), demand)?;
        let content = sidecar.content.ok_or_else(|| {
            VaultError::removed(path.to_string(), &sidecar.signed, &sidecar.policy)
        })?;
        let mut file = self.age_file(path)?.ok_or_else(|| other(false))?;
        if hash_of(&mut file, path)? != content.sha256 {
            return Err(other(true).into());
        }
        self.vault.demand_place(path, &mut file)?;
        self.record_use(what, path.to_string())?;
        let (passed, reader) = with_each(openers, path.as_str(), |identity| {
            stream::verified_reader(file.try_clone()?, std::iter::once(identity))
        })?
        .map_err(|error| explain(openers, path, &sidecar, error))?;
        if passed.size != content.size {
            return Err(other(true).into());
        }
        Ok(OldFile {
            signer: clean_line(&sidecar.signed.party),
            vouched,
            record: (sidecar.id, sidecar.seq),
            opened: OpenedFile::of(sidecar, content, reader),
        })
    }

    /// Logs the use of many secrets in one line; each counts for the one opening that follows.
    ///
    /// # Errors
    /// [`crate::audit::AuditError`]: nothing may then be opened.
    pub fn log_ahead(&self, what: &str, names: Vec<String>) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        self.add_lines(what, &names)?;
        self.logged.borrow_mut().extend(names);
        Ok(())
    }

    fn record_use(&self, what: &str, name: String) -> Result<(), Error> {
        if self.logged.borrow_mut().remove(&name) {
            return Ok(());
        }
        self.add_lines(what, &[name])
    }

    /// The log says at which commit.
    fn add_lines(&self, what: &str, names: &[String]) -> Result<(), Error> {
        let what = match &self.source {
            Source::Tree => what.to_owned(),
            Source::Commit { commit, .. } => format!("{what} --at {}", commit.short()),
        };
        self.vault.record_use(&what, names, Sync::Lazy)
    }
}
