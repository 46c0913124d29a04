//! The SSH CA of the person's server, and the certificates that it signed for this run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::Context;
use crate::channel::ssh::Login;
use crate::error::{Error, Problem};
use crate::identity::KeyPair;
use crate::server::{CERTIFICATE_TIME, sign};

/// For so long a certificate is used again: what is left of its time is for the login.
const FRESH: Duration = Duration::from_secs(CERTIFICATE_TIME.as_secs() - 60);

/// What logs in, and since when it may.
struct Signed {
    login: Arc<Login>,
    at: Instant,
}

/// The authority.
pub(super) struct Authority<'a> {
    cx: &'a Context,
    /// By the place and the principal.
    signed: RefCell<BTreeMap<(String, String), Signed>>,
}

impl<'a> Authority<'a> {
    pub(super) fn new(cx: &'a Context) -> Self {
        Self {
            cx,
            signed: RefCell::default(),
        }
    }

    /// A key of this run's own with a certificate for it, both in memory alone.
    ///
    /// # Errors
    /// [`ServerError`], and what is wrong with the person's configuration.
    pub(super) async fn login(&self, path: &str, principal: &str) -> Result<Arc<Login>, Error> {
        let place = (path.to_owned(), principal.to_owned());
        if let Some(known) = self.signed.borrow().get(&place)
            && known.at.elapsed() < FRESH
        {
            return Ok(Arc::clone(&known.login));
        }
        let at = Instant::now();
        let pair = KeyPair::ed25519(&self.cx.world, "clws")?;
        let (public, now) = (pair.public, self.cx.world.now());
        let (signs, whom) = place.clone();
        let asked = self.cx.server()?.ask(async move |session| {
            let whom = (public.as_str(), whom.as_str());
            sign(session.client(), &signs, whom, CERTIFICATE_TIME, now).await
        });
        let certificate = asked.await?;
        let login = Arc::new(Login::Signed(pair.private, certificate));
        let mut signed = self.signed.borrow_mut();
        let is = Signed {
            login: Arc::clone(&login),
            at,
        };
        signed.insert(place, is);
        Ok(login)
    }
}

/// What is said of a host that no certificate was had for.
pub(super) fn without(error: &Error, scope: &str) -> Error {
    let message = format!("no certificate to log in with: {}", error.message());
    let hint = format!(
        "to go without the server: `ssh_key` in place of `ssh_certificate` in [scope.{scope}] of \
         clws.toml, then `clws trust sign`"
    );
    Problem::of(error).saying(message).hint(hint).into()
}
