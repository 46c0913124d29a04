//! OpenSSH private key files (OpenSSH, PROTOCOL.key), Ed25519 alone.
//!
//! What is written here `ssh-keygen -Y sign` takes, and an existing `id_ed25519` can be brought
//! along. The public half stands in the clear in the file, so choosing a key needs no passphrase.

use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Algorithm, Cipher, Kdf, LineEnding, PrivateKey};
use zeroize::Zeroizing;

use crate::crypto::ssh_ed25519;
use crate::crypto::sshsig::{PublicKey, SigningKey};
use crate::error::{Code, Explain, Hint};
use crate::secret::Plain;
use crate::text::clean_line;

/// What OpenSSH writes since 9.4; measured at 0.24 s.
const ROUNDS_WRITTEN: u32 = 24;

/// The most rounds that are done for a passphrase, measured at 9.7 s. `ssh-keygen -a` is used with 100 to
/// 500; a file could ask for 2^32 rounds, which is a year.
const ROUNDS_MOST: u32 = 1024;

/// What is wrong with a signing key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is in no form that is known here.
    #[error("`{label}` is no intact OpenSSH private key")]
    NotOpenSsh {
        /// The file.
        label: String,
        /// It is in an older form, which `ssh-keygen` converts.
        pem: bool,
    },
    /// It is a key of another kind.
    #[error("`{label}` is a key of the kind {kind}, and only ssh-ed25519 is used here")]
    OtherKind {
        /// The file.
        label: String,
        /// Its kind.
        kind: String,
    },
    /// The passphrase asks for too much work.
    #[error(
        "the passphrase of `{label}` asks for {rounds} rounds of bcrypt, and at most {most} are done"
    )]
    ExcessiveWork {
        /// The file.
        label: String,
        /// The rounds asked for.
        rounds: u32,
        /// The most that is done.
        most: u32,
    },
    /// The key could not be written.
    #[error("the signing key could not be written")]
    CannotWrite,
}

impl KeyError {
    /// For a text that does not read.
    pub(super) fn not_openssh(text: &[u8], label: &str) -> Self {
        Self::NotOpenSsh {
            label: label.to_owned(),
            pem: is_older_form(text),
        }
    }
}

impl Explain for KeyError {
    fn code(&self) -> Code {
        match self {
            Self::CannotWrite => Code::IoErr,
            _ => Code::DataErr,
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NotOpenSsh { label, pem: true } => {
                vec![format!(
                    "ssh-keygen -p -f {label} brings it into OpenSSH's own form"
                )]
            }
            Self::OtherKind { .. } => vec!["ssh-keygen -t ed25519 makes one that does".to_owned()],
            Self::ExcessiveWork { label, .. } => {
                vec![format!("if it is yours: ssh-keygen -p -a 100 -f {label}")]
            }
            _ => Vec::new(),
        }
    }
}

/// A private key file that was read; its private half is perhaps under a passphrase.
pub(super) struct KeyFile {
    key: PrivateKey,
    label: String,
}

