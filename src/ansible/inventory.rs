//! The hosts of the vault, as Ansible wants them told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::variables::{ALL, Variables, group_name, text};
use crate::error::{Code, Error, Problem};
use crate::fleet::{Endpoint, FleetError, Hop, LOCAL, SshFolder, place_of, route};
use crate::name::{PartyName, Scope};
use crate::recipients::{Kind, Party};
use crate::text::{nearest, shell_word};
use crate::vault::Vault;

/// The hosts of a vault, with their groups and the way to each.
#[derive(Debug)]
pub struct Inventory {
    hosts: Vec<(PartyName, Listed)>,
    groups: BTreeMap<String, Vec<PartyName>>,
}

/// Ansible's own group of those that are in no other one.
const UNGROUPED: &str = "ungrouped";

/// Variables by the group that has them.
pub type GroupVariables = BTreeMap<String, Map<String, Value>>;

#[derive(Debug)]
struct Listed {
    scope: Option<Scope>,
    variables: Map<String, Value>,
    groups: BTreeSet<String>,
    /// Lines of a `known_hosts`.
    known: Vec<String>,
}

impl Inventory {
    /// Reads the hosts of a vault.
    ///
    /// # Errors
    /// [`FleetError`] for a host whose way leads nowhere; [`crate::trust::TrustError`].
    pub fn of(vault: &Vault) -> Result<Self, Error> {
        let mut inventory = Self {
            hosts: Vec::new(),
            groups: BTreeMap::new(),
        };
        for name in vault.trust().accepted.party_names()? {
            let party = vault.party(&name)?;
            if party.kind != Kind::Host {
                continue;
            }
            let groups = groups_of(&party);
            for group in &groups {
                let members = inventory.groups.entry(group.clone()).or_default();
                members.push(name.clone());
            }
            let way = way_to(vault, &party)?;
            let listed = Listed {
                scope: place_of(&party).0,
                variables: connection(&party, &way),
                groups,
                known: known(&party, way.last()),
            };
            inventory.hosts.push((name, listed));
        }
        Ok(inventory)
    }

    /// A scope's values as variables of the group of its hosts, and those of `shared` of all.
    ///
    /// # Errors
    /// CONFIG where a host of another scope is in that group, too.
    pub fn groups(&self, given: Variables) -> Result<GroupVariables, Error> {
        let mut groups = GroupVariables::new();
        for (scope, variables) in given {
            let group = match scope.as_str() {
                "shared" => ALL.to_owned(),
                own => group_name(own),
            };
            let mut hosts = self.hosts.iter();
            let other = hosts.find(|(_, listed)| {
                let is_ungrouped = group == UNGROUPED && listed.groups.is_empty();
                let has_it = group == ALL || is_ungrouped || listed.groups.contains(&group);
                has_it && scope.as_str() != "shared" && listed.scope.as_ref() != Some(&scope)
            });
            if let Some((host, _)) = other {
                let why = format!(
                    "`{host}` is in Ansible's group `{group}`, and not in the scope `{scope}`"
                );
                return Err(Problem::new(Code::Config, why)
                    .note("it would be given the values of that scope")
                    .hint("give the host's machine type, or one of the scopes, another name")
                    .into());
            }
            groups.entry(group).or_default().extend(variables);
        }
        Ok(groups)
    }

    /// All of it, as `--list` prints it. `given` are more variables, by the group that has them.
    #[must_use]
    pub fn list(&self, given: &GroupVariables) -> Value {
        let hosts = self.hosts.iter();
        let variables: Map<String, Value> = hosts
            .map(|(name, listed)| (name.to_string(), Value::Object(listed.variables.clone())))
            .collect();
        let names: Vec<&str> = self.names().collect();
        let mut list = Map::new();
        list.insert("_meta".to_owned(), json!({ "hostvars": variables }));
        list.insert(ALL.to_owned(), group(&names, given.get(ALL)));
        for (name, members) in &self.groups {
            let members: Vec<&str> = members.iter().map(PartyName::as_str).collect();
            list.insert(name.clone(), group(&members, given.get(name)));
        }
        Value::Object(list)
    }

    /// The variables of one host, as `--host` prints them; none for a host that is not there.
    #[must_use]
    pub fn host(&self, name: &PartyName, given: &GroupVariables) -> Option<Value> {
        let (_, listed) = self.hosts.iter().find(|(known, _)| known == name)?;
        let mut variables = Map::new();
        let groups = std::iter::once(ALL).chain(listed.groups.iter().map(String::as_str));
        for group in groups {
            variables.extend(given.get(group).cloned().unwrap_or_default());
        }
        variables.extend(listed.variables.clone());
        Some(Value::Object(variables))
    }

