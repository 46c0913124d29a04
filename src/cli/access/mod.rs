//! `clws access`: who may do what.

mod change;
mod show;
mod why;

use std::process::ExitCode;

use clap::Subcommand;

use super::context::Context;
use crate::error::Error;

/// Say who may read, write, submit and deploy
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give a party or group rights below a path
    ///
    /// A narrower rule than there was starts as a copy of the rule that decided so far, since the
    /// longest prefix replaces shorter ones whole. Repeating a grant wraps what is not wrapped yet.
    Grant(change::ChangeArgs),
    /// Take rights below a path away
    ///
    /// What could be read so far was seen: give new values to what matters.
    Revoke(change::ChangeArgs),
    Show(show::ShowArgs),
    Why(why::WhyArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::Grant(args) => change::grant(args, cx),
        Command::Revoke(args) => change::revoke(args, cx),
        Command::Show(args) => show::run(args, cx),
        Command::Why(args) => why::run(args, cx),
    }
    .map(|()| ExitCode::SUCCESS)
}
