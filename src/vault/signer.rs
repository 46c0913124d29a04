//! What is signed with: private halves, wherever they are.

use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy, SigningKey};
use crate::error::Error;
use crate::name::PartyName;

/// Somebody's signing key, wherever its private half is.
pub trait Signs {
    /// The public half.
    fn public(&self) -> &PublicKey;

    /// What it is called in messages.
    fn label(&self) -> String;

    /// Signs a message in the name of the party whose key this is. What it gives was verified, or
    /// made in this process.
    ///
    /// # Errors
    /// Whatever keeps the private half from signing.
    fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<SignedBy, Error>;

    /// The same key for any thread, if it lies in memory: no agent, token or person is asked.
    ///
    /// # Errors
    /// Whatever keeps the private half closed.
    fn for_threads(&self) -> Result<Option<KeyInMemory<'_>>, Error>;
}

/// A signing key that lies in memory.
#[derive(Clone, Copy)]
pub struct KeyInMemory<'a> {
    /// The key.
    pub key: &'a SigningKey,
    /// The party in whose name it signs.
    pub party: &'a str,
}

impl Signs for KeyInMemory<'_> {
    fn public(&self) -> &PublicKey {
        self.key.public()
    }

    fn label(&self) -> String {
        self.key.public().fingerprint().to_string()
    }

    fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<SignedBy, Error> {
        Ok(SignedBy {
            party: self.party.to_owned(),
            fingerprint: self.key.public().fingerprint(),
            signature: self.key.sign(namespace, message),
        })
    }

    fn for_threads(&self) -> Result<Option<KeyInMemory<'_>>, Error> {
        Ok(Some(*self))
    }
}

/// A party of this vault who can sign now.
pub struct Author<'a> {
    /// The party.
    pub party: PartyName,
    /// The key.
    pub signer: &'a dyn Signs,
}
