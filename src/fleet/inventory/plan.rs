//! What an import of hosts comes to: a party for each, compared with those that there are.

use std::collections::{BTreeMap, BTreeSet};

use super::{Listed, is_user_name};
use crate::fleet::{LOCAL, place_of};
use crate::name::{PartyName, Scope};
use crate::recipients::{Become, Kind, Party};
use crate::text::clean_line;

/// What is said for hosts of which the source says nothing.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// The environment.
    pub scope: Option<Scope>,
    /// What runs there.
    pub machine_type: Option<String>,
    /// The user to log in as.
    pub user: Option<String>,
    /// How that user becomes root for deploys.
    pub becomes: Option<Become>,
    /// The host to go through.
    pub jump: Option<PartyName>,
    /// Whether the address in the host's own net is meant.
    pub is_private: bool,
}

/// One host of the source.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name in the source.
    pub source: String,
    /// What becomes of it.
    pub change: Change,
    /// What it lacks to be deployed to.
    pub missing: Vec<String>,
}

/// What becomes of a host.
#[derive(Clone, Debug)]
pub enum Change {
    /// A party that is new.
    New(Box<Party>),
    /// A party that changes, with what.
    Changed(Box<Party>, Vec<String>),
    /// All of it is so already.
    Same(PartyName),
    /// It is not taken, and why.
    LeftOut(String),
}

/// Compares a list of hosts with the parties that there are. Host keys are never touched.
#[must_use]
pub fn plan(
    listed: &[Listed],
    known: &BTreeMap<PartyName, Party>,
    defaults: &Defaults,
) -> Vec<Item> {
    let names: Vec<Result<PartyName, String>> = listed.iter().map(name_of).collect();
    let mut taken = BTreeSet::new();
    let mut items = Vec::new();
    for (listed, name) in listed.iter().zip(&names) {
        let mut missing = listed.odd.clone();
        let change = match (&listed.unfit, name) {
            (Some(why), _) => Change::LeftOut(why.clone()),
            (None, Err(why)) => Change::LeftOut(why.clone()),
            (None, Ok(name)) if !taken.insert(name.clone()) => {
                Change::LeftOut(format!("another one would be {name} too"))
            }
            (None, Ok(name)) => {
                let jump = jump_of(listed, &names, known, defaults, &mut missing);
                one(listed, name, jump, known, defaults, &mut missing)
            }
        };
        if matches!(change, Change::LeftOut(_)) {
            missing.clear();
        }
        items.push(Item {
            source: listed.name.clone(),
            change,
            missing,
        });
    }
    items
}

