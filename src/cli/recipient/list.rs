//! `clws recipient list`: who there is.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::PartyName;
use crate::recipients::{Kind, Party};

/// More hosts than this that open and sign nothing are counted and not shown to people.
const MANY: usize = 20;

/// List the parties: kind, keys, groups
///
/// Hosts of a large fleet that open and sign nothing are counted alone; `--verbose` and `--json` have each,
/// as `clws host list` does.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {}

pub(crate) fn run(_args: &ListArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let accepted = &vault.trust().accepted;
    let mut groups_of: BTreeMap<&PartyName, BTreeSet<&str>> = BTreeMap::new();
    for (group, members) in &accepted.access().groups {
        for member in members {
            groups_of.entry(member).or_default().insert(group.as_str());
        }
    }
    let mut rows = Vec::new();
    let mut plain_hosts = Vec::new();
    let mut reports = Vec::new();
    for name in accepted.party_names()? {
        let party = vault.party(&name)?;
        let groups: Vec<&str> = groups_of.remove(&name).into_iter().flatten().collect();
        let recipients: Vec<&str> = party
            .recipients
            .iter()
            .map(|recipient| recipient.key.as_str())
            .collect();
        let signing: Vec<String> = party
            .signing
            .iter()
            .map(|signing| signing.key.fingerprint().to_string())
            .collect();
        reports.push(json!({ "name": name.as_str(), "kind": party.kind.as_str(), "public": party.public,
            "recipients": recipients, "signing": signing, "groups": groups, "address": party.address }));
        plain_hosts.push(is_plain_host(&party, &groups));
        rows.push(vec![
            name.to_string(),
            party.kind.as_str().to_owned(),
            recipients.join(" "),
            signing.join(" "),
            groups.join(" "),
            if party.public {
                "public on purpose".to_owned()
            } else {
                String::new()
            },
        ]);
    }
    if cx.ui.is_json() {
        return cx.ui.json(&json!({ "parties": reports }));
    }
    let hosts = plain_hosts.iter().filter(|is_plain| **is_plain).count();
    if hosts > MANY && !cx.ui.is_verbose() {
        let mut plain = plain_hosts.into_iter();
        rows.retain(|_| !plain.next().unwrap_or_default());
    }
    cx.ui.table(
        &["NAME", "KIND", "SEALED TO AS", "SIGNS AS", "GROUPS", ""],
        rows,
    )?;
    if hosts > MANY && !cx.ui.is_verbose() {
        cx.ui.line(&format!(
            "and {hosts} hosts that open and sign nothing: `clws host list` shows them"
        ))?;
    }
    Ok(())
}

/// A host that is a place to deploy to, and nothing besides.
fn is_plain_host(party: &Party, groups: &[&str]) -> bool {
    let is_keyless = party.recipients.is_empty() && party.signing.is_empty();
    party.kind == Kind::Host && is_keyless && groups.is_empty() && !party.public
}
