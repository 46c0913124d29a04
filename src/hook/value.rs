//! How a hook names a value: a plain text, a secret of the vault, or what a server beside it has.
//!
//! Whatever is no plain text has one name, by which plans and opened values know it. A secret of the vault goes
//! by its path; what a server has, by what template files write: `server.prod/web#DB`,
//! `lease.database/creds/app#username`. No path of the vault has a `#` in it.

use serde::Deserialize;

use super::reference::{LEASE, SERVER};

/// A variable: plain, or a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a text, or one of { secret = \"…\" }, { server = \"…\" } and { lease = \"…\" }"
)]
pub enum EnvValue {
    /// A plain text with settings in it.
    Plain(String),
    /// A secret.
    Secret(SecretEnv),
}

/// A text, or a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a text, or one of { secret = \"…\" }, { server = \"…\" } and { lease = \"…\" }"
)]
pub enum Text {
    /// A plain text.
    Plain(String),
    /// A secret.
    Secret(SecretRef),
}

/// A variable that is a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WrittenEnv")]
pub struct SecretEnv {
    /// The secret's name.
    pub secret: String,
    /// Whether it goes into the container's configuration, where `docker inspect` shows it.
    pub visible: bool,
    /// Whether the program reads it at its very first start alone: another value replaces nothing.
    pub initial: bool,
}

/// `{ secret = "rest-server/DB_PASSWORD" }`, in the scope that is deployed; `shared/…` is written out. In place
/// of `secret` also `server = "PATH#FIELD"` or `lease = "MOUNT/creds/ROLE#FIELD"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WrittenRef")]
pub struct SecretRef {
    /// The secret's name.
    pub secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEnv {
    secret: Option<String>,
    server: Option<String>,
    lease: Option<String>,
    #[serde(default)]
    visible: bool,
    #[serde(default)]
    initial: bool,
}

impl TryFrom<WrittenEnv> for SecretEnv {
    type Error = String;

    fn try_from(written: WrittenEnv) -> Result<Self, String> {
        Ok(Self {
            secret: name_of(written.secret, written.server, written.lease)?
                .ok_or("it names no secret")?,
            visible: written.visible,
            initial: written.initial,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRef {
    secret: Option<String>,
    server: Option<String>,
    lease: Option<String>,
}

impl TryFrom<WrittenRef> for SecretRef {
    type Error = String;

    fn try_from(written: WrittenRef) -> Result<Self, String> {
        let name = name_of(written.secret, written.server, written.lease)?;
        Ok(Self {
            secret: name.ok_or("it is one of `secret`, `server` and `lease`")?,
        })
    }
}

/// The one name of what is written in one of three ways; none if it is written in none.
pub(crate) fn name_of(
    secret: Option<String>,
    server: Option<String>,
    lease: Option<String>,
) -> Result<Option<String>, String> {
    match (secret, server, lease) {
        (secret, None, None) => Ok(secret),
        (None, Some(server), None) => Ok(Some(format!("{SERVER}{server}"))),
        (None, None, Some(lease)) => Ok(Some(format!("{LEASE}{lease}"))),
        _ => Err("it is one of `secret`, `server` and `lease`".to_owned()),
    }
}
