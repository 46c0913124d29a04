//! `tls`: the private key of a server, and the certificate beside it. A new key is made, a certificate for
//! the names of the old one is asked for with it, and both take the place of the old pair in one step.
//!
//! A certificate may take days to come. Until it is there the new key lies sealed beside the old one, and
//! `--resume` shows the same request again.

use super::fit::{Fit, fit};
use super::script;
use super::{Issuer, Means, Old, Rotator};
use crate::crypto::{Curve, Pair};
use crate::error::Error;
use crate::plaintext::blocks;
use crate::plaintext::certificate::{Certificate, certificates};
use crate::plaintext::request::{pem, request};
use crate::rotate::RotateError;
use crate::secret::Plain;
use crate::vault::ValueType;
use crate::world::World;

pub(super) const NAME: &str = "tls";

/// The rotator.
pub(super) struct Tls<'a> {
    means: Means<'a>,
    issuer: Issuer,
    /// The path of the key, and the new one.
    key: Option<(String, Plain)>,
    /// The path of the certificate, and the old one.
    certificate: Option<(String, Certificate)>,
    /// The new pair.
    made: Option<(Plain, Plain)>,
}

impl<'a> Tls<'a> {
    pub(super) fn new(means: Means<'a>, issuer: Issuer) -> Self {
        Self {
            means,
            issuer,
            key: None,
            certificate: None,
            made: None,
        }
    }

    /// Asks for the certificate of a request.
    fn issued(&self, world: &World, path: &str, request: &str) -> Result<Plain, Error> {
        match &self.issuer {
            Issuer::Person => {
                let given = self.means.person.certifies(path, request)?;
                let path = path.to_owned();
                given.ok_or_else(|| RotateError::Awaited { path }.into())
            }
            Issuer::Script(name) => {
                let script = self.means.scripts.issuer(name, path)?;
                script::issue(world, name, &script, path, request)
            }
        }
    }
}

impl Rotator for Tls<'_> {
    fn begins(&self) -> bool {
        true
    }

    fn begin(&mut self, path: &str, old: &Old<'_>) -> Result<(), Error> {
        let text = old.value.with(|bytes| String::from_utf8(bytes.clone()));
        let text = zeroize::Zeroizing::new(text.unwrap_or_default());
        if blocks(&text).iter().any(|block| block.is_private()) {
            if self.key.is_some() {
                return Err(not_made(path, "one pair is rotated at a time"));
            }
            let new = match old.beside {
                Some(begun) => begun.duplicate(),
                None => {
                    new_key(&text).ok_or_else(|| not_made(path, "this machine makes no key"))?
                }
            };
            self.key = Some((path.to_owned(), new));
            return Ok(());
        }
        let leaf = certificates(&text)
            .first()
            .and_then(|der| Certificate::parse(der));
        let leaf =
            leaf.ok_or_else(|| not_made(path, "it is neither a private key nor a certificate"))?;
        self.certificate = Some((path.to_owned(), leaf));
        Ok(())
    }

    fn begun(&self, path: &str) -> Option<Plain> {
        let (_, key) = self.key.as_ref().filter(|(of, _)| of == path)?;
        Some(key.duplicate())
    }

    fn prepare(&mut self, world: &World, path: &str) -> Result<(), Error> {
        if self.made.is_some() {
            return Ok(());
        }
        let missing = |why| not_made(path, why);
        let key = self.key.as_ref();
        let (_, key) = key.ok_or_else(|| missing("the key of this certificate is not named"))?;
        let certificate = self.certificate.as_ref();
        let (named, old) =
            certificate.ok_or_else(|| missing("the certificate of this key is not named"))?;
        let wanted = key
            .with(|text| pkcs8_of(text))
            .and_then(|bytes| Pair::of_pkcs8(&bytes).ok());
        let wanted = wanted.ok_or_else(|| missing("its new key does not read"))?;
        let broken = |_| missing("a request cannot be signed with its new key");
        let request = request(&wanted, old).map_err(broken)?;
        let issued = self.issued(world, named, &request)?;
        // Whoever was asked may hand in a whole pair.
        let Fit { key, chain } = fit(named, key, &issued, old, world.now())?;
        self.made = Some((key, chain));
        Ok(())
    }

    fn make(&self, _: &World, path: &str, _: (ValueType, &Plain)) -> Result<Plain, Error> {
        let made = self.made.as_ref();
        let (key, chain) = made.ok_or_else(|| not_made(path, "no certificate was handed in"))?;
        let is_key = self.key.as_ref().is_some_and(|(of, _)| of == path);
        Ok(if is_key { key } else { chain }.duplicate())
    }
}

/// A new key on the curve of the old one, or on P-256, which every client takes. RSA keys are not made.
fn new_key(old: &str) -> Option<Plain> {
    let pair = pkcs8_of(old.as_bytes()).and_then(|old| Pair::of_pkcs8(&old).ok());
    let curve = pair.map_or(Curve::P256, |pair| pair.curve);
    let new = Pair::generate(curve).ok()?;
    Some(new.with(|new| Plain::from(pem("PRIVATE KEY", new).as_str())))
}

fn pkcs8_of(text: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(text).ok()?;
    let found = blocks(text)
        .into_iter()
        .find(|block| block.label == "PRIVATE KEY")?;
    found.content
}

fn not_made(path: &str, why: &'static str) -> Error {
    let path = path.to_owned();
    RotateError::NotMade { path, why }.into()
}
