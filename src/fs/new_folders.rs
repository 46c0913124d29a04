//! The folders that a change makes, and the files that are written into them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::below::{Sync, joined, make_folders, split};
use super::new_folder::NewFolder;
use super::{Edit, FsError, New, OpenFolder, Staged, Tree};
use crate::world::World;

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
