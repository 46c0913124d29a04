//! Proving to a host who we are: with keys, one after the other.
//!
//! Each key is first shown by its public half; a signature is made only for one that the server
//! wants. OpenSSH hangs up after six attempts (`MaxAuthTries`), so at most five are made. A key that
//! has a certificate beside it shows that first. RSA keys sign with SHA-2, never SHA-1; DSA keys
//! never sign.

use std::borrow::Borrow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::MethodSet;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use tokio::net::UnixStream;

use super::host_key::fingerprint;
use super::rsa::RsaKey;
use super::watcher::Watcher;
use crate::secret::Plain;

/// How many keys are tried at most.
const ATTEMPTS: usize = 5;

/// A way to log in.
#[derive(Debug)]
pub enum Login {
    /// A private key in OpenSSH's format, without a passphrase: Ed25519, ECDSA or RSA.
    Key(Plain),
    /// The same, with its certificates, each as it stands in `KEY-cert.pub`.
    Certified(Plain, Vec<String>),
    /// A private key that is nothing without this certificate, and is not shown without it.
    Signed(Plain, String),
    /// The keys and certificates of the agent behind this socket.
    Agent(PathBuf),
    /// One key of that agent, by its public half, as it stands in `KEY.pub`.
    AgentKey(PathBuf, String),
    /// A key that cannot be used, and why: what is said if no other is taken.
    Unusable(String),
}

/// What became of the keys, when none was taken.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// Each key and what became of it.
    pub(super) tried: Vec<String>,
    /// The ways to log in that the server named last.
    pub(super) methods: Vec<&'static str>,
    /// Whether the connection ended before the last key was answered.
    pub(super) is_cut: bool,
}

/// Logs in with the first key that the server takes.
pub(super) async fn login(
    handle: &mut Handle<Watcher>,
    user: &str,
    logins: &[impl Borrow<Login>],
) -> Result<(), Refusal> {
    let mut attempts = Attempts {
        handle,
        user,
        left: ATTEMPTS,
        shown: Vec::new(),
        refusal: Refusal::default(),
    };
    for login in logins {
        let is_in = match login.borrow() {
            Login::Key(pem) => attempts.with_key(pem, &[], Bare::Shown).await,
            Login::Certified(pem, certificates) => {
                attempts.with_key(pem, certificates, Bare::Shown).await
            }
            Login::Signed(pem, certificate) => {
                let certificates = std::slice::from_ref(certificate);
                attempts.with_key(pem, certificates, Bare::Kept).await
            }
            Login::Agent(socket) => attempts.with_agent(socket, None).await,
            Login::AgentKey(socket, line) => attempts.with_agent(socket, Some(line)).await,
            Login::Unusable(why) => {
                attempts.note(why);
                false
            }
        };
        if is_in {
            return Ok(());
        }
    }
    Err(attempts.refusal)
}

/// What is said of a key of ours that gave no signature.
const CANNOT_SIGN: &str = "it could not sign";

/// Whether a key is shown by itself too.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Bare {
    Shown,
    Kept,
}

struct Attempts<'a> {
    handle: &'a mut Handle<Watcher>,
    user: &'a str,
    left: usize,
    /// What was shown already; a file and an agent may have the same key.
    shown: Vec<Shown>,
    refusal: Refusal,
}

/// What the server is shown: a key, or a certificate of one.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Shown {
    Key(KeyData),
    Certificate(Box<Certificate>),
}

