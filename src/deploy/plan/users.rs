//! Which components are given a secret: what must be deployed again when it changes.

use std::collections::{BTreeMap, BTreeSet};

use super::drafting::secrets_of;
use crate::error::Error;
use crate::fleet::Host;
use crate::hook::{Hook, components, read_files};
use crate::name::{Component, Scope};
use crate::vault::Vault;

/// Who uses what, by the files of all hooks.
#[derive(Debug)]
pub struct Users {
    hooks: BTreeMap<Component, (Hook, BTreeSet<String>)>,
    /// Hooks that do not read: what they use is not known.
    pub faults: Vec<Error>,
}

impl Users {
    /// Reads all hooks of a vault, signed or not yet.
    ///
    /// # Errors
    /// If the tree does not read.
    pub fn of(vault: &Vault) -> Result<Self, Error> {
        let mut all = Self {
            hooks: BTreeMap::new(),
            faults: Vec::new(),
        };
        for component in components(vault.tree())? {
            match read(vault, &component) {
                Ok(hook) => drop(all.hooks.insert(component, hook)),
                Err(error) => all.faults.push(error),
            }
        }
        Ok(all)
    }

    /// The components that are given a secret, somewhere: in its own scope, or for one of `shared` in any.
    #[must_use]
    pub fn of_secret(&self, path: &str) -> Vec<&Component> {
        let Some((scope, rest)) = path.split_once('/') else {
            return Vec::new();
        };
        let named = match scope {
            "shared" => path,
            _ => rest,
        };
        let runs = |hook: &Hook| match scope.parse::<Scope>() {
            Ok(scope) if scope.as_str() != "shared" => hook.machine_type(&scope).is_some(),
            _ => true,
        };
        let users = self.hooks.iter();
        users
            .filter(|(_, (hook, names))| names.contains(named) && runs(hook))
            .map(|(component, _)| component)
            .collect()
    }
}

impl Users {
    /// The components that are given a secret on one host.
    pub fn on<'u>(&'u self, path: &'u str, host: &'u Host) -> impl Iterator<Item = &'u Component> {
        let scope = host.scope.as_str();
        let own = path
            .strip_prefix(scope)
            .and_then(|rest| rest.strip_prefix('/'));
        let named = own.or(path.starts_with("shared/").then_some(path));
        let hooks = self.hooks.iter().filter(move |(_, (hook, names))| {
            named.is_some_and(|named| names.contains(named))
                && hook.machine_type(&host.scope) == Some(host.machine_type.as_str())
        });
        hooks.map(|(component, _)| component)
    }
}

/// A hook, and the secrets that it names.
fn read(vault: &Vault, component: &Component) -> Result<(Hook, BTreeSet<String>), Error> {
    let files = read_files(vault.tree(), component)?;
    let own = files.get(&format!("{component}.toml"));
    let own = own.map(|file| file.bytes.as_slice()).unwrap_or_default();
    let hook = Hook::parse(component, own)?;
    let mut names = secrets_of(component, &hook, &files)?;
    names.extend(hook.pull_secrets());
    Ok((hook, names))
}
