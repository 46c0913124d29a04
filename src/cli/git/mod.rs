//! `clws git`: what git calls clws for, in one clone.

mod install;

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::error::Error;

/// Have git call clws for diffs, merges and before commits
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Install(install::InstallArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::Install(args) => install::run(args, cx),
    }
    .map(|()| ExitCode::SUCCESS)
}
