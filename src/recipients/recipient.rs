//! Public keys that secrets are sealed to.

use std::fmt;

use crate::crypto::sshsig::PublicKey;
use crate::crypto::transit::{self, NoTransitKey, TransitKey};
use crate::crypto::{ssh_ed25519, x25519};
use crate::error::{Code, Error, Explain};

/// One way in which a party receives secrets, `[recipient.laptop]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicRecipient {
    /// Which of the party's recipients: `laptop`, `offline`.
    pub name: String,
    /// The public key.
    pub key: RecipientKey,
}

/// What recipients are called whose private half is kept offline, for recovery; a second one `offline-2`.
pub const OFFLINE: &str = "offline";

impl PublicRecipient {
    /// Whether its private half is kept offline: backups are sealed to it, and daily work goes without. The
    /// party's file says so by the name, and is signed.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        let rest = self.name.strip_prefix(OFFLINE);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// A public key, by its kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RecipientKey {
    /// A native age recipient, `age1…` (X25519).
    Age(String),
    /// An SSH key, `ssh-ed25519 AAAA…` without a comment.
    Ssh(String),
    /// A recipient of an age plugin, `age1NAME1…`.
    Plugin(String),
    /// A key that a server keeps, `MOUNT/NAME` of its transit engine.
    Transit(TransitKey),
}

/// What is sealed to.
pub enum Sealing<'a> {
    /// What age seals to.
    Age(Box<dyn age::Recipient + 'a>),
    /// A key of a server, to which age files and data keys are sealed in ways of their own.
    Transit(Box<transit::Recipient<'a>>),
}

impl Sealing<'_> {
    /// For an age file.
    #[must_use]
    pub fn age(&self) -> &dyn age::Recipient {
        match self {
            Self::Age(recipient) => &**recipient,
            Self::Transit(recipient) => &**recipient,
        }
    }

    /// The key of a server that an age file could not be sealed to, and why: age has no words for that.
    #[must_use]
    pub fn fault(&self) -> Option<(String, Error)> {
        match self {
            Self::Age(_) => None,
            Self::Transit(recipient) => Some((recipient.key().to_string(), recipient.fault()?)),
        }
    }
}

/// Why a text is no recipient, or cannot be sealed to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecipientError {
    /// Neither an X25519 recipient nor one of a plugin. It may be anything, so it is not repeated.
    #[error("this is no age recipient like `age1…`")]
    NotARecipient,
    /// A private key where a public one is wanted. The text is not repeated.
    #[error("this is a private key; a recipient is the public half, `age1…`")]
    PrivateKey,
    /// An SSH key of another kind.
    #[error("nothing is sealed to SSH keys of the kind {}", crate::text::clean_line(.0))]
    OtherSshKey(String),
    /// An SSH key that does not read.
    #[error("this `ssh-ed25519` key is cut or damaged")]
    DamagedSshKey,
    /// No place of a key at a server.
    #[error(transparent)]
    NoTransitKey(#[from] NoTransitKey),
}

impl Explain for RecipientError {
    fn code(&self) -> Code {
        Code::Usage
    }

    fn hints(&self) -> Vec<String> {
        if let Self::NoTransitKey(_) = self {
            return vec![
                "the transit engine is mounted as `transit` unless you named it otherwise"
                    .to_owned(),
            ];
        }
        let mut hints = vec![
            "`clws identity new NAME` makes an identity, `clws identity show` its public half"
                .to_owned(),
        ];
        if let Self::OtherSshKey(_) = self {
            hints.insert(
                0,
                "ssh-keygen -t ed25519 makes a key that can be sealed to".to_owned(),
            );
        }
        hints
    }
}

impl RecipientKey {
    /// Reads what a party's file has under `field`.
    ///
    /// # Errors
    /// [`RecipientError`].
    pub fn parse_as(field: &str, text: &str) -> Result<Self, RecipientError> {
        match field {
            "transit" => Ok(Self::Transit(text.parse()?)),
            _ => Self::parse(text),
        }
    }

    /// Reads `age1…`, or a line of a `.pub` file.
    ///
    /// # Errors
    /// [`RecipientError`] for anything else, private keys named as such.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-")
            || text.to_ascii_uppercase().starts_with("AGE-PLUGIN-")
        {
            return Err(RecipientError::PrivateKey);
        }
        if let Some((kind, _)) = text.split_once(' ').filter(|(kind, _)| {
            ["ssh-", "ecdsa-", "sk-"]
                .iter()
                .any(|start| kind.starts_with(start))
        }) {
            return Self::parse_ssh(kind, text);
        }
        if x25519::Recipient::parse(text).is_some() {
            return Ok(Self::Age(text.to_owned()));
        }
        match text.parse::<age::plugin::Recipient>() {
            Ok(_) => Ok(Self::Plugin(text.to_owned())),
            Err(_) => Err(RecipientError::NotARecipient),
        }
    }

    fn parse_ssh(kind: &str, text: &str) -> Result<Self, RecipientError> {
        if kind != "ssh-ed25519" {
            return Err(RecipientError::OtherSshKey(kind.to_owned()));
        }
        // What follows the key is a comment.
        let words: Vec<&str> = text.split_whitespace().take(2).collect();
        let key = words.join(" ").parse::<PublicKey>();
        let key = key.map_err(|_| RecipientError::DamagedSshKey)?;
        match ssh_ed25519::Recipient::new(&key) {
            Some(_) => Ok(Self::Ssh(key.to_string())),
            None => Err(RecipientError::DamagedSshKey),
        }
    }

    /// The key itself, for one of age's own kind.
    ///
    /// # Errors
    /// [`RecipientError::NotARecipient`].
    pub fn x25519(&self) -> Result<Option<x25519::Recipient>, RecipientError> {
        match self {
            Self::Age(text) => match x25519::Recipient::parse(text) {
                Some(key) => Ok(Some(key)),
                None => Err(RecipientError::NotARecipient),
            },
            Self::Ssh(_) | Self::Plugin(_) | Self::Transit(_) => Ok(None),
        }
    }

    /// What age seals to; `None` for one that a plugin or a server seals to.
    ///
    /// # Errors
    /// [`RecipientError::NotARecipient`].
    pub fn native(&self) -> Result<Option<Sealing<'static>>, RecipientError> {
        let Self::Ssh(text) = self else {
            let key = self.x25519()?;
            return Ok(key.map(|key| Sealing::Age(Box::new(key))));
        };
        let key = text
            .parse()
            .ok()
            .as_ref()
            .and_then(ssh_ed25519::Recipient::new);
        let key = key.ok_or(RecipientError::DamagedSshKey)?;
        Ok(Some(Sealing::Age(Box::new(key))))
    }

    /// The public key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Age(text) | Self::Ssh(text) | Self::Plugin(text) => text,
            Self::Transit(key) => key.as_str(),
        }
    }

    /// The key of the party file that holds it.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Age(_) => "age",
            Self::Ssh(_) => "ssh",
            Self::Plugin(_) => "plugin",
            Self::Transit(_) => "transit",
        }
    }
}

impl fmt::Display for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
