//! Who can open, against who may: the wraps of a document, and the rules.

use std::collections::BTreeSet;

use super::{Check, Finding, Kind};
use crate::name::PartyName;
use crate::recipients::{Right, Rights};
use crate::text::{clean_line, list};
use crate::vault::{Document, Vault};

impl Check<'_> {
    /// Compares the wraps of a document with its rule.
    pub(super) fn readers(&mut self, document: &Document<'_>, rights: &Rights) {
        let path = document.place.path.as_str();
        // A table that does not read was named before.
        let Ok(wraps) = document.wraps() else { return };
        let mut fitting = BTreeSet::new();
        for wrap in &wraps {
            let name = clean_line(&wrap.name);
            let party = wrap.party().parse::<PartyName>().ok();
            let party = party.filter(|party| rights.readers.contains(party));
            let party = party.map(|party| self.vault.party_if_known(&party));
            let party = match party.transpose() {
                Ok(party) => party.flatten(),
                Err(error) => {
                    self.add(Finding::of(Kind::Rules, path, &error));
                    continue;
                }
            };
            let Some(party) = party else {
                self.add(extra_reader(path, &name, wrap.party()));
                continue;
            };
            let named = |recipient: &&crate::recipients::PublicRecipient| {
                wrap.name == format!("{}/{}", party.name, recipient.name)
            };
            match party.recipients.iter().find(named) {
                Some(recipient) if recipient.key.as_str() == wrap.recipient => {
                    fitting.insert(wrap.name.clone());
                }
                found => {
                    let why = match found {
                        Some(_) => format!("the wrap for {name} is for another key than theirs"),
                        None => format!("{} has no key of the name in {name}", party.name),
                    };
                    let next = format!(
                        "take [reader.\"{name}\"] out of secrets/{path}.toml, then {}",
                        grant_again(self.vault, path, &party.name)
                    );
                    self.add(Finding::new(Kind::Recipient, path, why).next(next));
                }
            }
            if let Err(error) = document.check_wrap(wrap) {
                self.add(Finding::of(Kind::Wrap, path, &error));
            } else if wrap.is_of_server() {
                self.counts.by_server += 1;
            }
        }
        for reader in &rights.readers {
            self.missing(path, reader, &fitting);
        }
    }

    /// Names a reader who lacks wraps.
    fn missing(&mut self, path: &str, reader: &PartyName, fitting: &BTreeSet<String>) {
        let recipients = match self.vault.party(reader) {
            Ok(party) => party.recipients.clone(),
            Err(error) => {
                self.add(Finding::of(Kind::Rules, path, &error));
                return;
            }
        };
        let wanted = recipients.len();
        let missing: Vec<String> = recipients
            .into_iter()
            .map(|recipient| format!("{reader}/{}", recipient.name))
            .filter(|name| !fitting.contains(name))
            .collect();
        if missing.is_empty() {
            return;
        }
        let mut why = format!("{reader} lacks a wrap in {path}");
        if missing.len() < wanted {
            why.push_str(&format!(" for {}", list(&missing)));
        }
        let next = grant_again(self.vault, path, reader);
        self.add(Finding::new(Kind::MissingWrap, path, why).next(next));
    }

    /// Compares the readers that a sealed file's writer names with its rule. The age file itself does
    /// not tell: its stanzas are anonymous.
    pub(super) fn readers_of_file(&mut self, path: &str, named: &[String], rights: &Rights) {
        for name in named {
            let party = name.parse::<PartyName>().ok();
            if party.is_none_or(|party| !rights.readers.contains(&party)) {
                self.add(extra_reader(path, &clean_line(name), name));
            }
        }
        let named: BTreeSet<&str> = named.iter().map(String::as_str).collect();
        for reader in &rights.readers {
            if !named.contains(reader.as_str()) {
                let why = format!("{path} is not sealed to {reader}");
                let next = grant_again(self.vault, path, reader);
                self.add(Finding::new(Kind::MissingWrap, path, why).next(next));
            }
        }
    }
}

fn extra_reader(path: &str, wrap: &str, party: &str) -> Finding {
    let why = format!("it is sealed to {wrap}, whom the rules do not list");
    let next = format!(
        "clws rekey {path}; or, if {wrap} is meant to read it: clws access grant {} {path} --read",
        clean_line(party)
    );
    Finding::new(Kind::ExtraReader, path, why).next(next)
}

/// The grant that is there already: repeated, it wraps what is missing and changes no rule.
fn grant_again(vault: &Vault, path: &str, reader: &PartyName) -> String {
    let access = vault.trust().accepted.access();
    let rule = access.rule_for(path).map(|(_, rule)| rule);
    let given = [Right::Read, Right::Write].into_iter().find_map(|right| {
        let holders = rule?.holders(right);
        let holder = holders.iter().find(|holder| {
            access
                .members(std::slice::from_ref(*holder))
                .any(|m| m == reader)
        })?;
        Some((holder, right.verb()))
    });
    let (holder, verb) = given.unwrap_or((reader, Right::Read.verb()));
    format!("clws access grant {holder} {path} --{verb}")
}
