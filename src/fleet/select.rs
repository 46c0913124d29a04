//! Which hosts are meant: the words of `--on`.
//!
//! A word is a host, an environment, a machine type within one (`prod_server`, the word that
//! inventories of Ansible use), or a pattern of names (`vm-clws-test-*`). Several are separated by
//! commas; a host that several of them mean is meant once. Each must mean something: a word that was
//! mistyped is no smaller deploy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::host::{FleetError, Host, place_of};
use super::pattern::fits;
use crate::error::Error;
use crate::name::{Component, PartyName, Scope};
use crate::recipients::{Kind, Party};
use crate::text::nearest;
use crate::vault::Vault;

/// The hosts that `on` means, by name.
///
/// # Errors
/// [`FleetError::Nothing`] for a word that means no host, another [`FleetError`] for a host that is
/// named and incomplete, [`crate::trust::TrustError`].
pub fn hosts(vault: &Vault, on: &str) -> Result<Vec<Host>, Error> {
    let words = words_of(on);
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
            if means(word, &name, Some(&host.scope), Some(&host.machine_type)) {
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
        Some((word, _)) => Err(nothing(vault, word, &groups, known).into()),
    }
}

/// The parties of the hosts that `on` means, by name, all without it. For looking: also those that nothing
/// is deployed to, since something of them is not said.
///
/// # Errors
/// [`FleetError::Nothing`] for a word that means no host, [`crate::trust::TrustError`].
pub fn host_parties(vault: &Vault, on: Option<&str>) -> Result<Vec<Arc<Party>>, Error> {
    let mut all = Vec::new();
    for name in vault.trust().accepted.party_names()? {
        let party = vault.party(&name)?;
        if party.kind == Kind::Host {
            all.push((place_of(&party), party));
        }
    }
    let words = on.map(words_of).unwrap_or_default();
    let is_meant = |word: &str, ((scope, machine_type), party): &(Place, Arc<Party>)| {
        means(word, &party.name, scope.as_ref(), machine_type.as_deref())
    };
    for word in &words {
        if !all.iter().any(|host| is_meant(word, host)) {
            let groups = all.iter().filter_map(|((scope, machine_type), _)| {
                let scope = scope.as_ref()?;
                let group = |machine_type| format!("{scope}_{machine_type}");
                Some([Some(scope.to_string()), machine_type.as_ref().map(group)])
            });
            let groups: BTreeSet<String> = groups.flatten().flatten().collect();
            let known = all.iter().map(|(_, party)| party.name.to_string());
            return Err(nothing(vault, word, &groups, known.collect()).into());
        }
    }
    all.retain(|host| on.is_none() || words.iter().any(|word| is_meant(word, host)));
    Ok(all.into_iter().map(|(_, party)| party).collect())
}

/// Scope and machine type, as far as they are said.
type Place = (Option<Scope>, Option<String>);

fn words_of(on: &str) -> Vec<&str> {
    on.split(',').map(str::trim).collect()
}

fn nothing(vault: &Vault, word: &str, groups: &BTreeSet<String>, known: Vec<String>) -> FleetError {
    let component = word.to_ascii_lowercase().parse::<Component>().ok();
    let has_hook = |component: &Component| {
        let hook = vault.tree().exists(&format!("hooks/{component}.toml"));
        hook.unwrap_or(false)
    };
    FleetError::Nothing {
        component: component.filter(has_hook),
        on: word.to_owned(),
        nearest: nearest(word, groups.iter().chain(&known).map(String::as_str)).map(str::to_owned),
        known,
    }
}

fn means(word: &str, name: &PartyName, scope: Option<&Scope>, machine_type: Option<&str>) -> bool {
    let (name, scope) = (name.as_str(), scope.map(Scope::as_str));
    let group = scope
        .and_then(|scope| word.strip_prefix(scope))
        .and_then(|rest| rest.strip_prefix('_'));
    name == word
        || scope == Some(word)
        || (group.is_some() && group == machine_type)
        || (word.contains(['*', '?']) && fits(word, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_host_an_environment_a_group_or_a_pattern() {
        let name: PartyName = "vm-clws-prod-server-0".parse().unwrap();
        let prod: Scope = "prod".parse().unwrap();
        let means = |word: &str| means(word, &name, Some(&prod), Some("server"));
        for word in [
            "vm-clws-prod-server-0",
            "prod",
            "prod_server",
            "vm-clws-prod-*",
            "*-server-?",
        ] {
            assert!(means(word), "{word}");
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
            assert!(!means(word), "{word}");
        }
    }

    #[test]
    fn a_host_that_says_less_is_meant_by_what_it_says() {
        let name: PartyName = "web-1".parse().unwrap();
        let prod: Scope = "prod".parse().unwrap();
        for (word, scope, is_meant) in [
            ("web-1", None, true),
            ("web-*", None, true),
            ("prod", Some(&prod), true),
            ("prod", None, false),
            ("prod_", Some(&prod), false),
            ("prod_web", Some(&prod), false),
        ] {
            assert_eq!(means(word, &name, scope, None), is_meant, "{word}");
        }
    }
}
