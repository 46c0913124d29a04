//! What lies below a tree: folders that are made, synced and removed by their paths.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::{EntryKind, FsError, Tree};

/// Whether a write waits for the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sync {
    /// File and folder are synced before it counts.
    Disk,
    /// Losing it is harmless.
    Lazy,
}

/// From this many files on, all of their file system is synced: what others have written and not
/// synced yet is synced along, which costs more than these few would.
pub(super) const MANY: usize = 32;

pub(super) fn joined(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", path) | (path, "") => path.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Removes a file; none is fine.
pub(super) fn remove(tree: &Tree, path: &str) -> Result<(), FsError> {
    unlink(tree, path, AtFlags::empty())
}

/// Removes a folder and all below it, following no link; none is fine.
pub(super) fn remove_all(tree: &Tree, path: &str) -> Result<(), FsError> {
    for entry in tree.entries(path)? {
        remove_entry(tree, &joined(path, &entry.name), entry.kind)?;
    }
    unlink(tree, path, AtFlags::REMOVEDIR)
}

/// Removes what was seen in a folder, with all below it.
pub(super) fn remove_entry(tree: &Tree, path: &str, kind: EntryKind) -> Result<(), FsError> {
    match kind {
        EntryKind::Folder => remove_all(tree, path),
        _ => remove(tree, path),
    }
}

/// Gives what lies beside its place the name that it is to have.
pub(super) fn rename(tree: &Tree, from: &str, to: &str) -> Result<(), FsError> {
    let (folder, name) = split(to);
    let fail = |errno| tree.explain("write", to, errno);
    let folder = tree.folder(folder).map_err(fail)?;
    rustix::fs::renameat(&folder, split(from).1, &folder, name).map_err(fail)
}

fn unlink(tree: &Tree, path: &str, how: AtFlags) -> Result<(), FsError> {
    let (folder, name) = split(path);
    let fd = match tree.folder(folder) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(tree.explain("remove", path, errno)),
    };
    match rustix::fs::unlinkat(&fd, name, how) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(tree.explain("remove", path, errno)),
    }
}

/// Removes a folder and those above it that are empty: nothing of a change that did not come about
/// stays, and a folder that is left would keep its name from being a document's.
pub(super) fn remove_empty_folders(tree: &Tree, mut folder: &str) {
    while !folder.is_empty() {
        let (parent, name) = split(folder);
        let gone = tree
            .folder(parent)
            .and_then(|parent| rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR));
        if gone.is_err() {
            break;
        }
        folder = parent;
    }
}

/// Opens a folder below the tree, making what is missing on the way (mode 0755). Whether the new names are then
/// on the disk says `sync`.
pub(super) fn make_folders(tree: &Tree, path: &str, sync: Sync) -> Result<OwnedFd, FsError> {
    match tree.folder(path) {
        Ok(fd) => return Ok(fd),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(tree.explain("open", path, errno)),
    }
    let (parent, name) = split(path);
    let parent = make_folders(tree, parent, sync)?;
    match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
        Ok(()) => {
            // Shared checkouts keep working under our umask of 077.
            rustix::fs::chmodat(&parent, name, Mode::from_raw_mode(0o755), AtFlags::empty())
                .map_err(|errno| tree.explain("make", path, errno))?;
            if sync == Sync::Disk {
                rustix::fs::fsync(&parent).map_err(|errno| tree.explain("sync", path, errno))?;
            }
        }
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(tree.explain("make", path, errno)),
    }
    tree.folder(path)
        .map_err(|errno| tree.explain("open", path, errno))
}

/// Waits until the names in a folder are on the disk.
pub(super) fn sync_names(tree: &Tree, folder: &str) -> Result<(), FsError> {
    let fd = match tree.folder(folder) {
        Ok(fd) => fd,
        // Somebody took it away with everything in it.
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(tree.explain("sync", folder, errno)),
    };
    rustix::fs::fsync(&fd).map_err(|errno| tree.explain("sync", folder, errno))
}

/// As [`sync_names`], for it and every folder below it.
pub(super) fn sync_all_names(tree: &Tree, folder: &str) -> Result<(), FsError> {
    for entry in tree.entries(folder)? {
        if entry.kind == EntryKind::Folder {
            sync_all_names(tree, &joined(folder, &entry.name))?;
        }
    }
    sync_names(tree, folder)
}
