//! Every file below a folder.

use std::path::Path;
use std::sync::Mutex;

use super::archive;
use super::look::{Buffer, Found, Looker};
use crate::cores::{each, lock};
use crate::error::Error;
use crate::fs::{EntryKind, FsError, Tree};

/// Files that a thread takes at once.
const SOME: usize = 32;

/// Whether what is packed is unpacked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Archives {
    /// Looked at as bytes.
    Closed,
    /// Unpacked in memory.
    Opened,
}

/// Looks through all files below a folder, git's own aside, on all cores; follows no link. What cannot be read is
/// kept in [`Found::unread`].
///
/// # Errors
/// [`FsError`] if the folder itself cannot be read.
pub fn walk(looker: &Looker, tree: &Tree, archives: Archives) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut files = Vec::new();
    tree.entries("")?;
    gather(tree, &mut files, &mut found);
    let jobs: Vec<Vec<String>> = files.chunks(SOME).map(<[String]>::to_vec).collect();
    let buffers = Mutex::new(Vec::new());
    let results = each(jobs, 2, |paths| {
        let mut buffer: Buffer = lock(&buffers).pop().unwrap_or_else(|| looker.buffer());
        let mut found = Found::default();
        for path in paths {
            if let Err(why) = file(looker, tree, &path, archives, &mut buffer, &mut found) {
                found.unread.push((path, why));
            }
        }
        lock(&buffers).push(buffer);
        found
    });
    for result in results {
        found.join(result);
    }
    Ok(found)
}

/// Looks through one file that is named.
///
/// # Errors
/// [`FsError`] if it cannot be read.
pub fn one(looker: &Looker, path: &Path, archives: Archives) -> Result<Found, Error> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let tree = Tree::open(folder.unwrap_or(Path::new(".")))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut found = Found::default();
    if let Err(why) = file(
        looker,
        &tree,
        &name,
        archives,
        &mut looker.buffer(),
        &mut found,
    ) {
        found.unread.push((name.into_owned(), why));
    }
    Ok(found)
}

/// The paths of all files, folder by folder, without a function that calls itself for each level.
fn gather(tree: &Tree, files: &mut Vec<String>, found: &mut Found) {
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries = match tree.entries(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                found.unread.push((folder, said(&error)));
                continue;
            }
        };
        for entry in entries {
            let below = match folder.as_str() {
                "" => entry.name.clone(),
                folder => format!("{folder}/{}", entry.name),
            };
            match entry.kind {
                EntryKind::Folder if entry.name == ".git" => {}
                EntryKind::Folder => folders.push(below),
                EntryKind::File => files.push(below),
                EntryKind::Other if entry.name.contains(char::REPLACEMENT_CHARACTER) => {
                    let why = "its name is not UTF-8; give it another one".to_owned();
                    found.unread.push((below, why));
                }
                EntryKind::Link | EntryKind::Other => {}
            }
        }
    }
    files.sort_unstable();
}

fn file(
    looker: &Looker,
    tree: &Tree,
    path: &str,
    archives: Archives,
    buffer: &mut Buffer,
    found: &mut Found,
) -> Result<(), String> {
    let opened = tree.file(path).map_err(|error| said(&error))?;
    // It is gone since it was listed.
    let Some(mut opened) = opened else {
        return Ok(());
    };
    looker
        .look(path, &mut opened, buffer, found)
        .map_err(|error| error.to_string())?;
    if archives == Archives::Opened {
        archive::look(looker, path, opened, buffer, found)?;
    }
    Ok(())
}

fn said(error: &FsError) -> String {
    let mut text = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}
