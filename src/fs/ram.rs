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
use rustix::io::Errno;

use super::{FsError, tree::names};
use crate::crypto::hex;
use crate::secret::Plain;
use crate::world::World;

/// `statfs` magic numbers (Linux, include/uapi/linux/magic.h).
const TMPFS: u32 = 0x0102_1994;
const RAMFS: u32 = 0x8584_58f6;

const PREFIX: &str = "clws-ram-";
const LOCK: &str = ".lock";

/// How often a folder is made, should another run that clears up take it in between.
const TRIES: usize = 8;

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
        let fail = |error| FsError::io("make a name in", base)(error);
        for _ in 0..TRIES {
            let random = world
                .random::<8>()
                .map_err(|_| fail(std::io::Error::other("no random bytes")))?;
            let path = base.join(format!("{PREFIX}{}", hex(&random)));
            DirBuilder::new()
                .mode(0o700)
                .create(&path)
                .map_err(FsError::io("make", &path))?;
            match lock_new(&path) {
                Ok(Some(lock)) => return Ok(Self { path, _lock: lock }),
                Ok(None) => {}
                Err(error) => {
                    wipe(&path);
                    return Err(error);
                }
            }
        }
        Err(fail(std::io::Error::other(
            "each new folder was taken away",
        )))
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
            if ours {
                clear_if_abandoned(&path);
            }
        }
    }
}

/// Locks a folder that was just made; `None` if another run took it for abandoned.
fn lock_new(folder: &Path) -> Result<Option<File>, FsError> {
    let path = folder.join(LOCK);
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let lock = match made {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        made => made.map_err(FsError::io("make", &path))?,
    };
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Ok(None),
        other => other.map_err(FsError::errno("lock", &path))?,
    }
    let about = lock.metadata().map_err(FsError::io("lock", &path))?;
    Ok((about.nlink() > 0).then_some(lock))
}

/// Wipes a folder whose lock nobody holds. One without a lock holds nothing: it is being made this
/// moment, and will be made again, or was left then.
fn clear_if_abandoned(folder: &Path) {
    match OpenOptions::new().write(true).open(folder.join(LOCK)) {
        Ok(lock) => {
            // Held until all is gone, so that nobody begins to use it meanwhile.
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                wipe(folder);
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::remove_dir(folder).unwrap_or_default();
        }
        Err(_) => {}
    }
}

/// Overwrites and removes everything below a folder, and the folder. The lock goes last, and only when
/// all else is gone: by it the next run finds what is left.
fn wipe(folder: &Path) {
    let Ok(all) = names(folder) else {
        return;
    };
    for name in all.iter().filter(|name| *name != LOCK) {
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
    if names(folder).is_ok_and(|left| left.iter().all(|name| name == LOCK)) {
        std::fs::remove_file(folder.join(LOCK)).unwrap_or_default();
        std::fs::remove_dir(folder).unwrap_or_default();
    }
}

/// `$XDG_RUNTIME_DIR` first, since it belongs to this person alone; one that does not is none, as `su` and `sudo -E` leave
/// it: whoever has it could put a link in the place of what we make there, and have us fill and clear what that leads to.
fn places(world: &World) -> Vec<PathBuf> {
    let own = world
        .variable("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|place| place.is_absolute() && is_safe(place));
    own.into_iter().chain([PathBuf::from("/dev/shm")]).collect()
}

/// Whether nobody else, root aside, can rename what we make in a folder.
fn is_safe(place: &Path) -> bool {
    const STICKY: u32 = 0o1000;
    let me = rustix::process::geteuid().as_raw();
    std::fs::metadata(place).is_ok_and(|about| {
        let is_closed = about.mode() & 0o022 == 0 || about.mode() & STICKY != 0;
        (about.uid() == me || about.uid() == 0) && is_closed
    })
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
    use std::ffi::OsStr;

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
    fn what_a_killed_run_left_is_cleared_however_far_it_was() {
        let place = tempfile::tempdir_in("/dev/shm").unwrap();
        let at = place.path().as_os_str().to_owned();
        let world = World::new(Clock::System, [("XDG_RUNTIME_DIR".into(), at)], "/".into());
        let held = RamDir::new(&world).unwrap();
        let left = |name: &str| place.path().join(format!("{PREFIX}{name}"));
        std::fs::create_dir(left("just-made")).unwrap();
        std::fs::create_dir_all(left("in-use").join("deeper")).unwrap();
        for file in [LOCK, "TOKEN", "deeper/.lock", "deeper/TOKEN"] {
            std::fs::write(left("in-use").join(file), "hunter2").unwrap();
        }
        std::fs::create_dir(place.path().join("theirs")).unwrap();
        clear_left_behind(&world);
        let mut names = names(place.path()).unwrap();
        names.sort();
        assert_eq!(
            names,
            [held.path().file_name().unwrap(), OsStr::new("theirs")]
        );
    }

    #[test]
    fn a_folder_of_somebody_else_is_no_place() {
        let place = tempfile::tempdir_in("/dev/shm").unwrap();
        let at = place.path().as_os_str().to_owned();
        let world = World::new(Clock::System, [("XDG_RUNTIME_DIR".into(), at)], "/".into());
        let lies_there = || {
            let folder = RamDir::new(&world).unwrap();
            folder.path().starts_with(place.path())
        };
        let allow = |mode: u32| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(place.path(), mode).unwrap();
        };
        assert!(lies_there());
        for mode in [0o777, 0o770, 0o722] {
            allow(mode);
            assert!(!lies_there(), "{mode:o}");
        }
        allow(0o1777);
        assert!(lies_there());
        allow(0o700);
        // Whoever may give files away is root, who would be led by another one's folder.
        if std::os::unix::fs::chown(place.path(), Some(65534), None).is_ok() {
            assert!(!lies_there());
        }
    }

    #[test]
    fn a_disk_is_never_taken_instead() {
        let disk = tempfile::tempdir_in(".").unwrap();
        assert!(!is_memory(disk.path()));
    }
}
