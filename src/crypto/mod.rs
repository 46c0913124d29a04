//! Sealing, wrapping and signing, in the exact bytes of `docs/format.md`.
//!
//! *Seal* a value, *wrap* a data key, *sign* the pair. Everything symmetric and every signature is
//! done by ring; data keys and whole files are age files.

mod aead;
mod age_error;
mod age_header;
mod encode;
mod kdf;
mod one_chunk;
mod pad;
mod pair;
mod place;
mod private_key;
pub mod ssh_ed25519;
pub mod sshsig;
pub(crate) mod stanza;
pub mod stream;
pub mod transit;
#[cfg(test)]
mod wide;
mod wrap;
pub mod x25519;

pub use aead::{SALT_LEN, open, seal};
pub use encode::{List, decode_base64, encode_base64, field, from_hex, hex, sha256, sha256_of};
pub(crate) use kdf::hkdf_sha256;
pub use kdf::{DataKey, Label};
pub use pad::{pad, unpad};
pub use pair::{Curve, Pair};
pub use place::{FilePlace, SealedFor};
pub use private_key::{PrivateKey, TELLING, holds_private_key, private_key_at};
pub use wrap::{unwrap, wrap};

/// Why something sealed stayed closed. It says nothing about which check failed inside, since that
/// helps only whoever changed it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CryptoError {
    /// A ciphertext, key commitment or padding does not verify.
    #[error("the seal does not verify")]
    Broken,
    /// None of the identities given opens it.
    #[error("no identity opens it")]
    NoIdentity,
    /// The encoding is not the one accepted spelling.
    #[error("the encoding is not canonical")]
    Encoding,
    /// It could not be sealed.
    #[error("it could not be sealed")]
    CannotSeal,
    /// A key of TLS is not made, not taken up, or does not sign.
    #[error("the key is of no kind that is used for TLS here")]
    Key,
}
