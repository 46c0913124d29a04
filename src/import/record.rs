//! What the inventory of each scope is to say of this import.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::name::{FilePath, Scope};
use crate::plaintext::{Finding, INVENTORY, Matter, Record, Told};
use crate::vault::Vault;

use super::inventory::NewInventory;
use super::plan::{Action, Item};

/// Builds the inventories of all scopes that something is sealed in. What is not sealed is recorded
/// with its own scope if that has an inventory, else with the first that has one.
pub(super) fn inventories(items: &mut [Item], vault: &Vault) -> Result<Vec<NewInventory>, Error> {
    let mut all: BTreeMap<Scope, NewInventory> = BTreeMap::new();
    for item in items.iter().filter(|item| item.action.secret().is_some()) {
        if !all.contains_key(&item.scope) {
            let inventory = NewInventory {
                path: format!("{}/{INVENTORY}", item.scope).parse()?,
                records: Vec::new(),
                text: None,
                there: None,
            };
            all.insert(item.scope.clone(), inventory);
        }
    }
    let first = all.keys().next().cloned();
    for item in items {
        let scope = if all.contains_key(&item.scope) {
            Some(item.scope.clone())
        } else {
            first.clone()
        };
        let Some(inventory) = scope.and_then(|scope| all.get_mut(&scope)) else {
            continue;
        };
        if item.layout.is_some() {
            demand_same_readers(item, &inventory.path, vault);
        }
        item.record = Some(inventory.path.clone());
        let mut record = record(item);
        let may_know = |finding: &&Finding| may_know(finding, &inventory.path, vault);
        let told = item.findings.iter().filter(may_know);
        record.findings = told.map(Told::from).collect();
        inventory.records.push(record);
    }
    Ok(all.into_values().collect())
}

/// Whether everybody who reads an inventory reads what a finding names. That a value is the same as
/// one that they do not read would tell it to them.
fn may_know(finding: &Finding, inventory: &FilePath, vault: &Vault) -> bool {
    let readers = |path: &str| vault.rights(path).map(|rights| rights.readers);
    let Ok(mine) = readers(inventory.as_str()) else {
        return finding.secrets.is_empty();
    };
    finding
        .secrets
        .iter()
        .all(|secret| readers(secret).is_ok_and(|theirs| mine.is_subset(&theirs)))
}

/// A layout may hold comments that only the document's readers should see.
fn demand_same_readers(item: &mut Item, inventory: &FilePath, vault: &Vault) {
    let Action::Document(document) = &item.action else {
        return;
    };
    let (Ok(wide), Ok(narrow)) = (
        vault.rights(inventory.as_str()),
        vault.rights(document.path.as_str()),
    ) else {
        return;
    };
    let mut more = wide
        .readers
        .iter()
        .filter(|reader| !narrow.readers.contains(*reader));
    if let Some(reader) = more.next() {
        let text = format!(
            "{reader} reads `{inventory}`, which would hold its comments, and not `{}`; give `{inventory}` a rule of its own, or use `--as file`",
            document.path
        );
        item.find(Matter::CannotBeDocument, text);
    }
}

fn record(item: &Item) -> Record {
    Record {
        source: item.source.clone(),
        kind: item.kind.to_owned(),
        action: item.action.as_str().to_owned(),
        secret: item.action.secret().map(str::to_owned),
        mode: item.mode.map(|mode| format!("{mode:04o}")),
        keys: item.keys.clone(),
        layout: item.layout.clone(),
        envelope: item.envelope.clone(),
        findings: Vec::new(),
    }
}
