//! What a server can be asked, by path or by one of vaultrs' requests.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::HeaderValue;
use rustify::endpoint::Endpoint;
use rustify::enums::RequestMethod;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::address::{Address, Cluster};
use super::answer::{self, Answer, Lease, why_not};
use super::endpoint::Unlisted;
use super::limits::Limits;
use super::settings::Settings;
use super::wire::{HEALTH, Lost, Request, Wire};
use super::{ServerError, Token};

/// A Vault or OpenBao server, and somebody's token there.
///
/// A request is repeated, at another node if need be, for as long as the server says that it cannot now;
/// a write only where it is certain that it was not done. What was written through this client is what it
/// reads afterwards, whichever node answers.
pub struct Client {
    pub(super) wire: Wire,
    pub(super) cluster: Cluster,
    pub(super) token: Option<Token>,
    /// The node that answered last.
    pub(super) at: AtomicUsize,
    /// Whether any node has answered.
    pub(super) is_known: AtomicBool,
    /// How far the server's storage was at our last write.
    pub(super) index: Mutex<Option<HeaderValue>>,
}

/// How a server is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Whether it was set up.
    pub initialized: bool,
    /// Whether its storage is closed.
    pub sealed: bool,
    /// Whether another node is the leader.
    pub standby: bool,
    /// Its version, not yet safe to print.
    pub version: String,
    /// The name of its cluster, not yet safe to print.
    pub cluster_name: String,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<String>,
}

impl Client {
    /// A client for a server; nothing is sent yet.
    ///
    /// # Errors
    /// [`ServerError::BadFile`] for certificates that do not serve.
    pub fn new(
        settings: &Settings,
        limits: Limits,
        token: Option<Token>,
    ) -> Result<Self, ServerError> {
        Ok(Self {
            wire: Wire::new(settings, limits)?,
            cluster: settings.cluster.clone(),
            token,
            at: AtomicUsize::new(0),
            is_known: AtomicBool::new(false),
            index: Mutex::new(None),
        })
    }

    /// Another client with the same token, at the same node, and with connections of its own: for another
    /// runtime. What one of them wrote the other may read later.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn twin(&self, settings: &Settings) -> Result<Self, ServerError> {
        let token = self.token.as_ref().map(Token::duplicate);
        let mut twin = Self::new(settings, Limits::default(), token)?;
        *twin.at.get_mut() = self.at.load(Ordering::Relaxed);
        Ok(twin)
    }

    /// The token that it speaks with.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Gives the token back.
    #[must_use]
    pub fn into_token(self) -> Option<Token> {
        self.token
    }

    /// Speaks with this token from now on.
    pub fn set_token(&mut self, token: Option<Token>) {
        self.token = token;
    }

    /// The nodes that it may speak to.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Goes to the node that leads, if it is one of several that were named: what others wrote a moment ago is
    /// there for certain. Where none says so, any node is asked.
    pub async fn find_leader(&self) {
        let nodes = self.cluster.nodes();
        if nodes.len() < 2 {
            return;
        }
        for (at, node) in nodes.iter().enumerate() {
            let health = self.health(node).await;
            if health.is_ok_and(|health| health.initialized && !health.sealed && !health.standby) {
                self.at.store(at, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Sends one of vaultrs' requests (`vaultrs::api::…::requests`), and gives what it is answered with.
    ///
    /// # Errors
    /// [`ServerError`]; [`ServerError::Uncertain`] for a write whose answer was lost.
    pub async fn call<E: Endpoint>(
        &self,
        endpoint: &E,
    ) -> Result<Answer<E::Response>, ServerError> {
        self.call_as(endpoint, self.token.as_ref()).await
    }

    /// The data that a request is answered with; nothing where there is none.
    pub(super) async fn find<E: Endpoint>(
        &self,
        endpoint: &E,
    ) -> Result<Option<E::Response>, ServerError> {
        match self.call(endpoint).await {
            Ok(answer) => answer.into_data().map(Some),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// As [`Self::call`], as somebody else.
    pub(super) async fn call_as<E: Endpoint>(
        &self,
        endpoint: &E,
        token: Option<&Token>,
    ) -> Result<Answer<E::Response>, ServerError> {
        let request = request_of(endpoint)?;
        let reply = self.ask(&request, token).await?;
        if reply.body.is_empty() {
            return Ok(Answer::empty());
        }
        answer::read(&reply.body)
    }

    /// Reads a path below `/v1`.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn get<T>(&self, path: &str) -> Result<Answer<T>, ServerError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        self.call(&Unlisted::new(RequestMethod::GET, path)).await
    }

    /// Writes to a path below `/v1`.
    ///
    /// # Errors
    /// [`ServerError`]; [`ServerError::Uncertain`] where the answer was lost.
    pub async fn post<T>(&self, path: &str, body: &impl Serialize) -> Result<Answer<T>, ServerError>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let request = Unlisted::new(RequestMethod::POST, path).with_body(body)?;
        self.call(&request).await
    }

    /// The names below a path; those that end in `/` are folders. None where there is nothing.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn list(&self, path: &str) -> Result<Vec<String>, ServerError> {
        let request = Unlisted::<Keys>::new(RequestMethod::LIST, path);
        let found = self.find(&request).await?;
        Ok(found.map(|found| found.keys).unwrap_or_default())
    }

    /// Makes a lease last for `for_` from now on; gives how long it does.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn renew(&self, lease: &Lease, for_: Duration) -> Result<Lease, ServerError> {
        let body = serde_json::json!({ "lease_id": lease.id, "increment": for_.as_secs() });
        let answer: Answer<IgnoredAny> = self.post("sys/leases/renew", &body).await?;
        answer.lease.ok_or(ServerError::NotAnAnswer {
            why: "it holds no lease",
        })
    }

    /// Ends a lease before its time.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn revoke(&self, lease: &Lease) -> Result<(), ServerError> {
        let body = serde_json::json!({ "lease_id": lease.id });
        let answer: Result<Answer<IgnoredAny>, _> = self.post("sys/leases/revoke", &body).await;
        answer.map(drop)
    }

    /// How a node is. Asked without a token, and answered by the status too: 429 is a standby, 503 sealed.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn health(&self, node: &Address) -> Result<Health, ServerError> {
        let request = request_of(&Unlisted::<Health>::new(RequestMethod::GET, HEALTH))?;
        let reply = match self.wire.send(node, &request, None, None).await {
            Ok(reply) => reply,
            Err(Lost::Before(error) | Lost::ForGood(error)) => return Err(error),
            Err(Lost::After(why)) => {
                return Err(ServerError::Unreachable {
                    address: node.clone(),
                    why,
                });
            }
        };
        match reply.status.as_u16() {
            200 | 429 | 472 | 473 | 501 | 503 => {
                serde_json::from_slice(&reply.body).map_err(|error| ServerError::NotAnAnswer {
                    why: why_not(&error),
                })
            }
            _ => Err(self.refused(node, &request, &reply, None)),
        }
    }
}

/// What an endpoint of vaultrs asks for. Its own way to build a request is not used: a path that its
/// `url` crate does not like ends it with a panic.
fn request_of(endpoint: &impl Endpoint) -> Result<Request, ServerError> {
    let unusable = |_| ServerError::NotAnAnswer {
        why: "what is to be sent has no form in JSON",
    };
    Ok(Request {
        method: endpoint.method().into(),
        path: endpoint.path(),
        query: endpoint.query().map_err(unusable)?,
        body: endpoint.body().map_err(unusable)?.map(Zeroizing::new),
    })
}
