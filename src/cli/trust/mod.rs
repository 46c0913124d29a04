//! `clws trust`: who decides, and what changed.

mod accept;
mod diff;
mod merge;
mod proposed;
mod show;
mod sign;

use std::process::ExitCode;

use clap::Subcommand;

use super::context::Context;
use crate::error::Error;

/// See and sign who decides about this vault
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(show::ShowArgs),
    Accept(accept::AcceptArgs),
    Diff(diff::DiffArgs),
    Sign(sign::SignArgs),
    Merge(merge::MergeArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::Show(args) => show::run(args, cx).map(|()| ExitCode::SUCCESS),
        Command::Accept(args) => accept::run(args, cx).map(|()| ExitCode::SUCCESS),
        Command::Diff(args) => diff::run(args, cx),
        Command::Sign(args) => sign::run(args, cx).map(|()| ExitCode::SUCCESS),
        Command::Merge(args) => merge::run(args, cx).map(|()| ExitCode::SUCCESS),
    }
}
