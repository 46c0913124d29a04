//! `clws host show`: one host, and the way to it.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::list::{at, fingerprints, is_prepared, report};
use crate::cli::context::Context;
use crate::error::{Code, Error, Problem};
use crate::fleet::{Endpoint, LOCAL, SshFolder, place_of, route};
use crate::name::PartyName;
use crate::recipients::{Kind, Party};
use crate::trust::TrustError;
use crate::vault::Vault;

/// Show a host, and the way to it: each server that is gone through, with what your ~/.ssh/config adds
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Its name
    name: PartyName,
}

pub(crate) fn run(args: &ShowArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let party = host(&vault, &args.name)?;
    let way = match party.address.as_deref() {
        Some(LOCAL) => Vec::new(),
        _ => {
            let home = cx.world.variable("HOME").map(PathBuf::from);
            let folder = home.map(|home| SshFolder::read(&home.join(".ssh")));
            let folder = folder.transpose()?.unwrap_or_default();
            let hops = route(&vault, &Endpoint::of_party(&party), &folder)?;
            let place = |hop: &crate::fleet::Hop| {
                let user = hop.user.as_ref().map(|user| format!("{user}@"));
                let user = user.unwrap_or_default();
                format!("{} ({user}{} port {})", hop.name, hop.address, hop.port)
            };
            hops.iter().map(place).collect()
        }
    };
    if cx.ui.is_json() {
        let mut report = report(&party);
        if let Value::Object(fields) = &mut report {
            fields.insert("way".to_owned(), json!(way));
        }
        return cx.ui.json(&report);
    }
    let (scope, machine_type) = place_of(&party);
    let none = || "-".to_owned();
    let mut lines = vec![
        ("name", party.name.to_string()),
        ("scope", scope.map_or_else(none, |scope| scope.to_string())),
        ("machine type", machine_type.unwrap_or_else(none)),
        ("at", at(&party).unwrap_or_else(none)),
    ];
    if let Some(how) = party.becomes {
        lines.push(("root", format!("by {}", how.as_str())));
    }
    for (nth, hop) in way.iter().enumerate() {
        lines.push((if nth == 0 { "way" } else { "" }, hop.clone()));
    }
    for (kind, fingerprint) in fingerprints(&party) {
        lines.push(("host key", format!("{kind} {fingerprint}")));
    }
    if party.host_keys.is_empty() && party.address.as_deref() != Some(LOCAL) {
        let scan = format!("none; `clws host scan {}` shows them", party.name);
        lines.push(("host key", scan));
    }
    let prepared = if is_prepared(&party) { "yes" } else { "no" };
    lines.push(("prepared", prepared.to_owned()));
    for (what, text) in lines {
        cx.ui.line(&format!("{what:14}{text}"))?;
    }
    Ok(())
}

/// A party that is a host.
pub(super) fn host(vault: &Vault, name: &PartyName) -> Result<std::sync::Arc<Party>, Error> {
    let party = match vault.party(name) {
        Err(TrustError::NoParty { nearest, .. }) => {
            return Err(
                Problem::new(Code::NotFound, format!("there is no host `{name}`"))
                    .hint(nearest.map_or_else(
                        || "`clws host list` shows the hosts".to_owned(),
                        |near| format!("is `{near}` meant?"),
                    ))
                    .into(),
            );
        }
        party => party?,
    };
    match party.kind {
        Kind::Host => Ok(party),
        other => Err(Problem::new(
            Code::NotFound,
            format!("{name} is a {}, and no host", other.as_str()),
        )
        .hint("`clws host list` shows the hosts")
        .into()),
    }
}
