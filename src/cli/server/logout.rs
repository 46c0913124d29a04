//! `clws server logout`: the keyring's token, ended and forgotten.

use clap::Args;

use super::ServerArgs;
use crate::cli::context::Context;
use crate::cli::runtime::runtime;
use crate::error::Error;
use crate::server::{Client, Limits, revoke};

/// Revoke the token in the keyring, and take it out
///
/// If the server is not reached, or does not know the token any more, it is taken out all the same.
#[derive(Args, Debug)]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(args: &LogoutArgs, cx: &Context) -> Result<(), Error> {
    let settings = args.server.settings(cx)?;
    let kept = ServerArgs::kept(cx, &settings);
    let Some(token) = kept.read()? else {
        cx.ui.say("there is no token of this server in the keyring");
        return Ok(());
    };
    let client = Client::new(&settings, Limits::default(), Some(token))?;
    let revoked = runtime()?.block_on(revoke(&client));
    kept.remove()?;
    match revoked {
        Ok(()) => cx
            .ui
            .say("revoked the token, and took it out of the keyring"),
        Err(error) => cx.ui.warn(&format!(
            "took the token out of the keyring; it was not revoked: {}",
            Error::from(error).message()
        )),
    }
    Ok(())
}
