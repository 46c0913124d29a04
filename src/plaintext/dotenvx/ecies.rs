//! Messages of ECIES on secp256k1, as the packages eciesjs and eciespy make them by default.
//!
//! A message is an ephemeral public key (65 bytes, uncompressed, SEC 1), a nonce of 16 bytes, a tag of 16
//! bytes, and the ciphertext: AES-256-GCM (NIST SP 800-38D) with no associated data. Its key is
//! HKDF-SHA256 (RFC 5869) without salt and info of the ephemeral public key and the shared point behind it,
//! both uncompressed. Messages are opened here and never made.

use aes_gcm::aead::{AeadInOut as _, KeyInit as _, consts::U16};
use aes_gcm::{AesGcm, Nonce, Tag, aes::Aes256};
use k256::elliptic_curve::sec1::ToSec1Point as _;
use k256::{AffinePoint, ProjectivePoint, PublicKey, SecretKey};
use ring::hkdf;
use zeroize::{Zeroize as _, Zeroizing};

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
    let shared = shared_key(key, ephemeral)?;
    let cipher = AesGcm::<Aes256, U16>::new_from_slice(&*shared).ok()?;
    let mut plain = Plain::new(ciphertext.to_vec());
    let opened = plain.with_mut(|bytes| {
        cipher.decrypt_inout_detached(
            &Nonce::<U16>::from(*nonce),
            &[],
            bytes.as_mut_slice().into(),
            &Tag::from(*tag),
        )
    });
    opened.is_ok().then_some(plain)
}

/// The key of one message. A point that is not on the curve, or none, has no key.
fn shared_key(key: &SecretKey, ephemeral: &[u8; POINT]) -> Option<Zeroizing<[u8; 32]>> {
    let public = PublicKey::from_sec1_bytes(ephemeral).ok()?;
    let mut shared = ProjectivePoint::from(*public.as_affine()) * *key.to_nonzero_scalar();
    let mut affine: AffinePoint = shared.to_affine();
    let mut input = Zeroizing::new([0; 2 * POINT]);
    let (sender, point) = input.split_at_mut(POINT);
    sender.copy_from_slice(ephemeral);
    let mut encoded = affine.to_sec1_point(false);
    point.copy_from_slice(encoded.as_bytes());
    encoded.zeroize();
    affine.zeroize();
    shared.zeroize();
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&*input);
    let mut out = Zeroizing::new([0; 32]);
    extracted
        .expand(&[], hkdf::HKDF_SHA256)
        .and_then(|expanded| expanded.fill(&mut *out))
        .ok()?;
    Some(out)
}
