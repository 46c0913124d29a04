//! `clws trust sign`: takes over what lies in the tree, as an administrator.

use clap::Args;

use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::error::Error;

/// Sign the rules in the working tree as the next trust version
///
/// For changes made by hand, groups and settings for example. Shows what differs first.
#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &SignArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    rules::change(
        cx,
        &vault,
        &rules::in_tree(&vault)?,
        &[],
        Run::from(args.dry_run),
    )
}
