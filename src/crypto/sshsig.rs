//! Signatures that OpenSSH verifies: Ed25519 over SSHSIG bytes (OpenSSH, PROTOCOL.sshsig).
//!
//! A signature lies in a file as `party/FP:base64`. Put back into armor, `ssh-keygen -Y verify`
//! accepts it. Namespace, hash and the reserved field are fixed here and never read from a file.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::CryptoError;
use super::encode::{decode_base64, encode_base64, field, from_hex, hex, sha256, sha256_of};

/// What a signature is about. A signature of one namespace never counts in another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Namespace {
    /// One value of a document.
    Value,
    /// The line that binds a document to its path.
    Document,
    /// A value handed in by somebody who cannot read the document.
    Submit,
    /// A sealed file's sidecar.
    File,
    /// A trust version.
    Trust,
    /// The hook files of one component.
    Hooks,
    /// A line of the audit log.
    Audit,
}

impl Namespace {
    /// The name as SSHSIG carries it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Value => "clws.value.v1",
            Self::Document => "clws.document.v1",
            Self::Submit => "clws.submit.v1",
            Self::File => "clws.file.v1",
            Self::Trust => "clws.trust.v1",
            Self::Hooks => "clws.hooks.v1",
            Self::Audit => "clws.audit.v1",
        }
    }

    /// Whether a hardware key's signature (sk-ssh-ed25519) counts here.
    fn takes_hardware_keys(self) -> bool {
        matches!(self, Self::Trust | Self::Hooks)
    }
}

/// The bytes that are signed: `"SSHSIG" ‖ F(namespace) ‖ F("") ‖ F("sha512") ‖ F(SHA-512(message))`.
#[must_use]
pub fn signed_bytes(namespace: Namespace, message: &[u8]) -> Vec<u8> {
    let mut out = b"SSHSIG".to_vec();
    field(&mut out, namespace.as_str().as_bytes());
    field(&mut out, b"");
    field(&mut out, b"sha512");
    field(
        &mut out,
        ring::digest::digest(&ring::digest::SHA512, message).as_ref(),
    );
    out
}

/// An OpenSSH public key that may verify: `ssh-ed25519` or `sk-ssh-ed25519@openssh.com`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey {
    blob: Arc<[u8]>,
    point: [u8; 32],
    application: Option<Vec<u8>>,
    fingerprint: Fingerprint,
}

const PLAIN: &str = "ssh-ed25519";
const HARDWARE: &str = "sk-ssh-ed25519@openssh.com";

impl PublicKey {
    /// The key for 32 bytes of an Ed25519 public key (RFC 8032).
    #[must_use]
    pub fn from_point(point: [u8; 32]) -> Self {
        let mut blob = Vec::new();
        field(&mut blob, PLAIN.as_bytes());
        field(&mut blob, &point);
        Self {
            fingerprint: Fingerprint::of(&blob),
            blob: blob.into(),
            point,
            application: None,
        }
    }

    /// Reads a public key blob (RFC 8709; PROTOCOL.u2f).
    ///
    /// # Errors
    /// [`CryptoError::Encoding`] for other key types and any byte too few or too many.
    pub fn from_blob(blob: &[u8]) -> Result<Self, CryptoError> {
        let mut rest = blob;
        let kind = take_field(&mut rest)?;
        let point = take_field(&mut rest)?
            .try_into()
            .map_err(|_| CryptoError::Encoding)?;
        if !is_sound(&point) {
            return Err(CryptoError::Encoding);
        }
        let application = match kind {
            kind if kind == PLAIN.as_bytes() => None,
            kind if kind == HARDWARE.as_bytes() => Some(take_field(&mut rest)?.to_vec()),
            _ => return Err(CryptoError::Encoding),
        };
        if rest.is_empty() {
            Ok(Self {
                fingerprint: Fingerprint::of(blob),
                blob: blob.into(),
                point,
                application,
            })
        } else {
            Err(CryptoError::Encoding)
        }
    }

    /// The blob that messages carry and fingerprints are taken of.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Whether its private half never leaves a piece of hardware, and signs alone.
    #[must_use]
    pub fn is_of_hardware(&self) -> bool {
        self.application.is_some()
    }

    /// The 32 bytes of the Ed25519 key.
    #[must_use]
    pub fn point(&self) -> &[u8; 32] {
        &self.point
    }

    /// The first 16 hexadecimal digits of SHA-256 of the blob, as signatures show it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Checks `signature` over `message`.
    ///
    /// # Errors
    /// [`CryptoError::Broken`] if it is not this key's signature in this namespace.
    pub fn verify(
        &self,
        namespace: Namespace,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), CryptoError> {
        let signed = signed_bytes(namespace, message);
        match &self.application {
            None => self.holds(&signed, &signature.0),
            Some(application) if namespace.takes_hardware_keys() => {
                let (plain, tail) = signature
                    .0
                    .split_at_checked(64)
                    .ok_or(CryptoError::Broken)?;
                let [flags, counter @ ..] = tail else {
                    return Err(CryptoError::Broken);
                };
                // Bit 0: somebody touched the key.
                if counter.len() != 4 || flags & 1 == 0 {
                    return Err(CryptoError::Broken);
                }
                let mut bytes = sha256(application).to_vec();
                bytes.push(*flags);
                bytes.extend_from_slice(counter);
                bytes.extend_from_slice(&sha256(&signed));
                self.holds(&bytes, plain)
            }
            Some(_) => Err(CryptoError::Broken),
        }
    }

