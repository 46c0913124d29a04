//! `clws trust diff`: what lies in the tree and nobody signed.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::rules;
use crate::error::{Code, Error};
use crate::membership::describe;

/// Show how the rules in the working tree differ from what this machine accepted
///
/// Exits with 1 if they differ.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {}

pub(crate) fn run(_args: &DiffArgs, cx: &Context) -> Result<ExitCode, Error> {
    let vault = cx.vault()?;
    let said = describe(&rules::accepted(&vault)?, &rules::in_tree(&vault)?)?;
    if cx.ui.is_json() {
        cx.ui.json(&json!({ "differences": said }))?;
    } else {
        for line in &said {
            cx.ui.line(&format!("{line}; no administrator signed it"))?;
        }
    }
    if said.is_empty() {
        cx.ui.say("the rules are those that this machine accepted");
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(Code::Found.into())
    }
}
