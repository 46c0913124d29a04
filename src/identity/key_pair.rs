//! Fresh key pairs that are somebody else's: a component's, a host's. Their private half becomes a
//! secret of a vault, in the forms that `ssh -i` and `age -d -i` take.

use zeroize::Zeroizing;

use super::IdentityError;
use super::age_file;
use super::ssh_key::KeyFile;
use crate::secret::Plain;
use crate::world::World;

/// A private key as a file has it, and its public half as others are given it.
#[derive(Debug)]
pub struct KeyPair {
    /// The text of the private file.
    pub private: Plain,
    /// `ssh-ed25519 AAAA… comment`, or `age1…`.
    pub public: String,
}

impl KeyPair {
    /// An Ed25519 key in OpenSSH's form, without a passphrase.
    ///
    /// # Errors
    /// [`crate::world::WorldError::NoRandomness`].
    pub fn ed25519(world: &World, comment: &str) -> Result<Self, IdentityError> {
        let seed = Zeroizing::new(world.random()?);
        let key = KeyFile::generate(&seed, comment)?;
        Ok(Self {
            public: format!("{} {comment}", key.public()?),
            private: key.text()?,
        })
    }

    /// An age identity file. age draws it from the system's generator itself.
    #[must_use]
    pub fn x25519(world: &World) -> Self {
        let (private, public) = age_file::generate(world.now());
        Self { public, private }
    }
}