impl KeyFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`KeyError`]; also for a passphrase that asks for too much work, before any is done.
    pub(super) fn parse(text: &[u8], label: &str) -> Result<Self, KeyError> {
        let key = PrivateKey::from_openssh(text.trim_ascii());
        let key = key.map_err(|_| KeyError::not_openssh(text, label))?;
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(KeyError::OtherKind {
                label: label.to_owned(),
                kind: clean_line(key.algorithm().as_str()),
            });
        }
        demand_few_rounds(&key, label)?;
        Ok(Self {
            key,
            label: label.to_owned(),
        })
    }

    /// A new key from 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError::CannotWrite`] if the library refuses, which it has no reason to.
    pub(super) fn generate(seed: &Zeroizing<[u8; 32]>, comment: &str) -> Result<Self, KeyError> {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(seed));
        let key = PrivateKey::new(pair, comment).map_err(|_| KeyError::CannotWrite)?;
        Ok(Self {
            key,
            label: comment.to_owned(),
        })
    }

    /// The public half, as the file shows it.
    ///
    /// # Errors
    /// [`KeyError::NotOpenSsh`] if it is not there, which parsing has made sure of.
    pub(super) fn public(&self) -> Result<PublicKey, KeyError> {
        let point = self.key.public_key().key_data().ed25519();
        point
            .map(|point| PublicKey::from_point(point.0))
            .ok_or_else(|| self.broken())
    }

    /// Whether a passphrase is needed.
    pub(super) fn is_sealed(&self) -> bool {
        self.key.is_encrypted()
    }

    /// The same key in the clear; `Ok(None)` if the passphrase is not the one.
    ///
    /// # Errors
    /// [`KeyError::NotOpenSsh`] if what is inside is damaged.
    pub(super) fn unseal(&self, passphrase: &Plain) -> Result<Option<Self>, KeyError> {
        match passphrase.with(|bytes| self.key.decrypt(bytes)) {
            Ok(key) => Ok(Some(Self {
                key,
                label: self.label.clone(),
            })),
            // A wrong passphrase shows in the two check numbers, a wrong tag or an empty one.
            Err(ssh_key::Error::Crypto) => Ok(None),
            Err(_) => Err(self.broken()),
        }
    }

    /// The same key under a passphrase, as `ssh-keygen -p` makes it.
    ///
    /// # Errors
    /// [`KeyError::CannotWrite`] for an empty passphrase.
    pub(super) fn seal(&self, passphrase: &Plain, fresh: [u8; 20]) -> Result<Self, KeyError> {
        let [a, b, c, d, salt @ ..] = fresh;
        let kdf = Kdf::Bcrypt {
            salt: salt.to_vec(),
            rounds: ROUNDS_WRITTEN,
        };
        let check = u32::from_be_bytes([a, b, c, d]);
        let key = passphrase
            .with(|bytes| self.key.encrypt_with(Cipher::Aes256Ctr, kdf, check, bytes))
            .map_err(|_| KeyError::CannotWrite)?;
        Ok(Self {
            key,
            label: self.label.clone(),
        })
    }

    /// The text of the file.
    ///
    /// # Errors
    /// [`KeyError::CannotWrite`] if the library refuses.
    pub(super) fn text(&self) -> Result<Plain, KeyError> {
        let text = self.key.to_openssh(LineEnding::LF);
        let text = text.map_err(|_| KeyError::CannotWrite)?;
        Ok(Plain::from(text.as_str()))
    }

    /// The key that signs.
    ///
    /// # Errors
    /// [`KeyError::NotOpenSsh`] if it is still under its passphrase.
    pub(super) fn signing_key(&self) -> Result<SigningKey, KeyError> {
        SigningKey::from_seed(&self.seed()?).map_err(|_| self.broken())
    }

    fn seed(&self) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        match self.key.key_data() {
            KeypairData::Ed25519(pair) => Ok(Zeroizing::new(pair.private.to_bytes())),
            _ => Err(self.broken()),
        }
    }

    /// What opens age files that were sealed to this SSH key, and the public half that the seed gives.
    ///
    /// # Errors
    /// As [`Self::signing_key`].
    pub(super) fn age_identity(&self) -> Result<(PublicKey, ssh_ed25519::Identity), KeyError> {
        let public = self.signing_key()?.public().clone();
        let identity = ssh_ed25519::Identity::new(&self.seed()?, &public);
        Ok((public, identity.ok_or_else(|| self.broken())?))
    }

    fn broken(&self) -> KeyError {
        KeyError::NotOpenSsh {
            label: self.label.clone(),
            pem: false,
        }
    }
}

/// Refuses a key whose passphrase asks for too much work, before any is done.
pub(super) fn demand_few_rounds(key: &PrivateKey, label: &str) -> Result<(), KeyError> {
    match key.kdf() {
        Kdf::Bcrypt { rounds, .. } if *rounds > ROUNDS_MOST => Err(KeyError::ExcessiveWork {
            label: label.to_owned(),
            rounds: *rounds,
            most: ROUNDS_MOST,
        }),
        _ => Ok(()),
    }
}

