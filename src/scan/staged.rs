//! What is staged for the next commit, as git has it in its index.
//!
//! [`crate::git`] is asked for object ids and raw objects alone.

use std::path::{Path, PathBuf};

use super::look::{Found, Looker};
use crate::error::Error;
use crate::git::{Git, NOTHING, Objects, broken};
use crate::world::World;

/// Looks through the files that are added or changed in the index of the repository around `folder`.
/// Gives the repository's folder.
///
/// # Errors
/// NOTFOUND if there is no repository or no git; IOERR if git breaks off.
pub fn staged(looker: &Looker, world: &World, folder: &Path) -> Result<(PathBuf, Found), Error> {
    let git = Git::at(world, folder);
    let changes = |since: &str| {
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
    };
    // All at once: each takes git a millisecond or two to begin.
    let (root, since_head) = (
        git.begin(&["rev-parse", "--show-toplevel"])?,
        changes("HEAD")?,
    );
    let mut objects = git.objects()?;
    let root = PathBuf::from(root.line()?);
    // Before the first commit there is no HEAD.
    let changes = since_head
        .answer()
        .or_else(|_| changes(NOTHING)?.answer())?;
    let blobs = blobs(&changes).ok_or_else(|| broken("its list of changes does not read"))?;
    let mut found = Found::default();
    read(&mut objects, looker, &blobs, &mut found)?;
    Ok((root, found))
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
    objects: &mut Objects,
    looker: &Looker,
    blobs: &[(String, String)],
    found: &mut Found,
) -> Result<(), Error> {
    let mut buffer = looker.buffer();
    for (id, path) in blobs {
        let read = objects.blob(id, |object| {
            looker
                .look(path, object, &mut buffer, found)
                .map_err(|error| broken(&error.to_string()))
        })?;
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
