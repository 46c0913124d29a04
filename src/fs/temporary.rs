//! What is temporary in a folder of a vault is known by its name: how it is made, known and cleared away.

use std::collections::HashSet;

use super::below::{joined, remove_entry};
use super::{FsError, Tree};
use crate::crypto::{from_hex, hex};
use crate::world::World;

/// Temporary files and folders are known by this beginning and end; a vault has no such names.
const STAGED_PREFIX: &str = ".clws-";
const STAGED_SUFFIX: &str = ".tmp";

/// A name for something temporary in this folder.
pub(super) fn random_name(tree: &Tree, folder: &str, world: &World) -> Result<String, FsError> {
    let random = world.random::<8>().map_err(|_| {
        let none = std::io::Error::other("no random bytes");
        FsError::io("make a name in", &tree.join(folder))(none)
    })?;
    Ok(staged_name(&hex(&random)))
}

/// The name of a temporary file.
pub(super) fn staged_name(middle: &str) -> String {
    format!("{STAGED_PREFIX}{middle}{STAGED_SUFFIX}")
}

/// Whether a name is one that a change of a vault gives to what is temporary there.
#[must_use]
pub fn is_random_name(name: &str) -> bool {
    middle(name).is_some_and(|digits| from_hex::<8>(digits).is_ok())
}

/// What stands in the middle of the name of something temporary.
fn middle(name: &str) -> Option<&str> {
    name.strip_prefix(STAGED_PREFIX)?
        .strip_suffix(STAGED_SUFFIX)
}

/// Removes what has the name of something temporary in a folder, but what is `own`.
pub(super) fn clear_folder(tree: &Tree, folder: &str, own: &HashSet<&str>) -> Result<(), FsError> {
    for entry in tree.entries(folder)? {
        let path = joined(folder, &entry.name);
        if middle(&entry.name).is_none() || own.contains(path.as_str()) {
            continue;
        }
        remove_entry(tree, &path, entry.kind)?;
    }
    Ok(())
}
