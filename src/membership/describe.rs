//! What differs between two sets of rules, in people's terms.

use std::collections::{BTreeMap, BTreeSet};

use super::party;
use super::{Rules, RulesError};
use crate::crypto::sshsig::PublicKey;
use crate::name::PartyName;
use crate::recipients::{ACCESS_FILE, Access, Kind, Party, Right, Rights, party_file};
use crate::text::{by_number, clean_line, ranges};
use crate::trust::{Principal, SETTINGS_FILE, Settings, SshCertificate, Version};

/// A difference between two sets of rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Said {
    /// The sentence, of one line.
    pub line: String,
    /// The host that it is about, and what of it, where it is about the way to a host alone: no key that
    /// opens or signs anything, and nobody's right.
    pub host: Option<(PartyName, OfHost)>,
}

/// What a difference about a host alone comes to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum OfHost {
    /// It is new.
    New,
    /// It is reached or proves itself in another way, or is of another scope or machine type.
    Changed,
    /// It is taken out.
    Gone,
}

/// A sentence for each difference from `old` to `new`, each of one line; none if they are the same.
///
/// # Errors
/// [`RulesError`] if either does not read.
pub fn describe(old: &Rules, new: &Rules) -> Result<Vec<String>, RulesError> {
    let said = describe_each(old, new)?.into_iter();
    Ok(said.map(|said| said.line).collect())
}

/// As [`describe`], for who does not want to read a thousand lines about hosts.
///
/// # Errors
/// As [`describe`].
pub fn describe_each(old: &Rules, new: &Rules) -> Result<Vec<Said>, RulesError> {
    let (lines, hosts) = sentences(old, new)?;
    let mut hosts = hosts.into_iter().peekable();
    let mut host_of = |at: usize| {
        while hosts.next_if(|(to, _)| *to <= at).is_some() {}
        hosts.peek().and_then(|(_, host)| host.clone())
    };
    // A file of rules that nobody signed can say anything, also in an address or a name.
    let said = |(at, line): (usize, &String)| Said {
        line: clean_line(line),
        host: host_of(at),
    };
    Ok(lines.iter().enumerate().map(said).collect())
}

/// The sentences; with each number of sentences up to which they are about that host alone, or are not.
type Sentences = (Vec<String>, Vec<(usize, Option<(PartyName, OfHost)>)>);

fn sentences(old: &Rules, new: &Rules) -> Result<Sentences, RulesError> {
    let mut said = Vec::new();
    let mut hosts = Vec::new();
    // What no sentence is about still changes a hash: a comment, a group that no rule names.
    let otherwise = |file: &str, said: &mut Vec<String>, before: usize| {
        if said.len() == before && old.files().get(file) != new.files().get(file) {
            said.push(format!("{file} is written differently"));
        }
    };
    let (was, is) = (old.parties()?, new.parties()?);
    for (name, now) in in_order(&is) {
        let count = said.len();
        match was.get(name) {
            None => party::added(now, &mut said),
            Some(before) => party::changed(before, now, &mut said),
        }
        otherwise(&party_file(name), &mut said, count);
        let of_host = match was.get(name) {
            None => is_place(now).then_some(OfHost::New),
            Some(before) => (is_place(before) && is_place(now)).then_some(OfHost::Changed),
        };
        hosts.push((said.len(), of_host.map(|what| (name.clone(), what))));
    }
    for (name, before) in in_order(&was) {
        if is.contains_key(name) {
            continue;
        }
        said.push(format!("{name} is taken out"));
        let of_host = is_place(before).then(|| (name.clone(), OfHost::Gone));
        hosts.push((said.len(), of_host));
    }
    let count = said.len();
    access(&old.access()?, &new.access()?, &mut said);
    otherwise(ACCESS_FILE, &mut said, count);
    let count = said.len();
    settings(&old.settings()?, &new.settings()?, &mut said);
    otherwise(SETTINGS_FILE, &mut said, count);
    Ok((said, hosts))
}

/// The parties in the order in which people look for them.
fn in_order(parties: &BTreeMap<PartyName, Party>) -> Vec<(&PartyName, &Party)> {
    let mut all: Vec<_> = parties.iter().collect();
    all.sort_by(|(one, _), (other, _)| by_number(one.as_str(), other.as_str()));
    all
}

/// Whether a party is a place to deploy to, and opens and signs nothing.
fn is_place(party: &Party) -> bool {
    let is_keyless = party.recipients.is_empty() && party.signing.is_empty();
    party.kind == Kind::Host && is_keyless && !party.public
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

/// What a group is now. Whom that gives a right or takes one is said by the paths.
fn groups(before: &Access, after: &Access, said: &mut Vec<String>) {
    let names: BTreeSet<&PartyName> = before.groups.keys().chain(after.groups.keys()).collect();
    for name in names {
        let (was, is) = (before.groups.get(name), after.groups.get(name));
        match is {
            _ if was == is => {}
            None => said.push(format!("{name} is no group any more")),
            Some(members) if members.is_empty() => said.push(format!("the group {name} is empty")),
            Some(members) => said.push(format!("the group {name} is {}", ranges(members))),
        }
    }
}

fn access(before: &Access, after: &Access, said: &mut Vec<String>) {
    groups(before, after, said);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipients::{PublicRecipient, RecipientKey};

    fn rules(parties: &[Party]) -> Rules {
        let mut rules = Rules::new(BTreeMap::new());
        rules.set_access(&Access::default());
        let settings = "[vault]\nformat = 1\nname = \"v\"\n\n[end]\n";
        let mut files = rules.into_files();
        files.insert(SETTINGS_FILE.to_owned(), settings.into());
        let mut rules = Rules::new(files);
        parties.iter().for_each(|party| rules.set_party(party));
        rules
    }

    fn host(name: &str, address: &str) -> Party {
        let mut host = Party::new(name.parse().unwrap(), Kind::Host);
        host.address = Some(address.to_owned());
        host
    }

    #[test]
    fn what_is_about_the_way_to_a_host_alone_is_told_apart_from_all_that_opens_or_signs() {
        let mut opens = host("b-opens", "10.0.0.2");
        let key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        opens.recipients.push(PublicRecipient {
            name: "boot".into(),
            key: RecipientKey::parse(key).unwrap(),
        });
        let grace = Party::new("grace".parse().unwrap(), Kind::Person);
        let old = rules(&[host("a-moves", "10.0.0.1"), host("z-goes", "10.0.0.9")]);
        let new = [
            host("a-moves", "10.0.0.7"),
            host("c-comes", "10.0.0.3"),
            opens,
            grace,
        ];
        let said = describe_each(&old, &rules(&new)).unwrap();
        let hosts: Vec<_> = said
            .iter()
            .map(|said| {
                let first = said.line.split(' ').next().unwrap();
                let host = said.host.as_ref();
                (first, host.map(|(name, what)| (name.as_str(), *what)))
            })
            .collect();
        assert_eq!(
            hosts,
            [
                ("a-moves", Some(("a-moves", OfHost::Changed))),
                ("b-opens", None),
                ("c-comes", Some(("c-comes", OfHost::New))),
                ("grace", None),
                ("z-goes", Some(("z-goes", OfHost::Gone))),
            ]
        );
        let lines: Vec<String> = said.into_iter().map(|said| said.line).collect();
        assert_eq!(lines, describe(&old, &rules(&new)).unwrap());
    }
}
