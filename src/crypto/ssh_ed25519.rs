//! age's stanza for SSH keys of the kind ssh-ed25519, as `age -R id_ed25519.pub` and `age -d -i id_ed25519`
//! make and open it (filippo.io/age/agessh; there is no other specification).
//!
//! The Ed25519 point is taken to its Montgomery form and used for X25519. A second multiplication, by a
//! number made of the SSH key alone, keeps the secret apart from other uses of the same point.

use std::collections::HashSet;

use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use curve25519_dalek::edwards::CompressedEdwardsY;
use ring::digest::{SHA512, digest};
use zeroize::Zeroizing;

use super::kdf::subkey;
use super::sha256;
use super::sshsig::PublicKey;
use super::x25519::{Point, Share, small_order};

const TAG: &str = "ssh-ed25519";
const LABEL: &[u8] = b"age-encryption.org/v1/ssh-ed25519";

/// The public half, for sealing.
#[derive(Debug)]
pub struct Recipient {
    /// The first four bytes of the SHA-256 of the key's blob: says whose stanza it is.
    tag: String,
    tweak: [u8; 32],
    /// The point in Montgomery form.
    public: [u8; 32],
}

impl Recipient {
    /// Of an SSH public key; `None` if it is of another kind, or no point of the curve.
    #[must_use]
    pub fn new(key: &PublicKey) -> Option<Self> {
        let point = CompressedEdwardsY(*key.point()).decompress();
        let point = point.filter(|_| !key.is_of_hardware())?;
        let [a, b, c, d, ..] = sha256(key.blob());
        Some(Self {
            tag: STANDARD_NO_PAD.encode([a, b, c, d]),
            tweak: *subkey(b"", key.blob(), LABEL).ok()?,
            public: point.to_montgomery().to_bytes(),
        })
    }

    /// The secret that a stanza is sealed under.
    fn shared(&self, point: &Point, secret: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        Point::new(*point.times(secret)?).times(&self.tweak)
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let (secret, share) = Share::draw()?;
        let shared = self.shared(&Point::new(self.public), &secret);
        let shared = shared.ok_or_else(small_order)?;
        let stanza = Stanza {
            tag: TAG.to_owned(),
            args: vec![self.tag.clone(), share.text()],
            body: share.seal(LABEL, &self.public, &shared, file_key)?,
        };
        Ok((vec![stanza], HashSet::new()))
    }
}

/// The private half, for opening.
pub struct Identity {
    secret: Zeroizing<[u8; 32]>,
    public: Recipient,
}

impl Identity {
    /// Of the seed of an Ed25519 key (RFC 8032, 5.1.5) and its public half; `None` as for
    /// [`Recipient::new`].
    #[must_use]
    pub fn new(seed: &Zeroizing<[u8; 32]>, public: &PublicKey) -> Option<Self> {
        let hashed = digest(&SHA512, seed.as_slice());
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(hashed.as_ref().get(..32)?);
        Some(Self {
            secret,
            public: Recipient::new(public)?,
        })
    }

    fn open(&self, share: &str, body: &[u8]) -> Result<Option<FileKey>, DecryptError> {
        let share = Share::parse(share, body)?;
        let shared = self.public.shared(&Point::new(share.0), &self.secret);
        let shared = shared.ok_or(DecryptError::InvalidHeader)?;
        Ok(share.open(LABEL, &self.public.public, &shared, body))
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != TAG {
            return None;
        }
        match &*stanza.args {
            [tag, share] if *tag == self.public.tag => self.open(share, &stanza.body).transpose(),
            [_, _] => None,
            _ => Some(Err(DecryptError::InvalidHeader)),
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::sshsig::SigningKey;
    use super::*;
    use age::{Identity as _, Recipient as _};
    use age_core::secrecy::ExposeSecret as _;

    fn key(byte: u8) -> (Recipient, Identity) {
        let seed = Zeroizing::new([byte; 32]);
        let public = SigningKey::from_seed(&seed).unwrap().public().clone();
        let identity = Identity::new(&seed, &public).unwrap();
        (Recipient::new(&public).unwrap(), identity)
    }

    fn stanza(recipient: &Recipient) -> Stanza {
        let file_key = FileKey::new(Box::new([3; 16]));
        recipient.wrap_file_key(&file_key).unwrap().0.pop().unwrap()
    }

    /// That it is age's own stanza is judged by rage's library (tests/vectors/rage_library.rs).
    #[test]
    fn it_opens_for_its_key_alone() {
        let ((ada, opens), (_, other)) = (key(1), key(2));
        let stanza = stanza(&ada);
        let opened = opens.unwrap_stanza(&stanza).unwrap().ok().unwrap();
        assert_eq!(opened.expose_secret(), &[3; 16]);
        assert!(other.unwrap_stanza(&stanza).is_none());
    }

    #[test]
    fn a_changed_stanza_is_not_opened() {
        let (ada, opens) = key(1);
        let mut changed = stanza(&ada);
        changed.body[0] ^= 1;
        assert!(opens.unwrap_stanza(&changed).is_none());
        for wrong in [
            |stanza: &mut Stanza| drop(stanza.args.pop()),
            |stanza: &mut Stanza| stanza.args.push("x".to_owned()),
            |stanza: &mut Stanza| stanza.args[1].push('='),
            |stanza: &mut Stanza| stanza.args[1] = STANDARD_NO_PAD.encode([0; 32]),
            |stanza: &mut Stanza| stanza.body.truncate(31),
        ] {
            let mut stanza = stanza(&ada);
            wrong(&mut stanza);
            assert!(matches!(
                opens.unwrap_stanza(&stanza),
                Some(Err(DecryptError::InvalidHeader))
            ));
        }
        assert_eq!(format!("{opens:?}"), "Identity(..)");
    }
}
