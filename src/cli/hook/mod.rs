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

/// The components named, or all of them.
fn chosen(vault: &Vault, named: &[Component]) -> Result<Vec<Component>, Error> {
    match named {
        [] => components(vault.tree()),
        named => demand_known(vault, named).map(|()| named.to_vec()),
    }
}

/// Refuses a component without a hook, and names the one that may be meant.
///
/// # Errors
/// NOTFOUND.
pub(super) fn demand_known(vault: &Vault, named: &[Component]) -> Result<(), Error> {
    let all = components(vault.tree())?;
    match named.iter().find(|name| !all.contains(name)) {
        Some(unknown) => Err(HookError::missing(unknown, &all).into()),
        None => Ok(()),
    }
}
