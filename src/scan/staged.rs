//! What is staged for the next commit, as git has it in its index.
//!
//! [`crate::git`] is asked for object ids and raw objects alone: once for what changed, while the vault's values
//! are learned, and only then for objects, if any does not lie in a file of its own.

use std::io::Read;
use std::path::Path;

use super::look::{Found, Looker};
use crate::error::Error;
use crate::git::{Asked, Git, broken};
use crate::world::World;

/// The files that are added or changed in the index, as git is about to list them.
pub struct Staged {
    git: Git,
    since_head: Asked,
}

impl Staged {
    /// Asks for what is staged in the repository around `folder`.
    ///
    /// # Errors
    /// NOTFOUND if there is no git.
    pub fn ask(world: &World, folder: &Path) -> Result<Self, Error> {
        let git = Git::at(world, folder);
        let since_head = changes(&git, "HEAD")?;
        Ok(Self { git, since_head })
    }

    /// Looks through it.
    ///
    /// # Errors
    /// NOTFOUND if there is no repository; IOERR if git breaks off.
    pub fn look(self, looker: &Looker) -> Result<Found, Error> {
        let Self { git, since_head } = self;
        // Before the first commit there is no HEAD.
        let changes = match since_head.answer() {
            Ok(changes) => changes,
            Err(_) => changes(&git, &empty_tree(&git)?)?.answer()?,
        };
        let blobs = blobs(&changes).ok_or_else(|| broken("its list of changes does not read"))?;
        let mut found = Found::default();
        read(&git, looker, &blobs, &mut found)?;
        Ok(found)
    }
}

/// The tree with nothing in it: git knows it without having it, by a name that is another one where ids are
/// SHA-256.
fn empty_tree(git: &Git) -> Result<String, Error> {
    git.ask_line(&["hash-object", "-t", "tree", "--stdin"])
}

fn changes(git: &Git, since: &str) -> Result<Asked, Error> {
    git.begin(&[
        "diff-index",
        "--cached",
        "--raw",
        "-z",
        "--no-renames",
        "--abbrev=64",
        "--diff-filter=ACMT",
        since,
        "--",
    ])
}

/// Object ids and paths out of `:100644 100644 old new M NUL path NUL`; submodules hold no file.
fn blobs(raw: &[u8]) -> Option<Vec<(String, String)>> {
    let mut fields = raw
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty());
    let mut blobs = Vec::new();
    while let Some(change) = fields.next() {
        let path = String::from_utf8_lossy(fields.next()?).into_owned();
        let change = std::str::from_utf8(change).ok()?;
        let mut words = change.split(' ');
        let mode = words.nth(1)?;
        let id = words.nth(1)?;
        if mode != "160000" {
            blobs.push((id.to_owned(), path));
        }
    }
    Some(blobs)
}

/// Reads the objects one after the other and looks through each.
fn read(
    git: &Git,
    looker: &Looker,
    blobs: &[(String, String)],
    found: &mut Found,
) -> Result<(), Error> {
    let mut buffer = looker.buffer();
    let loose = git.loose();
    let mut objects = None;
    for (id, path) in blobs {
        let mut look = |object: &mut dyn Read| {
            let looked = looker.look(path, object, &mut buffer, found);
            looked.map_err(|error| broken(&error.to_string()))
        };
        if let Some(object) = loose.as_ref().and_then(|loose| loose.blob(id)) {
            look(&mut object.as_slice())?;
            continue;
        }
        let objects = match &mut objects {
            Some(objects) => objects,
            none => none.insert(git.objects()?),
        };
        let read = objects.blob(id, |object| look(object))?;
        read.ok_or_else(|| broken(&format!("it has no object for `{path}`")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_form_of_changes_reads() {
        let raw = b":000000 100644 0000 abcd A\0a b\0:100644 160000 0000 beef T\0sub\0";
        assert_eq!(blobs(raw), Some(vec![("abcd".into(), "a b".into())]));
        assert_eq!(blobs(b""), Some(vec![]));
        assert_eq!(blobs(b"nonsense\0x\0"), None);
    }
}
