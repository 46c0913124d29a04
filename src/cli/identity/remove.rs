//! `clws identity remove`: takes an identity away for good.

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::identity;
use crate::name::IdentityName;

/// Remove an identity from this machine
///
/// What is sealed to it alone stays closed for ever.
#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Which identity
    name: IdentityName,
}

pub(crate) fn run(args: &RemoveArgs, cx: &Context) -> Result<(), Error> {
    identity::demand_known(&cx.world, &args.name)?;
    cx.ui.confirm(&format!(
        "remove the identity {} from this machine? What is sealed to it alone stays closed for ever.",
        args.name
    ))?;
    identity::remove(&cx.world, &args.name)?;
    cx.ui.say(&format!("removed the identity {}", args.name));
    Ok(())
}
