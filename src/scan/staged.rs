//! What is staged for the next commit, as git has it in its index.
//!
//! [`crate::git`] is asked for object ids and raw objects alone.

use std::path::{Path, PathBuf};

use super::finding::Finding;
use super::known::Known;
use super::stream::look;
use crate::error::Error;
use crate::git::{Git, NOTHING, broken};
use crate::text::clean;
use crate::world::World;

/// Looks through the files that are added or changed in the index of the repository around `folder`.
/// Gives the repository's folder and the number of files.
///
/// # Errors
/// NOTFOUND if there is no repository or no git; IOERR if git breaks off.
pub fn staged(
    known: &Known,
    world: &World,
    folder: &Path,
    findings: &mut Vec<Finding>,
) -> Result<(PathBuf, usize), Error> {
    let git = Git::at(world, folder);
    let root = PathBuf::from(git.ask_line(&["rev-parse", "--show-toplevel"])?);
    let has_commit = git
        .ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
        .is_ok();
    let since = if has_commit { "HEAD" } else { NOTHING };
    let changes = git.ask(&[
        "diff-index",
        "--cached",
        "--raw",
        "-z",
        "--no-renames",
        "--abbrev=64",
        "--diff-filter=ACMT",
        since,
    ])?;
    let blobs = blobs(&changes).ok_or_else(|| broken("its list of changes does not read"))?;
    read(&git, known, &blobs, findings)?;
    Ok((root, blobs.len()))
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
    known: &Known,
    blobs: &[(String, String)],
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let mut objects = git.objects()?;
    for (id, path) in blobs {
        let path = clean(path);
        let found = objects.blob(id, |object| {
            look(known, &path, object, findings).map_err(|error| broken(&error.to_string()))
        })?;
        found.ok_or_else(|| broken(&format!("it has no object for `{path}`")))?;
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
