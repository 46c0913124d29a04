//! The file that the editor gets, and what it left of it.
//!
//! An editor may write in place, rename a new file over the old one, or remove it; all of that is
//! taken as it comes. A link, a pipe or a folder in its place is neither followed nor waited for.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::fs::FsError;
use crate::secret::Plain;

/// A file in memory, and the hash of what we put there.
#[derive(Debug)]
pub(super) struct Buffer {
    path: PathBuf,
    given: [u8; 32],
}

impl Buffer {
    /// A file to be, in a folder of ours.
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self {
            path: folder.join(name),
            given: [0; 32],
        }
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it anew, mode 0600.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub(super) fn fill(&mut self, content: &mut dyn Read) -> Result<(), FsError> {
        let fail = || FsError::io("write", &self.path);
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(fail()(error));
            }
            _ => {}
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(fail())?;
        std::io::copy(content, &mut file)
            .and_then(|_| file.flush())
            .map_err(fail())?;
        self.given = file
            .rewind()
            .and_then(|()| hash(&mut file))
            .map_err(fail())?;
        Ok(())
    }

    /// Opens what lies there now; `None` if the editor took it away.
    ///
    /// # Errors
    /// [`FsError::Link`], [`FsError::NotAFile`], [`FsError::Io`].
    pub(super) fn open(&self) -> Result<Option<File>, FsError> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
            .open(&self.path);
        let path = || self.path.clone();
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return Err(FsError::Link { path: path() });
            }
            // A socket, which cannot be opened.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                return Err(FsError::NotAFile { path: path() });
            }
            Err(error) => return Err(FsError::io("read", &self.path)(error)),
        };
        let about = file.metadata().map_err(FsError::io("read", &self.path))?;
        if about.is_file() {
            Ok(Some(file))
        } else {
            Err(FsError::NotAFile { path: path() })
        }
    }

    /// Whether it still holds what we put there.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub(super) fn is_untouched(&self, file: &mut File) -> Result<bool, FsError> {
        let now = file.rewind().and_then(|()| hash(file));
        Ok(now.map_err(FsError::io("read", &self.path))? == self.given)
    }

    /// The hash of what we put there.
    pub(super) fn given(&self) -> &[u8; 32] {
        &self.given
    }
}

/// Reads a file of at most `most` bytes from its beginning; `None` if it is larger.
///
/// # Errors
/// [`std::io::Error`].
pub(super) fn read(file: &mut File, most: usize) -> std::io::Result<Option<Plain>> {
    file.rewind()?;
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    // All at once: a growing buffer would leave copies behind.
    let mut plain = Plain::new(Vec::with_capacity(size.min(most) + 2));
    plain.with_mut(|bytes| file.take(limit).read_to_end(bytes))?;
    Ok((plain.with(Vec::len) <= most).then_some(plain))
}

/// SHA-256 of what is left of a stream, in constant memory.
///
/// # Errors
/// [`std::io::Error`].
pub(super) fn hash(stream: &mut dyn Read) -> std::io::Result<[u8; 32]> {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut piece = Plain::new(vec![0; 64 * 1024]);
    loop {
        let length = piece.with_mut(|piece| stream.read(piece))?;
        if length == 0 {
            break;
        }
        piece.with(|piece| context.update(piece.get(..length).unwrap_or_default()));
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> (tempfile::TempDir, Buffer) {
        let dir = tempfile::tempdir().unwrap();
        let mut buffer = Buffer::new(dir.path(), "X");
        buffer.fill(&mut &b"hunter2"[..]).unwrap();
        (dir, buffer)
    }

    fn text(buffer: &Buffer, most: usize) -> Option<Vec<u8>> {
        let mut file = buffer.open().unwrap().unwrap();
        read(&mut file, most)
            .unwrap()
            .map(|plain| plain.with(Clone::clone))
    }

    #[test]
    fn what_was_written_or_renamed_there_is_read() {
        let (dir, mut buffer) = filled();
        assert!(
            buffer
                .is_untouched(&mut buffer.open().unwrap().unwrap())
                .unwrap()
        );
        assert_eq!(text(&buffer, 7).unwrap(), b"hunter2");
        assert_eq!(text(&buffer, 6), None);
        std::fs::write(dir.path().join("new"), "new").unwrap();
        std::fs::rename(dir.path().join("new"), buffer.path()).unwrap();
        assert_eq!(text(&buffer, 7).unwrap(), b"new");
        assert!(
            !buffer
                .is_untouched(&mut buffer.open().unwrap().unwrap())
                .unwrap()
        );
        std::fs::remove_file(buffer.path()).unwrap();
        assert!(buffer.open().unwrap().is_none());
        buffer.fill(&mut &b"again"[..]).unwrap();
        assert_eq!(text(&buffer, 7).unwrap(), b"again");
    }

    #[test]
    fn links_pipes_sockets_and_folders_are_refused_at_once() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let (dir, buffer) = filled();
        let path = buffer.path();
        std::fs::write(dir.path().join("other"), "other").unwrap();
        std::fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("other", path).unwrap();
        assert!(matches!(buffer.open(), Err(FsError::Link { .. })));
        std::fs::remove_file(path).unwrap();
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(matches!(buffer.open(), Err(FsError::NotAFile { .. })));
        std::fs::remove_file(path).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path).unwrap();
        assert!(matches!(buffer.open(), Err(FsError::NotAFile { .. })));
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
        assert!(matches!(buffer.open(), Err(FsError::NotAFile { .. })));
    }
}
