//! What is new or different about a party, in people's terms.
//!
//! Whoever signs a change compares keys by what is said here, so each key that counts is named: one to seal to
//! as it is, one that signs by its fingerprint, both as `clws identity list` shows them to their owner.

use crate::fleet::HostKeyText;
use crate::recipients::{HostKey, Kind, Party, PublicRecipient, Use, VerifyingKey};
use crate::text::list;

/// Longer public keys, those against quantum computers, are shown by their beginning and their end.
const WHOLE: usize = 120;

/// Says what a new party is.
pub(super) fn added(party: &Party, said: &mut Vec<String>) {
    let name = &party.name;
    let mut first = match party.kind {
        Kind::Host => vec![format!("{name} is new, a host at {}", way(party))],
        kind => vec![format!("{name} is new, a {}", kind.as_str())],
    };
    first.extend(place(party));
    let keys: Vec<String> = party.host_keys.iter().map(host_key).collect();
    if !keys.is_empty() {
        first.push(format!("proves itself with {}", list(&keys)));
    }
    let keys: Vec<String> = party.recipients.iter().map(labelled).collect();
    match (party.kind, keys.as_slice()) {
        (Kind::Host, []) => {}
        (_, []) => first.push("nothing is sealed to it".to_owned()),
        (_, keys) => first.push(format!("sealed to as {}", list(keys))),
    }
    for (usable, what) in [
        (Use::Sign, "signs with"),
        (Use::Verify, "has signed with, and signs no longer with,"),
    ] {
        let keys = party.signing.iter().filter(|key| key.usable == usable);
        let keys: Vec<String> = keys.map(fingerprint).collect();
        if !keys.is_empty() {
            first.push(format!("{what} {}", list(&keys)));
        }
    }
    said.push(first.join(", "));
    // The rest as if it had been empty.
    let mut empty = Party::new(name.clone(), party.kind);
    empty.scope.clone_from(&party.scope);
    empty.machine_type.clone_from(&party.machine_type);
    if party.kind == Kind::Host {
        empty.address.clone_from(&party.address);
        empty.port = party.port;
        empty.user.clone_from(&party.user);
        empty.jump.clone_from(&party.jump);
    }
    about(&empty, party, said);
}

/// Says what is different about a party.
pub(super) fn changed(before: &Party, after: &Party, said: &mut Vec<String>) {
    recipients(before, after, said);
    signing(before, after, said);
    host_keys(before, after, said);
    about(before, after, said);
}

fn recipients(before: &Party, after: &Party, said: &mut Vec<String>) {
    let name = &after.name;
    let named = |party: &Party, label: &str| {
        let mut all = party.recipients.iter();
        all.find(|other| other.name == label).cloned()
    };
    for new in &after.recipients {
        match named(before, &new.name) {
            None => said.push(format!(
                "{name} is also sealed to as {} ({})",
                recipient(new),
                new.name
            )),
            Some(old) if old.key != new.key => said.push(format!(
                "{name}'s key {} changes: {} → {}",
                new.name,
                recipient(&old),
                recipient(new)
            )),
            Some(_) => {}
        }
    }
    for old in &before.recipients {
        if named(after, &old.name).is_none() {
            said.push(format!(
                "{name} is no longer sealed to as {}",
                recipient(old)
            ));
        }
    }
}

fn signing(before: &Party, after: &Party, said: &mut Vec<String>) {
    let name = &after.name;
    for key in &after.signing {
        let shown = key.key.fingerprint();
        let Some(old) = before.signing.iter().find(|old| old.key == key.key) else {
            said.push(match key.usable {
                Use::Sign => format!("{name} also signs with {shown} ({})", key.name),
                Use::Verify => format!("signatures by {name}'s key {shown} count too"),
            });
            continue;
        };
        if old.usable != key.usable {
            said.push(match key.usable {
                Use::Sign => format!("{name} signs with {shown} again"),
                Use::Verify => format!("{name} no longer signs with {shown}"),
            });
        }
        if old.name != key.name {
            said.push(format!("{name}'s key {shown} is called {}", key.name));
        }
    }
    for old in &before.signing {
        if !after.signing.iter().any(|key| key.key == old.key) {
            said.push(format!(
                "signatures by {name}'s key {} no longer count",
                old.key.fingerprint()
            ));
        }
    }
}

