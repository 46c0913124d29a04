//! The plan against what the vault has: equal is left as it is, other values are never overwritten.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;

use ring::digest::{Context, SHA256};
use zeroize::Zeroizing;

use crate::crypto::sha256;
use crate::error::Error;
use crate::fs::FsError;
use crate::lines::MAX_FILE;
use crate::name::{FilePath, ValueName};
use crate::plaintext::Matter;
use crate::vault::{Opened, Reader, Vault, VaultError};

use super::ImportError;
use super::inventory::NewInventory;
use super::plan::{Action, Item, NewDocument, NewSealed, Plan};
use super::source::Source;

/// Length and SHA-256 of a content.
pub(super) type Sum = (u64, [u8; 32]);

impl Plan {
    /// Opens what the vault has under the plan's names, and compares. What is equal will not be
    /// sealed again; what differs is a finding that refuses the plan.
    ///
    /// # Errors
    /// [`VaultError`] if something there does not open, [`FsError`].
    pub fn compare(
        &mut self,
        source: &Source,
        vault: &Vault,
        reader: &Reader<'_>,
    ) -> Result<(), Error> {
        self.look_beside(vault)?;
        for item in &mut self.items {
            // Taken out while the findings are written.
            let mut action = std::mem::replace(&mut item.action, Action::Skipped);
            match &mut action {
                Action::Document(document) => compare_document(item, document, vault, reader)?,
                Action::File(file) => compare_file(item, file, source, reader)?,
                Action::Clear | Action::Skipped => {}
            }
            item.action = action;
        }
        for inventory in &mut self.inventories {
            compare_inventory(inventory, vault, reader)?;
        }
        Ok(())
    }

    /// What lies where files are to be sealed. Each folder is looked at once for all of its files.
    fn look_beside(&mut self, vault: &Vault) -> Result<(), Error> {
        let files = self
            .items
            .iter_mut()
            .filter_map(|item| match &mut item.action {
                Action::File(file) => Some(file),
                _ => None,
            });
        let mut folders: HashMap<String, HashSet<String>> = HashMap::new();
        for file in files {
            let sidecar = file.path.to_sidecar();
            let (folder, name) = sidecar.rsplit_once('/').unwrap_or_default();
            if !folders.contains_key(folder) {
                let entries = vault.tree().entries(folder)?.into_iter();
                let names = entries.map(|entry| entry.name).collect();
                folders.insert(folder.to_owned(), names);
            }
            let is_there = folders
                .get(folder)
                .is_some_and(|names| names.contains(name));
            if is_there {
                file.there = hash_at(vault, &sidecar)?;
            }
        }
        Ok(())
    }

    /// Says which names are taken, for a plan that opens nothing.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn mark_existing(&mut self, vault: &Vault) -> Result<(), Error> {
        for item in &mut self.items {
            let file = match &item.action {
                Action::Document(document) => document.path.to_file(),
                Action::File(file) => file.path.to_sidecar(),
                Action::Clear | Action::Skipped => continue,
            };
            if vault.tree().exists(&file)? {
                item.find(
                    Matter::Exists,
                    "is in the vault already; equal values stay, others are refused",
                );
            }
        }
        Ok(())
    }
}

fn compare_document(
    item: &mut Item,
    document: &mut NewDocument,
    vault: &Vault,
    reader: &Reader<'_>,
) -> Result<(), Error> {
    document.there = hash_at(vault, &document.path.to_file())?;
    let mut unchanged = 0;
    if document.there.is_some() {
        let wanted: std::collections::HashSet<&str> = document
            .values
            .iter()
            .map(|value| value.name.as_str())
            .collect();
        let opened = reader.document_values(&document.path, |name| wanted.contains(name))?;
        let mut there: BTreeMap<ValueName, Opened> = opened
            .into_iter()
            .map(|opened| (opened.name.clone(), opened))
            .collect();
        let path = &document.path;
        document
            .values
            .retain(|value| match there.remove(&value.name) {
                None => true,
                Some(opened) if opened.kind == value.kind && opened.value.same_as(&value.plain) => {
                    unchanged += 1;
                    false
                }
                Some(_) => {
                    item.find(Matter::Conflict, format!("{path}/{}", value.name));
                    true
                }
            });
    }
    if unchanged > 0 {
        item.find(
            Matter::Unchanged,
            format!("{} unchanged", crate::text::count(unchanged, "value")),
        );
    }
    Ok(())
}

