//! Identities: the private keys of the person who runs the program.
//!
//! A bundle is an age X25519 identity, which opens, and an Ed25519 signing key, which vouches. It
//! lies as a folder of two ordinary files: `age.txt`, which `age -d -i` takes, and `signing_key`,
//! which `ssh-keygen -Y sign` takes. Either half may lie elsewhere: both in the desktop's keyring,
//! the signing key in an ssh-agent, the age identity in hardware behind a plugin; then a small file
//! `where` says so and shows the public halves, so that listing and choosing open nothing.
//!
//! [`all`] finds the bundles in their order of trial, [`create`], [`import`] and [`remove`] keep
//! them, [`Bundle`] opens its halves when they are needed.

mod age_file;
mod ask;
mod bundle;
mod config;
mod file;
mod keep;
mod key_pair;
mod keyring;
mod login_key;
mod mail;
mod opening;
mod place;
mod plugin;
mod shelf;
mod signer;
mod source;
mod ssh_agent;
mod ssh_key;
mod wire;

pub use age_file::AgeFileError;
pub use ask::{Ask, Nobody};
pub use bundle::Bundle;
pub use config::{Config, ConfigError, ServerConfig};
pub use file::FileError;
pub use keep::{Import, Place, SigningSource, create, demand_known, import, remove};
pub use key_pair::KeyPair;
pub use keyring::{Keyring, KeyringError};
pub use login_key::LoginKey;
pub use mail::{Encryption, MailConfig};
pub use opening::{Lent, Native, Opening};
pub use place::{Kept, PlaceError};
pub use plugin::{PluginFault, PluginRecipient, plugin_recipient};
pub use signer::Signer;
pub use source::{Listed, PublicFolder, all, list};
pub use ssh_agent::{AgentError, AgentKey, agent_keys};
pub use ssh_key::KeyError;

use crate::error::{Code, Explain, Hint};
use crate::name::{IdentityName, NameError};
use crate::world::WorldError;