    /// Ed25519 (RFC 8032, 5.1.7) over these very bytes. ring refuses an S that is not canonical.
    fn holds(&self, bytes: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        UnparsedPublicKey::new(&ED25519, self.point)
            .verify(bytes, signature)
            .map_err(|_| CryptoError::Broken)
    }
}

/// The y coordinates of Ed25519's points of order 1, 2, 4 and 8, little-endian: 1, −1, 0 and the
/// two of order 8 (which differ from the rest in sign alone).
const SMALL_ORDER: [[u8; 32]; 5] = [
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    [0; 32],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Whether 32 bytes may be somebody's key: y below p = 2²⁵⁵ − 19, and no point of small order.
///
/// Under a key of small order one signature fits most messages, so anybody could sign with it; a
/// y of p or more is a second spelling of another key.
fn is_sound(point: &[u8; 32]) -> bool {
    let mut y = *point;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    let (first, rest) = y.split_first().unwrap_or((&0, &[]));
    let (last, middle) = rest.split_last().unwrap_or((&0, &[]));
    let is_p_or_more = *first >= 0xed && *last == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    !is_p_or_more && !SMALL_ORDER.contains(&y)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.application.is_some() {
            HARDWARE
        } else {
            PLAIN
        };
        write!(f, "{kind} {}", encode_base64(&self.blob))
    }
}

impl FromStr for PublicKey {
    type Err = CryptoError;

    /// Reads `TYPE BASE64`, without a comment behind.
    fn from_str(text: &str) -> Result<Self, CryptoError> {
        let (_, blob) = text.split_once(' ').ok_or(CryptoError::Encoding)?;
        let key = Self::from_blob(&decode_base64(blob)?)?;
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(CryptoError::Encoding)
        }
    }
}

/// The short name of a public key: 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    fn of(blob: &[u8]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = sha256(blob);
        Self([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// The bytes of a signature: 64, or 69 from a hardware key (`sig ‖ flags ‖ counter`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// Takes the bytes of a signature.
    ///
    /// # Errors
    /// [`CryptoError::Encoding`] for any other length than 64 or 69.
    pub fn new(bytes: Vec<u8>) -> Result<Self, CryptoError> {
        if matches!(bytes.len(), 64 | 69) {
            Ok(Self(bytes))
        } else {
            Err(CryptoError::Encoding)
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A signature as it lies in a file, `party/FP:base64`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedBy {
    /// The party who signed, as the file claims.
    pub party: String,
    /// Which of the party's keys.
    pub fingerprint: Fingerprint,
    /// The signature itself.
    pub signature: Signature,
}

impl SignedBy {
    /// SHA-256(message ‖ F(this text)), what a signed record is known by.
    #[must_use]
    pub fn hash_over(&self, message: &[u8]) -> [u8; 32] {
        let signed = self.to_string();
        let mut bytes = Vec::with_capacity(4 + signed.len());
        field(&mut bytes, signed.as_bytes());
        sha256_of(&[message, &bytes])
    }
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = encode_base64(self.signature.as_bytes());
        let fingerprint = hex(&self.fingerprint.0);
        for part in [&self.party, "/", &fingerprint, ":", &signature] {
            f.write_str(part)?;
        }
        Ok(())
    }
}

impl FromStr for SignedBy {
    type Err = CryptoError;

    fn from_str(text: &str) -> Result<Self, CryptoError> {
        let (signer, signature) = text.split_once(':').ok_or(CryptoError::Encoding)?;
        let (party, fingerprint) = signer.split_once('/').ok_or(CryptoError::Encoding)?;
        Ok(Self {
            party: party.to_owned(),
            fingerprint: Fingerprint(from_hex(fingerprint)?),
            signature: Signature::new(decode_base64(signature)?)?,
        })
    }
}

/// An Ed25519 signing key in memory.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// The key for a seed of 32 bytes (RFC 8032, 5.1.5).
    ///
    /// # Errors
    /// [`CryptoError::Encoding`] if ring does not take the seed.
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Result<Self, CryptoError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
            .map_err(|_| CryptoError::Encoding)?;
        let point = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| CryptoError::Encoding)?;
        Ok(Self {
            pair,
            public: PublicKey::from_point(point),
        })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message` in a namespace.
    #[must_use]
    pub fn sign(&self, namespace: Namespace, message: &[u8]) -> Signature {
        Signature(
            self.pair
                .sign(&signed_bytes(namespace, message))
                .as_ref()
                .to_vec(),
        )
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.fingerprint())
    }
}

/// Takes `F(x)` off the front.
fn take_field<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CryptoError> {
    let (prefix, after) = rest.split_first_chunk::<4>().ok_or(CryptoError::Encoding)?;
    let length = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| CryptoError::Encoding)?;
    let (bytes, after) = after
        .split_at_checked(length)
        .ok_or(CryptoError::Encoding)?;
    *rest = after;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
