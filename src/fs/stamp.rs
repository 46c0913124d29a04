//! Whether a file is still the one that it was.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::FsError;

/// Which file it is and when its content changed last, as the kernel knows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    device: u64,
    number: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of an open file.
    #[must_use]
    pub fn of(about: &Metadata) -> Self {
        Self {
            device: about.dev(),
            number: about.ino(),
            size: about.size(),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }

    /// The stamp of what lies at a path now, links not followed; `None` if nothing does.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn at(path: &Path) -> Result<Option<Self>, FsError> {
        match std::fs::symlink_metadata(path) {
            Ok(about) => Ok(Some(Self::of(&about))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FsError::io("read", path)(error)),
        }
    }
}
