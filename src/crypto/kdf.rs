//! Data encryption keys and the subkeys that are derived from them, with all labels in one place.
//!
//! HKDF-SHA256 (RFC 5869). The input key material is always a data key of 32 random bytes.

use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use super::CryptoError;
use crate::secret::Plain;

/// What a derived key is for: the `info` of HKDF.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Label {
    /// The commitment to a data key that a document shows.
    KeyId,
    /// The key of one sealed value.
    Value,
    /// The key of one retired data key.
    Retired,
}

impl Label {
    fn info(self) -> &'static [u8] {
        match self {
            Self::KeyId => b"clws.v1.key-id",
            Self::Value => b"clws.v1.value",
            Self::Retired => b"clws.v1.retired",
        }
    }
}

/// The data encryption key of one document: 32 random bytes, a fresh one at each rekey.
pub struct DataKey(Plain<[u8; 32]>);

impl DataKey {
    /// Takes 32 bytes that came from the system's generator or out of a wrap.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Plain::new(bytes))
    }

    /// Lends the bytes, to be wrapped.
    pub fn with<R>(&self, f: impl FnOnce(&[u8; 32]) -> R) -> R {
        self.0.with(f)
    }

    /// The commitment to this key in one document of one vault, 32 bytes.
    ///
    /// ChaCha20-Poly1305 does not commit to its key: without this a writer could give two readers
    /// two keys that open one ciphertext to two values.
    ///
    /// # Errors
    /// [`CryptoError::CannotSeal`] if HKDF refuses, which it does for no input of this length.
    pub fn commitment(
        &self,
        vault: &[u8; 32],
        document: &[u8; 16],
    ) -> Result<[u8; 32], CryptoError> {
        let salt = [vault.as_slice(), document.as_slice()].concat();
        self.derive(&salt, Label::KeyId).map(|key| *key)
    }

    /// A subkey of 32 bytes, the key size of ChaCha20-Poly1305 (RFC 8439, 2.8).
    ///
    /// # Errors
    /// As [`Self::commitment`].
    pub fn derive(&self, salt: &[u8], label: Label) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        struct Len;
        impl KeyType for Len {
            fn len(&self) -> usize {
                32
            }
        }
        let mut out = Zeroizing::new([0; 32]);
        self.with(|key| {
            Salt::new(HKDF_SHA256, salt)
                .extract(key)
                .expand(&[label.info()], Len)
                .and_then(|okm| okm.fill(out.as_mut_slice()))
        })
        .map_err(|_| CryptoError::CannotSeal)?;
        Ok(out)
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(..)")
    }
}
