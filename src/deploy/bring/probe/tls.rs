//! TLS for a probe, and what the served certificate must be.
//!
//! A server that was told to read a new certificate and could not, since its key does not fit, goes
//! on with the old one and says so in its own log alone. So a probe can ask for the very certificate
//! that was placed, and for how long it still holds.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

use super::Stream;
use crate::deploy::bring::asking::Asking;
use crate::hook::{CertificateProbe, Probe, Text, template_text};
use crate::plaintext::certificate::{Certificate, certificates};
use crate::secret::End;
use crate::time::Moment;

/// Speaks TLS over a stream and judges the certificate.
///
/// Who may have signed it: the probe's `ca`; anybody, where it must be the one certificate that was
/// placed, or where the hook says `insecure`; else those whom the deploying machine trusts.
pub(super) async fn over(
    around: &Asking<'_>,
    probe: &Probe,
    host: &str,
    stream: Box<dyn Stream>,
) -> Result<Box<dyn Stream>, String> {
    let provider = Arc::new(ring::default_provider());
    let pinned = probe.certificate.as_ref().and_then(|c| c.secret.as_ref());
    let verifier: Arc<dyn ServerCertVerifier> = match &probe.ca {
        None if probe.insecure || pinned.is_some() => Arc::new(Anybody(Arc::clone(&provider))),
        ca => {
            let roots = Arc::new(match ca {
                Some(ca) => roots_of(&ca_text(around, ca)?)?,
                None => of_this_machine()?,
            });
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                .build()
                .map_err(|error| error.to_string())?
        }
    };
    let stream = shake(around, host, stream, (provider, verifier)).await?;
    if let Some(wanted) = &probe.certificate {
        let served = shown(&stream)?;
        let placed = match &wanted.secret {
            Some(secret) => Some(leaf_of(around, secret)?),
            None => None,
        };
        judge(wanted, served, placed.as_deref(), around.world.now())
            .map_err(|wrong| around.told(wrong.as_bytes(), End::Whole))?;
    }
    Ok(Box::new(stream))
}

/// The certificate that is served for a name, the server's own as DER, whoever signed it and until when.
///
/// # Errors
/// What the server, or the connection to it, said.
pub(super) async fn served(
    around: &Asking<'_>,
    host: &str,
    stream: Box<dyn Stream>,
) -> Result<Vec<u8>, String> {
    let provider = Arc::new(ring::default_provider());
    let anybody = Arc::new(Anybody(Arc::clone(&provider)));
    let stream = shake(around, host, stream, (provider, anybody)).await?;
    Ok(shown(&stream)?.to_vec())
}

async fn shake(
    around: &Asking<'_>,
    host: &str,
    stream: Box<dyn Stream>,
    (provider, verifier): (Arc<CryptoProvider>, Arc<dyn ServerCertVerifier>),
) -> Result<TlsStream<Box<dyn Stream>>, String> {
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| error.to_string())?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
    connected
        .await
        .map_err(|error| around.told(error.to_string().as_bytes(), End::Whole))
}

/// The server's own certificate, the first that it showed.
fn shown(stream: &TlsStream<Box<dyn Stream>>) -> Result<&[u8], &'static str> {
    let chain = stream.get_ref().1.peer_certificates();
    let first = chain.and_then(|chain| chain.first());
    first
        .map(|first| &**first)
        .ok_or("it serves no certificate")
}

/// Whether the served certificate is the one that was placed, and holds long enough.
fn judge(
    wanted: &CertificateProbe,
    served: &[u8],
    placed: Option<&[u8]>,
    now: Moment,
) -> Result<(), String> {
    let read = Certificate::parse(served).ok_or("its certificate does not read")?;
    let (subject, until) = (&read.subject, read.not_after.date());
    if placed.is_some_and(|placed| placed != served) {
        let secret = wanted.secret.as_deref().unwrap_or_default();
        return Err(format!(
            "it serves another certificate than `{secret}`: one for {subject} until {until}"
        ));
    }
    let left = read.not_after.days_since(now);
    if read.not_after.seconds() <= now.seconds() || left < i64::from(wanted.days) {
        return Err(format!(
            "its certificate for {subject} holds until {until}, {left} days from now, and {} are \
             wanted",
            wanted.days
        ));
    }
    Ok(())
}

/// The first certificate of a secret, the server's own (RFC 8446, 4.4.2).
pub(super) fn leaf_of(around: &Asking<'_>, secret: &str) -> Result<Vec<u8>, String> {
    let value = around.opened.get(secret);
    let value = value.ok_or_else(|| format!("`{secret}` was not opened"))?;
    let text = value.with(|bytes| String::from_utf8(bytes.clone()));
    let leaf = text
        .ok()
        .and_then(|text| certificates(&text).into_iter().next());
    leaf.ok_or_else(|| format!("`{secret}` holds no certificate"))
}

fn ca_text(around: &Asking<'_>, ca: &Text) -> Result<String, String> {
    match ca {
        Text::Plain(file) => {
            let text = template_text(around.plan.component(), &around.plan.hook.files, file);
            text.map(str::to_owned).map_err(|error| error.to_string())
        }
        Text::Secret(secret) => {
            let missing = || format!("`{}` was not opened", secret.secret);
            let value = around.opened.get(&secret.secret).ok_or_else(missing)?;
            let text = value.with(|bytes| String::from_utf8(bytes.clone()));
            text.map_err(|_| format!("`{}` is no text", secret.secret))
        }
    }
}

fn roots_of(text: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text) {
        let certificate = CertificateDer::from(certificate);
        roots
            .add(certificate)
            .map_err(|error| format!("its `ca`: {error}"))?;
    }
    if roots.is_empty() {
        return Err("its `ca` holds no certificate".into());
    }
    Ok(roots)
}

fn of_this_machine() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this machine trusts no CA (`ca-certificates`); name one with `ca`".into());
    }
    Ok(roots)
}

/// Takes any certificate whose key the server has.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_must_be_the_one_that_was_placed_and_hold_long_enough() {
        let dev = include_str!("../../../../tests/fixtures/certs/certs/tls/dev/codalab.crt");
        let chain = certificates(dev);
        let (leaf, other) = (&chain[0], &chain[1]);
        let until = Certificate::parse(leaf).unwrap().not_after.seconds();
        let wanted = CertificateProbe {
            days: 14,
            secret: Some("tls/codalab.crt".into()),
        };
        let days_before = |days: i64| Moment::from_seconds(until - days * 86_400);
        let judged = |placed: &[u8], days| judge(&wanted, leaf, Some(placed), days_before(days));
        assert_eq!(judged(leaf, 14), Ok(()));
        assert!(judged(leaf, 13).unwrap_err().contains("13 days from now"));
        assert!(judged(leaf, 0).is_err() && judged(leaf, -1).is_err());
        assert!(
            judged(other, 14)
                .unwrap_err()
                .contains("another certificate")
        );
        let ended = CertificateProbe {
            days: 0,
            secret: None,
        };
        assert!(judge(&ended, leaf, None, days_before(0)).is_err());
        assert_eq!(roots_of(dev).unwrap().len(), 2);
        assert!(roots_of("-----BEGIN CERTIFICATE-----\n").is_err());
    }
}