fn host_keys(before: &Party, after: &Party, said: &mut Vec<String>) {
    let name = &after.name;
    for key in &after.host_keys {
        if !before.host_keys.iter().any(|old| old.key == key.key) {
            said.push(format!("{name} also proves itself with {}", host_key(key)));
        }
    }
    for old in &before.host_keys {
        if !after.host_keys.iter().any(|key| key.key == old.key) {
            said.push(format!(
                "{name} no longer proves itself with {}",
                host_key(old)
            ));
        }
    }
}

/// All of it but the keys.
fn about(before: &Party, after: &Party, said: &mut Vec<String>) {
    let name = &after.name;
    let reach = |party: &Party| {
        (
            party.address.clone(),
            party.port,
            party.user.clone(),
            party.jump.clone(),
        )
    };
    if reach(before) != reach(after) {
        said.push(format!(
            "{name} is reached in another way, at {}",
            way(after)
        ));
    }
    if before.mail != after.mail {
        said.push(match &after.mail {
            Some(mail) => format!("{name} gets mail at {mail}"),
            None => format!("{name} gets no mail any more"),
        });
    }
    if before.becomes != after.becomes {
        said.push(match after.becomes {
            Some(how) => format!("deploys become root on {name}, by {}", how.as_str()),
            None => format!("deploys no longer become root on {name}"),
        });
    }
    if before.public != after.public {
        said.push(format!(
            "{name} is {} on purpose",
            if after.public { "public" } else { "not public" }
        ));
    }
    if (before.kind, place(before)) != (after.kind, place(after)) {
        let now = [format!("a {}", after.kind.as_str())];
        let now: Vec<String> = now.into_iter().chain(place(after)).collect();
        said.push(format!(
            "{name} is of another kind, scope or machine type: {}",
            now.join(", ")
        ));
    }
}

/// `deploy@10.0.0.4:22 through bastion`.
fn way(party: &Party) -> String {
    let user = party.user.as_ref().map(|user| format!("{user}@"));
    let port = party.port.map(|port| format!(":{port}"));
    let jump = party.jump.as_ref().map(|jump| format!(" through {jump}"));
    [
        user.unwrap_or_default(),
        party
            .address
            .clone()
            .unwrap_or_else(|| "no address".to_owned()),
        port.unwrap_or_default(),
        jump.unwrap_or_default(),
    ]
    .concat()
}

/// `of the scope prod and the machine type server`; what the name of a host says itself is not said again.
fn place(party: &Party) -> Option<String> {
    let scope = party.scope.as_ref();
    let scope = scope.map(|scope| format!("the scope {scope}"));
    let machine_type = party.machine_type.as_ref();
    let machine_type = machine_type.map(|text| format!("the machine type {text}"));
    let both: Vec<String> = scope.into_iter().chain(machine_type).collect();
    (!both.is_empty()).then(|| format!("of {}", list(&both)))
}

/// A key to seal to, as people compare it.
fn recipient(recipient: &PublicRecipient) -> String {
    let key = recipient.key.as_str();
    if key.len() <= WHOLE {
        return key.to_owned();
    }
    let start: String = key.chars().take(8).collect();
    // The last 6 characters of an age key are a checksum, which tells nothing by itself.
    let behind = key.chars().count().saturating_sub(40);
    let end: String = key.chars().skip(behind).collect();
    format!("{start}…{end}")
}

/// The same of a new party; backups are sealed to what is called offline, whoever called it so.
fn labelled(key: &PublicRecipient) -> String {
    if key.is_offline() {
        format!("{} (offline: backups are sealed to it)", recipient(key))
    } else {
        recipient(key)
    }
}

/// A key that signs, as people compare it.
fn fingerprint(key: &VerifyingKey) -> String {
    key.key.fingerprint().to_string()
}

/// A host key as people compare it.
fn host_key(key: &HostKey) -> String {
    match key.key.parse::<HostKeyText>() {
        Ok(key) => format!("{} {}", key.kind(), key.fingerprint()),
        Err(_) => format!("{}, which cannot be read", key.name),
    }
}
