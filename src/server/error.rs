//! Why a server did not help.

use std::path::Path;
use std::time::Duration;

use super::Address;
use crate::error::{Code, Explain, Hint};
use crate::identity::KeyringError;
use crate::text::clean_line;

/// Why a server did not help. What it said itself was made safe, and had every secret taken out.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nothing says which server.
    #[error("no Vault or OpenBao server is named")]
    NoAddress,
    /// An address that is none.
    #[error("`{address}` is no address of a server: {why}")]
    BadAddress {
        /// As given, without a login.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// Without TLS, and not on this machine.
    #[error("`{}` would be spoken to in the clear", clean_line(address))]
    Clear {
        /// The address.
        address: String,
    },
    /// A file with certificates or keys does not serve.
    #[error("`{path}` {why}")]
    BadFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A path that would lead elsewhere.
    #[error("`{}` is no path of the server", clean_line(path))]
    BadPath {
        /// The path.
        path: String,
    },
    /// What was given is no token.
    #[error("that is no token: one word of printable characters is wanted")]
    BadToken,
    /// What was given is no credential.
    #[error("that is no credential: nothing, or no text")]
    BadCredential,
    /// A login that wants a role, without one.
    #[error("a login by {method} wants a role")]
    NoRole {
        /// The method.
        method: &'static str,
    },
    /// Somebody may have got between.
    #[error("{what}")]
    Alarm {
        /// What is the case.
        what: &'static str,
        /// What was found instead.
        found: Option<String>,
    },
    /// No key-value store with versions lies there.
    #[error("`{place}` {why}")]
    NoStore {
        /// The place, made safe.
        place: String,
        /// What it is instead.
        why: String,
        /// What to do.
        hint: Option<Hint>,
    },
    /// Somebody wrote there meanwhile.
    #[error("`{}` was changed on the server meanwhile", clean_line(path))]
    Changed {
        /// Where it lies there.
        path: String,
    },
    /// A secret that the server's storage would refuse.
    #[error("`{path}` has {size} bytes as a secret of the server, which takes {most}")]
    TooLargeThere {
        /// The document or file.
        path: String,
        /// Its size as JSON.
        size: usize,
        /// The most.
        most: usize,
    },
    /// There is nowhere to keep a token.
    #[error("a token is kept in the keyring, and there is none to take it")]
    NoKeyring(#[source] KeyringError),
    /// Nobody is logged in.
    #[error("you are not logged in to {address}")]
    NotLoggedIn {
        /// The server.
        address: Address,
    },
    /// Nothing answers there.
    #[error("{address} is not reached")]
    Unreachable {
        /// The node.
        address: Address,
        /// What the system said.
        why: String,
    },
    /// Its certificate is not good for the address.
    #[error("the certificate of {address} does not hold")]
    Certificate {
        /// The node.
        address: Address,
        /// Why not.
        why: String,
        /// What can be done about it.
        flaw: Flaw,
        /// Whether `VAULT_SKIP_VERIFY` asks for not looking.
        skip: bool,
    },
    /// It sends a request on to where nobody said that it may go.
    #[error(
        "{from} sends us on to {}, which is not known as a node of it",
        clean_line(to)
    )]
    Elsewhere {
        /// The node.
        from: Address,
        /// Where to.
        to: String,
    },
    /// A certificate that was not asked for.
    #[error("the certificate that `{path}` gave is not the one that was asked for: {why}")]
    BadCertificate {
        /// Where it was signed.
        path: String,
        /// What is wrong with it, made safe.
        why: String,
    },
    /// A key of the transit engine that data keys are not sealed by.
    #[error("data keys are not sealed by the server's key `{key}`: {why}")]
    UnfitKey {
        /// Its mount and name.
        key: String,
        /// Why not.
        why: String,
    },
    /// A key of the transit engine that is gone, or whose old versions open nothing any more.
    #[error("the server's key `{key}` does not open what its version {version} sealed")]
    ClosedKey {
        /// Its mount and name.
        key: String,
        /// The version.
        version: u32,
        /// What the server said.
        said: Vec<String>,
    },
    /// Something else than what a key of the transit engine sealed, or sealed for another place.
    #[error("the server's key `{key}` did not seal it, or not for this place")]
    NotOfKey {
        /// Its mount and name.
        key: String,
        /// What the server said.
        said: Vec<String>,
    },
    /// More than any answer has.
    #[error("{address} answers with more than {most} bytes")]
    TooLarge {
        /// The node.
        address: Address,
        /// The most that is read.
        most: usize,
    },
    /// An answer that cannot be read.
    #[error("the server's answer does not read: {why}")]
    NotAnAnswer {
        /// What is wrong with it; nothing of the answer.
        why: &'static str,
    },
    /// The server said no.
    #[error("{address} refuses to {doing} (status {status})")]
    Refused {
        /// The node.
        address: Address,
        /// The method and the path.
        doing: String,
        /// The status of HTTP.
        status: u16,
        /// What it said.
        said: Vec<String>,
    },
    /// It cannot now, and could not for as long as it was asked.
    #[error("{address} cannot {doing} now ({why})")]
    Busy {
        /// The node.
        address: Address,
        /// The method and the path.
        doing: String,
        /// The status, or what else it was.
        why: String,
        /// What it said.
        said: Vec<String>,
        /// For how long it was tried.
        tried: Duration,
    },
    /// A write whose answer was lost: it may have been done or not.
    #[error("{address} did not say whether it could {doing}")]
    Uncertain {
        /// The node.
        address: Address,
        /// The method and the path.
        doing: String,
        /// What happened.
        why: String,
    },
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// Its last day is over.
    Ended,
    /// Its first day is still to come.
    NotYet,
    /// It is for other names.
    OtherName,
    /// Nobody who is trusted signed it, or something else.
    Issuer,
}

