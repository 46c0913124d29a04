//! `clws secret accept`: a number that jumped is believed.

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::SecretPath;

/// Believe a number that went further than this machine lets pass by itself
///
/// Numbers only ever grow, and a writer could count one up so far that no next one is left. A jump by
/// more than 1,000 is therefore refused until a person has seen it. Only this machine's memory changes.
#[derive(Args, Debug)]
pub(crate) struct AcceptArgs {
    /// The value or file
    path: SecretPath,
}

pub(crate) fn run(args: &AcceptArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let secret = vault.find_secret(&args.path)?;
    let Some(jump) = vault.jump_of(&secret)? else {
        cx.ui.say(&format!("{secret} did not jump"));
        return Ok(());
    };
    cx.ui.confirm(&format!(
        "{secret} went from number {} to {}, signed by {}: believe it?",
        jump.seen, jump.here, jump.signer
    ))?;
    vault.accept_jump(jump)?;
    cx.ui.say(&format!("{secret} is taken as it is"));
    Ok(())
}
