//! `clws recipient show`: one party's file.

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::PartyName;

/// Print a party's file, as this machine accepted it
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Its name
    name: PartyName,
}

pub(crate) fn run(args: &ShowArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    cx.ui.data(vault.party(&args.name)?.print().as_bytes())
}
