//! What differs between two sets of rules, in people's terms.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::{Rules, RulesError};
use crate::crypto::sshsig::PublicKey;
use crate::fleet::HostKeyText;
use crate::name::PartyName;
use crate::recipients::{Access, HostKey, Kind, Party, Right, Rights, Use};
use crate::trust::{Principal, Settings, SshCertificate, Version};

/// A sentence for each difference from `old` to `new`; none if they are the same.
///
/// # Errors
/// [`RulesError`] if either does not read.
pub fn describe(old: &Rules, new: &Rules) -> Result<Vec<String>, RulesError> {
    let mut said = Vec::new();
    let (was, is) = (old.parties()?, new.parties()?);
    for (name, party) in &is {
        match was.get(name) {
            None => said.push(added(party)),
            Some(before) => changed(before, party, &mut said),
        }
    }
    for name in was.keys().filter(|name| !is.contains_key(*name)) {
        said.push(format!("{name} is taken out"));
    }
    access(&old.access()?, &new.access()?, &mut said);
    let (before, after) = (old.settings()?, new.settings()?);
    if before.name != after.name {
        said.push(format!(
            "the vault is called {} instead of {}",
            after.name, before.name
        ));
    }
    for scope in before
        .rollback
        .keys()
        .chain(after.rollback.keys())
        .collect::<BTreeSet<_>>()
    {
        let (was, is) = (before.rollback(scope), after.rollback(scope));
        if was != is {
            said.push(
                format!("something older in `{scope}`: {was:?} becomes {is:?}").to_lowercase(),
            );
        }
    }
    for scope in before
        .ssh_keys
        .keys()
        .chain(after.ssh_keys.keys())
        .collect::<BTreeSet<_>>()
    {
        let (was, is) = (before.ssh_keys.get(scope), after.ssh_keys.get(scope));
        if was != is {
            said.push(match is {
                Some(path) => format!(
                    "hosts of `{scope}` are logged in to with `{}`",
                    path.as_str()
                ),
                None => format!("hosts of `{scope}` are logged in to with no key of the vault"),
            });
        }
    }
    let scopes = before.ssh_certificates.keys();
    for scope in scopes
        .chain(after.ssh_certificates.keys())
        .collect::<BTreeSet<_>>()
    {
        let of = |settings: &Settings| settings.ssh_certificates.get(scope).cloned();
        let (was, is) = (of(&before), of(&after));
        if was != is {
            said.push(match is {
                Some(SshCertificate { path, principal }) => {
                    let whom = match principal {
                        Principal::User => "the account",
                        Principal::Host => "the host alone",
                    };
                    format!("hosts of `{scope}` are logged in to with certificates for {whom}, of a server's `{path}`")
                }
                None => format!("hosts of `{scope}` are logged in to with no certificates of a server"),
            });
        }
    }
    let ids = before.ansible.keys().chain(after.ansible.keys());
    for id in ids.collect::<BTreeSet<_>>() {
        let (was, is) = (before.ansible.get(id), after.ansible.get(id));
        if was != is {
            said.push(match is {
                Some(path) => format!("Ansible's vault id `{id}` opens with `{}`", path.as_str()),
                None => format!("Ansible's vault id `{id}` opens with no secret of the vault"),
            });
        }
    }
    // Bytes that say the same in other words still change a hash.
    if said.is_empty() && old != new {
        let differ = |file: &&String| old.files().get(*file) != new.files().get(*file);
        let files = old.files().keys().chain(new.files().keys());
        let files: BTreeSet<_> = files.filter(differ).collect();
        said.extend(
            files
                .into_iter()
                .map(|file| format!("{file} is written differently")),
        );
    }
    Ok(said)
}

/// A sentence for each difference in who decides; none if the same do.
#[must_use]
pub fn describe_council(
    before: &Version,
    threshold: u64,
    admins: &BTreeMap<PartyName, PublicKey>,
) -> Vec<String> {
    let mut said = Vec::new();
    for (name, key) in admins {
        match before.admins.get(name) {
            None => said.push(format!("{name} decides too, with {}", key.fingerprint())),
            Some(old) if old != key => said.push(format!(
                "{name} decides with another key: {} → {}",
                old.fingerprint(),
                key.fingerprint()
            )),
            Some(_) => {}
        }
    }
    for name in before
        .admins
        .keys()
        .filter(|name| !admins.contains_key(*name))
    {
        said.push(format!("{name} decides no longer"));
    }
    if before.threshold != threshold {
        said.push(format!(
            "{threshold} of {} must sign a change instead of {} of {}",
            admins.len(),
            before.threshold,
            before.admins.len()
        ));
    }
    said
}