/// What is kept about the sources is taken together with what the vault has.
fn compare_inventory(
    inventory: &mut NewInventory,
    vault: &Vault,
    reader: &Reader<'_>,
) -> Result<(), Error> {
    inventory.there = hash_at(vault, &inventory.path.to_sidecar())?;
    let before = read_inventory(&inventory.path, inventory.there, reader)?;
    let text = inventory.merged(before.as_ref().map(|bytes| bytes.as_slice()))?;
    let same = before.is_some_and(|before| text.with(|text| *text == *before));
    inventory.text = (!same).then_some(text);
    Ok(())
}

/// Larger ones are not written: 20,000 sources with a page of comments each are less.
const MAX_INVENTORY: u64 = 128 * 1024 * 1024;

pub(super) fn read_inventory(
    path: &FilePath,
    there: Option<[u8; 32]>,
    reader: &Reader<'_>,
) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    if there.is_none() {
        return Ok(None);
    }
    match reader.open_file(path) {
        Ok(opened) => {
            let mut bytes = Zeroizing::new(Vec::new());
            let mut input = opened.reader.take(MAX_INVENTORY);
            let read = input.read_to_end(&mut bytes);
            read.map_err(FsError::io("read", std::path::Path::new(path.as_str())))?;
            Ok(Some(bytes))
        }
        Err(error) if matches!(error.downcast_ref(), Some(VaultError::Removed { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

fn compare_file(
    item: &mut Item,
    file: &mut NewSealed,
    source: &Source,
    reader: &Reader<'_>,
) -> Result<(), Error> {
    let Some((sum, mode)) = existing(&file.path, file.there, reader)? else {
        return Ok(());
    };
    let (mut wanted, wanted_mode) = read_source(source, &item.source)?;
    if let Some(opened) = &file.opened {
        wanted = opened.with(|bytes| sum_of(bytes));
    }
    if (sum, mode) == (wanted, wanted_mode) {
        file.unchanged = true;
        item.find(Matter::Unchanged, "unchanged");
    } else {
        item.find(Matter::Conflict, file.path.to_string());
    }
    Ok(())
}

/// What a sealed file holds, and its mode; none if there is none, or a tombstone.
fn existing(
    path: &FilePath,
    there: Option<[u8; 32]>,
    reader: &Reader<'_>,
) -> Result<Option<(Sum, u32)>, Error> {
    if there.is_none() {
        return Ok(None);
    }
    match reader.file_sum(path) {
        Ok((_, content, passed)) => Ok(Some(((passed.size, passed.sha256), content.mode))),
        Err(error) if matches!(error.downcast_ref(), Some(VaultError::Removed { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a source holds now, and its mode.
pub(super) fn read_source(source: &Source, path: &str) -> Result<(Sum, u32), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let (file, about) = source.open_file(path)?;
    Ok((sum(file, path)?, about.permissions().mode() & 0o777))
}

/// Of a content at hand.
pub(super) fn sum_of(content: &[u8]) -> Sum {
    (
        u64::try_from(content.len()).unwrap_or(u64::MAX),
        sha256(content),
    )
}

/// Reads to the end, in constant memory.
fn sum(mut input: impl Read, path: &str) -> Result<Sum, Error> {
    // Wiped once, by the allocator (`secret::wipe`).
    let mut buffer = vec![0; 64 * 1024];
    let (mut size, mut hash) = (0, Context::new(&SHA256));
    loop {
        let length = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(FsError::io("read", std::path::Path::new(path))(error).into()),
        };
        hash.update(buffer.get(..length).unwrap_or_default());
        size += u64::try_from(length).unwrap_or(u64::MAX);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.finish().as_ref());
    Ok((size, bytes))
}

/// SHA-256 of a file of the vault, to tell later whether it is still the one that was compared.
fn hash_at(vault: &Vault, file: &str) -> Result<Option<[u8; 32]>, Error> {
    Ok(vault
        .tree()
        .read(file, MAX_FILE)?
        .map(|bytes| sha256(&bytes)))
}

/// Refuses if a file of the vault is no longer the one that was compared.
pub(super) fn demand_same(
    vault: &Vault,
    file: &str,
    there: Option<[u8; 32]>,
    secret: &str,
) -> Result<(), Error> {
    if hash_at(vault, file)? == there {
        Ok(())
    } else {
        Err(changed(secret))
    }
}

/// Somebody else wrote to a secret meanwhile.
pub(super) fn changed(secret: &str) -> Error {
    ImportError::Changed {
        secret: secret.to_owned(),
    }
    .into()
}
