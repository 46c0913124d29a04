//! `clws trust diff`: what lies in the tree and does not count here.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::proposed::proposed;
use crate::cli::context::Context;
use crate::cli::rules;
use crate::error::{Code, Error};
use crate::membership::describe;
use crate::text::list;
use crate::trust::{Standing, newest_number};
use crate::vault::Vault;

/// Show how the rules in the working tree, and the proposal, differ from what this machine accepted
///
/// Says who signed it, and whose signatures are lacking. Exits with 1 if anything differs.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {}

pub(crate) fn run(_args: &DiffArgs, cx: &Context) -> Result<ExitCode, Error> {
    let vault = cx.vault()?;
    let said = describe(&rules::accepted(&vault)?, &rules::in_tree(&vault)?)?;
    let proposal = proposed(&vault)?;
    let because = because(&vault)?;
    let is_same = said.is_empty() && proposal.is_none();
    if cx.ui.is_json() {
        let proposal = proposal.map(|proposal| proposal.json);
        cx.ui
            .json(&json!({ "differences": said, "because": because, "proposal": proposal }))?;
    } else {
        for line in &said {
            cx.ui.line(&format!("{line}; {because}"))?;
        }
        if let Some(proposal) = &proposal {
            cx.ui.line(&format!("proposed: {}", proposal.state))?;
            for line in &proposal.differences {
                cx.ui.line(&format!("  {line}"))?;
            }
        }
    }
    if is_same {
        cx.ui.say("the rules are those that this machine accepted");
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(Code::Found.into())
    }
}

/// Why the tree's rules are not those that count.
fn because(vault: &Vault) -> Result<String, Error> {
    let here = newest_number(vault.tree())?;
    let unsigned = || "no administrator signed it".to_owned();
    Ok(match vault.trust().standing {
        // With edits on top nobody signed what is there now.
        _ if !vault.trust().differences(vault.tree())?.is_empty() => unsigned(),
        Standing::Older => format!("these are the older rules of trust version {here}"),
        Standing::Sibling => match vault.trust().signers_of_sibling(vault.tree())?.as_slice() {
            [] => unsigned(),
            names => format!(
                "another trust version {here} says so, signed by {}",
                list(names)
            ),
        },
        Standing::Current | Standing::Unpinned => unsigned(),
    })
}
