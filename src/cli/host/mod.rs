//! `clws host`: the machines that components run on.

mod add;
mod import;
mod list;
mod prepare;
mod scan;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

use super::context::Context;
use crate::error::Error;

/// The machines that components run on: list, add, import, look at their host keys, prepare for reboots
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Add(add::AddArgs),
    Import(import::ImportArgs),
    Scan(scan::ScanArgs),
    Prepare(prepare::PrepareArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    let done = |()| ExitCode::SUCCESS;
    match command {
        Command::List(args) => list::run(args, cx).map(done),
        Command::Show(args) => show::run(args, cx).map(done),
        Command::Add(args) => add::run(args, cx).map(done),
        Command::Import(args) => import::run(args, cx).map(done),
        Command::Scan(args) => scan::run(args, cx),
        Command::Prepare(args) => prepare::run(args, cx).map(done),
    }
}
