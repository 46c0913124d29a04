//! The person's own files: pins, locks, journals, the audit log. 0600, in folders of 0700.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::below::{MANY, Sync};
use super::temporary::staged_name;
use super::{FsError, Tree};

/// Makes a folder of ours and its parents, mode 0700, and waits until their names are on the disk: what
/// is synced in a folder that a power cut takes away is lost with it.
///
/// # Errors
/// [`FsError::Io`], also if it cannot be seen whether the folder is there: nobody goes on upwards for that.
pub fn ensure_private_dir(path: &Path) -> Result<(), FsError> {
    // The root and the current folder have none above them, and nobody makes those.
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    match std::fs::metadata(path) {
        Ok(about) if about.is_dir() => return Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(FsError::io("look at", path)(error));
        }
        // Something else lies there, and making a folder of it says so.
        Ok(_) | Err(_) => ensure_private_dir(parent)?,
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Ok(()) => sync_folder(parent),
        // Another run made it just now.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(FsError::io("make", path)(error)),
    }
}

pub(super) fn sync_folder(path: &Path) -> Result<(), FsError> {
    let folder = File::open(path).map_err(FsError::io("sync", path))?;
    folder.sync_all().map_err(FsError::io("sync", path))
}

/// Opens a file of ours, of at most `most` bytes; its length beside it. `None` if there is none.
///
/// # Errors
/// [`FsError::NotPrivate`] if it is not ours alone, [`FsError::Link`] if it is a link.
pub fn open_private(path: &Path, most: usize) -> Result<Option<(File, u64)>, FsError> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(FsError::Link {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(FsError::io("read", path)(error)),
    };
    let about = file.metadata().map_err(FsError::io("read", path))?;
    if !about.is_file() {
        return Err(FsError::NotAFile {
            path: path.to_owned(),
        });
    }
    if about.mode() & 0o077 != 0 || about.uid() != rustix::process::geteuid().as_raw() {
        return Err(FsError::NotPrivate {
            path: path.to_owned(),
            mode: about.mode() & 0o7777,
        });
    }
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    if about.len() > limit {
        return Err(FsError::TooLarge {
            path: path.to_owned(),
            most,
        });
    }
    Ok(Some((file, about.len())))
}

/// Reads a file of ours, of at most `most` bytes; `None` if there is none.
///
/// # Errors
/// As [`open_private`].
pub fn read_private(path: &Path, most: usize) -> Result<Option<Vec<u8>>, FsError> {
    let Some((file, length)) = open_private(path, most)? else {
        return Ok(None);
    };
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    file.take(u64::try_from(most).unwrap_or(u64::MAX))
        .read_to_end(&mut bytes)
        .map_err(FsError::io("read", path))?;
    Ok(Some(bytes))
}

/// Writes a file of ours so that readers see the old or the new one.
///
/// Whoever writes it holds the lock that guards it: the temporary file has one name, so that what a
/// killed run leaves is replaced by the next one and never grows.
///
/// # Errors
/// [`FsError::Io`]; the old file is then still there.
pub fn write_private(path: &Path, bytes: &[u8], sync: Sync) -> Result<(), FsError> {
    let folder = parent_of(path);
    ensure_private_dir(folder)?;
    let temporary = temporary_of(path);
    let written = write_temporary(&temporary, bytes, sync)
        .and_then(|()| std::fs::rename(&temporary, path).map_err(FsError::io("write", path)));
    if written.is_err() {
        // The write failed and is reported; a leftover would only be litter.
        std::fs::remove_file(&temporary).unwrap_or_default();
    }
    written?;
    if sync == Sync::Disk {
        sync_folder(folder)?;
    }
    Ok(())
}

