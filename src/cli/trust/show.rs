//! `clws trust show`: the vault, its version, its administrators.

use clap::Args;
use serde_json::json;

use super::proposed::proposed;
use crate::cli::context::Context;
use crate::crypto::hex;
use crate::error::Error;
use crate::text::in_words;
use crate::trust::{Standing, newest_number, read_version};

/// Show who decides about this vault, and the fingerprint that others compare
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {}

pub(crate) fn run(_args: &ShowArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let version = read_version(vault.tree(), newest_number(vault.tree())?)?;
    let standing = match vault.trust().standing {
        Standing::Current => "accepted",
        Standing::Older => "older than what this machine accepted",
        Standing::Sibling => "another one than what this machine accepted",
        Standing::Unpinned => "not accepted on this machine",
    };
    let head = format!("{}@{}", version.fingerprint(), version.number);
    let admins: Vec<String> = version.admins.keys().map(ToString::to_string).collect();
    let root = hex(vault.id());
    let proposal = proposed(&vault)?;
    if cx.ui.is_json() {
        return cx.ui.json(&json!({
            "proposal": proposal.map(|said| said.json),
            "vault": root, "root": root, "head": head, "version": version.number,
            "accepted": vault.trust().accepted.number(), "standing": standing,
            "threshold": version.threshold, "administrators": admins,
        }));
    }
    cx.ui.line(&format!("vault           {root}"))?;
    cx.ui.line(&format!(
        "name            {}",
        vault.trust().accepted.settings().name
    ))?;
    cx.ui
        .line(&format!("trust version   {}, {standing}", version.number))?;
    cx.ui.line(&format!("fingerprint     {head}"))?;
    // For reading it to somebody.
    for row in in_words(&version.hash).chunks(8) {
        cx.ui.line(&format!("                {}", row.join(" ")))?;
    }
    cx.ui.line(&format!(
        "administrators  {} ({} must sign)",
        admins.join(", "),
        version.threshold
    ))?;
    match proposal {
        Some(said) => cx.ui.line(&format!("proposal        {}", said.state)),
        None => Ok(()),
    }
}
