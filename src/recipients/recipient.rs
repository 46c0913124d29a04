//! Public keys that secrets are sealed to.

use std::fmt;

use crate::crypto::x25519;
use crate::error::{Code, Explain};

/// One way in which a party receives secrets, `[recipient.laptop]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicRecipient {
    /// Which of the party's recipients: `laptop`, `offline`.
    pub name: String,
    /// The public key.
    pub key: RecipientKey,
}

/// A public key, by its kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RecipientKey {
    /// A native age recipient, `age1…` (X25519).
    Age(String),
    /// A recipient of an age plugin, `age1NAME1…`.
    Plugin(String),
}

/// What age seals to.
pub type Sealing<'a> = Box<dyn age::Recipient + 'a>;

/// Why a text is no recipient, or cannot be sealed to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecipientError {
    /// Neither an X25519 recipient nor one of a plugin.
    #[error("`{}` is no age recipient", crate::text::clean(.0))]
    NotARecipient(String),
    /// A private key where a public one is wanted. The text is not repeated.
    #[error("this is a private key; a recipient is the public half, `age1…`")]
    PrivateKey,
    /// `ssh-ed25519` and `ssh-rsa` recipients are not sealed to by this version.
    #[error("`{0}` keys sign and log in, but nothing is sealed to them")]
    SshKey(String),
}

impl Explain for RecipientError {
    fn code(&self) -> Code {
        Code::Usage
    }

    fn hints(&self) -> Vec<String> {
        vec![
            "`clws identity new NAME` makes an identity, `clws identity show` its public half"
                .into(),
        ]
    }
}

impl RecipientKey {
    /// Reads `age1…`.
    ///
    /// # Errors
    /// [`RecipientError`] for anything else, private keys named as such.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-")
            || text.to_ascii_uppercase().starts_with("AGE-PLUGIN-")
        {
            return Err(RecipientError::PrivateKey);
        }
        if let Some(kind) = text
            .split(' ')
            .next()
            .filter(|kind| kind.starts_with("ssh-"))
        {
            return Err(RecipientError::SshKey(kind.to_owned()));
        }
        if x25519::Recipient::parse(text).is_some() {
            return Ok(Self::Age(text.to_owned()));
        }
        match text.parse::<age::plugin::Recipient>() {
            Ok(_) => Ok(Self::Plugin(text.to_owned())),
            Err(_) => Err(RecipientError::NotARecipient(
                text.chars().take(80).collect(),
            )),
        }
    }

    /// The key itself, for a native recipient; `None` for one that a plugin seals to.
    ///
    /// # Errors
    /// [`RecipientError::NotARecipient`].
    pub fn x25519(&self) -> Result<Option<x25519::Recipient>, RecipientError> {
        match self {
            Self::Age(text) => match x25519::Recipient::parse(text) {
                Some(key) => Ok(Some(key)),
                None => Err(RecipientError::NotARecipient(text.clone())),
            },
            Self::Plugin(_) => Ok(None),
        }
    }

    /// What age seals to, for a native recipient; `None` for one that a plugin seals to.
    ///
    /// # Errors
    /// [`RecipientError::NotARecipient`].
    pub fn native(&self) -> Result<Option<Sealing<'static>>, RecipientError> {
        Ok(self.x25519()?.map(|key| Box::new(key) as Sealing<'static>))
    }

    /// The public key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Age(text) | Self::Plugin(text) => text,
        }
    }

    /// The key of the party file that holds it.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Age(_) => "age",
            Self::Plugin(_) => "plugin",
        }
    }
}

impl fmt::Display for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
