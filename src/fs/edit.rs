//! One file of a change: what lay there, and what shall lie there.

use super::targets::{What, current, holds};
use super::{FsError, Staged, Tree};
use crate::crypto::sha256;

/// One file to be changed.
#[derive(Debug)]
pub struct Edit {
    /// Where, relative to the vault.
    pub path: String,
    /// What was read there.
    pub was: Was,
    /// What shall lie there.
    pub new: New,
}

/// What lay where a file is to be changed, when it was read.
#[derive(Debug)]
pub enum Was {
    /// Nothing.
    Nothing,
    /// A file with this SHA-256.
    Hash([u8; 32]),
    /// This, for a large file that may be the only one of its change: comparing takes a fifth of the time of
    /// a hash.
    Content(Vec<u8>),
}

/// The new content of a file.
#[derive(Debug)]
pub enum New {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file that was written beside its target by [`Staged::new`].
    Staged(Staged),
    /// Nothing: the file goes.
    Gone,
}

impl Edit {
    /// An edit of a file whose content was read as `old`.
    #[must_use]
    pub fn of(path: impl Into<String>, old: Option<&[u8]>, new: New) -> Self {
        Self {
            path: path.into(),
            was: old.map_or(Was::Nothing, |old| Was::Hash(sha256(old))),
            new,
        }
    }
}

impl Was {
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        match self {
            Self::Nothing => None,
            Self::Hash(hash) => Some(*hash),
            Self::Content(content) => Some(sha256(content)),
        }
    }

    pub(super) fn is_still_at(&self, tree: &Tree, path: &str) -> Result<bool, FsError> {
        match self {
            Self::Content(content) => holds(tree, path, content),
            _ => Ok(current(tree, What::File, path)? == self.hash()),
        }
    }
}
