//! Keys that a server keeps and nobody else has: the transit engine of Vault and OpenBao (its API reference,
//! "transit/encrypt", "transit/decrypt").
//!
//! Who has such a key as a recipient is sealed to by the server, and opens by being logged in to it. A data key
//! is wrapped as the server's own text, `vault:v1:…`; in an age file the same stands in a stanza of our own, which
//! programs that do not know it pass over (age-encryption.org/v1, "Recipient stanza"). Both are bound to what they are
//! for by associated data, so that the server refuses a wrap that was moved.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use age::secrecy::ExposeSecret as _;
use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use super::{List, decode_base64, encode_base64};
use crate::error::Error;

/// The type of the stanza.
const TAG: &str = "clws-transit";

/// What AES-256-GCM and ChaCha20-Poly1305 add there: a nonce of 12 bytes, a tag of 16.
const ADDED: usize = 12 + 16;

/// The most characters of a key's place: it stands in a line of each document.
const LONGEST: usize = 256;

/// The place of a key at the server, `MOUNT/NAME`. Which server is not said: that is the person's to say.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TransitKey {
    text: String,
    /// Where the name begins.
    name: usize,
}

/// The text is no place of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key of a server is named by its mount and name, as `transit/clws`")]
pub struct NoTransitKey;

impl FromStr for TransitKey {
    type Err = NoTransitKey;

    /// Reads `MOUNT/NAME`, and refuses whatever would lead elsewhere in a path of the server.
    fn from_str(text: &str) -> Result<Self, NoTransitKey> {
        let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_part = |part: &str| part.contains(|c: char| c != '.') && part.chars().all(is_one);
        let slash = text.rfind('/').ok_or(NoTransitKey)?;
        if text.len() <= LONGEST && text.split('/').all(is_part) {
            Ok(Self {
                text: text.to_owned(),
                name: slash + 1,
            })
        } else {
            Err(NoTransitKey)
        }
    }
}

impl TransitKey {
    /// `MOUNT/NAME`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the engine is mounted.
    #[must_use]
    pub fn mount(&self) -> &str {
        self.text.get(..self.name - 1).unwrap_or_default()
    }

    /// The key's own name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(self.name..).unwrap_or_default()
    }
}

impl fmt::Display for TransitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a server made of something: `vault:v1:base64`, in the one spelling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ciphertext {
    version: u32,
    bytes: Vec<u8>,
}

impl Ciphertext {
    /// Reads the text of something that had `length` bytes; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str, length: usize) -> Option<Self> {
        let (version, base64) = text.strip_prefix("vault:v")?.split_once(':')?;
        // Base64 of more would not fit, and need not be read.
        let version = version_of(version).filter(|_| base64.len() <= 4 * (length + ADDED))?;
        Self::of(version, decode_base64(base64).ok()?, length)
    }

    fn of(version: u32, bytes: Vec<u8>, length: usize) -> Option<Self> {
        (bytes.len() == length + ADDED).then_some(Self { version, bytes })
    }

    /// Of which version of the key it is.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }
}

impl fmt::Display for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vault:v{}:{}", self.version, encode_base64(&self.bytes))
    }
}

/// A number from 1 on, without leading zeros.
fn version_of(text: &str) -> Option<u32> {
    let is_number = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// A server that the person is logged in to.
pub trait KeyServer {
    /// Seals `plain` by the newest version of `key`, bound to `associated`.
    ///
    /// # Errors
    /// Whatever keeps the server from it.
    fn wrap(&self, key: &TransitKey, plain: &[u8], associated: &[u8]) -> Result<Ciphertext, Error>;

    /// Opens what `key` sealed.
    ///
    /// # Errors
    /// Whatever keeps the server from it.
    fn unwrap(
        &self,
        key: &TransitKey,
        sealed: &Ciphertext,
        associated: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error>;
}

/// To what the key of an age file is bound: the vault. To its file it is bound by the header's MAC, which is made with
/// this very key.
fn of_files(vault: &[u8; 32]) -> Vec<u8> {
    List::new("clws.v1.transit-file").bytes(vault).encode()
}

/// To what a document's data key is bound.
#[must_use]
pub fn of_document(vault: &[u8; 32], document: &[u8; 16], key_id: &[u8; 32]) -> Vec<u8> {
    let list = List::new("clws.v1.transit").bytes(vault);
    list.bytes(document).bytes(key_id).encode()
}

/// What seals to a server's key.
pub struct Recipient<'a> {
    key: TransitKey,
    server: &'a dyn KeyServer,
    vault: [u8; 32],
    fault: RefCell<Option<Error>>,
}

impl<'a> Recipient<'a> {
    /// A key, for what belongs to this vault.
    #[must_use]
    pub fn new(key: TransitKey, server: &'a dyn KeyServer, vault: [u8; 32]) -> Self {
        Self {
            key,
            server,
            vault,
            fault: RefCell::default(),
        }
    }

    /// Which key.
    #[must_use]
    pub fn key(&self) -> &TransitKey {
        &self.key
    }

    /// Seals bytes outside of an age file.
    ///
    /// # Errors
    /// Whatever keeps the server from it.
    pub fn wrap(&self, plain: &[u8], associated: &[u8]) -> Result<Ciphertext, Error> {
        self.server.wrap(&self.key, plain, associated)
    }

    /// Why an age file was not sealed to it, which age's own errors have no room for.
    #[must_use]
    pub fn fault(&self) -> Option<Error> {
        self.fault.take()
    }
}

impl age::Recipient for Recipient<'_> {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let associated = of_files(&self.vault);
        let sealed = self.wrap(file_key.expose_secret(), &associated);
        let sealed = sealed.map_err(|error| {
            let message = error.message();
            self.fault.replace(Some(error));
            EncryptError::Io(std::io::Error::other(message))
        })?;
        let stanza = Stanza {
            tag: TAG.to_owned(),
            args: vec![self.key.to_string(), sealed.version.to_string()],
            body: sealed.bytes,
        };
        Ok((vec![stanza], HashSet::new()))
    }
}

