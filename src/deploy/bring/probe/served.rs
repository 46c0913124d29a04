//! The certificate that a server really shows: what was placed for it is another thing.

use hyper::Uri;
use tokio::time::timeout;

use super::{QUESTION, http, tls};
use crate::deploy::bring::asking::Asking;
use crate::deploy::bring::place::fill;
use crate::error::Error;
use crate::hook::{Probe, Question};

impl Asking<'_> {
    /// The name for which a probe speaks TLS, and `HOST:PORT` where; none where it speaks none.
    ///
    /// # Errors
    /// [`crate::hook::HookError`] for a name that is not known.
    pub(in crate::deploy) fn secure_place(
        &self,
        probe: &Probe,
    ) -> Result<Option<(String, String)>, Error> {
        let Some(Question::Http(url)) = probe.question() else {
            return Ok(None);
        };
        let filled = |text: &str| fill(self.plan, self.names, text);
        let at = probe.at.as_deref().map(filled).transpose()?;
        let Ok(uri) = filled(url)?.parse::<Uri>() else {
            return Ok(None);
        };
        let place = http::place(&uri, at).ok().filter(|place| place.secure);
        Ok(place.map(|place| (place.host.to_owned(), place.address)))
    }

    /// The certificate that is served for `name` at `address`, as DER.
    ///
    /// # Errors
    /// What was said in place of showing one.
    pub(in crate::deploy) async fn served(
        &self,
        name: &str,
        address: &str,
    ) -> Result<Vec<u8>, String> {
        let looking = async {
            let stream = self.open(address).await?;
            tls::served(self, name, stream).await
        };
        let looked = timeout(QUESTION, looking).await;
        looked.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    /// The first certificate of an opened secret, as DER.
    ///
    /// # Errors
    /// That it holds none.
    pub(in crate::deploy) fn leaf_of(&self, secret: &str) -> Result<Vec<u8>, String> {
        tls::leaf_of(self, secret)
    }
}
