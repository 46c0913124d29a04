//! The sealed inventory of a scope, as it is to be.

use crate::error::{Code, Error, Problem};
use crate::name::FilePath;
use crate::plaintext::{Inventory, Record};
use crate::secret::Plain;

/// An inventory to be.
#[derive(Debug)]
pub struct NewInventory {
    /// Its path.
    pub path: FilePath,
    /// Those of this import.
    pub(super) records: Vec<Record>,
    /// With those that were there; none if that changes nothing, or before it was compared.
    pub(super) text: Option<Plain>,
    pub(super) there: Option<[u8; 32]>,
}

impl NewInventory {
    /// Its text with what the vault has already.
    pub(super) fn merged(&self, before: Option<&[u8]>) -> Result<Plain, Error> {
        let broken = |error: serde_json::Error| {
            Problem::new(
                Code::DataErr,
                format!("`{}` is no inventory of clws: {error}", self.path),
            )
            .hint(format!("move it: `clws secret move {} TO`", self.path))
        };
        let mut inventory = match before {
            Some(bytes) => Inventory::parse(bytes).map_err(broken)?,
            None => Inventory::default(),
        };
        let mut records = self.records.clone();
        // One file of a tree keeps its place in the tree, which is what comes out again.
        for record in &mut records {
            let known = inventory.sources.iter().find(|known| {
                known.secret.is_some()
                    && known.secret == record.secret
                    && (known.source.ends_with(&format!("/{}", record.source)))
            });
            if let Some(known) = known {
                record.source.clone_from(&known.source);
            }
        }
        inventory.take(records);
        Ok(Plain::new(inventory.print().map_err(broken)?))
    }
}
