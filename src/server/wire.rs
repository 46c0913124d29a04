//! One request to one node: TLS, limits, and nothing that reqwest would do by itself.
//!
//! vaultrs says what is asked for; what sends it is this. Its own transport follows redirects with the
//! token, reads an answer of any size, and shows no headers (docs/decisions.md).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode, Url};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::address::Address;
use super::error::Flaw;
use super::limits::Limits;
use super::settings::{Settings, read_file};
use super::{ServerError, Token};
use crate::text::clean_line;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const INDEX: HeaderName = HeaderName::from_static("x-vault-index");
const INCONSISTENT: HeaderName = HeaderName::from_static("x-vault-inconsistent");

/// How a node is.
pub(super) const HEALTH: &str = "sys/health";

/// What is sent, to whichever node.
pub(super) struct Request {
    pub(super) method: Method,
    /// Below `/v1`.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) body: Option<Zeroizing<Vec<u8>>>,
}

impl Request {
    /// As messages have it: `POST secret/data/prod/web`.
    pub(super) fn doing(&self) -> String {
        clean_line(&format!(
            "{} {}",
            self.method,
            self.path.trim_start_matches('/')
        ))
    }

    /// Whether it may be done twice without doing more than once.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "LIST" | "DELETE")
    }
}

/// What a node answered.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// How far the server's storage was, to be sent back to a node that may be behind.
    pub(super) index: Option<HeaderValue>,
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

/// Why a node gave no answer.
pub(super) enum Lost {
    /// Nothing was sent to it.
    Before(ServerError),
    /// It may have got the request: what happened.
    After(String),
    /// No other node or time would help.
    ForGood(ServerError),
}

/// The connection to a server.
pub(super) struct Wire {
    http: Client,
    limits: Limits,
    namespace: Option<HeaderValue>,
    skip: bool,
}

impl Wire {
    /// # Errors
    /// [`ServerError::BadFile`] for certificates that do not serve.
    pub(super) fn new(settings: &Settings, limits: Limits) -> Result<Self, ServerError> {
        let is_encrypted = settings.cluster.nodes().iter().all(Address::is_encrypted);
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls(settings)?)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .user_agent(concat!("clws/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .read_timeout(limits.silence)
            .timeout(limits.request);
        // A proxy sees nothing but a tunnel, or it is not asked.
        if !is_encrypted {
            builder = builder.no_proxy();
        }
        let unusable = |_| ServerError::BadFile {
            path: "TLS".to_owned(),
            why: "cannot be set up".to_owned(),
        };
        let namespace = settings.namespace.as_deref().map(|namespace| {
            HeaderValue::from_str(namespace).map_err(|_| ServerError::BadPath {
                path: namespace.to_owned(),
            })
        });
        Ok(Self {
            http: builder.build().map_err(unusable)?,
            limits,
            namespace: namespace.transpose()?,
            skip: settings.asks_to_skip,
        })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends a request to a node, and reads all of its answer.
    pub(super) async fn send(
        &self,
        node: &Address,
        request: &Request,
        token: Option<&Token>,
        index: Option<&HeaderValue>,
    ) -> Result<Reply, Lost> {
        let url = node.join(&request.path, request.query.as_deref());
        let url = url.map_err(Lost::ForGood)?;
        let headers = self.headers(request, token, index);
        let headers = headers.map_err(Lost::ForGood)?;
        let mut built = self
            .http
            .request(request.method.clone(), url)
            .headers(headers);
        if let Some(body) = &request.body {
            built = built
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body.to_vec());
        }
        let mut response = match built.send().await {
            Ok(response) => response,
            Err(error) => return Err(self.explain(node, error)),
        };
        let header = |name: &HeaderName| response.headers().get(name).cloned();
        let text = |name: &HeaderName| header(name).and_then(|v| Some(v.to_str().ok()?.to_owned()));
        let mut reply = Reply {
            status: response.status(),
            body: Zeroizing::default(),
            index: header(&INDEX),
            location: text(&LOCATION),
            // The form with a date is not used by servers of this kind.
            retry_after: text(&RETRY_AFTER)
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs),
        };
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    if reply.body.len() + chunk.len() > self.limits.answer {
                        return Err(Lost::ForGood(ServerError::TooLarge {
                            address: node.clone(),
                            most: self.limits.answer,
                        }));
                    }
                    reply.body.extend_from_slice(&chunk);
                }
                Ok(None) => return Ok(reply),
                Err(error) => return Err(Lost::After(why(error))),
            }
        }
    }

    fn headers(
        &self,
        request: &Request,
        token: Option<&Token>,
        index: Option<&HeaderValue>,
    ) -> Result<HeaderMap, ServerError> {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST, HeaderValue::from_static("true"));
        // A node's health is no namespace's, and one that is asked for it there refuses.
        if let Some(namespace) = self.namespace.as_ref().filter(|_| request.path != HEALTH) {
            headers.insert(NAMESPACE, namespace.clone());
        }
        if let Some(token) = token {
            headers.insert(TOKEN, token.header()?);
        }
        if let Some(index) = index {
            headers.insert(INDEX, index.clone());
            headers.insert(
                INCONSISTENT,
                HeaderValue::from_static("forward-active-node"),
            );
        }
        Ok(headers)
    }

    fn explain(&self, node: &Address, error: reqwest::Error) -> Lost {
        let address = node.clone();
        if let Some(what) = bad_certificate(&error) {
            return Lost::ForGood(ServerError::Certificate {
                address,
                why: clean_line(&what.to_string()),
                flaw: flaw(what),
                skip: self.skip,
            });
        }
        match error.is_connect() {
            true => Lost::Before(ServerError::Unreachable {
                address,
                why: why(error),
            }),
            false => Lost::After(why(error)),
        }
    }
}

