//! ECDSA key pairs for TLS, on the curves that ring makes keys on and every client takes.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _,
};

use super::CryptoError;
use crate::secret::Plain;

/// The curve of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Curve {
    /// NIST P-256, with SHA-256.
    P256,
    /// NIST P-384, with SHA-384.
    P384,
}

impl Curve {
    fn algorithm(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        }
    }
}

/// A key pair for TLS.
#[derive(Debug)]
pub struct Pair {
    /// Its curve.
    pub curve: Curve,
    pair: EcdsaKeyPair,
}

impl Pair {
    /// A fresh private key, as PKCS#8 (RFC 5958). ring draws it from the system's generator itself.
    ///
    /// # Errors
    /// [`CryptoError::Key`] if the system gives no random bytes.
    pub fn generate(curve: Curve) -> Result<Plain, CryptoError> {
        let document = EcdsaKeyPair::generate_pkcs8(curve.algorithm(), &SystemRandom::new());
        let document = document.map_err(|_| CryptoError::Key)?;
        Ok(Plain::new(document.as_ref().to_vec()))
    }

    /// Takes up a private key, and checks that its halves belong together.
    ///
    /// # Errors
    /// [`CryptoError::Key`] if it is none of these curves.
    pub fn of_pkcs8(bytes: &[u8]) -> Result<Self, CryptoError> {
        let random = SystemRandom::new();
        for curve in [Curve::P256, Curve::P384] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(curve.algorithm(), bytes, &random) {
                return Ok(Self { curve, pair });
            }
        }
        Err(CryptoError::Key)
    }

    /// The public half, as an uncompressed point.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs a message; the signature is DER (RFC 3279, 2.2.3).
    ///
    /// # Errors
    /// [`CryptoError::Key`] if the system gives no random bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| CryptoError::Key)?.as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, UnparsedPublicKey};

    use super::*;

    #[test]
    fn what_one_signs_verifies_under_its_point() {
        for (curve, length) in [(Curve::P256, 65), (Curve::P384, 97)] {
            let pkcs8 = Pair::generate(curve).unwrap();
            let pair = pkcs8.with(|bytes| Pair::of_pkcs8(bytes)).unwrap();
            assert_eq!((pair.curve, pair.point().len()), (curve, length));
            let signature = pair.sign(b"message").unwrap();
            let verifies = |message: &[u8]| match curve {
                Curve::P256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, pair.point())
                    .verify(message, &signature),
                Curve::P384 => UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, pair.point())
                    .verify(message, &signature),
            };
            assert!(verifies(b"message").is_ok());
            assert!(verifies(b"massage").is_err());
        }
        assert!(matches!(Pair::of_pkcs8(b"no key"), Err(CryptoError::Key)));
    }
}
