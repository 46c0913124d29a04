//! A folder that a change makes: under a temporary name beside its place, until it is committed.
//!
//! A file in a folder that nobody sees yet needs no temporary name of its own: it has its final one when it
//! is written, and the folder gets its own in one step, however many files lie in it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::below::{Sync, joined, make_folders, remove_all, remove_empty_folders, rename, split};
use super::temporary::random_name;
use super::{FsError, Tree};
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
    pub(super) fn make(tree: &Tree, target: &str, world: &World) -> Result<Self, FsError> {
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
