//! Proving to a host who we are: with keys, one after the other.
//!
//! Each key is first shown by its public half; a signature is made only for one that the server
//! wants. OpenSSH hangs up after six attempts (`MaxAuthTries`), so at most five are made.

use std::path::PathBuf;
use std::sync::Arc;

use russh::MethodSet;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use tokio::net::UnixStream;

use super::host_key::fingerprint;
use super::watcher::Watcher;
use crate::secret::Plain;

/// How many keys are tried at most.
const ATTEMPTS: usize = 5;

/// A way to log in.
#[derive(Debug)]
pub enum Login {
    /// A private key in OpenSSH's format, without a passphrase: Ed25519 or ECDSA.
    Key(Plain),
    /// The keys and certificates of the agent behind this socket.
    Agent(PathBuf),
}

/// What became of the keys, when none was taken.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// Each key and what became of it.
    pub(super) tried: Vec<String>,
    /// The ways to log in that the server named last.
    pub(super) methods: Vec<&'static str>,
}

/// Logs in with the first key that the server takes.
pub(super) async fn login(
    handle: &mut Handle<Watcher>,
    user: &str,
    logins: &[Login],
) -> Result<(), Refusal> {
    let mut attempts = Attempts {
        handle,
        user,
        left: ATTEMPTS,
        refusal: Refusal::default(),
    };
    for login in logins {
        let is_in = match login {
            Login::Key(pem) => attempts.with_key(pem).await,
            Login::Agent(socket) => attempts.with_agent(socket).await,
        };
        if is_in {
            return Ok(());
        }
    }
    Err(attempts.refusal)
}

struct Attempts<'a> {
    handle: &'a mut Handle<Watcher>,
    user: &'a str,
    left: usize,
    refusal: Refusal,
}

impl Attempts<'_> {
    async fn with_key(&mut self, pem: &Plain) -> bool {
        let Ok(key) = pem.with(|pem| PrivateKey::from_openssh(pem)) else {
            self.note("a key that is no OpenSSH private key");
            return false;
        };
        let name = fingerprint(key.public_key());
        let signs = matches!(
            key.algorithm(),
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. }
        );
        if key.is_encrypted() || !signs {
            let why = if signs {
                "has a passphrase"
            } else {
                "works in an agent only"
            };
            self.note(format!("{name}: {why}"));
            return false;
        }
        if !self.may_try(&name) {
            return false;
        }
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        let answer = self.handle.authenticate_publickey(self.user, key).await;
        self.judge(&name, answer.ok())
    }

    async fn with_agent(&mut self, socket: &PathBuf) -> bool {
        let Ok(mut agent) = AgentClient::connect_uds(socket).await else {
            self.note("an ssh-agent that does not answer");
            return false;
        };
        if let Some(binding) = self.handle.agent_session_binding() {
            // Keys that are bound to a host (`ssh-add -h`) need it; other agents do not know it.
            drop(agent.bind_session(binding, false).await);
        }
        let Ok(identities) = agent.request_identities().await else {
            self.note("an ssh-agent that did not name its keys");
            return false;
        };
        if identities.is_empty() {
            self.note("an ssh-agent without keys");
        }
        for identity in identities {
            let name = match &identity {
                AgentIdentity::PublicKey { key, .. } => fingerprint(key),
                AgentIdentity::Certificate { certificate, .. } => {
                    let key = PublicKey::new(certificate.public_key().clone(), "");
                    format!("certificate of {}", fingerprint(&key))
                }
            };
            if !self.may_try(&name) {
                return false;
            }
            let answer = self.ask_with(&mut agent, identity).await;
            if self.judge(&name, answer) {
                return true;
            }
        }
        false
    }

    /// `None` if the agent did not sign.
    async fn ask_with(
        &mut self,
        agent: &mut AgentClient<UnixStream>,
        identity: AgentIdentity,
    ) -> Option<AuthResult> {
        let hash = match &identity {
            AgentIdentity::PublicKey { key, .. } => self.hash_for(&key.algorithm()).await,
            AgentIdentity::Certificate { certificate, .. } => {
                self.hash_for(&certificate.algorithm()).await
            }
        };
        let answer = match identity {
            AgentIdentity::PublicKey { key, .. } => {
                self.handle
                    .authenticate_publickey_with(self.user, key, hash, agent)
                    .await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                self.handle
                    .authenticate_certificate_with(self.user, certificate, hash, agent)
                    .await
            }
        };
        answer.ok()
    }

    /// The hash of an RSA signature; never SHA-1.
    async fn hash_for(&self, algorithm: &Algorithm) -> Option<HashAlg> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return None;
        }
        let named = self.handle.best_supported_rsa_hash().await;
        Some(named.ok().flatten().flatten().unwrap_or(HashAlg::Sha512))
    }

    fn may_try(&mut self, name: &str) -> bool {
        let open = !self.handle.is_closed();
        if open && self.left > 0 {
            self.left -= 1;
            return true;
        }
        if open {
            self.note(format!("{name}: left out after {ATTEMPTS} others"));
        }
        false
    }

    fn judge(&mut self, name: &str, answer: Option<AuthResult>) -> bool {
        match answer {
            Some(AuthResult::Success) => return true,
            Some(AuthResult::Failure {
                remaining_methods,
                partial_success,
            }) => {
                self.note(if partial_success {
                    format!("{name}: taken, but a second proof is asked for")
                } else {
                    name.to_owned()
                });
                self.refusal.methods = names(&remaining_methods);
            }
            None => self.note(format!("{name}: the agent did not sign")),
        }
        false
    }

    fn note(&mut self, what: impl Into<String>) {
        self.refusal.tried.push(what.into());
    }
}

fn names(methods: &MethodSet) -> Vec<&'static str> {
    methods.iter().map(<&'static str>::from).collect()
}
