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
    let (vault, fault) = cx.looked_at()?;
    let number = newest_number(vault.tree())?;
    let version = match read_version(vault.tree(), number) {
        Err(_) if fault.is_some() => None,
        read => Some(read?),
    };
    let standing = match vault.trust().standing {
        Standing::Current => "accepted",
        Standing::Older => "older than what this machine accepted",
        Standing::Sibling => "another one than what this machine accepted",
        Standing::Unpinned => "not accepted on this machine",
        Standing::Forgotten => "what this machine accepted does not read",
        Standing::Broken => "it does not follow on what this machine accepted",
    };
    let root = hex(vault.id());
    let head = version
        .as_ref()
        .map(|version| format!("{}@{number}", version.fingerprint()));
    let admins = version.iter().flat_map(|version| version.admins.keys());
    let admins: Vec<String> = admins.map(ToString::to_string).collect();
    let threshold = version.as_ref().map(|version| version.threshold);
    let proposal = proposed(&vault)?;
    if let Some(fault) = &fault {
        cx.ui.warn_of(fault);
    }
    if cx.ui.is_json() {
        return cx.ui.json(&json!({
            "proposal": proposal.map(|said| said.json),
            "vault": root, "root": root, "head": head, "version": number,
            "accepted": vault.trust().accepted.number(), "standing": standing,
            "fault": fault.map(|fault| fault.message()),
            "threshold": threshold, "administrators": admins,
        }));
    }
    cx.ui.line(&format!("vault           {root}"))?;
    cx.ui.line(&format!(
        "name            {}",
        vault.trust().accepted.settings().name
    ))?;
    cx.ui
        .line(&format!("trust version   {number}, {standing}"))?;
    if vault.trust().standing == Standing::Broken {
        let accepted = vault.trust().accepted.number();
        cx.ui.line(&format!("accepted        {accepted}"))?;
    }
    if let (Some(version), Some(head), Some(threshold)) = (version, head, threshold) {
        cx.ui.line(&format!("fingerprint     {head}"))?;
        // For reading it to somebody.
        for row in in_words(&version.hash).chunks(8) {
            cx.ui.line(&format!("                {}", row.join(" ")))?;
        }
        cx.ui.line(&format!(
            "administrators  {} ({threshold} must sign)",
            admins.join(", ")
        ))?;
    }
    match proposal {
        Some(said) => cx.ui.line(&format!("proposal        {}", said.state)),
        None => Ok(()),
    }
}