impl Attempts<'_> {
    async fn with_key(&mut self, pem: &Plain, certificates: &[String], bare: Bare) -> bool {
        let Ok(key) = pem.with(|pem| PrivateKey::from_openssh(pem.trim_ascii())) else {
            self.note("a key that is no OpenSSH private key");
            return false;
        };
        let name = fingerprint(key.public_key());
        if key.is_encrypted() {
            self.note(format!("{name}: has a passphrase"));
            return false;
        }
        let rsa = match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => None,
            Algorithm::Rsa { .. } => match RsaKey::of(&key) {
                Ok(rsa) => Some(rsa),
                Err(why) => {
                    self.note(format!("{name}: {why}"));
                    return false;
                }
            },
            Algorithm::Dsa => {
                self.note(format!("{name}: DSA is broken, and not used"));
                return false;
            }
            _ => {
                self.note(format!("{name}: works in an agent only"));
                return false;
            }
        };
        let key = Arc::new(key);
        for text in certificates {
            match Certificate::from_openssh(text.trim()) {
                Ok(certificate) if certificate.public_key() == key.public_key().key_data() => {
                    let name = format!("certificate of {name}");
                    let shown = Shown::Certificate(Box::new(certificate.clone()));
                    if self.may_try(&name, shown) {
                        let answer = self.certified(&key, rsa.as_ref(), certificate).await;
                        if self.judge(&name, answer, CANNOT_SIGN) {
                            return true;
                        }
                    }
                }
                Ok(_) => self.note(format!("{name}: a certificate for it is another key's")),
                Err(_) => self.note(format!("{name}: a certificate for it cannot be read")),
            }
        }
        if bare == Bare::Kept
            || !self.may_try(&name, Shown::Key(key.public_key().key_data().clone()))
        {
            return false;
        }
        let answer = match rsa {
            None => {
                let key = PrivateKeyWithHashAlg::new(key, None);
                self.handle
                    .authenticate_publickey(self.user, key)
                    .await
                    .ok()
            }
            Some(mut rsa) => {
                let hash = self.hash_for(&key.algorithm()).await;
                let public = key.public_key().clone();
                self.handle
                    .authenticate_publickey_with(self.user, public, hash, &mut rsa)
                    .await
                    .ok()
            }
        };
        self.judge(&name, answer, CANNOT_SIGN)
    }

    async fn certified(
        &mut self,
        key: &Arc<PrivateKey>,
        rsa: Option<&RsaKey>,
        certificate: Certificate,
    ) -> Option<AuthResult> {
        match rsa {
            None => {
                let key = Arc::clone(key);
                let handle = &mut *self.handle;
                handle
                    .authenticate_openssh_cert(self.user, key, certificate)
                    .await
                    .ok()
            }
            Some(rsa) => {
                let hash = self.hash_for(&key.algorithm()).await;
                self.handle
                    .authenticate_certificate_with(self.user, certificate, hash, &mut rsa.clone())
                    .await
                    .ok()
            }
        }
    }

    /// `wanted` is the one key that is meant, as a line; all of them without.
    async fn with_agent(&mut self, socket: &Path, wanted: Option<&str>) -> bool {
        let wanted = match wanted.map(|line| PublicKey::from_openssh(line.trim())) {
            None => None,
            Some(Ok(key)) => Some(key),
            Some(Err(_)) => {
                self.note("a public key that cannot be read");
                return false;
            }
        };
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
        let mut is_there = wanted.is_none();
        for identity in identities {
            let (name, shown) = match &identity {
                AgentIdentity::PublicKey { key, .. } => {
                    (fingerprint(key), Shown::Key(key.key_data().clone()))
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    let key = PublicKey::new(certificate.public_key().clone(), "");
                    let name = format!("certificate of {}", fingerprint(&key));
                    (name, Shown::Certificate(Box::new(certificate.clone())))
                }
            };
            let key = match &shown {
                Shown::Key(key) => key,
                Shown::Certificate(certificate) => certificate.public_key(),
            };
            let is_meant = wanted
                .as_ref()
                .is_none_or(|wanted| wanted.key_data() == key);
            if !is_meant || matches!(key, KeyData::Dsa(_)) {
                continue;
            }
            is_there = true;
            if !self.may_try(&name, shown) {
                continue;
            }
            let answer = self.ask_with(&mut agent, identity).await;
            if self.judge(&name, answer, "the agent did not sign") {
                return true;
            }
        }
        if let Some(wanted) = wanted.filter(|_| !is_there) {
            self.note(format!("{}: not in the ssh-agent", fingerprint(&wanted)));
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

    fn may_try(&mut self, name: &str, shown: Shown) -> bool {
        let open = !self.handle.is_closed();
        if self.shown.contains(&shown) {
            return false;
        }
        if open && self.left > 0 {
            self.left -= 1;
            self.shown.push(shown);
            return true;
        }
        if open {
            self.note(format!("{name}: left out after {ATTEMPTS} others"));
        }
        false
    }

    fn judge(&mut self, name: &str, answer: Option<AuthResult>, unsigned: &str) -> bool {
        // russh tells the end of a connection as a refusal that names no way to log in.
        let no_answer = match &answer {
            Some(AuthResult::Failure {
                remaining_methods, ..
            }) => remaining_methods.is_empty(),
            answer => answer.is_none(),
        };
        self.refusal.is_cut = no_answer && self.handle.is_closed();
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
            None => self.note(format!("{name}: {unsigned}")),
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
