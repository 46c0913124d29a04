//! Where many sealed files go: each folder is looked at once for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;
use crate::fs::{FsError, NewFolders, OpenFolder, Staged};
use crate::name::FilePath;

use super::VaultError;
use super::file_draft::There;
use super::open::Vault;

/// The folders of a piece of a change.
#[derive(Default)]
pub(super) struct Folders(BTreeMap<String, Arc<OpenFolder>>);

impl Folders {
    /// The one that a file goes to, made if it is missing.
    ///
    /// # Errors
    /// [`VaultError::Clash`] if it has the name of a document, [`FsError`].
    pub(super) fn of(
        &mut self,
        vault: &Vault,
        new: &mut NewFolders,
        path: &FilePath,
    ) -> Result<Arc<OpenFolder>, Error> {
        let (folder, _) = split(path);
        if let Some(known) = self.0.get(folder) {
            return Ok(Arc::clone(known));
        }
        refuse_documents(vault, path, folder)?;
        // Documents lie in the scope itself.
        let (scope, below) = folder.split_once('/').unwrap_or((folder, ""));
        let base = format!("secrets/{scope}");
        let made = Arc::new(new.open(vault.tree(), (&base, below), vault.world())?);
        self.0.insert(folder.to_owned(), Arc::clone(&made));
        Ok(made)
    }
}

/// Where one file goes.
pub(super) struct Target<'f> {
    folder: &'f OpenFolder,
    age: String,
    sidecar: String,
}

impl<'f> Target<'f> {
    /// A place in a folder that [`Folders::of`] gave.
    ///
    /// # Errors
    /// [`VaultError::Clash`] if a document has the file's name.
    pub(super) fn of(path: &FilePath, folder: &'f OpenFolder) -> Result<Self, Error> {
        let (_, name) = split(path);
        if folder.has(&format!("{name}.toml")) {
            return Err(is_document(path, path.as_str()).into());
        }
        Ok(Self {
            folder,
            age: format!("{name}.age"),
            sidecar: format!("{name}.age.toml"),
        })
    }

    /// What lies there now.
    ///
    /// # Errors
    /// As [`There::at`].
    pub(super) fn there(&self, vault: &Vault, path: &FilePath) -> Result<There, Error> {
        if self.folder.has(&self.age) || self.folder.has(&self.sidecar) {
            There::at(vault, path)
        } else {
            Ok(There::default())
        }
    }

    /// A file for the content, beside its place.
    pub(super) fn stage_age(&self, vault: &Vault) -> Result<Staged, FsError> {
        Staged::within(self.folder, &self.age, vault.world())
    }

    /// A file for the sidecar, beside its place.
    pub(super) fn stage_sidecar(&self, vault: &Vault) -> Result<Staged, FsError> {
        Staged::within(self.folder, &self.sidecar, vault.world())
    }
}

fn split(path: &FilePath) -> (&str, &str) {
    path.as_str().rsplit_once('/').unwrap_or_default()
}

/// A document and a folder or file may not share a name. Looks at `name`, which is the path or a folder
/// above it, and at all above that.
pub(super) fn refuse_documents(
    vault: &Vault,
    path: &FilePath,
    mut name: &str,
) -> Result<(), Error> {
    while name.contains('/') {
        if vault.tree().exists(&format!("secrets/{name}.toml"))? {
            return Err(is_document(path, name).into());
        }
        name = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    }
    Ok(())
}

/// What is to be said of a file whose path needs the name of a document.
fn is_document(path: &FilePath, name: &str) -> VaultError {
    VaultError::Clash {
        path: path.to_string(),
        why: format!("`{name}` is a document"),
    }
}
