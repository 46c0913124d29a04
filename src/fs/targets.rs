//! What lies where a change writes to, told by its hash.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::below::joined;
use super::{EntryKind, FsError, Tree};
use crate::crypto::{field, sha256};

/// The files below a folder, by their paths there, and their hashes.
pub(super) type Hashes = BTreeMap<String, [u8; 32]>;

/// What a step puts in its place.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum What {
    /// A file, or nothing.
    #[default]
    File,
    /// A folder that was not there, with all that lies in it.
    Folder,
}

/// Whether a file with this content lies at a path.
pub(super) fn holds(tree: &Tree, path: &str, content: &[u8]) -> Result<bool, FsError> {
    let Some((mut file, about)) = tree.file_and_about(path)? else {
        return Ok(false);
    };
    if usize::try_from(about.len()).ok() != Some(content.len()) {
        return Ok(false);
    }
    let mut rest = content;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = match file.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read.map_err(FsError::io("read", &tree.join(path)))?,
        };
        match rest.split_at_checked(length) {
            Some((same, behind)) if buffer.get(..length) == Some(same) => rest = behind,
            _ => return Ok(false),
        }
        if length == 0 {
            return Ok(rest.is_empty());
        }
    }
}

/// SHA-256 of what lies at a path.
pub(super) fn current(tree: &Tree, what: What, path: &str) -> Result<Option<[u8; 32]>, FsError> {
    match what {
        What::File => match tree.file(path)? {
            None => Ok(None),
            Some(mut file) => hash_file(&mut file)
                .map(Some)
                .map_err(FsError::io("read", &tree.join(path))),
        },
        What::Folder => match tree.folder(path) {
            Ok(_) => {
                let mut files = Hashes::new();
                collect(tree, (path, ""), &mut files)?;
                Ok(Some(hash_of_folder(&files)))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => Ok(Some(NO_FILE)),
            Err(errno) => Err(tree.explain("read", path, errno)),
        },
    }
}

/// In the place of the hash of what is neither a file nor a folder.
const NO_FILE: [u8; 32] = [0; 32];

/// Adds what lies below a folder.
fn collect(tree: &Tree, (folder, below): (&str, &str), files: &mut Hashes) -> Result<(), FsError> {
    for entry in tree.entries(&joined(folder, below))? {
        let path = joined(below, &entry.name);
        let hash = match entry.kind {
            EntryKind::Folder => {
                collect(tree, (folder, &path), files)?;
                continue;
            }
            EntryKind::File => current(tree, What::File, &joined(folder, &path))?,
            EntryKind::Link | EntryKind::Other => None,
        };
        files.insert(path, hash.unwrap_or(NO_FILE));
    }
    Ok(())
}

/// SHA-256 over the paths below a folder and the hashes of the files there.
pub(super) fn hash_of_folder(files: &Hashes) -> [u8; 32] {
    let mut all = Vec::new();
    for (path, hash) in files {
        field(&mut all, path.as_bytes());
        all.extend_from_slice(hash);
    }
    sha256(&all)
}

/// SHA-256 of an open file from its beginning, in constant memory.
pub(crate) fn hash_file(file: &mut File) -> std::io::Result<[u8; 32]> {
    use std::io::Seek as _;
    file.rewind()?;
    let length = file.metadata()?.len();
    hash_stream(file, length)
}

/// SHA-256 of what is left of a stream, in constant memory; `length` is how much it is said to be.
pub(crate) fn hash_stream(stream: &mut impl Read, length: u64) -> std::io::Result<[u8; 32]> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    // Wiped when it is freed; a larger one took longer than the file of 1 KB that it was for.
    let mut buffer = vec![0; length.saturating_add(1).clamp(512, 16 * 1024)];
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            length => context.update(buffer.get(..length).unwrap_or_default()),
        }
    }
    let mut hash = sha256(b"");
    hash.copy_from_slice(context.finish().as_ref());
    Ok(hash)
}
