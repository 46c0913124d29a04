//! Removing a plaintext file, as far as that can be done.
//!
//! The content is overwritten once before the name goes. A copy-on-write file system, an SSD's own
//! mapping, snapshots and backups keep what was: whoever removes a secret from a disk must still
//! count on somebody's finding it.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::below::split;
use super::{FsError, Stamp, Tree};

/// How a file went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gone {
    /// Overwritten, synced, and removed.
    Overwritten,
    /// Only the name was removed: it has other names, or could not be written.
    NameOnly,
}

impl Tree {
    /// Overwrites and removes a file, if it is still the one that `stamp` was taken of.
    ///
    /// # Errors
    /// [`FsError::Changed`] if it is another one or was written to, and [`FsError::Io`].
    pub fn shred(&self, relative: &str, stamp: &Stamp) -> Result<Gone, FsError> {
        let path = self.join(relative);
        let fail = |errno| self.explain("remove", relative, errno);
        let writable = self.at(relative, OFlags::WRONLY | OFlags::NONBLOCK);
        let (fd, may_write) = match writable {
            Ok(fd) => (fd, true),
            Err(Errno::ACCESS | Errno::PERM | Errno::TXTBSY) => {
                (self.at(relative, OFlags::PATH).map_err(fail)?, false)
            }
            Err(errno) => return Err(fail(errno)),
        };
        let mut file = File::from(fd);
        let about = file.metadata().map_err(FsError::io("remove", &path))?;
        if !about.is_file() || Stamp::of(&about) != *stamp {
            return Err(FsError::Changed { path });
        }
        // Under its other names it is somebody's, who did not ask for this.
        let overwrite = may_write && about.nlink() == 1;
        if overwrite {
            zero(&mut file, about.size()).map_err(FsError::io("overwrite", &path))?;
        }
        let (folder, name) = split(relative);
        let folder = self.folder(folder).map_err(fail)?;
        rustix::fs::unlinkat(&folder, name, AtFlags::empty()).map_err(fail)?;
        Ok(if overwrite {
            Gone::Overwritten
        } else {
            Gone::NameOnly
        })
    }
}

fn zero(file: &mut File, size: u64) -> std::io::Result<()> {
    let zeros = [0; 16 * 1024];
    let mut left = size;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all(zeros.get(..length).unwrap_or_default())?;
        left -= u64::try_from(length).unwrap_or(left);
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn stamp(path: &std::path::Path) -> Stamp {
        Stamp::of(&fs::metadata(path).unwrap())
    }

    #[test]
    fn a_file_is_overwritten_and_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, vec![b'x'; 100_000]).unwrap();
        let mut open = File::open(&path).unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        assert_eq!(tree.shred("a", &stamp(&path)).unwrap(), Gone::Overwritten);
        assert!(!path.exists());
        let mut left = Vec::new();
        std::io::Read::read_to_end(&mut open, &mut left).unwrap();
        assert_eq!(left, vec![0; 100_000]);
    }

    #[test]
    fn what_changed_since_or_has_other_names_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&path, "one").unwrap();
        let before = stamp(&path);
        let tree = Tree::open(dir.path()).unwrap();
        fs::write(&path, "two").unwrap();
        assert!(matches!(
            tree.shred("a", &before),
            Err(FsError::Changed { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::hard_link(&path, &other).unwrap();
        assert_eq!(tree.shred("a", &stamp(&path)).unwrap(), Gone::NameOnly);
        assert_eq!(fs::read(&other).unwrap(), b"two");
        fs::set_permissions(&other, fs::Permissions::from_mode(0o400)).unwrap();
        tree.shred("b", &stamp(&other)).unwrap();
        assert!(!other.exists());
    }
}
