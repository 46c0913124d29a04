//! A folder of a tree that is held open, for whoever writes many files into it.

use std::collections::HashSet;
use std::os::fd::OwnedFd;

use super::commit::{make_folders, remove_empty_folders};
use super::{FsError, Tree};

/// A folder below a tree, and the names that lay in it when it was opened.
///
/// A file that is sealed asks for six names around its own, each a way through the whole path; here it is one look
/// at the folder for all of its files. Whoever asks holds the vault's lock, and the commit looks once more. If
/// nothing was written into it, it goes again when this is dropped.
#[derive(Debug)]
pub struct OpenFolder {
    pub(super) tree: Tree,
    pub(super) path: String,
    pub(super) dir: OwnedFd,
    names: HashSet<String>,
}

impl OpenFolder {
    /// Opens a folder, making what is missing on the way.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn make(tree: &Tree, path: &str) -> Result<Self, FsError> {
        let dir = make_folders(tree, path)?;
        let mut folder = Self {
            tree: tree.clone(),
            path: path.to_owned(),
            dir,
            names: HashSet::new(),
        };
        let entries = tree.entries(path)?.into_iter();
        folder.names = entries.map(|entry| entry.name).collect();
        Ok(folder)
    }

    /// Whether anything had this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

impl Drop for OpenFolder {
    fn drop(&mut self) {
        remove_empty_folders(&self.tree, &self.path);
    }
}
