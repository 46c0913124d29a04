//! An id stands for one document.
//!
//! A value's signature and its seal name the document by its id, and the data key goes by that too. All but the key lies in
//! clear, wraps too: whoever writes one document can make it out under the id of another one that they do not even read, with the
//! wraps, the commitment and the values of that. Who is then given a wrap has the other's key; what is sealed anew are the
//! other's values; and in one scope, what is signed counts in the other, too. So where rules give somebody a right here and
//! not there, such a document is refused: when a machine first sees it, and wherever something is signed in it, wrapped or
//! sealed anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::cores::lock;
use crate::crypto::from_hex;
use crate::fs::EntryKind;
use crate::lines::MAX_FILE;
use crate::name::DocumentPath;
use crate::recipients::Rights;
use crate::trust::{PinKey, SeenKind, TrustError};

use super::VaultError;
use super::document::Document;
use super::open::Vault;

/// What stands before a document's id in its text. No other table has such a line.
const ID: &[u8] = b"\nid = \"";

/// The digits of an id.
const DIGITS: usize = 32;

/// Where ids were seen, and where they lie; looked for once a run.
#[derive(Debug, Default)]
pub(super) struct Places {
    seen: Mutex<Option<Arc<Seen>>>,
    here: Mutex<Option<Arc<Here>>>,
}

type Seen = BTreeMap<[u8; 16], Vec<PinKey>>;
type Here = BTreeMap<[u8; 16], Vec<DocumentPath>>;

impl Vault {
    /// Refuses a document under the id of another one, on which somebody lacks a right that `rights` give here.
    ///
    /// Whose the id is, the files do not tell. If this machine has seen it here alone, this one is the first.
    ///
    /// # Errors
    /// [`VaultError::OtherId`]; [`TrustError`] if a pin is damaged.
    pub(super) fn demand_one_place(
        &self,
        document: &Document<'_>,
        rights: &Rights,
    ) -> Result<(), VaultError> {
        let (id, path) = (&document.head.id, &document.place.path);
        let own = PinKey::of(id, path.as_str());
        let seen = self.seen_ids()?;
        let seen = seen.get(id).map_or(&[] as &[PinKey], Vec::as_slice);
        let is_seen_here = seen.contains(&own);
        let elsewhere = seen.iter().filter(|key| **key != own);
        if is_seen_here && elsewhere.clone().next().is_none() {
            return Ok(());
        }
        let here = self.ids_here()?;
        let mut others: Vec<String> = here
            .get(id)
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        for key in elsewhere {
            let pin = self.trust().pins.kept_under(SeenKind::Document, key)?;
            let other = pin.unwrap_or_default().path;
            // Where another document lies there by now, the one that was seen is none to be mixed up with.
            let is_there = || self.tree().exists(&format!("secrets/{other}.toml"));
            if !is_seen_here || !is_there().map_err(TrustError::from)? {
                others.push(other);
            }
        }
        for other in others.iter().filter(|other| *other != path.as_str()) {
            let there = self.rights(other).unwrap_or_default();
            if !rights.are_within(&there) {
                return Err(VaultError::OtherId {
                    path: path.to_string(),
                    other: other.clone(),
                });
            }
        }
        Ok(())
    }

    /// The keys of all documents that this machine has seen, by their ids.
    fn seen_ids(&self) -> Result<Arc<Seen>, TrustError> {
        let mut known = lock(&self.places.seen);
        if let Some(seen) = &*known {
            return Ok(Arc::clone(seen));
        }
        let mut seen = Seen::new();
        for (id, key) in self.trust().pins.document_keys()? {
            seen.entry(id).or_default().push(key);
        }
        Ok(Arc::clone(known.insert(Arc::new(seen))))
    }

    /// The documents that lie here, by their ids. What does not read has none.
    fn ids_here(&self) -> Result<Arc<Here>, VaultError> {
        let mut known = lock(&self.places.here);
        if let Some(here) = &*known {
            return Ok(Arc::clone(here));
        }
        let mut here = Here::new();
        for path in self.documents_here()? {
            let Ok(Some(text)) = self.tree().read(&path.to_file(), MAX_FILE) else {
                continue;
            };
            for id in ids_of(&text) {
                here.entry(id).or_default().push(path.clone());
            }
        }
        Ok(Arc::clone(known.insert(Arc::new(here))))
    }

    /// The paths at which documents lie: directly in the folders of scopes.
    fn documents_here(&self) -> Result<Vec<DocumentPath>, TrustError> {
        let mut paths = Vec::new();
        let scopes = self.tree().entries("secrets")?;
        for scope in scopes
            .iter()
            .filter(|scope| scope.kind == EntryKind::Folder)
        {
            let entries = self.tree().entries(&format!("secrets/{}", scope.name))?;
            let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
            let names = files.filter_map(|entry| entry.name.strip_suffix(".toml"));
            paths.extend(names.filter_map(|name| format!("{}/{name}", scope.name).parse().ok()));
        }
        Ok(paths)
    }
}

/// The ids in the text of a document: one, or more if somebody hides the right one behind another.
fn ids_of(text: &[u8]) -> impl Iterator<Item = [u8; 16]> {
    let behind = memchr::memmem::find_iter(text, ID).map(|at| at + ID.len());
    behind.filter_map(|at| {
        let digits = text.get(at..at + DIGITS)?;
        from_hex(std::str::from_utf8(digits).ok()?).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_wherever_its_table_stands() {
        let id = "404142434445464748494a4b4c4d4e4f";
        let other = "f".repeat(32);
        let text = format!(
            "# id = \"{other}\"\n[secret.A]\nnote = \"id = \\\"{other}\"\n\n[document]\nformat = 1\nid = \"{id}\"\n\n[end]\n"
        );
        let found: Vec<[u8; 16]> = ids_of(text.as_bytes()).collect();
        assert_eq!(found, [from_hex(id).unwrap()]);
        let hidden = text.replace("[secret.A]", &format!("[secret.A]\nid = \"{other}\""));
        assert_eq!(ids_of(hidden.as_bytes()).count(), 2);
        for cut in ["", "\nid = \"", "\nid = \"40", "\nid = \"zz\"\n"] {
            assert_eq!(ids_of(cut.as_bytes()).count(), 0, "{cut}");
        }
    }
}
