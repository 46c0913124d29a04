//! What secrets are opened with: private halves, and a login at a server that keeps keys.

use crate::crypto::transit::{KeyServer, TransitKey};
use crate::crypto::x25519;
use crate::error::Error;

/// Somebody's private half, for opening: opened only when it is needed.
pub trait Opener {
    /// The public half, `age1…`, if it is for opening.
    fn recipient(&self) -> Option<&str>;

    /// What it is called in messages.
    fn label(&self) -> String;

    /// Opens the private half; asks for a passphrase where it has one.
    ///
    /// # Errors
    /// Whatever keeps it closed.
    fn age(&self) -> Result<Box<dyn age::Identity + '_>, Error>;

    /// A copy of the private half, if it is a native one of age, which any thread can use.
    ///
    /// # Errors
    /// As [`Self::age`].
    fn native(&self) -> Result<Option<x25519::Identity>, Error>;

    /// Whether a person is asked before it opens.
    fn asks(&self) -> bool {
        false
    }

    /// The login at a server that keeps keys, if this is one, and no private half.
    fn login(&self) -> Option<&dyn Login> {
        None
    }
}

/// A login at a server that keeps keys.
pub trait Login {
    /// The key that is meant by a recipient, if a party of the vault has it: what else stands in a file is
    /// never asked for.
    ///
    /// # Errors
    /// [`crate::trust::TrustError`].
    fn key(&self, recipient: &str) -> Result<Option<TransitKey>, Error>;

    /// The server.
    fn server(&self) -> &dyn KeyServer;

    /// Why it did not open an age file, which age's own errors have no room for.
    fn fault(&self) -> Option<Error>;
}

/// The private halves that any thread can use, of the openers that are wanted. Nobody is asked for another one where
/// one is at hand; what does not open is left to the way that says why.
pub(super) fn native(
    openers: &[&dyn Opener],
    is_wanted: impl Fn(&dyn Opener) -> bool,
) -> Vec<x25519::Identity> {
    let keys = |asks: bool| -> Vec<_> {
        let some = openers
            .iter()
            .filter(|one| is_wanted(**one) && one.asks() == asks);
        some.filter_map(|opener| opener.native().ok().flatten())
            .collect()
    };
    match keys(false) {
        none if none.is_empty() => keys(true),
        silent => silent,
    }
}

/// What openers are called, private halves alone.
pub(super) fn labels(openers: &[&dyn Opener]) -> Vec<String> {
    let held = openers.iter().filter(|opener| opener.login().is_none());
    held.map(|opener| opener.label()).collect()
}

/// Whether one of the openers is for a recipient.
pub(super) fn is_mine(openers: &[&dyn Opener], recipient: &str) -> bool {
    openers.iter().any(|opener| match opener.login() {
        None => opener.recipient() == Some(recipient),
        Some(login) => matches!(login.key(recipient), Ok(Some(_))),
    })
}
