//! `clws fmt`: documents and sidecars in the form in which clws writes them.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::{Code, Error};
use crate::name::SecretPath;

/// Sort the tables of documents and sidecars
///
/// A plain git merge can leave tables out of order. That is no fault, but sorted files merge better.
/// No signed byte changes. The rules and hooks are left alone: they are hashed as they are.
#[derive(Args, Debug)]
pub(crate) struct FmtArgs {
    /// Scopes, documents, folders or files; all of the vault without one
    paths: Vec<SecretPath>,
    /// Change nothing; exit with 1 if something would change
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &FmtArgs, cx: &Context) -> Result<ExitCode, Error> {
    let vault = cx.sound_vault()?;
    let files = if args.check {
        vault.untidy(&args.paths)?
    } else {
        vault.tidy(&args.paths)?
    };
    if cx.ui.is_json() {
        cx.ui.json(&json!({ "files": files }))?;
    } else {
        for file in &files {
            cx.ui.line(file)?;
        }
    }
    Ok(if args.check && !files.is_empty() {
        Code::Found.into()
    } else {
        ExitCode::SUCCESS
    })
}
