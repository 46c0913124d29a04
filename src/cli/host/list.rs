//! `clws host list`: which hosts there are.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::error::Error;
use crate::fleet::{HostKeyText, boot_key, host_parties, place_of};
use crate::recipients::{Become, Party};

/// List the hosts: scope, machine type, the way to each, its host keys
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Environments, hosts, groups like `prod_server`, or patterns of names; several by commas; all without
    #[arg(value_name = "ENV|HOST|GROUP|PATTERN")]
    on: Option<String>,
}

pub(crate) fn run(args: &ListArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let hosts = host_parties(&vault, args.on.as_deref())?;
    if cx.ui.is_json() {
        let hosts: Vec<Value> = hosts.iter().map(|party| report(party)).collect();
        return cx.ui.json(&json!({ "hosts": hosts }));
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rows: Vec<Vec<String>> = hosts
        .iter()
        .map(|party| {
            let (scope, machine_type) = place_of(party);
            let keys: Vec<String> = fingerprints(party)
                .into_iter()
                .map(|(kind, fingerprint)| format!("{kind} {fingerprint}"))
                .collect();
            vec![
                party.name.to_string(),
                or_dash(scope.map(|scope| scope.to_string())),
                or_dash(machine_type),
                or_dash(at(party)),
                or_dash(party.jump.clone()),
                or_dash((!keys.is_empty()).then(|| keys.join(", "))),
                if is_prepared(party) { "prepared" } else { "" }.to_owned(),
            ]
        })
        .collect();
    cx.ui.table(
        &["NAME", "SCOPE", "TYPE", "AT", "THROUGH", "HOST KEYS", ""],
        rows,
    )
}

/// `user@address:port`, as far as it is said.
pub(super) fn at(party: &Party) -> Option<String> {
    let address = party.address.as_ref()?;
    let user = party.user.as_ref().map(|user| format!("{user}@"));
    let address = match address.contains(':') {
        true => format!("[{address}]"),
        false => address.clone(),
    };
    let port = party.port.map(|port| format!(":{port}"));
    Some([user.unwrap_or_default(), address, port.unwrap_or_default()].concat())
}

/// Type and fingerprint of each host key on record.
pub(super) fn fingerprints(party: &Party) -> Vec<(String, String)> {
    let keys = party.host_keys.iter();
    keys.map(|key| match key.key.parse::<HostKeyText>() {
        Ok(key) => (key.kind().to_owned(), key.fingerprint()),
        Err(_) => (key.name.clone(), "cannot be read".to_owned()),
    })
    .collect()
}

/// Whether it has a key of its own, to which what it needs at a boot is sealed.
pub(super) fn is_prepared(party: &Party) -> bool {
    boot_key(party).is_some()
}

/// A host as JSON.
pub(super) fn report(party: &Party) -> Value {
    let (scope, machine_type) = place_of(party);
    let keys: Vec<Value> = fingerprints(party)
        .into_iter()
        .map(|(kind, fingerprint)| json!({ "type": kind, "fingerprint": fingerprint }))
        .collect();
    json!({
        "name": party.name.as_str(),
        "scope": scope.map(|scope| scope.to_string()),
        "machine_type": machine_type,
        "address": party.address,
        "port": party.port,
        "user": party.user,
        "become": party.becomes.map(Become::as_str),
        "jump": party.jump,
        "host_keys": keys,
        "prepared": is_prepared(party),
    })
}
