//! `clws rotate`: new values for old ones.

mod due;

use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::SecretPath;

/// Give secrets new values, and take those into use
///
/// `--due --dry-run` is the work list: what others may know since somebody left or it was imported, what
/// is older than its policy lets it be, and what ends within 30 days. That needs no private key.
#[derive(Args, Debug)]
pub(crate) struct RotateArgs {
    /// Values, sealed files, or what they lie in; all of the vault with `--due` and without one
    paths: Vec<SecretPath>,
    /// What waits for a new value
    #[arg(long, requires = "dry_run")]
    due: bool,
    /// Show what is to be done, and touch nothing
    #[arg(long, requires = "due")]
    dry_run: bool,
}

pub(crate) fn run(args: &RotateArgs, cx: &Context) -> Result<ExitCode, Error> {
    due::print(args, cx).map(|()| ExitCode::SUCCESS)
}