fn added(party: &Party) -> String {
    let kind = party.kind.as_str();
    if party.kind == Kind::Host {
        let at = way(party);
        let keys: Vec<String> = party.host_keys.iter().map(shown).collect();
        let proves = match keys.as_slice() {
            [] => String::new(),
            keys => format!(", proves itself with {}", crate::text::list(keys)),
        };
        return format!("{} is new, a host at {at}{proves}", party.name);
    }
    let keys: Vec<String> = party
        .recipients
        .iter()
        .map(|r| short(r.key.as_str()))
        .collect();
    let what = match keys.as_slice() {
        [] => "nothing is sealed to it".to_owned(),
        keys => format!("sealed to as {}", crate::text::list(keys)),
    };
    format!("{} is new, a {kind}, {what}", party.name)
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

/// A host key as people compare it.
fn shown(key: &HostKey) -> String {
    match key.key.parse::<HostKeyText>() {
        Ok(key) => format!("{} {}", key.kind(), key.fingerprint()),
        Err(error) => error.to_string(),
    }
}

fn changed(before: &Party, after: &Party, said: &mut Vec<String>) {
    let name = &after.name;
    for recipient in &after.recipients {
        match before
            .recipients
            .iter()
            .find(|old| old.name == recipient.name)
        {
            None => said.push(format!(
                "{name} is also sealed to as {} ({})",
                short(recipient.key.as_str()),
                recipient.name
            )),
            Some(old) if old.key != recipient.key => said.push(format!(
                "{name}'s key {} changes: {} → {}",
                recipient.name,
                short(old.key.as_str()),
                short(recipient.key.as_str())
            )),
            Some(_) => {}
        }
    }
    for old in &before.recipients {
        if !after
            .recipients
            .iter()
            .any(|recipient| recipient.name == old.name)
        {
            said.push(format!(
                "{name} is no longer sealed to as {}",
                short(old.key.as_str())
            ));
        }
    }
    for key in &after.signing {
        match before.signing.iter().find(|old| old.key == key.key) {
            None => said.push(format!(
                "{name} also signs with {} ({})",
                key.key.fingerprint(),
                key.name
            )),
            Some(old) if old.usable != key.usable => said.push(match key.usable {
                Use::Sign => format!("{name} signs with {} again", key.key.fingerprint()),
                Use::Verify => format!("{name} no longer signs with {}", key.key.fingerprint()),
            }),
            Some(_) => {}
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
    for key in &after.host_keys {
        if !before.host_keys.iter().any(|old| old.key == key.key) {
            said.push(format!("{name} also proves itself with {}", shown(key)));
        }
    }
    for old in &before.host_keys {
        if !after.host_keys.iter().any(|key| key.key == old.key) {
            said.push(format!(
                "{name} no longer proves itself with {}",
                shown(old)
            ));
        }
    }
    let place = |party: &Party| {
        (
            party.address.clone(),
            party.port,
            party.user.clone(),
            party.jump.clone(),
        )
    };
    if place(before) != place(after) {
        said.push(format!(
            "{name} is reached in another way, at {}",
            way(after)
        ));
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
    if (before.kind, &before.scope, &before.machine_type)
        != (after.kind, &after.scope, &after.machine_type)
    {
        said.push(format!("{name} is of another kind, scope or machine type"));
    }
}

fn access(before: &Access, after: &Access, said: &mut Vec<String>) {
    let paths: BTreeSet<&String> = before.rules.keys().chain(after.rules.keys()).collect();
    for path in paths {
        let rights = |access: &Access| Rights::on(access, path).unwrap_or_default();
        let (was, is) = (rights(before), rights(after));
        for right in Right::ALL {
            let of = |rights: &Rights| -> BTreeSet<PartyName> {
                match right {
                    Right::Deploy => &rights.deployers,
                    Right::Read => &rights.readers,
                    Right::Submit => &rights.submitters,
                    Right::Write => &rights.writers,
                }
                .clone()
            };
            let (had, has) = (of(&was), of(&is));
            for name in has.difference(&had) {
                said.push(format!("{name} may {} `{path}`", right.verb()));
            }
            for name in had.difference(&has) {
                said.push(format!("{name} may no longer {} `{path}`", right.verb()));
            }
        }
        match (
            before.rules.contains_key(path),
            after.rules.contains_key(path),
        ) {
            (false, true) => said.push(format!("`{path}` has a rule of its own")),
            (true, false) => said.push(format!("`{path}` has no rule of its own any more")),
            _ => {}
        }
    }
}

/// `age1…` as people compare it: its beginning and its end.
fn short(key: &str) -> String {
    let end: String = key
        .chars()
        .skip(key.chars().count().saturating_sub(6))
        .collect();
    let start: String = key.chars().take(8).collect();
    format!("{start}…{end}")
}
