//! A folder for plaintext: ours alone, and gone again unless all of it was written.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use super::ExportError;
use crate::error::{Error, Problem};
use crate::fs::{FsError, is_memory, names};

/// Whether plaintext may go to a disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Disk {
    /// Only to memory.
    Refuse,
    /// Somebody said so, or nothing of it is plaintext.
    Allow,
}

/// A folder that is being filled.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    made: bool,
    kept: bool,
}

fn is_ours(about: &Metadata) -> bool {
    about.uid() == rustix::process::geteuid().as_raw()
}

impl Folder {
    /// Makes the folder, or takes one that is there and empty; closes it to everybody else.
    ///
    /// # Errors
    /// [`ExportError::Taken`], [`ExportError::NotYours`], [`ExportError::Disk`], [`ExportError::InVault`], [`FsError`].
    pub fn make(path: &Path, vault: &Path, disk: Disk) -> Result<Self, Error> {
        let io = || FsError::io("make", path);
        let made = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(io()(error).into()),
            // Whoever has it can lead what is written below it elsewhere, and open it to others again.
            Ok(about) if about.is_dir() && !is_ours(&about) => {
                return Err(ExportError::NotYours { path: path.into() }.into());
            }
            Ok(about) if about.is_dir() && names(path).map_err(io())?.is_empty() => false,
            Ok(_) => return Err(ExportError::Taken { path: path.into() }.into()),
        };
        // Where it will lie is known before it is made: nothing may be left behind on a refusal.
        let parent = if made {
            match path.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            }
        } else {
            path
        };
        let parent = parent.canonicalize().map_err(io())?;
        let above = parent.metadata().map_err(io())?;
        // In a shared folder as /tmp nobody renames what is another's.
        if !is_ours(&above) && above.uid() != 0 && above.mode() & 0o1000 == 0 {
            return Err(ExportError::NotYours { path: parent }.into());
        }
        let vault = vault.canonicalize().map_err(FsError::io("read", vault))?;
        if parent.starts_with(vault) {
            return Err(ExportError::InVault { path: path.into() }.into());
        }
        if disk == Disk::Refuse && !is_memory(&parent) {
            return Err(ExportError::Disk { path: path.into() }.into());
        }
        if made {
            DirBuilder::new().mode(0o700).create(path).map_err(io())?;
        }
        let folder = Self {
            path: path.to_owned(),
            made,
            kept: false,
        };
        let closed = rustix::fs::Mode::from_raw_mode(0o700);
        rustix::fs::chmod(path, closed).map_err(FsError::errno("close", path))?;
        Ok(folder)
    }

    /// Makes a new file in it, and the folders that lead there.
    ///
    /// # Errors
    /// [`ExportError::Twice`] if something is there; [`FsError`].
    pub fn create(&self, relative: &str, secret: &str) -> Result<File, Error> {
        let path = self.path.join(relative);
        let twice = || ExportError::Twice {
            secret: secret.to_owned(),
            path: relative.to_owned(),
        };
        let taken = |error: &std::io::Error| {
            matches!(
                error.kind(),
                std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory
            )
        };
        let open = || {
            let mut open = OpenOptions::new();
            open.write(true).create_new(true).mode(0o600).open(&path)
        };
        let mut opened = open();
        // Most often its folder is there, made for the file before it.
        if let (Err(error), Some(parent)) = (&opened, path.parent())
            && error.kind() == std::io::ErrorKind::NotFound
        {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
            match made {
                Err(error) if taken(&error) => return Err(twice().into()),
                made => made.map_err(FsError::io("make", parent))?,
            }
            opened = open();
        }
        match opened {
            Err(error) if taken(&error) => Err(twice().into()),
            opened => Ok(opened.map_err(FsError::io("write", &path))?),
        }
    }

    /// Has `work` fill it, and keeps what was written. Of what fails nothing is left; where it cannot be
    /// removed, the error says where it lies.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn fill<T>(mut self, work: impl FnOnce(&Self) -> Result<T, Error>) -> Result<T, Error> {
        let filled = work(&self);
        let left = match filled {
            Ok(_) => Ok(()),
            Err(_) => self.empty(),
        };
        self.kept = true;
        let at = self.path.display();
        filled.map_err(|error| {
            let problem = Problem::of(&error);
            let problem = match left {
                Ok(()) => problem.note("nothing was left behind"),
                Err(why) => problem
                    .note(format!("what was written could not be removed: {why}"))
                    .hint(format!("a part of it lies in `{at}`: remove it")),
            };
            problem.into()
        })
    }

    fn empty(&self) -> std::io::Result<()> {
        if self.made {
            return std::fs::remove_dir_all(&self.path);
        }
        for name in names(&self.path)? {
            let path = self.path.join(name);
            std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path))?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            // Nobody asked for it any more, or there was a panic.
            self.empty().unwrap_or_default();
        }
    }
}

/// Whether a path leads to something below, and nowhere else.
pub(super) fn is_below(path: &str) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let normal = Path::new(path).components().all(plain);
    let spelled = path
        .split('/')
        .all(|part| !part.is_empty() && part != "." && part != "..");
    normal && spelled && !path.contains('\0')
}