/// PEM and PKCS#8, which OpenSSH reads and rewrites.
fn is_older_form(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    text.starts_with(b"-----BEGIN ") && !text.starts_with(b"-----BEGIN OPENSSH PRIVATE KEY-----")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sshsig::Namespace;

    fn key() -> KeyFile {
        KeyFile::generate(&Zeroizing::new([7; 32]), "ada").unwrap()
    }

    #[test]
    fn a_key_reads_back_from_its_file() {
        let text = key().text().unwrap();
        let again = text.with(|text| KeyFile::parse(text, "f")).unwrap();
        assert!(!again.is_sealed());
        assert_eq!(again.public().unwrap(), key().public().unwrap());
        let signature = again.signing_key().unwrap().sign(Namespace::Value, b"m");
        let public = key().public().unwrap();
        assert!(public.verify(Namespace::Value, b"m", &signature).is_ok());
    }

    #[test]
    fn a_passphrase_opens_what_it_sealed_and_another_does_not() {
        let sealed = key().seal(&Plain::from("correct horse"), [9; 20]).unwrap();
        let text = sealed.text().unwrap();
        let sealed = text.with(|text| KeyFile::parse(text, "f")).unwrap();
        assert!(sealed.is_sealed());
        assert_eq!(sealed.public().unwrap(), key().public().unwrap());
        assert!(sealed.signing_key().is_err());
        for wrong in ["correct horses", ""] {
            assert!(sealed.unseal(&Plain::from(wrong)).unwrap().is_none());
        }
        let open = sealed
            .unseal(&Plain::from("correct horse"))
            .unwrap()
            .unwrap();
        let public = open.signing_key().unwrap().public().clone();
        assert_eq!(public, key().public().unwrap());
        assert!(key().seal(&Plain::from(""), [9; 20]).is_err());
    }

    #[test]
    fn too_many_rounds_are_refused_before_they_are_done() {
        let kdf = Kdf::Bcrypt {
            salt: vec![1; 16],
            rounds: 1,
        };
        let sealed = key()
            .key
            .encrypt_with(Cipher::Aes256Ctr, kdf, 5, "x")
            .unwrap();
        let mut bytes = sealed.to_bytes().unwrap();
        let rounds = bytes.windows(20).position(|w| w[..16] == [1; 16]).unwrap() + 16;
        for (asked, refused) in [
            (ROUNDS_MOST, false),
            (ROUNDS_MOST + 1, true),
            (u32::MAX, true),
        ] {
            bytes[rounds..rounds + 4].copy_from_slice(&asked.to_be_bytes());
            let key = PrivateKey::from_bytes(&bytes).unwrap();
            let text = key.to_openssh(LineEnding::LF).unwrap();
            let read = KeyFile::parse(text.as_bytes(), "f").map(|_| ());
            let is_refused = matches!(read, Err(KeyError::ExcessiveWork { .. }));
            assert_eq!(is_refused, refused, "{asked}: {read:?}");
        }
    }

    #[test]
    fn other_forms_are_named_with_the_way_out() {
        let pem = b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        let error = KeyFile::parse(pem, "f").map(|_| ()).unwrap_err();
        assert_eq!(
            error.hints(),
            ["ssh-keygen -p -f f brings it into OpenSSH's own form"]
        );
        let error = KeyFile::parse(b"AGE-SECRET-KEY-1", "f")
            .map(|_| ())
            .unwrap_err();
        assert!(matches!(error, KeyError::NotOpenSsh { pem: false, .. }));
    }

    proptest::proptest! {
        #[test]
        fn a_changed_key_is_another_key_or_an_error(at in 0_usize..300, byte: u8) {
            let mut bytes = key().key.to_bytes().unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            let read = PrivateKey::from_bytes(&bytes).and_then(|key| key.to_openssh(LineEnding::LF));
            if let Ok(text) = read
                && let Ok(read) = KeyFile::parse(text.as_bytes(), "f")
                && let Ok(signing) = read.signing_key()
            {
                proptest::prop_assert_eq!(signing.public(), &read.public().unwrap());
            }
        }
    }
}
