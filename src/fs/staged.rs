//! A file that is written beside its place and does not count yet.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::below::{Sync, joined, make_folders, remove, remove_empty_folders, rename, split};
use super::new_folder::NewFolder;
use super::targets::hash_file;
use super::temporary::random_name;
use super::{FsError, OpenFolder, Tree};
use crate::crypto::sha256;
use crate::world::World;

/// The mode of a file that replaces none.
const NEW: Mode = Mode::from_raw_mode(0o644);

/// A file that is written and synced but does not count yet. It is removed when dropped.
///
/// Once it is finished it holds no descriptor: a change of thousands of files would run out of them.
#[derive(Debug)]
pub struct Staged {
    tree: Tree,
    target: String,
    /// The path relative to the vault.
    pub(super) path: String,
    /// The mode that it gets.
    mode: Mode,
    file: Option<File>,
    hash: Option<[u8; 32]>,
    /// The new folder that it lies in, which takes it along.
    pub(super) folder: Option<Arc<NewFolder>>,
    armed: bool,
}

impl Staged {
    /// Makes an empty file beside the target `path` to write ciphertext into.
    ///
    /// # Errors
    /// [`FsError`], also if a folder on the way is a link.
    pub fn new(tree: &Tree, path: &str, world: &World) -> Result<Self, FsError> {
        let (folder, name) = split(path);
        let dir = make_folders(tree, folder, Sync::Disk)?;
        Self::at(tree, (&dir, folder), name, world)
    }

    /// As [`Self::new`], in a folder that is held open; `name` is that of the target.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn within(folder: &OpenFolder, name: &str, world: &World) -> Result<Self, FsError> {
        let place = (&folder.dir, folder.path.as_str());
        if let Some((new, now)) = &folder.new {
            return Self::inside(&folder.tree, new, (&folder.dir, now), place.1, name);
        }
        if folder.has(name) {
            return Self::at(&folder.tree, place, name, world);
        }
        Self::beside(&folder.tree, place, name, NEW, world)
    }

    /// Makes an empty file in the folder `now` of a new one, under its own name.
    pub(super) fn inside(
        tree: &Tree,
        new: &Arc<NewFolder>,
        (dir, now): (&OwnedFd, &str),
        folder: &str,
        name: &str,
    ) -> Result<Self, FsError> {
        let target = joined(folder, name);
        let mut staged = Self::create(tree, (dir, now), name, target, NEW)?;
        staged.armed = false;
        staged.folder = Some(Arc::clone(new));
        Ok(staged)
    }

    fn at(
        tree: &Tree,
        (dir, folder): (&OwnedFd, &str),
        name: &str,
        world: &World,
    ) -> Result<Self, FsError> {
        // Keep the mode of what is replaced: a 0600 file renamed over it would make a shared
        // checkout unreadable.
        let mode = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(old) => Mode::from_raw_mode(old.st_mode & 0o777),
            Err(Errno::NOENT) => NEW,
            Err(errno) => return Err(tree.explain("read", &joined(folder, name), errno)),
        };
        Self::beside(tree, (dir, folder), name, mode, world)
    }

    fn beside(
        tree: &Tree,
        (dir, folder): (&OwnedFd, &str),
        name: &str,
        mode: Mode,
        world: &World,
    ) -> Result<Self, FsError> {
        let target = joined(folder, name);
        let name = random_name(tree, folder, world)?;
        Self::create(tree, (dir, folder), &name, target, mode)
    }

    fn create(
        tree: &Tree,
        (dir, folder): (&OwnedFd, &str),
        name: &str,
        target: String,
        mode: Mode,
    ) -> Result<Self, FsError> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = joined(folder, name);
        let file = rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o600))
            .map_err(|errno| tree.explain("write", &path, errno))?;
        Ok(Self {
            tree: tree.clone(),
            target,
            path,
            mode,
            file: Some(File::from(file)),
            hash: None,
            folder: None,
            armed: true,
        })
    }

    /// The file, for writing, and for reading back what was written; opened again if it was finished.
    ///
    /// # Errors
    /// [`FsError`] if it cannot be opened again.
    pub fn file(&mut self) -> Result<&mut File, FsError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let gone = || std::io::Error::from(std::io::ErrorKind::NotFound);
                let file = self.tree.file(&self.path)?;
                file.ok_or_else(|| FsError::io("read", &self.tree.join(&self.path))(gone()))?
            }
        };
        Ok(self.file.insert(file))
    }

    /// Writes all of its content, and finishes it.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn write(&mut self, content: &[u8]) -> Result<(), FsError> {
        self.put(content)?;
        self.hash = Some(sha256(content));
        Ok(())
    }

    /// As [`Self::write`], where nobody asks for its hash.
    pub(super) fn put(&mut self, content: &[u8]) -> Result<(), FsError> {
        let path = self.tree.join(&self.target);
        let written = self.file()?.write_all(content);
        written.map_err(FsError::io("write", &path))?;
        self.close()
    }

    /// Gives it the mode of its target and closes it. Gives the SHA-256 of its content.
    ///
    /// The commit waits for the disk, for all files at once.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn finish(&mut self) -> Result<[u8; 32], FsError> {
        if let Some(hash) = self.hash {
            self.file = None;
            return Ok(hash);
        }
        let path = self.tree.join(&self.target);
        let hash = hash_file(self.file()?).map_err(FsError::io("read", &path))?;
        self.finish_with(hash)?;
        Ok(hash)
    }

    /// As [`Self::finish`], where the hash of what was written is known.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn finish_with(&mut self, hash: [u8; 32]) -> Result<(), FsError> {
        self.close()?;
        self.hash = Some(hash);
        Ok(())
    }

    /// Gives it the mode of its target and closes it.
    fn close(&mut self) -> Result<(), FsError> {
        let (tree, target, mode) = (self.tree.clone(), self.target.clone(), self.mode);
        let file = self.file()?;
        rustix::fs::fchmod(&*file, mode).map_err(|errno| tree.explain("write", &target, errno))?;
        self.file = None;
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), FsError> {
        let path = self.tree.join(&self.target);
        self.file()?
            .sync_all()
            .map_err(FsError::io("sync", &path))?;
        self.file = None;
        Ok(())
    }

    pub(super) fn rename(mut self) -> Result<(), FsError> {
        rename(&self.tree, &self.path, &self.target)?;
        self.armed = false;
        Ok(())
    }

    /// Leaves the file to the journal.
    pub(super) fn hand_over(mut self) {
        self.armed = false;
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.armed {
            // What cannot be removed is cleared by the next writer.
            remove(&self.tree, &self.path).unwrap_or_default();
            remove_empty_folders(&self.tree, split(&self.target).0);
        }
    }
}
