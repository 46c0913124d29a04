//! What lies where a change writes to, told by its hash.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read as _;

use super::commit::{MANY, Prepared, split};
use super::{FsError, Tree};
use crate::cores;
use crate::crypto::sha256;

/// Refuses if a target is not what was read at the start. A folder with many of them is looked at once.
pub(super) fn demand_unchanged(tree: &Tree, steps: &[Prepared]) -> Result<(), FsError> {
    let mut targets: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, ..) in steps {
        *targets.entry(split(path).0).or_default() += 1;
    }
    targets.retain(|_, targets| *targets >= MANY);
    let mut taken: BTreeMap<&str, HashSet<String>> = BTreeMap::new();
    for folder in targets.into_keys() {
        let entries = tree.entries(folder)?.into_iter();
        taken.insert(folder, entries.map(|entry| entry.name).collect());
    }
    let look = |(path, was, ..): &Prepared| {
        let (folder, name) = split(path);
        let is_free = taken.get(folder).is_some_and(|names| !names.contains(name));
        let now = if is_free { None } else { current(tree, path)? };
        Ok((now != *was).then(|| tree.join(path)))
    };
    for changed in cores::each(steps.iter().collect(), MANY, look) {
        if let Some(path) = changed? {
            return Err(FsError::Changed { path });
        }
    }
    Ok(())
}

/// SHA-256 of what lies at a path, in constant memory.
pub(super) fn current(tree: &Tree, path: &str) -> Result<Option<[u8; 32]>, FsError> {
    match tree.file(path)? {
        None => Ok(None),
        Some(mut file) => hash_file(&mut file)
            .map(Some)
            .map_err(FsError::io("read", &tree.join(path))),
    }
}

/// SHA-256 of an open file from its beginning, in constant memory.
pub(crate) fn hash_file(file: &mut File) -> std::io::Result<[u8; 32]> {
    use std::io::Seek as _;
    file.rewind()?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    // Wiped when it is freed; a larger one took longer than the file of 1 KB that it was for.
    let mut buffer = vec![0; length.saturating_add(1).clamp(512, 16 * 1024)];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => context.update(buffer.get(..length).unwrap_or_default()),
        }
    }
    let mut hash = sha256(b"");
    hash.copy_from_slice(context.finish().as_ref());
    Ok(hash)
}
