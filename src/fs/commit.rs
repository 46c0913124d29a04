//! Changes to the vault's files: all of them or none, and never a half-written file.
//!
//! Each new content is first written beside its target under a name of its own (ciphertext only),
//! synced, and read back by whoever wrote it. Then the targets are compared with what was read at
//! the start, and the new files are renamed over them. A change of several files goes through a
//! journal in the person's state folder: once that is on disk the change will be finished, by this
//! process or by the next one. It lies there and not in the repository, since a pulled journal would
//! be an attack.
//!
//! What a run that is killed before that leaves is the subject of `left.rs`.

use std::collections::{BTreeSet, HashSet};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::private::{self, Sync, read_private, remove_private, write_private};
use super::staged::{Staged, is_stale_name};
use super::targets::{current, demand_unchanged};
use super::{FsError, Tree};
use crate::cores;
use crate::crypto::{hex, sha256};
use crate::world::World;

/// From this many files on, all of their file system is synced: what others have written and not
/// synced yet is synced along, which costs more than these few would.
pub(super) const MANY: usize = 32;

/// A journal of 10,000 files is about 3 MB.
const MAX_JOURNAL: usize = 64 * 1024 * 1024;

/// One file to be changed.
#[derive(Debug)]
pub struct Edit {
    /// Where, relative to the vault.
    pub path: String,
    /// SHA-256 of what lies there now; `None` if nothing does.
    pub was: Option<[u8; 32]>,
    /// What shall lie there.
    pub new: New,
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

/// A step that is ready: path, old hash, staged file, new hash.
pub(super) type Prepared = (String, Option<[u8; 32]>, Option<Staged>, Option<[u8; 32]>);

/// Writes what is new beside its target.
fn prepare(tree: &Tree, world: &World, edit: Edit) -> Result<Prepared, FsError> {
    let mut staged = match edit.new {
        New::Gone => None,
        New::Staged(staged) => Some(staged),
        New::Bytes(bytes) => {
            let mut staged = Staged::new(tree, &edit.path, world)?;
            staged.write(&bytes)?;
            Some(staged)
        }
    };
    let hash = staged.as_mut().map(Staged::finish).transpose()?;
    Ok((edit.path, edit.was, staged, hash))
}

/// The journal of one vault. The caller holds the vault's lock.
#[derive(Debug)]
pub struct Journal {
    pub(super) path: PathBuf,
}

#[derive(Debug, Deserialize, Serialize)]
struct Record {
    root: PathBuf,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Step {
    path: String,
    /// The staged file; none to remove the target.
    staged: Option<String>,
    was: Option<String>,
    new: Option<String>,
}

impl Journal {
    /// The journal that lies at `path` while a change of several files is under way.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether a change is waiting to be finished.
    ///
    /// # Errors
    /// [`FsError::Io`]: a journal that cannot be looked at may be there.
    pub fn is_pending(&self) -> Result<bool, FsError> {
        exists(&self.path)
    }

    /// Whether the change that is waiting to be finished is one of this vault's file, among others.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn is_changing(&self, tree: &Tree, path: &str) -> Result<bool, FsError> {
        let record = self.read()?;
        Ok(record.is_some_and(|record| {
            record.root == tree.path() && record.steps.iter().any(|step| step.path == path)
        }))
    }

    fn read(&self) -> Result<Option<Record>, FsError> {
        let bytes = read_private(&self.path, MAX_JOURNAL)?;
        bytes
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose()
            .map_err(|error| FsError::io("read", &self.path)(error.into()))
    }

    /// Carries out all edits, or none of them.
    ///
    /// # Errors
    /// [`FsError::Changed`] if a target is not what was read; [`FsError::Io`]. Before the journal
    /// is written nothing has changed; after it, the next [`Self::recover`] finishes.
    pub fn commit(&self, tree: &Tree, world: &World, edits: Vec<Edit>) -> Result<(), FsError> {
        clear_stale(tree, &edits)?;
        let prepared = cores::each(edits, MANY, |edit| prepare(tree, world, edit));
        let mut steps: Vec<Prepared> = prepared.into_iter().collect::<Result<_, _>>()?;
        sync_staged(
            tree,
            steps
                .iter_mut()
                .filter_map(|(_, _, staged, _)| staged.as_mut())
                .collect(),
        )?;
        demand_unchanged(tree, &steps)?;
        if steps.len() == 1 {
            for (path, _, staged, _) in steps {
                match staged {
                    Some(staged) => staged.rename()?,
                    None => remove(tree, &path)?,
                }
                sync_folder(tree, &path)?;
            }
            return Ok(());
        }
        let record = match self.write(tree, &steps) {
            Ok(record) => record,
            Err(error) => {
                // It may lie there all the same, and the files that it speaks of go now.
                remove_private(&self.path).unwrap_or_default();
                return Err(error);
            }
        };
        let stage = |(_, was, _, new): &Prepared| match was == new {
            true => Stage::Same,
            false => Stage::Ready,
        };
        let stages: Vec<Stage> = steps.iter().map(stage).collect();
        for (_, _, staged, _) in steps {
            if let Some(staged) = staged {
                staged.hand_over();
            }
        }
        self.carry_out(tree, &record, &stages)
    }

