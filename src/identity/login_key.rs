//! A private key that somebody logs in with: of any kind, in OpenSSH's form.

use ssh_key::PrivateKey;

use super::IdentityError;
use super::ask::{Ask, ask_for};
use super::ssh_key::{KeyError, demand_few_rounds};
use crate::secret::Plain;

/// A private key that was read; perhaps still under its passphrase.
#[derive(Debug)]
pub struct LoginKey {
    key: PrivateKey,
    label: String,
}

impl LoginKey {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`KeyError`] for what is none, and for a passphrase that asks for too much work.
    pub fn parse(text: &[u8], label: &str) -> Result<Self, KeyError> {
        let key = PrivateKey::from_openssh(text.trim_ascii());
        let key = key.map_err(|_| KeyError::not_openssh(text, label))?;
        demand_few_rounds(&key, label)?;
        let label = label.to_owned();
        Ok(Self { key, label })
    }

    /// Whether a passphrase is needed.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.key.is_encrypted()
    }

    /// The public half, as it stands in a `.pub` file; it is in the clear in any case.
    #[must_use]
    pub fn public_line(&self) -> Option<String> {
        self.key.public_key().to_openssh().ok()
    }

    /// The key in the clear, as OpenSSH writes it.
    ///
    /// # Errors
    /// [`IdentityError`] if nobody knows the passphrase.
    pub fn open(self, ask: &dyn Ask) -> Result<Plain, IdentityError> {
        let broken = || KeyError::NotOpenSsh {
            label: self.label.clone(),
            pem: false,
        };
        let key = match self.is_sealed() {
            false => self.key.clone(),
            true => {
                let open =
                    |passphrase: &Plain| match passphrase.with(|bytes| self.key.decrypt(bytes)) {
                        Ok(key) => Ok(Some(key)),
                        Err(ssh_key::Error::Crypto) => Ok(None),
                        Err(_) => Err(broken().into()),
                    };
                ask_for(&self.label, ask, open)?.0
            }
        };
        let text = key.to_openssh(ssh_key::LineEnding::LF);
        let text = text.map_err(|_| broken())?;
        Ok(Plain::from(text.as_str()))
    }
}
