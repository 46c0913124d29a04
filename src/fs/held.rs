//! Files by their paths, wherever they are: in a folder, or read out of a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Entry, EntryKind, FsError, Tree};

/// Where files can be read by their paths.
pub trait Files {
    /// What it is called in messages.
    fn place(&self) -> &Path;

    /// The content of an ordinary file of at most `most` bytes; `None` if there is none.
    ///
    /// # Errors
    /// [`FsError`] for what is no ordinary file, is too large, or cannot be read.
    fn read(&self, file: &str, most: usize) -> Result<Option<Vec<u8>>, FsError>;

    /// The names in a folder, sorted; none if there is no such folder.
    ///
    /// # Errors
    /// [`FsError`] if it cannot be read.
    fn entries(&self, folder: &str) -> Result<Vec<Entry>, FsError>;
}

impl Files for Tree {
    fn place(&self) -> &Path {
        self.path()
    }

    fn read(&self, file: &str, most: usize) -> Result<Option<Vec<u8>>, FsError> {
        Tree::read(self, file, most)
    }

    fn entries(&self, folder: &str) -> Result<Vec<Entry>, FsError> {
        Tree::entries(self, folder)
    }
}

/// Files that were read before.
#[derive(Clone, Debug)]
pub struct Held {
    place: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl Held {
    /// These files, from a place of this name.
    #[must_use]
    pub fn new(place: impl Into<PathBuf>, files: BTreeMap<String, Vec<u8>>) -> Self {
        let place = place.into();
        Self { place, files }
    }
}

impl Files for Held {
    fn place(&self) -> &Path {
        &self.place
    }

    fn read(&self, file: &str, most: usize) -> Result<Option<Vec<u8>>, FsError> {
        match self.files.get(file) {
            Some(bytes) if bytes.len() > most => Err(FsError::TooLarge {
                path: self.place.join(file),
                most,
            }),
            found => Ok(found.cloned()),
        }
    }

    fn entries(&self, folder: &str) -> Result<Vec<Entry>, FsError> {
        let below = self.files.keys().filter_map(|file| {
            let rest = file.strip_prefix(folder)?.strip_prefix('/')?;
            Some(match rest.split_once('/') {
                Some((name, _)) => (name.to_owned(), EntryKind::Folder),
                None => (rest.to_owned(), EntryKind::File),
            })
        });
        let names: BTreeSet<Entry> = below.map(|(name, kind)| Entry { name, kind }).collect();
        Ok(names.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_has_the_shape_of_a_folder() {
        let files = ["a/one", "a/two/three", "a/two/four", "b"];
        let files = files.map(|file| (file.to_owned(), b"12345".to_vec()));
        let held = Held::new("commit 1", BTreeMap::from(files));
        let entries = held.entries("a").unwrap();
        let names: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.kind)).collect();
        assert_eq!(
            names,
            [("one", EntryKind::File), ("two", EntryKind::Folder)]
        );
        assert!(held.entries("a/on").unwrap().is_empty());
        assert_eq!(held.read("b", 5).unwrap(), Some(b"12345".to_vec()));
        assert!(held.read("a/two", 5).unwrap().is_none());
        assert!(held.read("b", 4).is_err());
    }
}
