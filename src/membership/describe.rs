//! What differs between two sets of rules, in people's terms.

use std::collections::{BTreeMap, BTreeSet};

use super::party;
use super::{Rules, RulesError};
use crate::crypto::sshsig::PublicKey;
use crate::name::PartyName;
use crate::recipients::{ACCESS_FILE, Access, Right, Rights, party_file};
use crate::text::clean_line;
use crate::trust::{Principal, SETTINGS_FILE, Settings, SshCertificate, Version};

/// A sentence for each difference from `old` to `new`, each of one line; none if they are the same.
///
/// # Errors
/// [`RulesError`] if either does not read.
pub fn describe(old: &Rules, new: &Rules) -> Result<Vec<String>, RulesError> {
    let said = sentences(old, new)?;
    // A file of rules that nobody signed can say anything, also in an address or a name.
    Ok(said.iter().map(|line| clean_line(line)).collect())
}

fn sentences(old: &Rules, new: &Rules) -> Result<Vec<String>, RulesError> {
    let mut said = Vec::new();
    // What no sentence is about still changes a hash: a comment, a group that no rule names.
    let otherwise = |file: &str, said: &mut Vec<String>, before: usize| {
        if said.len() == before && old.files().get(file) != new.files().get(file) {
            said.push(format!("{file} is written differently"));
        }
    };
    let (was, is) = (old.parties()?, new.parties()?);
    for (name, now) in &is {
        let count = said.len();
        match was.get(name) {
            None => party::added(now, &mut said),
            Some(before) => party::changed(before, now, &mut said),
        }
        otherwise(&party_file(name), &mut said, count);
    }
    for name in was.keys().filter(|name| !is.contains_key(*name)) {
        said.push(format!("{name} is taken out"));
    }
    let count = said.len();
    access(&old.access()?, &new.access()?, &mut said);
    otherwise(ACCESS_FILE, &mut said, count);
    let count = said.len();
    settings(&old.settings()?, &new.settings()?, &mut said);
    otherwise(SETTINGS_FILE, &mut said, count);
    Ok(said)
}

fn settings(before: &Settings, after: &Settings, said: &mut Vec<String>) {
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
        let (was, is) = (of(before), of(after));
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
