//! Which hosts are meant: the words of `--on`.
//!
//! A word is a host, an environment, a machine type within one (`prod_server`, the word that
//! inventories of Ansible use), or a pattern of names (`vm-clws-test-*`). Several are separated by
//! commas; a host that several of them mean is meant once. Each must mean something: a word that was
//! mistyped is no smaller deploy.

use std::collections::{BTreeMap, BTreeSet};

use super::host::{FleetError, Host, place_of};
use super::pattern::fits;
use crate::error::Error;
use crate::recipients::Kind;
use crate::text::nearest;
use crate::vault::Vault;

/// The hosts that `on` means, by name.
///
/// # Errors
/// [`FleetError::Nothing`] for a word that means no host, another [`FleetError`] for a host that is
/// named and incomplete, [`crate::trust::TrustError`].
pub fn hosts(vault: &Vault, on: &str) -> Result<Vec<Host>, Error> {
    let words: Vec<&str> = on.split(',').map(str::trim).collect();
    let mut hits = vec![false; words.len()];
    let (mut known, mut meant) = (Vec::new(), Vec::new());
    let mut groups = BTreeSet::new();
    let mut without_type: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in vault.trust().accepted.party_names()? {
        let party = vault.party(&name)?;
        if party.kind != Kind::Host {
            continue;
        }
        known.push(name.to_string());
        let host = match Host::of_party(&party) {
            Ok(host) => host,
            // A broken host matters only to whoever means it.
            Err(error) if words.contains(&name.as_str()) => return Err(error.into()),
            Err(_) => {
                if let (Some(scope), None) = place_of(&party) {
                    let hosts = without_type.entry(scope.to_string()).or_default();
                    hosts.push(name.to_string());
                }
                continue;
            }
        };
        groups.insert(host.scope.to_string());
        groups.insert(format!("{}_{}", host.scope, host.machine_type));
        let mut is_meant = false;
        for (word, hit) in words.iter().zip(&mut hits) {
            if means(word, &host) {
                *hit = true;
                is_meant = true;
            }
        }
        if is_meant {
            meant.push(host);
        }
    }
    match words.iter().zip(&hits).find(|(_, hit)| !**hit) {
        None => Ok(meant),
        Some((word, _)) if without_type.contains_key(*word) => Err(FleetError::NoMachineType {
            scope: (*word).to_owned(),
            hosts: without_type.remove(*word).unwrap_or_default(),
        }
        .into()),
        Some((word, _)) => Err(FleetError::Nothing {
            on: (*word).to_owned(),
            nearest: nearest(word, groups.iter().chain(&known).map(String::as_str))
                .map(str::to_owned),
            known,
        }
        .into()),
    }
}

fn means(word: &str, host: &Host) -> bool {
    let (name, scope) = (host.name.as_str(), host.scope.as_str());
    let group = word
        .strip_prefix(scope)
        .and_then(|rest| rest.strip_prefix('_'));
    name == word
        || scope == word
        || group == Some(host.machine_type.as_str())
        || (word.contains(['*', '?']) && fits(word, name))
}

#[cfg(test)]
mod tests {
    use super::super::host::Reach;
    use super::*;

    #[test]
    fn a_word_is_a_host_an_environment_a_group_or_a_pattern() {
        let host = Host {
            name: "vm-clws-prod-server-0".parse().unwrap(),
            scope: "prod".parse().unwrap(),
            machine_type: "server".into(),
            reach: Reach::Local,
            boot: None,
        };
        for word in [
            "vm-clws-prod-server-0",
            "prod",
            "prod_server",
            "vm-clws-prod-*",
            "*-server-?",
        ] {
            assert!(means(word, &host), "{word}");
        }
        for word in [
            "",
            "server",
            "pro",
            "prod_",
            "prod_s",
            "test_server",
            "vm-clws-test-*",
            "*-1",
        ] {
            assert!(!means(word, &host), "{word}");
        }
    }
}
