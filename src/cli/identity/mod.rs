//! `clws identity`: your own private keys.

mod import;
mod list;
mod new;
mod remove;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

use super::context::Context;
use crate::error::Error;

/// Make and keep your own private keys
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(new::NewArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Import(import::ImportArgs),
    Remove(remove::RemoveArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::New(args) => new::run(args, cx),
        Command::List(args) => list::run(args, cx),
        Command::Show(args) => show::run(args, cx),
        Command::Import(args) => import::run(args, cx),
        Command::Remove(args) => remove::run(args, cx),
    }
    .map(|()| ExitCode::SUCCESS)
}
