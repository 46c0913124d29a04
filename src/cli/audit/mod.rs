//! `clws audit`: the log of this machine.

mod show;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use super::context::Context;
use crate::error::Error;

/// See which secrets were used on this machine
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(show::ShowArgs),
    Verify(verify::VerifyArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::Show(args) => show::run(args, cx),
        Command::Verify(args) => verify::run(args, cx),
    }
    .map(|()| ExitCode::SUCCESS)
}
