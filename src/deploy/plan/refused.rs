//! Which components no deploy would take as they lie here.

use std::collections::BTreeSet;

use super::drafting::Shared;
use crate::error::{Code, Error};
use crate::fleet::hosts;
use crate::hook::components;
use crate::name::{Component, Scope};
use crate::vault::Vault;

/// A component that a deploy would refuse before any host is touched.
#[derive(Debug)]
pub struct Refused {
    /// Which.
    pub component: Component,
    /// The scope whose hosts it is to run on.
    pub scope: Scope,
    /// Why.
    pub error: Error,
}

/// What is refused, by signatures, rules and what lies here; opens nothing and asks no host. A component that is to
/// run on no host is refused nowhere.
///
/// # Errors
/// What keeps the rules or the list of hooks from being read.
pub fn refused(vault: &Vault) -> Result<Vec<Refused>, Error> {
    let hosts = match hosts(vault, "*") {
        Err(error) if error.code() == Code::NotFound => Vec::new(),
        hosts => hosts?,
    };
    let mut shared = Shared::new(vault);
    let mut all = Vec::new();
    for component in components(vault.tree())? {
        let mut tried = BTreeSet::new();
        for host in &hosts {
            if tried.contains(&host.scope) {
                continue;
            }
            let drafted = match shared.runs_here(&component, host) {
                Ok(false) => continue,
                Ok(true) => shared.draft(&component, &host.scope).map(drop),
                Err(error) => Err(error),
            };
            tried.insert(&host.scope);
            if let Err(error) = drafted {
                all.push(Refused {
                    component: component.clone(),
                    scope: host.scope.clone(),
                    error,
                });
            }
        }
    }
    Ok(all)
}
