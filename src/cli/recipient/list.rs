//! `clws recipient list`: who there is.

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::Error;

/// List the parties: kind, keys, groups
#[derive(Args, Debug)]
pub(crate) struct ListArgs {}

pub(crate) fn run(_args: &ListArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let accepted = &vault.trust().accepted;
    let mut rows = Vec::new();
    let mut reports = Vec::new();
    for name in accepted.party_names()? {
        let party = vault.party(&name)?;
        let groups: Vec<String> = accepted
            .access()
            .groups
            .iter()
            .filter(|(_, members)| members.contains(&name))
            .map(|(group, _)| group.to_string())
            .collect();
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
    cx.ui.table(
        &["NAME", "KIND", "SEALED TO AS", "SIGNS AS", "GROUPS", ""],
        &rows,
    )
}
