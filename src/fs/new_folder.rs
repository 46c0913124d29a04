//! Folders that a change makes: under a temporary name beside their place, until it is committed.
//!
//! A file in a folder that nobody sees yet needs no temporary name of its own: it has its final one when it
//! is written, and the folder gets its own in one step, however many files lie in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::below::{joined, make_folders, remove_all, remove_empty_folders, rename, split};
use super::private::Sync;
use super::staged::random_name;
use super::{Edit, FsError, New, OpenFolder, Staged, Tree};
use crate::world::World;

/// A folder that does not count yet, with all that is below it. It is removed when dropped.
#[derive(Debug)]
pub(super) struct NewFolder {
    tree: Tree,
    /// Where it is to be.
    pub(super) target: String,
    /// Where it is.
    pub(super) path: String,
    armed: AtomicBool,
}

impl NewFolder {
    /// Makes an empty one beside its place.
    fn make(tree: &Tree, target: &str, world: &World) -> Result<Self, FsError> {
        let parent = split(target).0;
        make_folders(tree, parent, Sync::Disk)?;
        let new = Self {
            tree: tree.clone(),
            target: target.to_owned(),
            path: joined(parent, &random_name(tree, parent, world)?),
            armed: AtomicBool::new(true),
        };
        make_folders(tree, &new.path, Sync::Lazy)?;
        Ok(new)
    }

    /// Gives it its name.
    pub(super) fn rename(&self) -> Result<(), FsError> {
        rename(&self.tree, &self.path, &self.target)?;
        self.hand_over();
        Ok(())
    }

    /// Leaves it to the journal.
    pub(super) fn hand_over(&self) {
        self.armed.store(false, Ordering::Relaxed);
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if self.armed.load(Ordering::Relaxed) {
            // What cannot be removed is cleared by the next writer.
            remove_all(&self.tree, &self.path).unwrap_or_default();
            remove_empty_folders(&self.tree, split(&self.target).0);
        }
    }
}

/// The folders of one change that were not there before it, by where they are to be. None lies in another one.
#[derive(Debug, Default)]
pub struct NewFolders(BTreeMap<String, Arc<NewFolder>>);

impl NewFolders {
    /// Those that files of these edits lie in.
    pub(super) fn of(edits: &[Edit]) -> Self {
        let folders = edits.iter().filter_map(|edit| match &edit.new {
            New::Staged(staged) => staged.folder.as_ref(),
            _ => None,
        });
        let by_target = folders.map(|new| (new.target.clone(), Arc::clone(new)));
        Self(by_target.collect())
    }

    pub(super) fn each(&self) -> impl Iterator<Item = &NewFolder> {
        self.0.values().map(|new| &**new)
    }

    /// The one that a path is or lies in, and where that path lies now.
    fn around(&self, path: &str) -> Option<(&Arc<NewFolder>, String)> {
        let mut at = path;
        loop {
            if let Some(new) = self.0.get(at) {
                let below = path.strip_prefix(at).unwrap_or_default();
                return Some((new, format!("{}{below}", new.path)));
            }
            at = at.rsplit_once('/')?.0;
        }
    }

    /// Opens the folder `below` a folder `base`, to write files into it. What is missing of `base` is made at once,
    /// what is missing below it as a new folder of this change.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn open(
        &mut self,
        tree: &Tree,
        (base, below): (&str, &str),
        world: &World,
    ) -> Result<OpenFolder, FsError> {
        let path = joined(base, below);
        if self.around(&path).is_none()
            && let Some(target) = first_missing(tree, base, below)?
        {
            let new = NewFolder::make(tree, &target, world)?;
            self.0.insert(target, Arc::new(new));
        }
        let Some((new, now)) = self.around(&path) else {
            let dir = make_folders(tree, &path, Sync::Disk)?;
            return OpenFolder::there(tree, &path, dir);
        };
        let dir = make_folders(tree, &now, Sync::Lazy)?;
        Ok(OpenFolder::new(tree, &path, dir, (new, now)))
    }

    /// As [`Staged::new`], also for a file in one of these folders.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn stage(&self, tree: &Tree, path: &str, world: &World) -> Result<Staged, FsError> {
        let (folder, name) = split(path);
        let Some((new, now)) = self.around(folder) else {
            return Staged::new(tree, path, world);
        };
        let dir = make_folders(tree, &now, Sync::Lazy)?;
        Staged::inside(tree, new, (&dir, &now), folder, name)
    }
}

/// The first folder on the way from `base` to `below` it that is missing.
fn first_missing(tree: &Tree, base: &str, below: &str) -> Result<Option<String>, FsError> {
    let mut path = base.to_owned();
    for name in below.split('/').filter(|name| !name.is_empty()) {
        path = joined(&path, name);
        if !tree.exists(&path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