impl ServerError {
    pub(super) fn bad_file(file: &Path, why: &str) -> Self {
        Self::BadFile {
            path: clean_line(&file.to_string_lossy()),
            why: clean_line(why),
        }
    }

    /// The status with which the server said no.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the server said this, in so many words.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        match self {
            Self::Refused { said, .. } | Self::Busy { said, .. } => {
                said.iter().any(|line| line.contains(words))
            }
            _ => false,
        }
    }

    /// Whether the server refused without a word.
    pub(super) fn says_nothing(&self) -> bool {
        matches!(self, Self::Refused { said, .. } if said.is_empty())
    }
}

impl Explain for ServerError {
    fn code(&self) -> Code {
        match self {
            Self::Changed { .. } => Code::Conflict,
            Self::NoStore { .. }
            | Self::NoAddress
            | Self::BadAddress { .. }
            | Self::Clear { .. }
            | Self::BadFile { .. }
            | Self::UnfitKey { .. } => Code::Config,
            Self::ClosedKey { .. } => Code::NoKey,
            Self::BadPath { .. } | Self::NoRole { .. } => Code::Usage,
            Self::Alarm { .. } | Self::NotOfKey { .. } => Code::Auth,
            Self::BadToken
            | Self::BadCredential
            | Self::TooLargeThere { .. }
            | Self::TooLarge { .. }
            | Self::NotAnAnswer { .. } => Code::DataErr,
            Self::NotLoggedIn { .. } => Code::Denied,
            Self::Unreachable { .. } | Self::NoKeyring(_) => Code::Backend,
            Self::Certificate { .. } | Self::BadCertificate { .. } => Code::Auth,
            Self::Elsewhere { .. } => Code::Trust,
            Self::Refused { status, .. } => match status {
                401 | 403 => Code::Denied,
                404 => Code::NotFound,
                _ => Code::Backend,
            },
            Self::Busy { .. } | Self::Uncertain { .. } => Code::TempFail,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Unreachable { why, .. }
            | Self::Uncertain { why, .. }
            | Self::Certificate { why, .. } => vec![why.clone()],
            Self::Refused { said, .. }
            | Self::ClosedKey { said, .. }
            | Self::NotOfKey { said, .. } => said.clone(),
            Self::Alarm { found, .. } => {
                let made = |path| format!("it was made at {path}");
                found.iter().map(made).collect()
            }
            Self::Busy { said, tried, .. } => {
                let mut notes = said.clone();
                notes.push(format!("it was tried for {} s", tried.as_secs()));
                notes
            }
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NoAddress => vec![
                "VAULT_ADDR or BAO_ADDR, or in your config.toml: [server] address = \
                 \"https://…\"; or `--address` of `clws server`, `--server-address` elsewhere"
                    .to_owned(),
            ],
            Self::Clear { .. } => {
                vec!["https is wanted; http only to this machine itself".to_owned()]
            }
            Self::NoStore { hint, .. } => hint.iter().cloned().collect(),
            Self::Changed { .. } => vec!["`clws server diff` shows where it stands".to_owned()],
            Self::TooLargeThere { path, .. } => vec![format!(
                "leave `{path}` in the vault, or split it: a server is no place for large files"
            )],
            Self::NoRole { method } => vec![format!("`--method {method} --role ROLE`")],
            Self::NoKeyring(_) => vec![
                "for one run: VAULT_TOKEN, VAULT_ROLE_ID with VAULT_SECRET_ID, or VAULT_JWT"
                    .to_owned(),
            ],
            Self::Alarm { .. } => vec![
                "if none of you opened it, somebody else did: have the role's secret-ids revoked, \
                 look into the server's audit log, and ask for a new one"
                    .to_owned(),
            ],
            Self::NotLoggedIn { address } => vec![format!(
                "`clws server login --address {address} --method token`, or set VAULT_TOKEN"
            )],
            Self::Certificate { flaw, skip, .. } => {
                let hint = match flaw {
                    Flaw::Ended => {
                        "whoever runs the server gives it a new one, if the clock of this machine is right"
                    }
                    Flaw::NotYet => "is the clock of this machine right?",
                    Flaw::OtherName => {
                        "the address names the server as its certificate does: `https://NAME:PORT`"
                    }
                    Flaw::Issuer => {
                        "`--ca FILE` or VAULT_CACERT names the certificate of who signed it"
                    }
                };
                let mut hints = vec![hint.to_owned()];
                if *skip {
                    hints.push("VAULT_SKIP_VERIFY is not heeded".to_owned());
                }
                hints
            }
            Self::Elsewhere { to, .. } => vec![format!(
                "if it is one: nodes = [\"{}\"] in [server] of your config.toml",
                clean_line(to)
            )],
            Self::Refused {
                status: 403, doing, ..
            } if is_login(doing) => vec![
                "is the method mounted there? `--mount`, or VAULT_AUTH_MOUNT, names another place"
                    .to_owned(),
            ],
            Self::Refused {
                status: 403, doing, ..
            } if doing.ends_with(" auth/token/lookup-self") => vec![
                "the token has ended, or was revoked: `clws server login`, or another VAULT_TOKEN"
                    .to_owned(),
            ],
            Self::Refused {
                status: 400, said, ..
            } if said.iter().any(|line| line == WANTS_TLS) => {
                vec!["its address begins with `https://`".to_owned()]
            }
            Self::Refused { status: 403, .. } => vec![
                "the token has ended or its policies do not allow it: `clws server status`"
                    .to_owned(),
            ],
            Self::UnfitKey { key, .. } => {
                let key = key.rsplit_once('/').unwrap_or(("transit", key));
                vec![format!(
                    "`bao write -f {}/keys/{} type=aes256-gcm96` makes one that serves",
                    key.0, key.1
                )]
            }
            Self::ClosedKey { .. } => vec![
                "somebody who opens it with a key of their own runs `clws rekey` on it; or the key's \
                 `min_decryption_version` is set back until then"
                    .to_owned(),
            ],
            Self::NotOfKey { .. } => vec![
                "is it the same server that it was sealed by? `clws server status` shows which one you mean"
                    .to_owned(),
                "`clws check` shows whether more was changed; `clws rekey` makes wraps anew".to_owned(),
            ],
            Self::Busy { .. } if self.says(SEALED) => vec![
                "somebody who has its unseal keys unseals it; `clws server status` shows each node"
                    .to_owned(),
            ],
            Self::Busy { .. } => vec!["run it again in a while".to_owned()],
            Self::Uncertain { .. } => {
                vec!["run it again: what is done already stays as it is".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}

/// What a node says that a person has to open first.
pub(super) const SEALED: &str = "is sealed";

/// What is said of a node that was spoken to in the clear.
pub(super) const WANTS_TLS: &str = "it got HTTP, and speaks HTTPS";

/// Whether a request was a login: `POST auth/jwt/login`.
fn is_login(doing: &str) -> bool {
    let path = doing.split_once(' ').map_or("", |(_, path)| path);
    path.starts_with("auth/") && path.ends_with("/login")
}

/// A text of a server that may be shown: short, without anything that a terminal obeys.
pub(super) fn shown(text: &str) -> String {
    /// A server's own errors are one or two sentences.
    const MOST: usize = 400;
    let mut text = clean_line(text.trim());
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
        text.push('…');
    }
    text
}
