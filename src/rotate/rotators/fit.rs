//! Whether a certificate is right for a key and for what the one before was for. What is wrong here would
//! be found by clients otherwise: a server reads a pair that does not fit when it starts, and no earlier.

use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier as _;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::error::Error;
use crate::plaintext::blocks;
use crate::plaintext::certificate::{Certificate, certificates};
use crate::rotate::RotateError;
use crate::secret::Plain;
use crate::text::{clean_line, list};
use crate::time::Moment;

/// A pair that fits.
pub(super) struct Fit {
    /// The private key.
    pub(super) key: Plain,
    /// Its certificate, and those that lead to its CA.
    pub(super) chain: Plain,
}

/// Takes what was handed in for a request with `key`: certificates, or certificates with a key of their own,
/// which then is the key. `path` is the certificate's.
///
/// # Errors
/// [`RotateError::DoesNotFit`].
pub(super) fn fit(
    path: &str,
    key: &Plain,
    handed_in: &Plain,
    old: &Certificate,
    now: Moment,
) -> Result<Fit, Error> {
    let judged = handed_in.with(|bytes| {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
        let (own, chain) = parts(text)?;
        let own = own.as_ref().unwrap_or(key);
        let ders = certificates(&chain);
        demand_pair(own, &ders)?;
        demand_names(&ders, old)?;
        demand_chain(&ders, now)?;
        Ok(Fit {
            key: own.duplicate(),
            chain: Plain::from(chain.as_str()),
        })
    });
    judged.map_err(|why: String| {
        let path = path.to_owned();
        RotateError::DoesNotFit { path, why }.into()
    })
}

/// The private key, if there is one, and the text of the certificates alone.
fn parts(text: &str) -> Result<(Option<Plain>, String), String> {
    let mut key = None;
    let mut chain = String::new();
    for block in blocks(text) {
        let content = block.content.as_deref();
        let content =
            content.ok_or_else(|| format!("its line {} begins nothing whole", block.line))?;
        if block.is_private() {
            if key.is_some() {
                return Err("it has two private keys".to_owned());
            }
            let text = crate::plaintext::request::pem(&block.label, content);
            key = Some(Plain::from(text.as_str()));
        } else if block.label == "CERTIFICATE" {
            chain += &crate::plaintext::request::pem("CERTIFICATE", content);
        }
    }
    match chain.is_empty() {
        true => Err("it has no certificate".to_owned()),
        false => Ok((key, chain)),
    }
}

fn leaf(ders: &[Vec<u8>]) -> Result<Certificate, String> {
    let read = ders.first().and_then(|der| Certificate::parse(der));
    read.ok_or_else(|| "its first certificate does not read".to_owned())
}

/// The key must be the one that the first certificate is for.
fn demand_pair(key: &Plain, ders: &[Vec<u8>]) -> Result<(), String> {
    let key = key.with(|text| PrivateKeyDer::from_pem_slice(text));
    let key = key.map_err(|_| "its private key does not read".to_owned())?;
    let key = ring::sign::any_supported_type(&key);
    let key = key.map_err(|_| "its private key is of no kind that TLS uses".to_owned())?;
    let public = key.public_key();
    match public.is_some_and(|public| leaf(ders).is_ok_and(|leaf| *public == leaf.key_info)) {
        true => Ok(()),
        false => Err("its first certificate is for another key".to_owned()),
    }
}

/// Whoever was served under a name still is.
fn demand_names(ders: &[Vec<u8>], old: &Certificate) -> Result<(), String> {
    let names = leaf(ders)?.names();
    if names.is_empty() {
        return Err("it names no host (subjectAltName)".to_owned());
    }
    let missing: Vec<String> = old
        .names()
        .into_iter()
        .filter(|name| !names.contains(name))
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "it is not for {}, as the old one is",
            clean_line(&list(&missing))
        )),
    }
}

/// Each certificate must hold now, and lead to the last one.
fn demand_chain(ders: &[Vec<u8>], now: Moment) -> Result<(), String> {
    for der in ders {
        let read = Certificate::parse(der).ok_or("one of its certificates does not read")?;
        let subject = clean_line(&read.subject);
        if read.not_before > now {
            return Err(format!(
                "the one for {subject} holds from {} on",
                read.not_before
            ));
        }
        if read.not_after <= now {
            return Err(format!(
                "the one for {subject} held until {}",
                read.not_after
            ));
        }
    }
    let [first, between @ .., last] = ders else {
        // One alone leads to whom its clients know.
        return Ok(());
    };
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(last.as_slice()))
        .map_err(|_| "its last certificate does not read".to_owned())?;
    let verifier = WebPkiServerVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::new(ring::default_provider()),
    );
    let verifier = verifier.build().map_err(|error| error.to_string())?;
    let between: Vec<_> = between
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    // Any name that it is for: names were looked at before.
    let name = leaf(ders)?.names().into_iter().next().unwrap_or_default();
    let name = ServerName::try_from(name.replacen('*', "any", 1));
    let name = name.map_err(|_| "it is for a name that no host has".to_owned())?;
    let since = u64::try_from(now.seconds()).unwrap_or_default();
    let since = UnixTime::since_unix_epoch(std::time::Duration::from_secs(since));
    let first = CertificateDer::from(first.as_slice());
    verifier
        .verify_server_cert(&first, &between, &name, &[], since)
        .map(|_| ())
        .map_err(|error| format!("its chain does not lead from the first to the last: {error}"))
}
