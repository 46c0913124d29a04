//! Whether both halves of a private key belong together.
//!
//! A private key in OpenSSH's form has its public half beside it. Reading one compares the two for Ed25519 alone; for
//! any other kind, whoever writes the file may put somebody else's public half there, which everybody can have.

use russh::keys::{Algorithm, HashAlg, PrivateKey};

use super::rsa::RsaKey;
use crate::secret::Plain;

/// What is signed is seen by nobody.
const NAMESPACE: &str = "clws-halves";

/// Whether what is in the clear in a private key without a passphrase is proved by its private half. Not of a key of
/// hardware, whose file has a handle in place of it.
#[must_use]
pub fn has_both_halves(pem: &Plain) -> bool {
    let Ok(key) = pem.with(|pem| PrivateKey::from_openssh(pem.trim_ascii())) else {
        return false;
    };
    match key.algorithm() {
        Algorithm::Rsa { .. } => RsaKey::of(&key).is_ok(),
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => {
            let signed = key.sign(NAMESPACE, HashAlg::Sha512, b"");
            signed.is_ok_and(|signed| key.public_key().verify(NAMESPACE, b"", &signed).is_ok())
        }
        _ => false,
    }
}
