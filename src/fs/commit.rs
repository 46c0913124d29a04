//! Changes to the vault's files: all of them or none, and never a half-written file.
//!
//! Each new content is first written beside its target under a name of its own (ciphertext only),
//! synced, and read back by whoever wrote it. Then the targets are compared with what was read at
//! the start, and the new files are renamed over them. What lies in a folder that the change makes is renamed
//! with that folder (`new_folder.rs`). A change of several files goes through a
//! journal in the person's state folder: once that is on disk the change will be finished, by this
//! process or by the next one. It lies there and not in the repository, since a pulled journal would
//! be an attack.
//!
//! What a run that is killed before that leaves is the subject of `left.rs`.

mod prepared;

use std::collections::{BTreeSet, HashSet};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::prepared::{Prepared, Put, demand_unchanged, prepare, steps};
use super::below::{
    MANY, Sync, make_folders, remove, remove_all, remove_empty_folders, split, sync_all_names,
    sync_names,
};
use super::private::{self, read_private, remove_private, write_private};
use super::targets::{What, current};
use super::temporary::clear_folder;
use super::{Edit, FsError, New, NewFolders, Staged, Tree};
use crate::cores;
use crate::crypto::hex;
use crate::world::World;

/// A journal of 10,000 files is about 3 MB.
const MAX_JOURNAL: usize = 64 * 1024 * 1024;

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
    /// What it is.
    #[serde(default)]
    what: What,
    /// What is staged; none to remove the target.
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
    pub fn commit(&self, tree: &Tree, world: &World, mut edits: Vec<Edit>) -> Result<(), FsError> {
        let folders = NewFolders::of(&edits);
        clear_stale(tree, &edits, &folders)?;
        let is_alone = edits.len() == 1 && folders.each().next().is_none();
        if let Some(edit) = edits.pop_if(|_| is_alone) {
            return edit.carry_out_alone(tree, world);
        }
        let prepare = |edit| prepare(tree, world, &folders, edit);
        let prepared = cores::each(edits, MANY, prepare);
        let mut prepared: Vec<Prepared> = prepared.into_iter().collect::<Result<_, _>>()?;
        let synced = sync_staged(tree, &mut prepared, &folders)?;
        let steps = steps(tree, prepared)?;
        demand_unchanged(tree, &steps)?;
        // What counts by one name needs no journal.
        if let [step] = steps.as_slice()
            && let Put::Folder(folder) = &step.put
        {
            folder.rename()?;
            return sync_names(tree, split(&step.path).0);
        }
        if synced == Synced::Contents {
            // The staged files' names must be on disk before the journal that speaks of them.
            sync_folders(tree, steps.iter().map(|step| step.path.as_str()))?;
        }
        let record = match self.write(tree, &steps) {
            Ok(record) => record,
            Err(error) => {
                // It may lie there all the same, and the files that it speaks of go now.
                remove_private(&self.path).unwrap_or_default();
                return Err(error);
            }
        };
        let stage = |step: &Prepared| match step.was == step.new {
            true => Stage::Same,
            false => Stage::Ready,
        };
        let stages: Vec<Stage> = steps.iter().map(stage).collect();
        for step in steps {
            match step.put {
                Put::File(staged) => staged.hand_over(),
                Put::Folder(folder) => folder.hand_over(),
                Put::Nothing => {}
            }
        }
        self.carry_out(tree, &record, &stages)
    }

    fn write(&self, tree: &Tree, steps: &[Prepared]) -> Result<Record, FsError> {
        let record = Record {
            root: tree.path().to_owned(),
            steps: steps
                .iter()
                .map(|step| Step {
                    path: step.path.clone(),
                    what: step.what(),
                    staged: match &step.put {
                        Put::File(staged) => Some(staged.path.clone()),
                        Put::Folder(folder) => Some(folder.path.clone()),
                        Put::Nothing => None,
                    },
                    was: step.was.map(|hash| hex(&hash)),
                    new: step.new.map(|hash| hex(&hash)),
                })
                .collect(),
        };
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

    /// Finishes a change that an earlier run began. Nothing to do is fine. Where its vault's folder is gone, it may
    /// be the one `at_hand` under another name: then what was staged lies there.
    ///
    /// # Errors
    /// [`FsError::Changed`], once, if somebody took a file of the change into hand meanwhile, as
    /// `git checkout` and `git clean` do: what they made stays. The rest is finished if it was begun,
    /// and dropped if not; the next run has nothing to do any more. [`FsError::Io`].
    pub fn recover(&self, at_hand: &Tree) -> Result<(), FsError> {
        let Some(record) = self.read()? else {
            return Ok(());
        };
        let tree = match is_folder(&record.root)? {
            true => Tree::open(&record.root)?,
            false if record.lies_in(at_hand)? => at_hand.clone(),
            // The clone is gone, and its files with it.
            false => return remove_private(&self.path),
        };
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
                    match step.what {
                        What::File => remove(tree, staged)?,
                        What::Folder => remove_all(tree, staged)?,
                    }
                }
                Some(staged) => {
                    let (path, name) = split(&step.path);
                    let folder = match open.take() {
                        Some((last, folder)) if last == path => folder,
                        _ => make_folders(tree, path, Sync::Disk)?,
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
        sync_folders(tree, record.steps.iter().map(|step| step.path.as_str()))?;
        for step in record.steps.iter().filter(|step| step.new.is_none()) {
            remove_empty_folders(tree, split(&step.path).0);
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

impl Record {
    /// Whether a file or folder that it staged lies in a vault. No other one has something of that name.
    fn lies_in(&self, tree: &Tree) -> Result<bool, FsError> {
        for staged in self.steps.iter().filter_map(|step| step.staged.as_ref()) {
            if tree.exists(staged)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Step {
    fn stage(&self, tree: &Tree) -> Result<Stage, FsError> {
        let now = current(tree, self.what, &self.path)?.map(|hash| hex(&hash));
        if now == self.new {
            return Ok(if self.was == self.new {
                Stage::Same
            } else {
                Stage::Done
            });
        }
        let there = match (&self.staged, self.what) {
            (Some(staged), What::File) => tree.exists(staged)?,
            // Somebody may have cleaned a part of it away.
            (Some(staged), What::Folder) => {
                current(tree, What::Folder, staged)?.map(|hash| hex(&hash)) == self.new
            }
            (None, _) => true,
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

/// What is on the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Synced {
    /// The files, and the names in new folders.
    Contents,
    /// Everything.
    All,
}

/// Waits until all contents are on the disk: file by file, or for many of them the whole file system
/// at once, which is two hundred times faster for a thousand.
fn sync_staged(
    tree: &Tree,
    prepared: &mut [Prepared],
    folders: &NewFolders,
) -> Result<Synced, FsError> {
    let staged = prepared.iter_mut().filter_map(|step| match &mut step.put {
        Put::File(staged) => Some(staged),
        Put::Folder(_) | Put::Nothing => None,
    });
    let mut staged: Vec<&mut Staged> = staged.collect();
    if staged.len() >= MANY && is_one_file_system(tree, &staged)? {
        tree.sync_file_system()?;
        return Ok(Synced::All);
    }
    staged.iter_mut().try_for_each(|staged| staged.sync())?;
    folders
        .each()
        .try_for_each(|new| sync_all_names(tree, &new.path))?;
    Ok(Synced::Contents)
}

fn is_one_file_system(tree: &Tree, staged: &[&mut Staged]) -> Result<bool, FsError> {
    let device = tree.device("")?;
    let folders: BTreeSet<&str> = staged.iter().map(|staged| split(&staged.path).0).collect();
    let others = folders
        .into_iter()
        .map(|folder| Ok(tree.device(folder)? != device));
    let others: Vec<bool> = others.collect::<Result<_, FsError>>()?;
    Ok(!others.contains(&true))
}

/// Waits until the names in the folders of these paths are on the disk.
fn sync_folders<'p>(tree: &Tree, paths: impl Iterator<Item = &'p str>) -> Result<(), FsError> {
    let folders: BTreeSet<&str> = paths.map(|path| split(path).0).collect();
    folders
        .into_iter()
        .try_for_each(|folder| sync_names(tree, folder))
}

/// Removes what killed runs left in the folders of this change. The caller holds
/// the lock, so nobody else's are alive; this change's own staged files are kept.
fn clear_stale(tree: &Tree, edits: &[Edit], new: &NewFolders) -> Result<(), FsError> {
    let (mut own, mut targets) = (HashSet::new(), Vec::new());
    for edit in edits {
        match &edit.new {
            New::Staged(staged) if staged.folder.is_some() => continue,
            New::Staged(staged) => own.insert(staged.path.as_str()),
            New::Bytes(_) | New::Gone => false,
        };
        targets.push(edit.path.as_str());
    }
    for folder in new.each() {
        own.insert(folder.path.as_str());
        targets.push(folder.target.as_str());
    }
    let folders: BTreeSet<&str> = targets.into_iter().map(|path| split(path).0).collect();
    folders
        .into_iter()
        .try_for_each(|folder| clear_folder(tree, folder, &own))
}

impl Edit {
    /// Carries it out where it is the only one: it counts by one rename, and nothing has to be known by its hash.
    fn carry_out_alone(self, tree: &Tree, world: &World) -> Result<(), FsError> {
        let mut staged = match self.new {
            New::Gone => None,
            New::Staged(mut staged) => {
                staged.finish()?;
                Some(staged)
            }
            New::Bytes(bytes) => {
                let mut staged = Staged::new(tree, &self.path, world)?;
                staged.put(&bytes)?;
                Some(staged)
            }
        };
        staged.iter_mut().try_for_each(Staged::sync)?;
        if !self.was.is_still_at(tree, &self.path)? {
            let path = tree.join(&self.path);
            return Err(FsError::Changed { path });
        }
        let folder = split(&self.path).0;
        let Some(staged) = staged else {
            remove(tree, &self.path)?;
            sync_names(tree, folder)?;
            remove_empty_folders(tree, folder);
            return Ok(());
        };
        staged.rename()?;
        sync_names(tree, folder)
    }
}

#[cfg(test)]
mod tests;
