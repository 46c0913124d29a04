//! One writer at a time: a lock that the kernel frees when its holder is gone.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::{FsError, ensure_private_dir};

/// How long a writer waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A held lock; it is free again when this is dropped, or its process ends in any way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path`, waiting up to ten seconds for another holder.
    ///
    /// # Errors
    /// [`FsError::Locked`] with what the holder is doing.
    pub fn take(path: &Path, doing: &str) -> Result<Self, FsError> {
        let mut waited = Duration::ZERO;
        let mut file = open(path)?;
        while !try_lock(&file, path)? {
            if waited >= PATIENCE {
                let mut holder = String::new();
                // Who holds it is a courtesy; that it is held is the answer.
                (&file)
                    .take(200)
                    .read_to_string(&mut holder)
                    .unwrap_or_default();
                return Err(FsError::Locked {
                    holder: holder.trim().to_owned(),
                });
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
        note_holder(&mut file, path, doing)?;
        Ok(Self { _file: file })
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn try_take(path: &Path, doing: &str) -> Result<Option<Self>, FsError> {
        let mut file = open(path)?;
        if !try_lock(&file, path)? {
            return Ok(None);
        }
        note_holder(&mut file, path, doing)?;
        Ok(Some(Self { _file: file }))
    }
}

fn open(path: &Path) -> Result<File, FsError> {
    ensure_private_dir(path.parent().unwrap_or(Path::new("/")))?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(FsError::io("lock", path))
}

fn try_lock(file: &File, path: &Path) -> Result<bool, FsError> {
    match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(FsError::errno("lock", path)(errno)),
    }
}

/// Says in the file who holds it and why, for the message that another one gets.
fn note_holder(file: &mut File, path: &Path, doing: &str) -> Result<(), FsError> {
    let note = format!("process {}, {doing}\n", std::process::id());
    let fail = || FsError::io("lock", path);
    file.set_len(0).map_err(fail())?;
    file.rewind().map_err(fail())?;
    file.write_all(note.as_bytes()).map_err(fail())
}
