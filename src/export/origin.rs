//! Where secrets came from, as the inventories of their scopes say.

use std::collections::BTreeMap;
use std::io::Read as _;

use zeroize::Zeroizing;

use super::ExportError;
use crate::error::Error;
use crate::fs::FsError;
use crate::name::{FilePath, Scope};
use crate::plaintext::{INVENTORY, Inventory, Record};
use crate::vault::{Reader, Vault, VaultError};

/// Larger ones are not written.
const MOST: u64 = 128 * 1024 * 1024;

/// The records of all scopes that were asked about.
#[derive(Debug, Default)]
pub struct Origins {
    by_secret: BTreeMap<String, Record>,
    /// What was no secret, by scope.
    others: Vec<Record>,
    inventories: Vec<String>,
}

fn may_write(vault: &Vault, who: &str, secret: &str) -> bool {
    let rights = vault.rights(secret);
    rights.is_ok_and(|rights| rights.writers.contains(who))
}

impl Origins {
    /// Reads the inventories of some scopes.
    ///
    /// # Errors
    /// What keeps one closed; [`ExportError::Inventory`].
    pub fn read<'s>(
        vault: &Vault,
        reader: &Reader<'_>,
        scopes: impl Iterator<Item = &'s Scope>,
    ) -> Result<Self, Error> {
        let mut origins = Self::default();
        for scope in scopes {
            let path: FilePath = format!("{scope}/{INVENTORY}").parse()?;
            if !vault.tree().exists(&path.to_sidecar())? {
                continue;
            }
            let opened = match reader.open_file(&path) {
                Err(error) if matches!(error.downcast_ref(), Some(VaultError::Removed { .. })) => {
                    continue;
                }
                opened => opened?,
            };
            let size = usize::try_from(opened.content.size.min(MOST)).unwrap_or(0);
            let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
            let read = opened.reader.take(MOST).read_to_end(&mut bytes);
            read.map_err(FsError::io("read", std::path::Path::new(path.as_str())))?;
            let inventory = Inventory::parse(&bytes).map_err(|_| ExportError::Inventory {
                path: path.to_string(),
            })?;
            origins.inventories.push(path.to_string());
            for record in inventory.sources {
                match record.secret.clone() {
                    // Nobody says where a secret goes, under which names and for whom to read, who may not write it.
                    Some(secret) if !may_write(vault, &opened.signer, &secret) => {}
                    Some(secret) => drop(origins.by_secret.insert(secret, record)),
                    None => origins.others.push(record),
                }
            }
        }
        Ok(origins)
    }

    /// What is known of a secret's source.
    #[must_use]
    pub fn of(&self, secret: &str) -> Option<&Record> {
        self.by_secret.get(secret)
    }

    /// Sources that were not sealed.
    pub(super) fn others(&self) -> impl Iterator<Item = &Record> {
        self.others.iter()
    }

    /// Whether a secret is one of the inventories, which are no part of a tree.
    pub(super) fn is_inventory(&self, secret: &str) -> bool {
        self.inventories.iter().any(|path| path == secret)
    }

    /// The inventory of a scope, for messages.
    pub(super) fn inventory_of(secret: &str) -> String {
        let scope = secret.split('/').next().unwrap_or_default();
        format!("{scope}/{INVENTORY}")
    }
}