    fn write(&self, tree: &Tree, steps: &[Prepared]) -> Result<Record, FsError> {
        let record = Record {
            root: tree.path().to_owned(),
            steps: steps
                .iter()
                .map(|(path, was, staged, new)| Step {
                    path: path.clone(),
                    staged: staged.as_ref().map(|staged| staged.path.clone()),
                    was: was.map(|hash| hex(&hash)),
                    new: new.map(|hash| hex(&hash)),
                })
                .collect(),
        };
        // The staged files' names must be on disk before the journal that speaks of them.
        let folders: BTreeSet<&str> = steps.iter().map(|(path, ..)| split(path).0).collect();
        for folder in folders {
            sync_dir(tree, folder)?;
        }
        let bytes = serde_json::to_vec(&record)
            .map_err(|error| FsError::io("write", &self.path)(error.into()))?;
        // What the next run would refuse to read must not be promised to it.
        if bytes.len() > MAX_JOURNAL {
            return Err(FsError::TooLarge {
                path: self.path.clone(),
                most: MAX_JOURNAL,
            });
        }
        write_private(&self.path, &bytes, Sync::Disk)?;
        Ok(record)
    }

    /// Finishes a change that an earlier run began. Nothing to do is fine.
    ///
    /// # Errors
    /// [`FsError::Changed`], once, if somebody took a file of the change into hand meanwhile, as
    /// `git checkout` and `git clean` do: what they made stays. The rest is finished if it was begun,
    /// and dropped if not; the next run has nothing to do any more. [`FsError::Io`].
    pub fn recover(&self) -> Result<(), FsError> {
        let Some(record) = self.read()? else {
            return Ok(());
        };
        // The clone is gone, and its files with it.
        if !is_folder(&record.root)? {
            return remove_private(&self.path);
        }
        let tree = Tree::open(&record.root)?;
        let mut stages = Vec::with_capacity(record.steps.len());
        for step in &record.steps {
            stages.push(step.stage(&tree)?);
        }
        self.carry_out(&tree, &record, &stages)
    }

    /// Does what is left of a change, by how far each of its steps is.
    fn carry_out(&self, tree: &Tree, record: &Record, stages: &[Stage]) -> Result<(), FsError> {
        let lost = stages.iter().position(|stage| *stage == Stage::Lost);
        let begun = stages.contains(&Stage::Done);
        // In their order, and not beyond one that fails: rules come last, and what they say must be there before
        // them. Steps of one folder follow each other.
        let mut open: Option<(&str, OwnedFd)> = None;
        for (step, stage) in record.steps.iter().zip(stages) {
            match &step.staged {
                Some(staged) if *stage != Stage::Ready || (lost.is_some() && !begun) => {
                    remove(tree, staged)?;
                }
                Some(staged) => {
                    let (path, name) = split(&step.path);
                    let folder = match open.take() {
                        Some((last, folder)) if last == path => folder,
                        _ => make_folders(tree, path)?,
                    };
                    rustix::fs::renameat(&folder, split(staged).1, &folder, name)
                        .map_err(|errno| tree.explain("write", &step.path, errno))?;
                    open = Some((path, folder));
                }
                None if *stage == Stage::Ready && (lost.is_none() || begun) => {
                    remove(tree, &step.path)?;
                }
                None => {}
            }
        }
        let paths = record.steps.iter().map(|step| split(&step.path).0);
        for folder in paths.collect::<BTreeSet<&str>>() {
            sync_dir(tree, folder)?;
        }
        remove_private(&self.path)?;
        // A power cut could bring it back after the next change of the same files, which it would then take for
        // somebody else's. That this was not waited for is no failure: all is there, and nothing is pending.
        if let Some(folder) = self.path.parent() {
            private::sync_folder(folder).unwrap_or_default();
        }
        match lost.and_then(|at| record.steps.get(at)) {
            Some(step) => Err(FsError::Changed {
                path: tree.join(&step.path),
            }),
            None => Ok(()),
        }
    }
}

/// How far a step of a journal is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The target is old, and what shall replace it is there.
    Ready,
    /// The target is new.
    Done,
    /// The target is as it was and as it shall be.
    Same,
    /// The target is neither, or what should replace it is gone.
    Lost,
}

impl Step {
    fn stage(&self, tree: &Tree) -> Result<Stage, FsError> {
        let now = current(tree, &self.path)?.map(|hash| hex(&hash));
        if now == self.new {
            return Ok(if self.was == self.new {
                Stage::Same
            } else {
                Stage::Done
            });
        }
        let there = match &self.staged {
            Some(staged) => tree.exists(staged)?,
            None => true,
        };
        Ok(if now == self.was && there {
            Stage::Ready
        } else {
            Stage::Lost
        })
    }
}

