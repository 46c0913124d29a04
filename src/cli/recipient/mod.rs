//! `clws recipient`: the parties of a vault.

mod add;
mod list;
mod remove;
mod show;
mod update;

use std::process::ExitCode;

use clap::Subcommand;

pub(crate) use self::update::{Keys, update_keys};
use super::context::Context;
use crate::error::Error;

/// Add, look at and take out parties: people, hosts, services
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add(add::AddArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Update(update::UpdateArgs),
    Remove(remove::RemoveArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::Add(args) => add::run(args, cx),
        Command::List(args) => list::run(args, cx),
        Command::Show(args) => show::run(args, cx),
        Command::Update(args) => update::run(args, cx),
        Command::Remove(args) => remove::run(args, cx),
    }
    .map(|()| ExitCode::SUCCESS)
}
