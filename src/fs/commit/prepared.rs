//! The steps of a change, before they are written down: each new content lies beside its place.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::cores;
use crate::fs::below::{MANY, split};
use crate::fs::new_folder::NewFolder;
use crate::fs::targets::{Hashes, What, current, hash_of_folder};
use crate::fs::{Edit, FsError, New, NewFolders, Staged, Tree};
use crate::world::World;

/// A step that is ready.
pub(super) struct Prepared {
    pub(super) path: String,
    pub(super) was: Option<[u8; 32]>,
    pub(super) new: Option<[u8; 32]>,
    pub(super) put: Put,
}

/// What is put where something else was.
pub(super) enum Put {
    Nothing,
    File(Staged),
    Folder(Arc<NewFolder>),
}

impl Prepared {
    pub(super) fn what(&self) -> What {
        match self.put {
            Put::Folder(_) => What::Folder,
            Put::Nothing | Put::File(_) => What::File,
        }
    }
}

/// Writes what is new beside its target.
pub(super) fn prepare(
    tree: &Tree,
    world: &World,
    folders: &NewFolders,
    edit: Edit,
) -> Result<Prepared, FsError> {
    let staged = match edit.new {
        New::Gone => None,
        New::Staged(staged) => Some(staged),
        New::Bytes(bytes) => {
            let mut staged = folders.stage(tree, &edit.path, world)?;
            staged.write(&bytes)?;
            Some(staged)
        }
    };
    let (path, was) = (edit.path, edit.was.hash());
    Ok(match staged {
        None => Prepared {
            new: None,
            put: Put::Nothing,
            path,
            was,
        },
        Some(mut staged) => Prepared {
            new: Some(staged.finish()?),
            put: Put::File(staged),
            path,
            was,
        },
    })
}

/// The steps of a change: a new folder is one, with all that lies in it.
pub(super) fn steps(tree: &Tree, prepared: Vec<Prepared>) -> Result<Vec<Prepared>, FsError> {
    let mut steps = Vec::new();
    let mut folders: BTreeMap<String, (Arc<NewFolder>, Hashes)> = BTreeMap::new();
    for file in prepared {
        let (Put::File(staged), Some(new)) = (&file.put, file.new) else {
            steps.push(file);
            continue;
        };
        let Some(folder) = &staged.folder else {
            steps.push(file);
            continue;
        };
        // It was read where no folder is any more.
        if file.was.is_some() {
            return Err(FsError::Changed {
                path: tree.join(&file.path),
            });
        }
        let below = file.path.get(folder.target.len() + 1..).unwrap_or_default();
        let (_, files) = folders
            .entry(folder.target.clone())
            .or_insert_with(|| (Arc::clone(folder), Hashes::new()));
        files.insert(below.to_owned(), new);
    }
    let folders = folders.into_iter().map(|(path, (folder, files))| Prepared {
        path,
        was: None,
        new: Some(hash_of_folder(&files)),
        put: Put::Folder(folder),
    });
    // In front: rules come last.
    Ok(folders.chain(steps).collect())
}

/// Refuses if a target is not what was read at the start. A folder with many of them is looked at once.
pub(super) fn demand_unchanged(tree: &Tree, steps: &[Prepared]) -> Result<(), FsError> {
    let mut targets: BTreeMap<&str, usize> = BTreeMap::new();
    for step in steps {
        *targets.entry(split(&step.path).0).or_default() += 1;
    }
    targets.retain(|_, targets| *targets >= MANY);
    let mut taken: BTreeMap<&str, HashSet<String>> = BTreeMap::new();
    for folder in targets.into_keys() {
        let entries = tree.entries(folder)?.into_iter();
        taken.insert(folder, entries.map(|entry| entry.name).collect());
    }
    let look = |step: &Prepared| {
        let (folder, name) = split(&step.path);
        let is_free = taken.get(folder).is_some_and(|names| !names.contains(name));
        let now = match is_free {
            true => None,
            false => current(tree, step.what(), &step.path)?,
        };
        Ok((now != step.was).then(|| tree.join(&step.path)))
    };
    for changed in cores::each(steps.iter().collect(), MANY, look) {
        if let Some(path) = changed? {
            return Err(FsError::Changed { path });
        }
    }
    Ok(())
}