pub(super) fn exists(path: &Path) -> Result<bool, FsError> {
    path.try_exists().map_err(FsError::io("look at", path))
}

fn is_folder(path: &Path) -> Result<bool, FsError> {
    match std::fs::metadata(path) {
        Ok(about) => Ok(about.is_dir()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(FsError::io("look at", path)(error)),
    }
}

pub(super) fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// Waits until all contents are on the disk: file by file, or for many of them the whole file system
/// at once, which is two hundred times faster for a thousand.
fn sync_staged(tree: &Tree, mut staged: Vec<&mut Staged>) -> Result<(), FsError> {
    let device = tree.device()?;
    if staged.len() >= MANY && staged.iter().all(|staged| staged.device == device) {
        return tree.sync_file_system();
    }
    staged.iter_mut().try_for_each(|staged| staged.sync())
}

/// Removes temporary files that killed runs left in the folders of this change. The caller holds
/// the lock, so nobody else's are alive; this change's own staged files are kept.
fn clear_stale(tree: &Tree, edits: &[Edit]) -> Result<(), FsError> {
    let own: HashSet<&str> = edits
        .iter()
        .filter_map(|edit| match &edit.new {
            New::Staged(staged) => Some(staged.path.as_str()),
            _ => None,
        })
        .collect();
    let folders: BTreeSet<&str> = edits.iter().map(|edit| split(&edit.path).0).collect();
    for folder in folders {
        for entry in tree.entries(folder)? {
            let path = joined(folder, &entry.name);
            if is_stale_name(&entry.name) && !own.contains(path.as_str()) {
                remove(tree, &path)?;
            }
        }
    }
    Ok(())
}

pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

pub(super) fn remove(tree: &Tree, path: &str) -> Result<(), FsError> {
    let (folder, name) = split(path);
    let fd = match tree.at(folder, OFlags::RDONLY | OFlags::DIRECTORY) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(tree.explain("remove", path, errno)),
    };
    match rustix::fs::unlinkat(&fd, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(tree.explain("remove", path, errno)),
    }
}

/// Removes a folder and those above it that are empty: nothing of a change that did not come about
/// stays, and a folder that is left would keep its name from being a document's.
pub(super) fn remove_empty_folders(tree: &Tree, mut folder: &str) {
    while !folder.is_empty() {
        let (parent, name) = split(folder);
        let gone = tree
            .at(parent, OFlags::RDONLY | OFlags::DIRECTORY)
            .and_then(|parent| rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR));
        if gone.is_err() {
            break;
        }
        folder = parent;
    }
}

/// Opens a folder below the tree, making what is missing on the way (mode 0755).
pub(super) fn make_folders(tree: &Tree, path: &str) -> Result<OwnedFd, FsError> {
    let open = |path: &str| tree.at(path, OFlags::RDONLY | OFlags::DIRECTORY);
    match open(path) {
        Ok(fd) => return Ok(fd),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(tree.explain("open", path, errno)),
    }
    let (parent, name) = split(path);
    let parent = make_folders(tree, parent)?;
    match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
        Ok(()) => {
            // Shared checkouts keep working under our umask of 077.
            rustix::fs::chmodat(&parent, name, Mode::from_raw_mode(0o755), AtFlags::empty())
                .map_err(|errno| tree.explain("make", path, errno))?;
            rustix::fs::fsync(&parent).map_err(|errno| tree.explain("sync", path, errno))?;
        }
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(tree.explain("make", path, errno)),
    }
    open(path).map_err(|errno| tree.explain("open", path, errno))
}

fn sync_folder(tree: &Tree, path: &str) -> Result<(), FsError> {
    sync_dir(tree, split(path).0)
}

fn sync_dir(tree: &Tree, folder: &str) -> Result<(), FsError> {
    let fd = match tree.at(folder, OFlags::RDONLY | OFlags::DIRECTORY) {
        Ok(fd) => fd,
        // Somebody took it away with everything in it.
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(tree.explain("sync", folder, errno)),
    };
    rustix::fs::fsync(&fd).map_err(|errno| tree.explain("sync", folder, errno))
}

/// The hash of content, as [`Edit::was`] wants it.
impl Edit {
    /// An edit of a file whose content was read as `old`.
    #[must_use]
    pub fn of(path: impl Into<String>, old: Option<&[u8]>, new: New) -> Self {
        Self {
            path: path.into(),
            was: old.map(sha256),
            new,
        }
    }

    /// The folder that the file lies in, below the vault.
    #[must_use]
    pub fn folder(&self) -> &Path {
        Path::new(split(&self.path).0)
    }
}

#[cfg(test)]
mod tests;
