//! What a run that was killed in the midst of a change leaves, and who clears it away.
//!
//! Before its journal is written, a change is temporary files and folders beside their targets, in folders that no
//! later change may touch. So from its beginning to its end a mark beside the journal says in which
//! vault it is made. A mark that nobody holds the lock for was left, and whoever opens the vault next
//! clears up: only then is a vault walked through, and never while all goes well.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::below::{Sync, joined, remove_empty_folders};
use super::commit::{Journal, exists};
use super::private::{read_private, remove_private, write_private};
use super::temporary::clear_folder;
use super::{EntryKind, FsError, Tree};

/// `PATH_MAX` (Linux, include/uapi/linux/limits.h), whose last byte is the line end here.
const MAX_PATH: usize = 4096;

impl Journal {
    /// Whether a run is preparing a change, or was ended while it did.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn is_marked(&self) -> Result<bool, FsError> {
        exists(&self.mark())
    }

    /// Begins a change of the vault in `tree`: finishes and clears away what another run left, and
    /// marks that a change is under way. [`Self::end`] takes the mark away.
    ///
    /// # Errors
    /// As [`Self::recover`].
    pub fn begin(&self, tree: &Tree) -> Result<(), FsError> {
        self.recover(tree)?;
        self.clear_left(tree)?;
        // It does not wait for the disk: file systems keep the order in which names were made, so
        // that no temporary file outlives a power cut which the mark does not. What is in it may be
        // lost; its end says that it is not.
        let mark = [tree.path().as_os_str().as_bytes(), b"\n"].concat();
        write_private(&self.mark(), &mark, Sync::Lazy)
    }

    /// Ends a change that went through. A mark that stays costs the next run a look around.
    pub fn end(&self) {
        remove_private(&self.mark()).unwrap_or_default();
    }

    /// Removes the temporary files and empty folders of a run that was ended while it prepared a
    /// change, from the vault that it worked in and from the journal's own folder. Where a power cut took
    /// what the mark said, or that vault is gone, it is the vault at hand.
    ///
    /// Of a vault that cannot be looked through, the rest stays: it is ciphertext that nobody reads.
    ///
    /// # Errors
    /// [`FsError::Io`] of the mark.
    pub fn clear_left(&self, at_hand: &Tree) -> Result<(), FsError> {
        // The files that a journal speaks of are no leftovers.
        if self.is_pending()? {
            return Ok(());
        }
        let Some(mark) = read_private(&self.mark(), MAX_PATH)? else {
            return Ok(());
        };
        let root = mark.strip_suffix(b"\n").unwrap_or_default();
        let tree = Tree::open(Path::new(OsStr::from_bytes(root)));
        let tree = tree.as_ref().unwrap_or(at_hand);
        clear_folder(tree, "", &HashSet::new()).unwrap_or_default();
        for folder in ["hooks", "recipients", "secrets"] {
            clear_below(tree, folder).unwrap_or_default();
            remove_empty_folders(tree, folder);
        }
        if let Some(Ok(own)) = self.path.parent().map(Tree::open) {
            clear_below(&own, "").unwrap_or_default();
        }
        remove_private(&self.mark())
    }

    fn mark(&self) -> PathBuf {
        self.path.with_extension("unfinished")
    }
}

/// Removes the temporary files and folders below a folder, and the folders that are then empty.
fn clear_below(tree: &Tree, folder: &str) -> Result<(), FsError> {
    clear_folder(tree, folder, &HashSet::new())?;
    for entry in tree.entries(folder)? {
        if entry.kind == EntryKind::Folder {
            let below = joined(folder, &entry.name);
            clear_below(tree, &below)?;
            remove_empty_folders(tree, &below);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Staged;
    use crate::world::{Clock, World};

    #[test]
    fn what_a_killed_run_left_is_cleared_from_folders_that_no_change_touches() {
        let dir = tempfile::tempdir().unwrap();
        let vault = dir.path().join("vault");
        std::fs::create_dir(&vault).unwrap();
        let tree = Tree::open(&vault).unwrap();
        let world = World::new(Clock::System, [], "/".into());
        let journal = Journal::at(dir.path().join("state/journal"));
        journal.begin(&tree).unwrap();
        for path in ["clws.toml", "secrets/prod/deep/key.age"] {
            std::mem::forget(Staged::new(&tree, path, &world).unwrap());
        }
        std::fs::write(vault.join("secrets/prod/web.toml"), "kept").unwrap();
        std::fs::create_dir(dir.path().join("state/documents")).unwrap();
        std::fs::write(dir.path().join("state/documents/.clws-1.tmp"), "").unwrap();

        assert!(journal.is_marked().unwrap());
        // The next change is one of another clone.
        let other = dir.path().join("other");
        std::fs::create_dir(&other).unwrap();
        journal.begin(&Tree::open(&other).unwrap()).unwrap();
        journal.end();

        assert!(!journal.is_marked().unwrap());
        let names = |path: &str| -> Vec<String> {
            let entries = tree.entries(path).unwrap().into_iter();
            entries.map(|entry| entry.name).collect()
        };
        assert_eq!(names(""), ["secrets"]);
        assert_eq!(names("secrets/prod"), ["web.toml"]);
        assert!(!dir.path().join("state/documents").exists());
    }

    #[test]
    fn a_mark_that_a_power_cut_emptied_is_one_of_the_vault_at_hand() {
        let dir = tempfile::tempdir().unwrap();
        let vault = dir.path().join("vault");
        std::fs::create_dir(&vault).unwrap();
        let tree = Tree::open(&vault).unwrap();
        let world = World::new(Clock::System, [], "/".into());
        let journal = Journal::at(dir.path().join("state/journal"));
        let whole = vault.as_os_str().as_bytes();
        for left in [0, whole.len() / 2, whole.len()] {
            journal.begin(&tree).unwrap();
            std::mem::forget(Staged::new(&tree, "secrets/prod/key.age", &world).unwrap());
            std::fs::write(journal.mark(), &whole[..left]).unwrap();
            journal.clear_left(&tree).unwrap();
            assert!(!vault.join("secrets").exists(), "{left} bytes were left");
            assert!(!journal.is_marked().unwrap());
        }
    }
}
