//! A folder from which no path leads out: the vault as it lies on disk.
//!
//! A repository may hold links to anywhere. Every open goes through `openat2` with `RESOLVE_BENEATH`
//! and `RESOLVE_NO_SYMLINKS`, so that neither a link nor `..` is followed, at any depth, and no
//! check can be raced.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::FsError;

/// An open folder and everything below it. A clone shares the open folder.
#[derive(Clone, Debug)]
pub struct Tree {
    path: Arc<Path>,
    dir: Arc<OwnedFd>,
}

/// A name in a folder.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Entry {
    /// The name, without the folder.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum EntryKind {
    /// An ordinary file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A socket, a pipe, a device, or a name that is not UTF-8.
    Other,
}

impl Tree {
    /// Opens a folder.
    ///
    /// # Errors
    /// [`FsError::Io`] if it is none or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, FsError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir =
            rustix::fs::open(path, flags, Mode::empty()).map_err(FsError::errno("open", path))?;
        Ok(Self {
            path: Arc::from(path),
            dir: Arc::new(dir),
        })
    }

    /// Where the folder lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The full path of something below, for messages and for programs that are given it.
    #[must_use]
    pub fn join(&self, relative: &str) -> PathBuf {
        self.path.join(relative)
    }

    pub(super) fn at(&self, relative: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let relative = if relative.is_empty() { "." } else { relative };
        loop {
            let opened = rustix::fs::openat2(
                &self.dir,
                relative,
                flags | OFlags::CLOEXEC,
                Mode::empty(),
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
            );
            match opened {
                // The kernel asks for another try when the tree moved under it.
                Err(Errno::INTR | Errno::AGAIN) => {}
                other => return other,
            }
        }
    }

    /// Opens a folder.
    pub(super) fn folder(&self, relative: &str) -> Result<OwnedFd, Errno> {
        self.at(relative, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// The file system that a folder lies on, and what is made in it.
    pub(super) fn device(&self, folder: &str) -> Result<u64, FsError> {
        let about = self.at(folder, OFlags::PATH).and_then(rustix::fs::fstat);
        Ok(about.map_err(|e| self.explain("read", folder, e))?.st_dev)
    }

    /// Waits until everything written to its file system is on the disk. Errors of any write since
    /// the tree was opened are reported (Linux 5.8 and later).
    pub(super) fn sync_file_system(&self) -> Result<(), FsError> {
        rustix::fs::syncfs(&*self.dir).map_err(|errno| self.explain("sync", "", errno))
    }

    pub(super) fn explain(&self, doing: &'static str, relative: &str, errno: Errno) -> FsError {
        let path = self.join(relative);
        match errno {
            Errno::LOOP | Errno::XDEV => FsError::Link { path },
            other => FsError::Io {
                doing,
                path,
                source: other.into(),
            },
        }
    }

    /// Opens an ordinary file for reading; `None` if there is none.
    ///
    /// # Errors
    /// [`FsError`] for links, folders, pipes and what the system refuses.
    pub fn file(&self, relative: &str) -> Result<Option<File>, FsError> {
        Ok(self.file_and_about(relative)?.map(|(file, _)| file))
    }

    /// As [`Self::file`], with what the system says about it.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn file_and_about(&self, relative: &str) -> Result<Option<(File, Metadata)>, FsError> {
        // NONBLOCK: a pipe in a repository must not make us wait for a writer.
        let fd = match self.at(relative, OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            // A socket, or a device that there is none of (open(2)).
            Err(Errno::NXIO | Errno::NODEV) => {
                return Err(FsError::NotAFile {
                    path: self.join(relative),
                });
            }
            Err(errno) => return Err(self.explain("read", relative, errno)),
        };
        let file = File::from(fd);
        match file.metadata() {
            Ok(about) if about.is_file() => Ok(Some((file, about))),
            Ok(_) => Err(FsError::NotAFile {
                path: self.join(relative),
            }),
            Err(error) => Err(FsError::io("read", &self.join(relative))(error)),
        }
    }

    /// Reads a whole file of at most `most` bytes; `None` if there is none.
    ///
    /// # Errors
    /// As [`Self::file`], and [`FsError::TooLarge`].
    pub fn read(&self, relative: &str, most: usize) -> Result<Option<Vec<u8>>, FsError> {
        let Some((mut file, about)) = self.file_and_about(relative)? else {
            return Ok(None);
        };
        let too_large = || FsError::TooLarge {
            path: self.join(relative),
            most,
        };
        let size = usize::try_from(about.len()).unwrap_or(usize::MAX);
        if size > most {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(size + 1);
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        let read = file.by_ref().take(limit).read_to_end(&mut bytes);
        read.map_err(|error| FsError::io("read", &self.join(relative))(error))?;
        if bytes.len() > most {
            Err(too_large())
        } else {
            Ok(Some(bytes))
        }
    }

    /// The names in a folder, sorted; none if there is no such folder.
    ///
    /// # Errors
    /// [`FsError`] for links and what the system refuses.
    pub fn entries(&self, relative: &str) -> Result<Vec<Entry>, FsError> {
        let fd = match self.folder(relative) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(Vec::new()),
            Err(errno) => return Err(self.explain("list", relative, errno)),
        };
        let fail = |errno| self.explain("list", relative, errno);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&fd).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => kind_by_stat(&fd, name),
                known => kind_of(known),
            };
            names.push(match name.to_str() {
                Some(name) => Entry {
                    name: name.to_owned(),
                    kind,
                },
                None => Entry {
                    name: name.to_string_lossy().into_owned(),
                    kind: EntryKind::Other,
                },
            });
        }
        names.sort();
        Ok(names)
    }

    /// Whether anything lies at a path.
    ///
    /// # Errors
    /// [`FsError`] for links and what the system refuses.
    pub fn exists(&self, relative: &str) -> Result<bool, FsError> {
        match self.at(relative, OFlags::PATH) {
            Ok(fd) => {
                drop(fd);
                Ok(true)
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(self.explain("look at", relative, errno)),
        }
    }
}

fn kind_by_stat(dir: &OwnedFd, name: &OsStr) -> EntryKind {
    let stat = rustix::fs::statat(dir, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(EntryKind::Other, |stat| {
        kind_of(FileType::from_raw_mode(stat.st_mode))
    })
}

/// The names in a folder outside any tree, in no order; none if there is no such folder.
///
/// Unlike `std::fs::read_dir` this does not panic where a folder's closing fails.
///
/// # Errors
/// What the system refuses.
pub fn names(folder: &Path) -> std::io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = match rustix::fs::open(folder, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(errno) => return Err(errno.into()),
    };
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(&fd)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn kind_of(file_type: FileType) -> EntryKind {
    match file_type {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Folder,
        FileType::Symlink => EntryKind::Link,
        _ => EntryKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_is_followed_and_no_path_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", dir.path().join("in/link")).unwrap();
        std::os::unix::fs::symlink("..", dir.path().join("in/up")).unwrap();
        let tree = Tree::open(&dir.path().join("in")).unwrap();
        for path in ["link", "up/secret", "../secret", "/etc/passwd"] {
            assert!(
                matches!(tree.read(path, 10), Err(FsError::Link { .. })),
                "{path}"
            );
        }
        assert!(tree.read("nothing", 10).unwrap().is_none());
    }

    #[test]
    fn a_pipe_does_not_make_us_wait() {
        let dir = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            dir.path().join("pipe"),
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        assert!(matches!(
            tree.read("pipe", 10),
            Err(FsError::NotAFile { .. })
        ));
    }
}
