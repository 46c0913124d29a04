//! What a vault's sealed files are, in 32 bytes: whether fingerprints are of this very vault.

use ring::digest::{Context, SHA256};

use crate::error::Error;
use crate::fs::{EntryKind, Tree};

/// A larger document than this is none.
const LARGEST: usize = 64 * 1024 * 1024;

/// SHA-256 over the names and contents of all documents and sidecars. A sealed file's own bytes are left out:
/// its sidecar has their hash.
///
/// # Errors
/// [`crate::fs::FsError`] for what cannot be read.
pub fn sealed_state(tree: &Tree) -> Result<[u8; 32], Error> {
    let mut context = Context::new(&SHA256);
    let mut folders = vec!["secrets".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in tree.entries(&folder)? {
            let path = format!("{folder}/{}", entry.name);
            match entry.kind {
                EntryKind::Folder => folders.push(path),
                EntryKind::File if path.ends_with(".toml") => {
                    let content = tree.read(&path, LARGEST)?.unwrap_or_default();
                    for part in [path.as_bytes(), content.as_slice()] {
                        context
                            .update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
                        context.update(part);
                    }
                }
                _ => {}
            }
        }
    }
    let digest = context.finish();
    Ok(digest
        .as_ref()
        .first_chunk::<32>()
        .copied()
        .unwrap_or_default())
}
