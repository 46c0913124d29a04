//! `clws hook`: the deployers' signatures.

mod diff;
mod list;
mod sign;

use std::process::ExitCode;

use clap::Subcommand;

use super::context::Context;
use crate::error::Error;
use crate::hook::{HookError, components};
use crate::name::Component;
use crate::vault::Vault;

/// See and sign the hooks that deploys carry out
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(list::ListArgs),
    Diff(diff::DiffArgs),
    Sign(sign::SignArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::List(args) => list::run(args, cx).map(|()| ExitCode::SUCCESS),
        Command::Diff(args) => diff::run(args, cx),
        Command::Sign(args) => sign::run(args, cx).map(|()| ExitCode::SUCCESS),
    }
}

/// What is said where there is nothing to see or sign.
const NO_HOOK: &str = "there is no hook yet: a file hooks/COMPONENT.toml is one";

/// The components named, or all of them.
fn chosen(vault: &Vault, named: &[Component]) -> Result<Vec<Component>, Error> {
    let all = components(vault.tree())?;
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        return Err(HookError::missing(unknown, &all).into());
    }
    Ok(match named {
        [] => all,
        named => named.to_vec(),
    })
}