/// Gives a file of ours that holds exactly `bytes` a second name; whether it has it then. Nothing is written
/// through either: each write of ours puts another file in the place of what has the name. The caller syncs
/// the folder.
///
/// # Errors
/// [`FsError::Io`] if the folder cannot be made.
pub fn share_private(from: &Path, to: &Path, bytes: &[u8]) -> Result<bool, FsError> {
    // What does not read is written anew.
    let there = read_private(from, bytes.len()).ok().flatten();
    if there.is_none_or(|there| there != bytes) {
        return Ok(false);
    }
    ensure_private_dir(parent_of(to))?;
    // What the system says nothing of is linked once more, and else written anew.
    let which = |path: &Path| {
        let about = std::fs::symlink_metadata(path).ok()?;
        Some((about.dev(), about.ino()))
    };
    let is_same = which(from).is_some_and(|from| which(to) == Some(from));
    // A file has not endless names, and not every file system has second ones.
    Ok(is_same || std::fs::hard_link(from, to).is_ok())
}

/// Waits until the names in a folder of ours are on the disk, if it is there.
///
/// # Errors
/// [`FsError::Io`].
pub fn sync_private_dir(path: &Path) -> Result<(), FsError> {
    match path.is_dir() {
        true => sync_folder(path),
        false => Ok(()),
    }
}

fn parent_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// Where a file of ours is written before it counts.
fn temporary_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    parent_of(path).join(staged_name(&name))
}

/// Files of ours below one folder that are written and do not count yet. They are removed when dropped.
///
/// As [`write_private`], whoever writes them holds the lock that guards them.
#[derive(Debug)]
pub struct StagedPrivate {
    folder: PathBuf,
    /// Where each lies, and where it is to be.
    files: Vec<(PathBuf, PathBuf)>,
}

impl StagedPrivate {
    /// Writes them beside their places.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn new(folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<Self, FsError> {
        let mut staged = Self {
            folder: folder.to_owned(),
            files: Vec::with_capacity(files.len()),
        };
        let mut made = None;
        for (path, bytes) in files {
            let parent = parent_of(path);
            if made.replace(parent) != Some(parent) {
                ensure_private_dir(parent)?;
            }
            let temporary = temporary_of(path);
            staged.files.push((temporary.clone(), path.clone()));
            write_temporary(&temporary, bytes, Sync::Lazy)?;
        }
        Ok(staged)
    }

    /// Waits for the disk once for all, and puts each in its place; then waits for their names.
    ///
    /// # Errors
    /// [`FsError::Io`]; some of the files may then be the new ones, and each is whole.
    pub fn commit(mut self) -> Result<(), FsError> {
        sync_all(&self.folder, self.files.iter().map(|(staged, _)| staged))?;
        for (staged, path) in &self.files {
            std::fs::rename(staged, path).map_err(FsError::io("write", path))?;
        }
        let files = std::mem::take(&mut self.files);
        let folders: BTreeSet<&Path> = files.iter().map(|(_, path)| parent_of(path)).collect();
        folders.into_iter().try_for_each(sync_folder)
    }
}

impl Drop for StagedPrivate {
    fn drop(&mut self) {
        for (staged, _) in &self.files {
            // They do not count; leftovers would only be litter, and the next run replaces them.
            std::fs::remove_file(staged).unwrap_or_default();
        }
    }
}

fn sync_all<'p>(
    folder: &Path,
    mut files: impl ExactSizeIterator<Item = &'p PathBuf>,
) -> Result<(), FsError> {
    if files.len() >= MANY {
        return Tree::open(folder)?.sync_file_system();
    }
    files.try_for_each(|path| {
        let file = File::open(path).map_err(FsError::io("sync", path))?;
        file.sync_all().map_err(FsError::io("sync", path))
    })
}

fn write_temporary(temporary: &Path, bytes: &[u8], sync: Sync) -> Result<(), FsError> {
    let fail = || FsError::io("write", temporary);
    let create = || {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(temporary)
    };
    let mut file = match create() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // A leftover of a run that was killed.
            std::fs::remove_file(temporary).map_err(fail())?;
            create().map_err(fail())?
        }
        made => made.map_err(fail())?,
    };
    file.write_all(bytes).map_err(fail())?;
    if sync == Sync::Disk {
        file.sync_all().map_err(fail())?;
    }
    Ok(())
}

/// Removes a file of ours, if it is there.
///
/// # Errors
/// [`FsError::Io`].
pub fn remove_private(path: &Path) -> Result<(), FsError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FsError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
