//! Sending a request until it is answered: which node, how often, what an unhappy answer means.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::address::Address;
use super::client::Client;
use super::error::{SEALED, WANTS_TLS, shown};
use super::wire::{Lost, Reply, Request, node_of};
use super::{ServerError, Token};
use crate::secret::{End, Redactor};

/// A redirect leads to the leader; while one is elected, perhaps to the one before.
const MOST_HOPS: usize = 4;

/// The first pause before a request is repeated; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

impl Client {
    /// Sends a request until it is answered for good.
    pub(super) async fn ask(
        &self,
        request: &Request,
        token: Option<&Token>,
    ) -> Result<Reply, ServerError> {
        let limits = *self.wire.limits();
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let (mut hops, mut unreached, mut sealed) = (0, 0, 0);
        loop {
            let node = self.node()?;
            let index = self.index.lock().ok().and_then(|index| index.clone());
            let sent = self.wire.send(node, request, token, index.as_ref()).await;
            if sent.is_ok() {
                self.is_known.store(true, Ordering::Relaxed);
            }
            let (failed, wait) = match sent {
                Ok(reply) if reply.status.is_success() => {
                    self.remember(request, &reply);
                    return Ok(reply);
                }
                Ok(reply) if reply.status.is_redirection() => {
                    hops += 1;
                    self.follow(node, request, &reply, hops)?;
                    continue;
                }
                Ok(reply) => match self.verdict(node, request, &reply, token) {
                    Verdict::No(error) => return Err(error),
                    Verdict::NotNow(error) => {
                        if error.says(SEALED) {
                            self.next_node();
                            sealed += 1;
                        }
                        (error, reply.retry_after)
                    }
                },
                Err(Lost::ForGood(error)) => return Err(error),
                Err(Lost::Before(error)) => {
                    self.next_node();
                    unreached += 1;
                    // None of it has ever answered: then it is a wrong address, and no election.
                    if !self.is_known.load(Ordering::Relaxed)
                        && unreached >= self.cluster.nodes().len()
                    {
                        return Err(error);
                    }
                    (error, None)
                }
                Err(Lost::After(why)) if request.is_repeatable() => {
                    self.next_node();
                    let error = ServerError::Unreachable {
                        address: node.clone(),
                        why,
                    };
                    (error, None)
                }
                Err(Lost::After(why)) => {
                    self.next_node();
                    return Err(ServerError::Uncertain {
                        address: node.clone(),
                        doing: request.doing(),
                        why,
                    });
                }
            };
            let wait = wait.map_or(pause, |asked| asked.clamp(FIRST_PAUSE, limits.wait));
            pause = (pause * 2).min(limits.wait);
            // What unseals itself does so at once; else it is a person that is waited for.
            let is_sealed = sealed >= self.cluster.nodes().len() && failed.says(SEALED);
            let all = if is_sealed { limits.wait } else { limits.all };
            if begun.elapsed() + wait >= all {
                return Err(tried(failed, begun.elapsed()));
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn node(&self) -> Result<&Address, ServerError> {
        let nodes = self.cluster.nodes();
        let at = self.at.load(Ordering::Relaxed);
        nodes
            .get(at % nodes.len().max(1))
            .ok_or(ServerError::NoAddress)
    }

    fn next_node(&self) {
        self.at.fetch_add(1, Ordering::Relaxed);
    }

    /// Follows a redirect by hand: to a node that the person named, with the very same request.
    fn follow(
        &self,
        node: &Address,
        request: &Request,
        reply: &Reply,
        hops: usize,
    ) -> Result<(), ServerError> {
        let location = reply.location.as_deref().unwrap_or_default();
        let nodes = self.cluster.nodes();
        let known = node_of(location, nodes).filter(|_| hops <= MOST_HOPS);
        let known = known.and_then(|to| nodes.iter().position(|node| node == to));
        let Some(at) = known else {
            return Err(match hops > MOST_HOPS {
                true => ServerError::Busy {
                    address: node.clone(),
                    doing: request.doing(),
                    why: "its nodes send us around".to_owned(),
                    said: Vec::new(),
                    tried: Duration::ZERO,
                },
                false => ServerError::Elsewhere {
                    from: node.clone(),
                    to: location.to_owned(),
                },
            });
        };
        self.at.store(at, Ordering::Relaxed);
        Ok(())
    }

    /// A node that is asked later must be as far as the one that wrote.
    fn remember(&self, request: &Request, reply: &Reply) {
        if request.method.as_str() == "GET" || request.method.as_str() == "LIST" {
            return;
        }
        if let (Some(index), Ok(mut last)) = (&reply.index, self.index.lock()) {
            *last = Some(index.clone());
        }
    }

    fn verdict(
        &self,
        node: &Address,
        request: &Request,
        reply: &Reply,
        token: Option<&Token>,
    ) -> Verdict {
        let said = self.said(request, reply, token);
        let busy = |said| ServerError::Busy {
            address: node.clone(),
            doing: request.doing(),
            why: format!("status {}", reply.status.as_u16()),
            said,
            tried: Duration::ZERO,
        };
        let not_now = said.iter().any(|line| is_for_now(line));
        match reply.status.as_u16() {
            // Too many requests; a node that is for disasters or only reads, which does not write; not as
            // far as the index that we sent; sealed, or without a leader.
            429 | 472 | 473 | 412 | 503 => Verdict::NotNow(busy(said)),
            // Refused before anything was done.
            400 | 500 if not_now => {
                self.next_node();
                Verdict::NotNow(busy(said))
            }
            // Of a leader that steps down, or a proxy before it: perhaps it was done.
            500 | 502 | 504 if request.is_repeatable() => {
                self.next_node();
                Verdict::NotNow(busy(said))
            }
            500 | 502 | 504 => Verdict::No(ServerError::Uncertain {
                address: node.clone(),
                doing: request.doing(),
                why: said
                    .into_iter()
                    .next()
                    .unwrap_or_else(|| format!("status {}", reply.status.as_u16())),
            }),
            _ => Verdict::No(self.refused(node, request, reply, token)),
        }
    }

    pub(super) fn refused(
        &self,
        node: &Address,
        request: &Request,
        reply: &Reply,
        token: Option<&Token>,
    ) -> ServerError {
        ServerError::Refused {
            address: node.clone(),
            doing: request.doing(),
            status: reply.status.as_u16(),
            said: self.said(request, reply, token),
        }
    }

    /// What the server said of an error, without the token and whatever was sent.
    fn said(&self, request: &Request, reply: &Reply, token: Option<&Token>) -> Vec<String> {
        let Ok(Errors { errors }) = serde_json::from_slice(&reply.body) else {
            // In words of its own, and not in JSON: it knows no request yet.
            let body = reply.body.as_slice();
            let wants_tls = memchr::memmem::find(body, b"HTTP request to an HTTPS server");
            return wants_tls
                .map(|_| WANTS_TLS.to_owned())
                .into_iter()
                .collect();
        };
        let mut redactor = Redactor::new();
        for token in token.into_iter().chain(self.token.as_ref()) {
            token.teach(&mut redactor);
        }
        if let Some(body) = &request.body
            && let Ok(sent) = serde_json::from_slice(body)
        {
            learn(&mut redactor, &sent);
        }
        let texts = errors.into_iter().take(4).map(|text| {
            let out = redactor.text(text.as_bytes(), End::Whole);
            shown(&String::from_utf8_lossy(&out))
        });
        texts.collect()
    }
}

/// What an unhappy answer means.
enum Verdict {
    No(ServerError),
    NotNow(ServerError),
}

/// How a node says that there is no leader to ask, or that a mount is too new for it.
fn is_for_now(said: &str) -> bool {
    [
        "will be unavailable for a brief period",
        "active cluster node not found",
        "local node not active",
        "no leader",
        "node is not the leader",
        SEALED,
    ]
    .iter()
    .any(|words| said.contains(words))
}

fn tried(error: ServerError, time: Duration) -> ServerError {
    match error {
        ServerError::Busy {
            address,
            doing,
            why,
            said,
            ..
        } => ServerError::Busy {
            address,
            doing,
            why,
            said,
            tried: time,
        },
        other => other,
    }
}

/// Every text of what was sent may be a secret.
fn learn(redactor: &mut Redactor, sent: &serde_json::Value) {
    match sent {
        serde_json::Value::String(text) => redactor.learn(&text.as_str().into()),
        serde_json::Value::Array(values) => values.iter().for_each(|v| learn(redactor, v)),
        serde_json::Value::Object(values) => values.values().for_each(|v| learn(redactor, v)),
        _ => {}
    }
}
