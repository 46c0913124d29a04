//! What signs: a key in memory, or the agent that holds it.

use super::IdentityError;
use super::ssh_agent::AgentKey;
use crate::crypto::sshsig::{Namespace, PublicKey, Signature, SigningKey};

/// What signs in a person's name.
#[derive(Debug)]
pub enum Signer {
    /// A key in memory.
    Key(SigningKey),
    /// A key in an ssh-agent.
    Agent(AgentKey),
}

impl Signer {
    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        match self {
            Self::Key(key) => key.public(),
            Self::Agent(key) => key.public(),
        }
    }

    /// Signs `message` in a namespace.
    ///
    /// # Errors
    /// Only an agent fails; what it gives was verified.
    pub fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<Signature, IdentityError> {
        match self {
            Self::Key(key) => Ok(key.sign(namespace, message)),
            Self::Agent(key) => Ok(key.sign(namespace, message)?),
        }
    }
}
