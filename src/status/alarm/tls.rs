//! TLS to a mail server, in two ways that trust the same: lettre's own for STARTTLS, and rustls under lettre from the
//! first byte.

use std::path::Path;
use std::sync::Arc;

use lettre::transport::smtp;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

use super::AlarmError;
use crate::error::Error;
use crate::fs::FsError;
use crate::identity::MailConfig;
use crate::plaintext::certificate::certificates;
use crate::world::World;

/// The largest file of CA certificates that is read; a machine's whole store has 250 KiB.
const MOST: u64 = 4 << 20;

/// Whom a server must prove to be, and who may have signed that.
#[derive(Debug)]
pub(super) struct Tls {
    server: String,
    roots: Vec<CertificateDer<'static>>,
}

impl Tls {
    /// # Errors
    /// [`AlarmError::BadCa`], [`FsError`].
    pub(super) fn new(world: &World, config: &MailConfig) -> Result<Self, Error> {
        Ok(Self {
            server: config.server.clone(),
            roots: roots(world, config)?,
        })
    }

    /// For STARTTLS.
    pub(super) fn parameters(&self) -> Result<TlsParameters, smtp::Error> {
        let mut builder =
            TlsParameters::builder(self.server.clone()).certificate_store(CertificateStore::None);
        for root in &self.roots {
            builder = builder.add_root_certificate(Certificate::from_der(root.to_vec())?);
        }
        builder.build_rustls()
    }

    /// From the first byte.
    pub(super) async fn encrypt<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<TlsStream<S>, Box<dyn std::error::Error>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.roots.iter().cloned());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(self.server.clone())?;
        Ok(TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?)
    }
}

/// Whether it was TLS that failed, or that what came was none.
pub(super) fn is_at_fault(error: &smtp::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        let in_io = inner.downcast_ref::<std::io::Error>();
        let of_io = in_io.and_then(|error| error.get_ref());
        if inner.is::<rustls::Error>() || of_io.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = inner.source();
    }
    error.is_tls()
}

/// Who may have signed the server's certificate: the `ca` of the configuration alone, else whom this
/// machine trusts. What does not read is left out, as one old certificate in a store is no reason to send nothing.
fn roots(world: &World, config: &MailConfig) -> Result<Vec<CertificateDer<'static>>, Error> {
    let (path, found) = match &config.ca {
        None => {
            let found = rustls_native_certs::load_native_certs().certs;
            ("the trust store of this machine".to_owned(), found)
        }
        Some(path) => {
            let path = world.folder().join(path);
            let text = read(&path)?;
            let found = certificates(&text).into_iter().map(CertificateDer::from);
            (path.display().to_string(), found.collect())
        }
    };
    let serves = |root: &CertificateDer<'static>| RootCertStore::empty().add(root.clone()).is_ok();
    let roots: Vec<_> = found.into_iter().filter(serves).collect();
    match roots.is_empty() {
        true => Err(AlarmError::BadCa { path }.into()),
        false => Ok(roots),
    }
}

fn read(path: &Path) -> Result<String, Error> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST).read_to_string(&mut text))
        .map_err(FsError::io("read", path))?;
    Ok(text)
}
