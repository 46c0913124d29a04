//! `clws hook diff`: what is not as it was signed.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::{Code, Error};
use crate::hook::hook_status;
use crate::name::Component;

/// Show which files of hooks differ from what a deployer signed
///
/// Exits with 1 if any do. What changed in them is for `git diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The components; all without
    components: Vec<Component>,
}

pub(crate) fn run(args: &DiffArgs, cx: &Context) -> Result<ExitCode, Error> {
    let vault = cx.vault()?;
    let mut differences = Vec::new();
    let chosen = super::chosen(&vault, &args.components)?;
    let said = match chosen.is_empty() {
        true => super::NO_HOOK,
        false => "every hook is what was signed",
    };
    for component in chosen {
        let status = hook_status(&vault, &component)?;
        let how = if status.seq.is_some() {
            "changed since it was signed"
        } else {
            "not signed"
        };
        differences.extend(
            status
                .differences
                .into_iter()
                .map(|file| (component.clone(), file, how)),
        );
    }
    if cx.ui.is_json() {
        let list: Vec<_> = differences
            .iter()
            .map(|(component, file, how)| {
                json!({ "component": component.as_str(), "file": file, "why": how })
            })
            .collect();
        cx.ui.json(&json!({ "differences": list }))?;
    } else {
        for (_, file, how) in &differences {
            cx.ui.line(&format!("{file}: {how}"))?;
        }
    }
    if differences.is_empty() {
        cx.ui.say(said);
        return Ok(ExitCode::SUCCESS);
    }
    Ok(Code::Found.into())
}
