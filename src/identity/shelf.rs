//! The folder of bundles, changed by one run at a time: a bundle appears and goes as a whole.
//!
//! A new bundle is staged in a hidden folder beside its place, every file and folder of it synced,
//! and then renamed; when that returns it is on the disk. What a crash leaves behind is hidden, was
//! never used, and is cleared by the next run that holds the lock.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::file::{FileError, failed};
use crate::secret::Plain;

/// The files that make up a bundle. Nothing else is written to its folder or removed from it.
pub(super) const FILES: [&str; 3] = ["age.txt", "signing_key", "where"];

/// A folder of bundles that one run changes at a time.
pub(super) struct Shelf {
    path: PathBuf,
    folder: OwnedFd,
    /// Held until the shelf is dropped.
    _lock: OwnedFd,
}

impl Shelf {
    /// Opens `path`, makes it where it is missing, waits until no other run changes it, and clears
    /// away what a crashed one left.
    ///
    /// # Errors
    /// [`FileError`].
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        make_folders(path)?;
        let folder = open_folder(path)?;
        let lock_path = path.join(".lock");
        let lock = rustix::fs::openat(
            &folder,
            ".lock",
            OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW,
            Mode::RUSR | Mode::WUSR,
        )
        .map_err(failed("open", &lock_path))?;
        // The lock belongs to the open file, so it ends with the process, however that ends.
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)
            .map_err(failed("lock", &lock_path))?;
        let shelf = Self {
            path: path.to_path_buf(),
            folder,
            _lock: lock,
        };
        shelf.clear_leftovers()?;
        Ok(shelf)
    }

    fn clear_leftovers(&self) -> Result<(), FileError> {
        for name in names(&self.path)? {
            if name.starts_with(".new-") || name.starts_with(".old-") {
                self.clear(&name)?;
            }
        }
        Ok(())
    }

    /// Puts a whole bundle in place, on the disk when this returns.
    ///
    /// # Errors
    /// [`FileError::Taken`] if the name is; else nothing of it is left.
    pub(super) fn put(&self, name: &str, files: &[(&str, &Plain)]) -> Result<(), FileError> {
        let place = self.path.join(name);
        let staging = format!(".new-{name}");
        let renamed = self
            .stage(&staging, files)
            .and_then(|()| self.rename(&staging, name));
        let put = renamed.and_then(|()| {
            self.sync().inspect_err(|_| {
                // It may or may not be on the disk, so nobody shall rely on it.
                drop(self.rename(name, &staging));
            })
        });
        if put.is_err() {
            // The first failure is the one to tell; a leftover is hidden and cleared next time.
            drop(self.clear(&staging));
        }
        put.map_err(|error| match error {
            FileError::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                FileError::Taken { path: place }
            }
            other => other,
        })
    }

    fn stage(&self, staging: &str, files: &[(&str, &Plain)]) -> Result<(), FileError> {
        let path = self.path.join(staging);
        rustix::fs::mkdirat(&self.folder, staging, Mode::RWXU).map_err(failed("make", &path))?;
        let folder = open_folder(&path)?;
        for (name, content) in files {
            let path = path.join(name);
            let new = rustix::fs::openat(
                &folder,
                *name,
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW,
                Mode::RUSR | Mode::WUSR,
            )
            .map_err(failed("write", &path))?;
            let mut new = File::from(new);
            content
                .with(|bytes| new.write_all(bytes))
                .map_err(failed("write", &path))?;
            rustix::fs::fsync(&new).map_err(failed("sync", &path))?;
        }
        rustix::fs::fsync(&folder).map_err(failed("sync", &path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let path = self.path.join(to);
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&self.folder, from, &self.folder, to, flags) {
            // A file system without the flag: a rename replaces no folder that holds something.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::renameat(&self.folder, from, &self.folder, to).map_err(|errno| {
                    let errno = if errno == Errno::NOTEMPTY {
                        Errno::EXIST
                    } else {
                        errno
                    };
                    failed("rename", &path)(errno)
                })
            }
            other => other.map_err(failed("rename", &path)),
        }
    }

    /// Takes a bundle away. It is gone from its name at once, then its files are removed.
    ///
    /// # Errors
    /// [`FileError::Foreign`] if its folder holds anything else; it is left as it is then.
    pub(super) fn take(&self, name: &str) -> Result<(), FileError> {
        let path = self.path.join(name);
        if let Some(other) = names(&path)?.iter().find(|n| !FILES.contains(&n.as_str())) {
            return Err(FileError::Foreign {
                path: path.join(other),
            });
        }
        let old = taken_name(name);
        self.rename(name, &old)?;
        self.sync()?;
        self.clear(&old)?;
        self.sync()
    }

    fn clear(&self, name: &str) -> Result<(), FileError> {
        let path = self.path.join(name);
        for file in FILES {
            match rustix::fs::unlinkat(&self.folder, format!("{name}/{file}"), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed("remove", &path.join(file))(errno)),
            }
        }
        match rustix::fs::unlinkat(&self.folder, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(failed("remove", &path)(errno)),
        }
    }

    fn sync(&self) -> Result<(), FileError> {
        rustix::fs::fsync(&self.folder).map_err(failed("sync", &self.path))
    }
}

/// What a bundle is called while its files are removed.
fn taken_name(name: &str) -> String {
    format!(".old-{name}")
}

/// Whether a bundle is gone from its name, and its files are not: the run that took it was cut off.
pub(super) fn is_half_taken(shelf: &Path, name: &str) -> bool {
    shelf.join(taken_name(name)).symlink_metadata().is_ok()
}

fn open_folder(path: &Path) -> Result<OwnedFd, FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(failed("open", path))
}

/// Makes a folder and its parents, for us alone, each synced into the one above.
fn make_folders(path: &Path) -> Result<(), FileError> {
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Err(Errno::EXIST) => return Ok(()),
        Err(Errno::NOENT) => {
            if let Some(parent) = path.parent() {
                make_folders(parent)?;
            }
            rustix::fs::mkdir(path, Mode::RWXU).map_err(failed("make", path))?;
        }
        other => other.map_err(failed("make", path))?,
    }
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    rustix::fs::fsync(open_folder(parent)?).map_err(failed("sync", parent))
}

/// The names in a folder, sorted; one that is no UTF-8 is shown as well as it can be.
pub(super) fn names(path: &Path) -> Result<Vec<String>, FileError> {
    let names = crate::fs::names(path).map_err(failed("read", path))?;
    let mut names: Vec<String> = names
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    Ok(names)
}