    /// The host that may be meant by a name that none has.
    #[must_use]
    pub fn nearest(&self, name: &PartyName) -> Option<&str> {
        nearest(name.as_str(), self.names())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|(name, _)| name.as_str())
    }

    /// What the hosts prove themselves with, as lines of a `known_hosts`.
    pub fn known_hosts(&self) -> impl Iterator<Item = &str> {
        let hosts = self.hosts.iter();
        hosts.flat_map(|(_, listed)| listed.known.iter().map(String::as_str))
    }
}

fn group(hosts: &[&str], given: Option<&Map<String, Value>>) -> Value {
    match given {
        None => json!({ "hosts": hosts }),
        Some(given) => json!({ "hosts": hosts, "vars": given }),
    }
}

/// `prod`, `server` and `prod_server`; Ansible takes letters, digits and `_`.
fn groups_of(party: &Party) -> BTreeSet<String> {
    let (scope, machine_type) = place_of(party);
    let scope = scope.map(|scope| group_name(scope.as_str()));
    let machine_type = machine_type.map(|kind| group_name(&kind));
    let both = scope.as_ref().zip(machine_type.as_ref());
    let both = both.map(|(scope, kind)| format!("{scope}_{kind}"));
    [scope, machine_type, both].into_iter().flatten().collect()
}

/// The servers on the way, by the signed rules alone; none where they leave an address out.
fn way_to(vault: &Vault, party: &Party) -> Result<Vec<Hop>, Error> {
    if party.address.as_deref() == Some(LOCAL) {
        return Ok(Vec::new());
    }
    let way = route(vault, &Endpoint::of_party(party), &SshFolder::default());
    match way {
        Err(error)
            if matches!(
                error.downcast_ref::<FleetError>(),
                Some(FleetError::NoAddress(_))
            ) =>
        {
            Ok(Vec::new())
        }
        way => way,
    }
}

/// How Ansible connects.
fn connection(party: &Party, way: &[Hop]) -> Map<String, Value> {
    let mut variables = Map::new();
    let mut put = |name: &str, value: Value| drop(variables.insert(name.to_owned(), value));
    match party.address.as_deref() {
        Some(LOCAL) => put("ansible_connection", json!("local")),
        Some(address) => put("ansible_host", text(address)),
        None => {}
    }
    if let Some(port) = party.port {
        put("ansible_port", json!(port));
    }
    if let Some(user) = &party.user {
        put("ansible_user", text(user));
    }
    if let Some((_, before)) = way.split_last()
        && !before.is_empty()
    {
        let jumps: Vec<String> = before.iter().map(jump).collect();
        // Ansible splits it like a shell.
        let option = format!("-o ProxyJump={}", shell_word(&jumps.join(",")));
        put("ansible_ssh_common_args", text(&option));
    }
    variables
}

/// `user@address:port`, as `ProxyJump` takes it.
fn jump(hop: &Hop) -> String {
    let user = hop.user.as_ref().map(|user| format!("{user}@"));
    let address = match hop.address.contains(':') {
        true => format!("[{}]", hop.address),
        false => hop.address.clone(),
    };
    format!("{}{address}:{}", user.unwrap_or_default(), hop.port)
}

fn known(party: &Party, at: Option<&Hop>) -> Vec<String> {
    let Some(at) = at else { return Vec::new() };
    let name = match at.port {
        22 => at.address.clone(),
        port => format!("[{}]:{port}", at.address),
    };
    let keys = party.host_keys.iter();
    keys.map(|key| format!("{name} {}", key.key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_one_word_for_ssh() {
        let hop = |address: &str, user: Option<&str>| Hop {
            name: "gate".into(),
            address: address.into(),
            port: 2222,
            user: user.map(str::to_owned),
            host_keys: Vec::new(),
            revoked: Vec::new(),
            identity_files: Vec::new(),
            certificate_files: Vec::new(),
            identities_only: false,
        };
        assert_eq!(jump(&hop("10.0.0.1", Some("ada"))), "ada@10.0.0.1:2222");
        assert_eq!(jump(&hop("fd00::1", None)), "[fd00::1]:2222");
    }
}