/// What a library says, without the address and on one line.
fn why(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let error = error.without_url();
    let mut text = String::new();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            let between = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{between}{more}");
        }
        cause = inner.source();
    }
    match text.is_empty() {
        true => clean_line(&error.to_string()),
        false => clean_line(&text),
    }
}

/// What is wrong with a certificate, if that is what failed.
fn bad_certificate(error: &reqwest::Error) -> Option<&CertificateError> {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(rustls::Error::InvalidCertificate(what)) = inner.downcast_ref() {
            return Some(what);
        }
        // An error of the system passes on the source of what it wraps, and not that itself.
        let wrapped = inner.downcast_ref::<std::io::Error>();
        cause = match wrapped.and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => inner.source(),
        };
    }
    None
}

/// What of it can be mended, and by whom.
fn flaw(what: &CertificateError) -> Flaw {
    use CertificateError as Bad;
    match what {
        Bad::Expired | Bad::ExpiredContext { .. } => Flaw::Ended,
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => Flaw::NotYet,
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Flaw::OtherName,
        _ => Flaw::Issuer,
    }
}

/// TLS by ring. Who may have signed the server's certificate: the person's `ca` alone if there is one,
/// else whom this machine trusts. There is no way to look away.
fn tls(settings: &Settings) -> Result<ClientConfig, ServerError> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &settings.ca {
        for certificate in certificates(file)? {
            let bad = |error: rustls::Error| ServerError::bad_file(file, &error.to_string());
            roots.add(certificate).map_err(bad)?;
        }
    } else if settings.cluster.nodes().iter().any(Address::is_encrypted) {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ServerError::bad_file(Path::new("TLS"), &error.to_string()))?
        .with_root_certificates(roots);
    let Some((chain, key)) = &settings.client_certificate else {
        return Ok(config.with_no_client_auth());
    };
    let chain = chain.with(|bytes| read_chain(Path::new("the client certificate"), bytes))?;
    let key = key.with(|bytes| PrivateKeyDer::from_pem_slice(bytes));
    let name = Path::new("the client key");
    let key = key.map_err(|_| ServerError::bad_file(name, "holds no private key in PEM"))?;
    config
        .with_client_auth_cert(chain, key)
        .map_err(|error| ServerError::bad_file(name, &error.to_string()))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let bytes = read_file(file)?;
    bytes.with(|bytes| read_chain(file, bytes))
}

fn read_chain(file: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match read {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(ServerError::bad_file(file, "holds no certificates in PEM")),
    }
}

/// The node that a redirect leads to, if it is one of those that the person named.
pub(super) fn node_of<'n>(location: &str, nodes: &'n [Address]) -> Option<&'n Address> {
    let url = Url::parse(location).ok()?;
    nodes.iter().find(|node| node.holds(&url))
}