fn one(
    listed: &Listed,
    name: &PartyName,
    jump: Option<String>,
    known: &BTreeMap<PartyName, Party>,
    defaults: &Defaults,
    missing: &mut Vec<String>,
) -> Change {
    let before = known.get(name);
    if before.is_some_and(|party| party.kind != Kind::Host) {
        return Change::LeftOut(format!("{name} is a party that is no host"));
    }
    let mut party = before
        .cloned()
        .unwrap_or_else(|| Party::new(name.clone(), Kind::Host));
    let private = listed
        .private_address
        .as_ref()
        .filter(|_| defaults.is_private);
    let here = listed.is_here.then(|| LOCAL.to_owned());
    let address = here.as_ref().or(private).or(listed.address.as_ref());
    let mut said = Vec::new();
    let mut put = |what: &str, place: &mut Option<String>, value: Option<String>| {
        // What the source does not say stays.
        if let Some(value) = value.filter(|value| Some(value) != place.as_ref()) {
            said.push(match place.replace(value.clone()) {
                Some(old) => format!("{what} {old} → {value}"),
                None => format!("{what} {value}"),
            });
        }
    };
    let is_new = before.is_none();
    if is_new {
        party.becomes = defaults.becomes;
    }
    let default =
        |value: Option<String>, default: Option<String>| value.or(default.filter(|_| is_new));
    put("address", &mut party.address, address.cloned());
    let named = listed.user.clone().filter(|user| is_user_name(user));
    if let (Some(other), None) = (&listed.user, &named) {
        missing.push(format!("a user (`{}` is none)", clean_line(other)));
    }
    let user = default(named, defaults.user.clone());
    put("user", &mut party.user, user);
    put("jump", &mut party.jump, jump);
    let port = party.port.map(|port| port.to_string());
    let mut port_now = port.clone();
    let listed_port = listed.port.map(|port| port.to_string());
    // The usual port need not be said.
    let is_usual = port.is_none() && listed.port == Some(22);
    put("port", &mut port_now, listed_port.filter(|_| !is_usual));
    party.port = port_now.and_then(|port| port.parse().ok());
    let (scope, machine_type) = place_of(&party);
    let by_groups = place_by_groups(&listed.groups);
    if scope.is_none() {
        let scope = by_groups.as_ref().and_then(|(scope, _)| scope.parse().ok());
        party.scope = scope.or_else(|| defaults.scope.clone());
        said.extend(party.scope.as_ref().map(|scope| format!("scope {scope}")));
    }
    if machine_type.is_none() {
        let machine_type = by_groups.map(|(_, machine_type)| machine_type);
        party.machine_type = machine_type.or_else(|| defaults.machine_type.clone());
        let machine_type = party.machine_type.as_ref();
        said.extend(machine_type.map(|machine_type| format!("machine type {machine_type}")));
    }
    let (scope, machine_type) = place_of(&party);
    if scope.is_none() {
        missing.push("a scope".to_owned());
    }
    if machine_type.is_none() {
        missing.push("a machine type".to_owned());
    }
    if party.host_keys.is_empty() && party.address.as_deref() != Some(LOCAL) {
        missing.push("host keys".to_owned());
    }
    match before {
        None => Change::New(Box::new(party)),
        Some(before) if *before == party => Change::Same(name.clone()),
        Some(_) => Change::Changed(Box::new(party), said),
    }
}

/// The name of a party for a host: its own, else its first label.
fn name_of(listed: &Listed) -> Result<PartyName, String> {
    let name = listed.name.to_ascii_lowercase();
    let is_number = name.parse::<std::net::IpAddr>().is_ok();
    let label = name.split('.').next().unwrap_or_default();
    let whole = name.parse::<PartyName>();
    let parsed = whole.or_else(|error| match is_number {
        false => label.parse::<PartyName>().map_err(|_| error),
        true => Err(error),
    });
    parsed.map_err(|error| match is_number {
        true => "a number is no name: give it one in the inventory, with `ansible_host`".to_owned(),
        false => error.to_string(),
    })
}

/// Scope and machine type by groups as our own inventories name them: `prod`, `server`, `prod_server`.
fn place_by_groups(groups: &BTreeSet<String>) -> Option<(String, String)> {
    let mut places = groups.iter().filter_map(|group| {
        let (scope, machine_type) = group.split_once('_')?;
        let both = groups.contains(scope) && groups.contains(machine_type);
        both.then(|| (scope.to_owned(), machine_type.to_owned()))
    });
    let place = places.next();
    // Of two nobody says which.
    place.filter(|_| places.next().is_none())
}

/// The name of the jump host in the vault, as it will be.
fn jump_of(
    listed: &Listed,
    names: &[Result<PartyName, String>],
    known: &BTreeMap<PartyName, Party>,
    defaults: &Defaults,
    missing: &mut Vec<String>,
) -> Option<String> {
    let own = name_of(listed).ok();
    let Some(jump) = &listed.jump else {
        let default = defaults
            .jump
            .as_ref()
            .filter(|jump| own.as_ref() != Some(*jump));
        return default.map(ToString::to_string);
    };
    let as_listed = Listed {
        name: jump.host.clone(),
        ..Listed::default()
    };
    let named = name_of(&as_listed).ok().filter(|name| {
        known
            .get(name)
            .is_some_and(|party| party.kind == Kind::Host)
            || names.iter().any(|other| other.as_ref() == Ok(name))
    });
    let at = || {
        let mut there = known
            .values()
            .filter(|party| party.kind == Kind::Host && party.address.as_ref() == Some(&jump.host));
        there.next().map(|party| party.name.clone())
    };
    let found = named.or_else(at).filter(|name| own.as_ref() != Some(name));
    if found.is_none() {
        missing.push(format!(
            "the jump host {}, which is no host of this vault",
            crate::text::clean_line(&jump.host)
        ));
    }
    found.map(|name| name.to_string())
}
