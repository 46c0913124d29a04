//! `clws secret`: the values and files of a vault.

mod edit;
mod get;
mod list;
mod remove;
mod set;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Error;

use super::context::Context;

/// List, read and change secrets
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(list::ListArgs),
    Get(get::GetArgs),
    Set(set::SetArgs),
    Edit(edit::EditArgs),
    Remove(remove::RemoveArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::List(args) => list::run(args, cx),
        Command::Get(args) => get::run(args, cx),
        Command::Set(args) => set::run(args, cx),
        Command::Edit(args) => edit::run(args, cx),
        Command::Remove(args) => remove::run(args, cx),
    }
    .map(|()| ExitCode::SUCCESS)
}
