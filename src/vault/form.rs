//! Bringing documents and sidecars into the form in which a writer leaves them.
//!
//! A plain merge of two branches may leave tables out of order, or blank lines where none belong.
//! Readers take both; tidying keeps later merges small. It changes no signed byte, and it leaves alone
//! what trust versions and hook signatures hash byte for byte.

use crate::error::Error;
use crate::fs::{Edit, Journal, Lock, New};
use crate::lines::{self, MAX_FILE};
use crate::name::SecretPath;

use super::document::{DOCUMENT_SCHEMA, Document};
use super::listing::Listed;
use super::open::Vault;
use super::pending_file::PendingFile;
use super::sidecar::{SIDECAR_SCHEMA, Sidecar};
use super::{Found, VaultError};

impl Vault {
    /// The files below these paths (all of the vault without any) that are not as a writer leaves
    /// them.
    ///
    /// # Errors
    /// [`VaultError::Line`] for a file that does not read, [`crate::fs::FsError`].
    pub fn untidy(&self, paths: &[SecretPath]) -> Result<Vec<String>, Error> {
        let edits = self.tidying(paths)?;
        Ok(edits.into_iter().map(|edit| edit.path).collect())
    }

    /// Tidies those files, all or none; gives them.
    ///
    /// # Errors
    /// As [`Self::untidy`]; [`crate::fs::FsError::Locked`].
    pub fn tidy(&self, paths: &[SecretPath]) -> Result<Vec<String>, Error> {
        let pins = &self.trust().pins;
        let _lock = Lock::take(&pins.lock_file(), "fmt")?;
        let journal = Journal::at(pins.journal_file());
        journal.begin(self.tree())?;
        let edits = self.tidying(paths)?;
        let files = edits.iter().map(|edit| edit.path.clone()).collect();
        if !edits.is_empty() {
            journal.commit(self.tree(), self.world(), edits)?;
        }
        journal.end();
        Ok(files)
    }

    fn tidying(&self, paths: &[SecretPath]) -> Result<Vec<Edit>, Error> {
        let mut all = Vec::new();
        if paths.is_empty() {
            all = self.list(None)?;
        }
        for path in paths {
            let listed = match self.find(path)? {
                Found::Value(document, _) => self.list(Some(document.as_str()))?,
                _ => self.list(Some(path.as_str()))?,
            };
            if listed.is_empty() {
                return Err(self.missing(path).into());
            }
            all.extend(listed);
        }
        all.sort();
        all.dedup();
        let mut edits = Vec::new();
        for item in &all {
            edits.extend(self.tidying_one(item)?);
        }
        Ok(edits)
    }

    fn tidying_one(&self, item: &Listed) -> Result<Option<Edit>, Error> {
        let (file, schema) = match item {
            Listed::Document(path) => (path.to_file(), &DOCUMENT_SCHEMA),
            Listed::File(path) => (path.to_sidecar(), &SIDECAR_SCHEMA),
        };
        let Some(bytes) = self.tree().read(&file, MAX_FILE)? else {
            return Ok(None);
        };
        let at = |error| VaultError::Line {
            file: file.clone(),
            error,
        };
        let parsed = lines::scan(&bytes, schema).map_err(at)?;
        // Every line must be one of ours before any is moved.
        parsed.all().map_err(at)?;
        let tidy = lines::tidy(&parsed);
        if tidy.as_bytes() == bytes {
            return Ok(None);
        }
        if !self.says_the_same(item, &bytes, tidy.as_bytes())? {
            return Err(VaultError::NotVerified(item.path().to_owned()).into());
        }
        Ok(Some(Edit::of(
            file,
            Some(&bytes),
            New::Bytes(tidy.into_bytes()),
        )))
    }

    /// Whether two texts hold the same records, wraps and signatures.
    fn says_the_same(&self, item: &Listed, a: &[u8], b: &[u8]) -> Result<bool, VaultError> {
        match item {
            Listed::File(path) => {
                let whole = |bytes: &[u8]| {
                    let sidecar = Sidecar::parse(bytes, path)?;
                    let pending = PendingFile::of(bytes, &sidecar)?;
                    Ok::<_, VaultError>((sidecar, pending))
                };
                Ok(whole(a)? == whole(b)?)
            }
            Listed::Document(path) => {
                let (a, b) = (
                    Document::parse(a, path, self.id())?,
                    Document::parse(b, path, self.id())?,
                );
                let records = |document: &Document<'_>| {
                    let mut records = document.records()?;
                    records.sort_by(|x, y| x.name.cmp(&y.name));
                    Ok::<_, VaultError>(records)
                };
                let wraps = |document: &Document<'_>| {
                    let mut wraps = document.wraps()?;
                    wraps.sort_by(|x, y| x.name.cmp(&y.name));
                    Ok::<_, VaultError>(wraps)
                };
                Ok(a.head == b.head
                    && records(&a)? == records(&b)?
                    && wraps(&a)? == wraps(&b)?
                    && a.lines().headers().len() == b.lines().headers().len())
            }
        }
    }
}
