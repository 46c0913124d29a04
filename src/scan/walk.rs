//! Every file below a folder.

use super::finding::Finding;
use super::known::Known;
use super::stream::look;
use crate::error::Error;
use crate::fs::{EntryKind, FsError, Tree};
use crate::text::clean;

/// Looks through all files below a folder, git's own aside; follows no link. Gives the number of files.
///
/// # Errors
/// [`FsError`] for what cannot be read.
pub fn walk(known: &Known, tree: &Tree, findings: &mut Vec<Finding>) -> Result<usize, Error> {
    folder(known, tree, "", findings)
}

fn folder(
    known: &Known,
    tree: &Tree,
    path: &str,
    findings: &mut Vec<Finding>,
) -> Result<usize, Error> {
    let mut files = 0;
    for entry in tree.entries(path)? {
        let below = match path {
            "" => entry.name.clone(),
            path => format!("{path}/{}", entry.name),
        };
        match entry.kind {
            EntryKind::Folder if entry.name == ".git" => {}
            EntryKind::Folder => files += folder(known, tree, &below, findings)?,
            EntryKind::File => {
                if let Some(file) = tree.file(&below)? {
                    look(known, &clean(&below), file, findings)
                        .map_err(FsError::io("read", &tree.join(&below)))?;
                    files += 1;
                }
            }
            EntryKind::Link | EntryKind::Other => {}
        }
    }
    Ok(files)
}