/// What opens age files by a login at the server.
pub struct Identity<'a> {
    /// The keys that may be asked for. A file names one, and anybody can write a file.
    keys: &'a [TransitKey],
    server: &'a dyn KeyServer,
    vault: [u8; 32],
    fault: &'a RefCell<Option<Error>>,
}

impl<'a> Identity<'a> {
    /// The login of somebody whose server has these keys. What keeps it from opening is left in `fault`.
    #[must_use]
    pub fn new(
        keys: &'a [TransitKey],
        server: &'a dyn KeyServer,
        vault: [u8; 32],
        fault: &'a RefCell<Option<Error>>,
    ) -> Self {
        Self {
            keys,
            server,
            vault,
            fault,
        }
    }
}

impl age::Identity for Identity<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != TAG {
            return None;
        }
        let [key, version] = &*stanza.args else {
            return Some(Err(DecryptError::InvalidHeader));
        };
        let key = self.keys.iter().find(|known| known.as_str() == key)?;
        let sealed = version_of(version)
            .and_then(|version| Ciphertext::of(version, stanza.body.clone(), 16));
        let Some(sealed) = sealed else {
            return Some(Err(DecryptError::InvalidHeader));
        };
        match self.server.unwrap(key, &sealed, &of_files(&self.vault)) {
            Ok(plain) => {
                let file_key = FileKey::try_init_with_mut(|out| {
                    let fits = plain.len() == out.len();
                    fits.then(|| out.copy_from_slice(&plain)).ok_or(())
                });
                Some(file_key.map_err(|()| DecryptError::DecryptionFailed))
            }
            // Another of the file's stanzas may open.
            Err(error) => {
                self.fault.replace(Some(error));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use age::{Identity as _, Recipient as _};

    use super::*;
    use crate::error::{Code, Problem};

    /// Seals by putting the associated data's hash beside the text.
    struct Toy;

    impl KeyServer for Toy {
        fn wrap(&self, _: &TransitKey, plain: &[u8], bound: &[u8]) -> Result<Ciphertext, Error> {
            let hash = super::super::sha256(bound);
            let bytes = [&hash[..ADDED], plain].concat();
            Ok(Ciphertext { version: 7, bytes })
        }

        fn unwrap(
            &self,
            _: &TransitKey,
            sealed: &Ciphertext,
            bound: &[u8],
        ) -> Result<Zeroizing<Vec<u8>>, Error> {
            let (hash, plain) = sealed.bytes.split_at(ADDED);
            match hash == &super::super::sha256(bound)[..ADDED] {
                true => Ok(Zeroizing::new(plain.to_vec())),
                false => Err(Problem::new(Code::Auth, "moved").into()),
            }
        }
    }

    fn key(text: &str) -> TransitKey {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_a_mount_and_a_name() {
        let team = key("team/a.b/clws_prod-1");
        assert_eq!((team.mount(), team.name()), ("team/a.b", "clws_prod-1"));
        assert_eq!(team.to_string(), "team/a.b/clws_prod-1");
        let long = format!("transit/{}", "a".repeat(LONGEST));
        for bad in [
            "",
            "transit",
            "/k",
            "transit/",
            "../k",
            "transit/..",
            "a//k",
            "a/k?x",
            "a/%2e",
            "a/k ",
            "a/\u{e4}",
            &long,
        ] {
            assert_eq!(bad.parse::<TransitKey>(), Err(NoTransitKey), "{bad}");
        }
    }

    #[test]
    fn a_ciphertext_has_one_spelling() {
        let base64 = encode_base64(&[9; 60]);
        let text = format!("vault:v12:{base64}");
        let read = Ciphertext::parse(&text, 32).unwrap();
        assert_eq!((read.version(), read.to_string()), (12, text.clone()));
        for bad in [
            format!("vault:v0:{base64}"),
            format!("vault:v01:{base64}"),
            format!("vault:v+1:{base64}"),
            format!("vault:v4294967296:{base64}"),
            format!("vault:v:{base64}"),
            format!("vault:1:{base64}"),
            format!("Vault:v1:{base64}"),
            format!("vault:v1:{base64}\n"),
            format!("vault:v1:{}", encode_base64(&[9; 59])),
            format!("vault:v1:{}", encode_base64(&[9; 61])),
            format!("vault:v1:{}", encode_base64(&[9; 6000])),
            "vault:v1:\u{1b}[2J".to_owned(),
            String::new(),
        ] {
            assert_eq!(Ciphertext::parse(&bad, 32), None, "{bad}");
        }
        assert_eq!(Ciphertext::parse(&text, 16), None);
        // Of nothing, too.
        let empty = format!("vault:v1:{}", encode_base64(&[9; ADDED]));
        assert!(Ciphertext::parse(&empty, 0).is_some());
    }

    #[test]
    fn an_age_file_opens_in_its_vault_and_for_known_keys_alone() {
        let file_key = FileKey::new(Box::new([3; 16]));
        let recipient = Recipient::new(key("transit/clws"), &Toy, [1; 32]);
        let stanza = recipient.wrap_file_key(&file_key).unwrap().0.pop().unwrap();
        assert_eq!(stanza.tag, "clws-transit");
        assert_eq!(stanza.args, ["transit/clws", "7"]);
        let fault = RefCell::default();
        let open = |keys: &[TransitKey], vault, stanza: &Stanza| {
            let opened = Identity::new(keys, &Toy, vault, &fault).unwrap_stanza(stanza);
            opened.map(|opened| opened.map(|key| *key.expose_secret()).map_err(drop))
        };
        let keys = [key("transit/clws"), key("transit/other")];
        assert_eq!(open(&keys, [1; 32], &stanza), Some(Ok([3; 16])));
        assert!(fault.take().is_none());
        // A key that no party has is never asked for, whatever a file says.
        assert_eq!(open(&keys[1..], [1; 32], &stanza), None);
        assert!(fault.take().is_none());
        assert_eq!(open(&keys, [2; 32], &stanza), None);
        assert_eq!(fault.take().unwrap().message(), "moved");
        let wrong: [fn(&mut Stanza); 5] = [
            |stanza| drop(stanza.args.pop()),
            |stanza| stanza.args.push("x".to_owned()),
            |stanza| stanza.args[1] = "07".to_owned(),
            |stanza| stanza.body.push(0),
            |stanza| stanza.body.clear(),
        ];
        for change in wrong {
            let mut stanza = Stanza {
                tag: stanza.tag.clone(),
                args: stanza.args.clone(),
                body: stanza.body.clone(),
            };
            change(&mut stanza);
            assert_eq!(open(&keys, [1; 32], &stanza), Some(Err(())), "{stanza:?}");
        }
    }

    /// Takes nothing.
    struct Closed;

    impl KeyServer for Closed {
        fn wrap(&self, _: &TransitKey, _: &[u8], _: &[u8]) -> Result<Ciphertext, Error> {
            Err(Problem::new(Code::Auth, "closed").into())
        }

        fn unwrap(
            &self,
            _: &TransitKey,
            _: &Ciphertext,
            _: &[u8],
        ) -> Result<Zeroizing<Vec<u8>>, Error> {
            Err(Problem::new(Code::Auth, "closed").into())
        }
    }

    #[test]
    fn why_a_file_was_not_sealed_is_told_once() {
        let recipient = Recipient::new(key("transit/clws"), &Closed, [1; 32]);
        assert!(recipient.fault().is_none());
        let sealed = recipient.wrap_file_key(&FileKey::new(Box::new([3; 16])));
        assert_eq!(sealed.map(drop).unwrap_err().to_string(), "closed");
        let fault = recipient.fault().unwrap();
        assert_eq!(
            (fault.message().as_str(), fault.code()),
            ("closed", Code::Auth)
        );
        assert!(recipient.fault().is_none());
    }

    /// The bytes of docs/format.md, section 5.
    #[test]
    fn what_a_wrap_is_bound_to_is_as_specified() {
        let vault: [u8; 32] = std::array::from_fn(|i| i as u8);
        let doc: [u8; 16] = std::array::from_fn(|i| 0x40 + i as u8);
        let key_id = super::super::from_hex(
            "6b4ee6a354ae631d70c069d3faa462bd2786dcc7d23f306c25c42b4f205b754e",
        );
        let key_id = key_id.unwrap();
        let hashed = |bytes: &[u8]| super::super::hex(&super::super::sha256(bytes));
        assert_eq!(
            hashed(&of_document(&vault, &doc, &key_id)),
            "2d15ddb22913b4aeaab07fa10aa76d365af4e0f96d4bacbf5f3c2b0aafebd92c"
        );
        assert_eq!(
            hashed(&of_files(&vault)),
            "6615e336771ec6e38b41d44ea2245185bd1c817b362f3655e8a5d3ac771e134e"
        );
    }
}
