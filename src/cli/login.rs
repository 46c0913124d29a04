//! With what a person logs in to hosts.

use super::context::Context;
use crate::deploy::ssh::Login;
use crate::error::Error;
use crate::identity::Bundle;

/// The signing keys of this person, and the ssh-agent's.
pub(crate) fn logins(cx: &Context, bundles: &[Bundle]) -> Result<Vec<Login>, Error> {
    let mut logins = Vec::new();
    for bundle in bundles {
        if bundle
            .signing_kept()
            .is_some_and(|kept| kept != crate::identity::Kept::Agent)
        {
            logins.push(Login::Key(bundle.signing_key_openssh(&cx.ui)?));
        }
    }
    if let Some(socket) = cx.world.variable("SSH_AUTH_SOCK") {
        logins.push(Login::Agent(cx.world.folder().join(socket)));
    }
    Ok(logins)
}
