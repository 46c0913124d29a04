//! A folder of a tree that is held open, for whoever writes many files into it.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::below::remove_empty_folders;
use super::new_folder::NewFolder;
use super::{FsError, Tree};

/// A folder below a tree, and the names that lay in it when it was opened.
///
/// A file that is sealed asks for six names around its own, each a way through the whole path; here it is one look
/// at the folder for all of its files. Whoever asks holds the vault's lock, and the commit looks once more. If
/// nothing was written into it, it goes again when this is dropped.
#[derive(Debug)]
pub struct OpenFolder {
    pub(super) tree: Tree,
    /// Where it lies once the change is committed.
    pub(super) path: String,
    pub(super) dir: OwnedFd,
    /// The new folder that it is or lies in, and where it lies now.
    pub(super) new: Option<(Arc<NewFolder>, String)>,
    names: HashSet<String>,
}

impl OpenFolder {
    /// One that is there.
    pub(super) fn there(tree: &Tree, path: &str, dir: OwnedFd) -> Result<Self, FsError> {
        let mut folder = Self {
            tree: tree.clone(),
            path: path.to_owned(),
            dir,
            new: None,
            names: HashSet::new(),
        };
        let entries = tree.entries(path)?.into_iter();
        folder.names = entries.map(|entry| entry.name).collect();
        Ok(folder)
    }

    /// One that is or lies in a new one: nothing lies there.
    pub(super) fn new(
        tree: &Tree,
        path: &str,
        dir: OwnedFd,
        (new, now): (&Arc<NewFolder>, String),
    ) -> Self {
        Self {
            tree: tree.clone(),
            path: path.to_owned(),
            dir,
            new: Some((Arc::clone(new), now)),
            names: HashSet::new(),
        }
    }

    /// Whether anything had this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

impl Drop for OpenFolder {
    fn drop(&mut self) {
        if self.new.is_none() {
            remove_empty_folders(&self.tree, &self.path);
        }
    }
}
