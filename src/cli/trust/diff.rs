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
use crate::trust::{Difference, Standing, newest_number};
use crate::vault::Vault;

/// Show how the rules in the working tree, and the proposal, differ from what this machine accepted
///
/// Says who signed it, and whose signatures are lacking. Exits with 1 if anything differs.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {}

pub(crate) fn run(_args: &DiffArgs, cx: &Context) -> Result<ExitCode, Error> {
    let (vault, fault) = cx.looked_at()?;
    if let Some(fault) = &fault {
        cx.ui.warn_of(fault);
    }
    let said = differences(&vault)?;
    let proposal = proposed(&vault)?;
    let because = because(&vault)?;
    let is_broken = vault.trust().standing == Standing::Broken;
    let is_same = said.is_empty() && proposal.is_none() && !is_broken;
    if cx.ui.is_json() {
        let proposal = proposal.map(|proposal| proposal.json);
        cx.ui.json(
            &json!({ "differences": said, "because": because, "proposal": proposal,
                           "fault": fault.map(|fault| fault.message()) }),
        )?;
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
    if !is_same {
        return Ok(Code::Found.into());
    }
    let number = newest_number(vault.tree())?;
    cx.ui.say(&match vault.trust().standing {
        Standing::Unpinned | Standing::Forgotten => format!(
            "the rules are those that trust version {number} signed; there is no accepted one to compare with"
        ),
        _ => "the rules are those that this machine accepted".to_owned(),
    });
    Ok(ExitCode::SUCCESS)
}

/// What the tree's rules say otherwise; of those that do not read, which files these are.
fn differences(vault: &Vault) -> Result<Vec<String>, Error> {
    match describe(&rules::accepted(vault)?, &rules::in_tree(vault)?) {
        Ok(said) => Ok(said),
        Err(error) => {
            let files = vault.trust().differences(vault.tree())?;
            let files = files.iter().map(|difference| match difference {
                Difference::Changed(file) => format!("{file} is written differently"),
                Difference::Added(file) => format!("{file} is new"),
                Difference::Missing(file) => format!("{file} is not there"),
            });
            Ok(files.chain([error.to_string()]).collect())
        }
    }
}

/// Why the tree's rules are not those that count.
fn because(vault: &Vault) -> Result<String, Error> {
    let unsigned = || "no administrator signed it".to_owned();
    if vault.trust().standing == Standing::Broken {
        return Ok(unsigned());
    }
    let here = newest_number(vault.tree())?;
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
        _ => unsigned(),
    })
}
