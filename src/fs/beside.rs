//! Files that a person names, in folders that are theirs: a baseline, a page, what git reads.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::FsError;
use super::temporary::staged_name;

/// Whether a link is one of the system's: `/dev/stdout`. In `/dev/shm` anybody can have one.
#[must_use]
pub fn is_stream(path: &Path) -> bool {
    let folders = ["/dev", "/dev/fd"].map(|folder| Some(Path::new(folder)));
    folders.contains(&path.parent())
}

/// Writes a file so that whoever reads it has the old or the new one, also when the disk is full or the
/// run is killed. It is written beside its place, synced, and renamed.
///
/// It keeps the mode that it has, and gets `mode` if it is new. A pipe or a device is written to, and
/// `/dev/stdout`. A link in its place is refused: a repository can have one there, to a file elsewhere.
///
/// # Errors
/// [`FsError::Link`], [`FsError::Io`]; the old file is then still there.
pub fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FsError> {
    let fail = || FsError::io("write", path);
    let mode = match std::fs::symlink_metadata(path) {
        Ok(about) => {
            let kind = about.file_type();
            let is_written_to = kind.is_fifo() || kind.is_char_device() || kind.is_socket();
            if is_written_to || kind.is_symlink() && is_stream(path) {
                return std::fs::write(path, bytes).map_err(fail());
            }
            if kind.is_symlink() {
                let path = path.to_owned();
                return Err(FsError::Link { path });
            }
            about.permissions().mode() & 0o777
        }
        Err(error) if error.kind() == ErrorKind::NotFound => mode,
        Err(error) => return Err(fail()(error)),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // One name, so that what a killed run leaves is replaced by the next one and never grows.
    let beside = path.with_file_name(staged_name(&name));
    let written = held(&beside)
        .and_then(|file| write_held(file, bytes, mode))
        .and_then(|_held| std::fs::rename(&beside, path));
    written.map_err(|error| {
        // What is left is a part, and the error says what is wrong.
        std::fs::remove_file(&beside).unwrap_or_default();
        fail()(error)
    })
}

/// Opens the temporary file for this run alone: two that write the same file do so one after the other.
fn held(path: &Path) -> std::io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let file = options.custom_flags(flags).open(path)?;
        // On a file system without locks two runs do not wait for each other.
        if flock(&file, FlockOperation::LockExclusive) == Err(Errno::INTR) {
            continue;
        }
        let about = file.metadata()?;
        let is_there = std::fs::symlink_metadata(path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (about.dev(), about.ino()));
        // Else another run has put it in its place meanwhile.
        if is_there {
            return Ok(file);
        }
    }
}

fn write_held(mut file: File, bytes: &[u8], mode: u32) -> std::io::Result<File> {
    file.set_len(0)?;
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_mode_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        write_beside(&file, b"one", 0o640).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o640);
        std::fs::set_permissions(&file, Permissions::from_mode(0o604)).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let refused = write_beside(&link, b"two", 0o640);
        assert!(matches!(refused, Err(FsError::Link { .. })), "{refused:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"one");
        write_beside(&file, b"two", 0o640).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert_eq!(mode(&file), 0o604);
        assert!(link.is_symlink());
        assert!(write_beside(&dir.path().join("none/file"), b"", 0o600).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