/// Why an identity could not be found, kept or opened.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Neither a flag, a variable, the configuration nor the identities folder names one.
    #[error("you have no identity yet")]
    NoneYet {
        /// The folder that was looked into.
        folder: String,
    },
    /// The configuration or a command names an identity that is not there.
    #[error("there is no identity `{name}`")]
    NotFound {
        /// The name that was asked for.
        name: String,
        /// The names that are there.
        known: Vec<String>,
    },
    /// A path was given, and nothing is there.
    #[error("there is no identity at `{path}`")]
    NoSuchPath {
        /// The path as given.
        path: String,
        /// `--identity` or the variable that named it.
        named_by: &'static str,
    },
    /// A private key was given where a path belongs.
    #[error("there is a private key in `{named_by}`, where a path belongs")]
    KeyForPath {
        /// `--identity` or the variable that named it.
        named_by: &'static str,
    },
    /// The folder holds neither half of a bundle.
    #[error("`{label}` holds no identity")]
    Empty {
        /// The folder.
        label: String,
    },
    /// The name is taken.
    #[error("there is an identity `{name}` already")]
    Exists {
        /// The name.
        name: IdentityName,
    },
    /// The private half is not that of the public half beside it.
    #[error("the private key of `{label}` does not belong to its public half {public}")]
    Mismatch {
        /// The file or entry.
        label: String,
        /// The public half that is claimed.
        public: String,
    },
    /// Only a signing key is there.
    #[error("`{label}` has no age identity, so it opens nothing")]
    NoAge {
        /// The bundle.
        label: String,
    },
    /// Only an age identity is there.
    #[error("`{label}` has no signing key")]
    NoSigningKey {
        /// The bundle.
        label: String,
    },
    /// The private half cannot leave its agent.
    #[error("the signing key of `{label}` lies in the ssh-agent and does not come out of it")]
    StaysInAgent {
        /// The bundle.
        label: String,
    },
    /// A passphrase was tried as often as it may be.
    #[error("that is not the passphrase of `{label}`")]
    WrongPassphrase {
        /// The file.
        label: String,
    },
    /// A passphrase is needed and nobody is there to give it.
    #[error("`{label}` needs its passphrase, and nobody can be asked")]
    NobodyToAsk {
        /// The file.
        label: String,
    },
    /// The question for a passphrase failed.
    #[error("the passphrase of `{label}` could not be asked for")]
    AskFailed {
        /// The file.
        label: String,
        /// Why.
        source: std::io::Error,
    },
    /// A passphrase that would guard nothing.
    #[error("the passphrase is empty or no text")]
    BadPassphrase,
    /// The keyring takes plain keys only.
    #[error("{what} cannot be kept in the keyring")]
    NotForKeyring {
        /// Which half, and why.
        what: &'static str,
    },
    /// The folders are not to be had.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The content of an age identity file.
    #[error(transparent)]
    AgeFile(#[from] AgeFileError),
    /// The content of a signing key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The `where` file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The person's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The desktop's keyring.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The ssh-agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// An age plugin.
    #[error(transparent)]
    Plugin(#[from] PluginFault),
}

impl IdentityError {
    /// The module's own error inside, where there is one.
    fn inner(&self) -> Option<&dyn Explain> {
        Some(match self {
            Self::World(inner) => inner,
            Self::File(inner) => inner,
            Self::AgeFile(inner) => inner,
            Self::Key(inner) => inner,
            Self::Place(inner) => inner,
            Self::Name(inner) => inner,
            Self::Config(inner) => inner,
            Self::Keyring(inner) => inner,
            Self::Agent(inner) => inner,
            Self::Plugin(inner) => inner,
            _ => return None,
        })
    }
}

impl Explain for IdentityError {
    fn code(&self) -> Code {
        if let Some(inner) = self.inner() {
            return inner.code();
        }
        match self {
            Self::NotFound { .. } | Self::NoSuchPath { .. } => Code::NotFound,
            Self::Exists { .. } => Code::Conflict,
            Self::NobodyToAsk { .. } => Code::Denied,
            Self::AskFailed { .. } => Code::IoErr,
            Self::BadPassphrase | Self::NotForKeyring { .. } | Self::KeyForPath { .. } => {
                Code::Usage
            }
            Self::Mismatch { .. } => Code::Auth,
            _ => Code::NoKey,
        }
    }

    fn notes(&self) -> Vec<String> {
        if let Some(inner) = self.inner() {
            return inner.notes();
        }
        match self {
            Self::NoneYet { folder } => vec![format!("looked in {folder}")],
            Self::NotFound { known, .. } if !known.is_empty() => {
                vec![format!("you have {}", crate::text::list(known))]
            }
            Self::NoSuchPath { named_by, .. } => vec![format!("it was named by {named_by}")],
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<Hint> {
        if let Some(inner) = self.inner() {
            return inner.hints();
        }
        match self {
            Self::NoneYet { .. } | Self::Empty { .. } => {
                vec!["`clws identity new NAME` makes one".to_owned()]
            }
            Self::NotFound { name, known } => {
                let near = crate::text::nearest(name, known.iter().map(String::as_str));
                vec![near.map_or_else(
                    || "`clws identity list` shows what there is".to_owned(),
                    |near| format!("is `{near}` meant?"),
                )]
            }
            Self::NoSuchPath { .. } => vec![
                "give the folder of an identity, or an age identity file; `clws identity list` shows \
                 where yours lie"
                    .to_owned(),
            ],
            Self::KeyForPath { .. } => vec![
                "it takes a path; for a key in a variable: `--identity <(printf %s \"$KEY\")`"
                    .to_owned(),
            ],
            Self::Exists { name } => vec![format!(
                "`clws identity show {name}`, or `clws identity remove {name}` if nothing is sealed to it"
            )],
            Self::NoAge { .. } | Self::NoSigningKey { .. } => {
                vec!["`clws identity import NAME` makes a bundle of both halves".to_owned()]
            }
            Self::StaysInAgent { .. } => {
                vec!["the SSH login has to go through the agent as well".to_owned()]
            }
            Self::NobodyToAsk { .. } => {
                vec!["run it on a terminal, without `--no-input`".to_owned()]
            }
            Self::NotForKeyring { .. } => vec!["keep it in files: `--keep file`".to_owned()],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::error::Error;

    fn every_kind() -> Vec<IdentityError> {
        let label = || "~/i/ada".to_owned();
        let path = || PathBuf::from("/i/ada/age.txt");
        let io = || ErrorKind::StorageFull.into();
        let plugin = || plugin::PluginName::new("toy").expect("a good name");
        let name: IdentityName = "ada".parse().expect("a good name");
        vec![
            IdentityError::NoneYet { folder: label() },
            IdentityError::NotFound {
                name: "adda".to_owned(),
                known: vec!["ada".to_owned()],
            },
            IdentityError::NoSuchPath {
                path: label(),
                named_by: "--identity",
            },
            IdentityError::KeyForPath {
                named_by: "--identity",
            },
            IdentityError::Empty { label: label() },
            IdentityError::Exists { name },
            IdentityError::Mismatch {
                label: label(),
                public: "age1abc".to_owned(),
            },
            IdentityError::NoAge { label: label() },
            IdentityError::NoSigningKey { label: label() },
            IdentityError::StaysInAgent { label: label() },
            IdentityError::WrongPassphrase { label: label() },
            IdentityError::NobodyToAsk { label: label() },
            IdentityError::AskFailed {
                label: label(),
                source: io(),
            },
            IdentityError::BadPassphrase,
            IdentityError::NotForKeyring {
                what: "the identity of an age plugin",
            },
            FileError::NoFile { path: path() }.into(),
            FileError::Foreign { path: path() }.into(),
            FileError::Taken { path: path() }.into(),
            FileError::Io {
                doing: "write",
                path: path(),
                source: io(),
            }
            .into(),
            AgeFileError::Count {
                label: label(),
                count: 2,
            }
            .into(),
            AgeFileError::Damaged { label: label() }.into(),
            KeyError::OtherKind {
                label: label(),
                kind: "ssh-rsa".to_owned(),
            }
            .into(),
            KeyError::CannotWrite.into(),
            KeyringError::NotBuiltIn.into(),
            KeyringError::NoBus.into(),
            KeyringError::Silent {
                within: Duration::from_secs(1),
            }
            .into(),
            KeyringError::Locked.into(),
            KeyringError::NoEntry {
                account: "age1abc".to_owned(),
            }
            .into(),
            KeyringError::Forgetful.into(),
            AgentError::NoAgent.into(),
            AgentError::WrongSignature {
                fingerprint: "SHA256:abc".to_owned(),
            }
            .into(),
            PluginFault::NotOne.into(),
            PluginFault::NotFound { name: plugin() }.into(),
            PluginFault::Silent {
                name: plugin(),
                seconds: 120,
            }
            .into(),
            PluginFault::Failed {
                name: plugin(),
                messages: vec!["no key".to_owned()],
            }
            .into(),
        ]
    }

    #[test]
    fn every_error_is_one_line_with_a_code_of_its_own_kind() {
        for error in every_kind() {
            let shown = format!("{error:?}");
            let error = Error::from(error);
            let message = error.message();
            assert!(
                !message.ends_with('.') && !message.contains('\n'),
                "{message}"
            );
            let first = message.chars().next().expect("no empty message");
            assert!(first == '`' || first.is_lowercase(), "{message}");
            assert!(![Code::Bug, Code::Found].contains(&error.code()), "{shown}");
            for hint in error.hints() {
                assert!(!hint.is_empty() && !hint.ends_with('.'), "{shown}: {hint}");
            }
        }
    }
}
