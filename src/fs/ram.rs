//! Folders for plaintext: memory, never a disk, and gone on every way out.
//!
//! A folder lies on tmpfs or ramfs (asked of the kernel, not assumed), has mode 0700, and is removed
//! when its [`RamDir`] is dropped. What a `kill -9` leaves behind is found by its lock: a folder whose
//! lock nobody holds belongs to nobody, and the next run clears it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{FsError, tree::names};
use crate::crypto::hex;
use crate::secret::Plain;
use crate::world::World;

/// `statfs` magic numbers (Linux, include/uapi/linux/magic.h).
const TMPFS: u32 = 0x0102_1994;
const RAMFS: u32 = 0x8584_58f6;

const PREFIX: &str = "clws-ram-";
const LOCK: &str = ".lock";

/// A folder in memory that is removed with everything in it when dropped.
#[derive(Debug)]
pub struct RamDir {
    path: PathBuf,
    _lock: File,
}

impl RamDir {
    /// Makes a fresh folder below the first place that is memory.
    ///
    /// # Errors
    /// [`FsError::NoMemoryFolder`] if there is none; nothing is ever put on a disk instead.
    pub fn new(world: &World) -> Result<Self, FsError> {
        let places = places(world);
        let base = places
            .iter()
            .find(|place| is_memory(place))
            .ok_or_else(|| FsError::NoMemoryFolder {
                tried: places
                    .iter()
                    .map(|place| place.display().to_string())
                    .collect(),
            })?;
        let random = world.random::<8>().map_err(|_| {
            FsError::io("make a name in", base)(std::io::Error::other("no random bytes"))
        })?;
        let path = base.join(format!("{PREFIX}{}", hex(&random)));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(FsError::io("make", &path))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(FsError::io("make", &lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(FsError::errno("lock", &lock_path))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where the folder lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a value into a new file, mode `mode`; gives the file's path.
    ///
    /// # Errors
    /// [`FsError::Io`], also if the name is taken.
    pub fn put(&self, name: &str, value: &Plain, mode: u32) -> Result<PathBuf, FsError> {
        let path = self.path.join(name);
        let fail = || FsError::io("write", &path);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(fail())?;
        value.with(|bytes| file.write_all(bytes)).map_err(fail())?;
        // The umask took away what the caller asked for.
        rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(mode))
            .map_err(FsError::errno("write", &path))?;
        Ok(path)
    }
}

impl Drop for RamDir {
    fn drop(&mut self) {
        wipe(&self.path);
    }
}

/// Clears what killed runs of this person left behind. Never fails: a place that cannot be looked
/// at is looked at next time.
pub fn clear_left_behind(world: &World) {
    let me = rustix::process::geteuid().as_raw();
    for place in places(world).iter().filter(|place| is_memory(place)) {
        for name in names(place).unwrap_or_default() {
            let path = place.join(&name);
            let ours = name.to_string_lossy().starts_with(PREFIX)
                && std::fs::symlink_metadata(&path)
                    .is_ok_and(|about| about.is_dir() && about.uid() == me);
            if ours && is_abandoned(&path) {
                wipe(&path);
            }
        }
    }
}

/// Whether nobody holds a folder's lock. A folder without one is either being made this moment or
/// was abandoned then; it holds nothing yet.
fn is_abandoned(folder: &Path) -> bool {
    OpenOptions::new()
        .write(true)
        .open(folder.join(LOCK))
        .is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok())
}

/// Overwrites and removes everything below a folder, and the folder.
fn wipe(folder: &Path) {
    for name in names(folder).unwrap_or_default() {
        let path = folder.join(name);
        match std::fs::symlink_metadata(&path).map(|about| about.file_type()) {
            Ok(kind) if kind.is_dir() => wipe(&path),
            Ok(kind) if kind.is_file() => {
                // Freed pages of tmpfs are cleared before they are used again; this only hurries it.
                if let Ok(file) = OpenOptions::new().write(true).open(&path) {
                    file.set_len(0).unwrap_or_default();
                }
                std::fs::remove_file(&path).unwrap_or_default();
            }
            _ => std::fs::remove_file(&path).unwrap_or_default(),
        }
    }
    std::fs::remove_dir(folder).unwrap_or_default();
}

/// `$XDG_RUNTIME_DIR` first, since it belongs to this person alone.
fn places(world: &World) -> Vec<PathBuf> {
    let own = world
        .variable("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|p| p.is_absolute());
    own.into_iter().chain([PathBuf::from("/dev/shm")]).collect()
}

/// Whether a folder lies in memory, as the kernel says.
#[must_use]
pub fn is_memory(place: &Path) -> bool {
    rustix::fs::statfs(place).is_ok_and(|about| {
        let kind = u32::try_from(about.f_type & 0xffff_ffff).unwrap_or(0);
        kind == TMPFS || kind == RAMFS
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Clock;

    #[test]
    fn a_folder_is_private_memory_and_gone_when_dropped() {
        let world = World::new(Clock::System, [], "/".into());
        let dir = RamDir::new(&world).unwrap();
        let file = dir.put("TOKEN", &Plain::from("hunter2"), 0o600).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o700);
        clear_left_behind(&world);
        assert!(file.exists(), "a held folder is not cleared");
        let path = dir.path().to_owned();
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn a_disk_is_never_taken_instead() {
        let disk = tempfile::tempdir_in(".").unwrap();
        assert!(!is_memory(disk.path()));
    }
}
