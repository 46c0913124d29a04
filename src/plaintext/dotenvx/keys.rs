//! The private keys of dotenvx: `DOTENV_PRIVATE_KEY`, with `_` and an environment behind it for that one's
//! file. Several stand with commas between them, the newest first, after a key was changed.

use std::fmt;

use k256::SecretKey;
use k256::elliptic_curve::sec1::ToSec1Point as _;
use zeroize::Zeroizing;

use crate::crypto::{from_hex, hex};
use crate::plaintext::format::{Dotenv, Format as _};
use crate::plaintext::node::Node;
use crate::plaintext::{Fault, Passwords};

/// What the names of all of them begin with.
pub(super) const PRIVATE: &str = "DOTENV_PRIVATE_KEY";

/// Nobody has more; each that does not fit costs a multiplication for each value.
const MOST: usize = 64;

/// Private keys, by whatever name. Its `Debug` shows nothing.
#[derive(Clone, Default)]
pub struct PrivateKeys {
    all: Vec<Named>,
    unread: Vec<String>,
}

#[derive(Clone)]
struct Named {
    name: String,
    secret: SecretKey,
    /// Compressed, in hexadecimal, as files name it.
    public: String,
}

impl fmt::Debug for PrivateKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeys(..)")
    }
}

impl PrivateKeys {
    /// Adds what a variable holds, if its name is one of a private key.
    pub fn add(&mut self, name: &str, value: &str) {
        if !name.starts_with(PRIVATE) {
            return;
        }
        for text in value.split(',').map(str::trim).filter(|t| !t.is_empty()) {
            match secret(text) {
                Some(secret) if self.all.len() < MOST => self.all.push(Named {
                    name: name.to_owned(),
                    public: hex(secret.public_key().to_sec1_point(true).as_bytes()),
                    secret,
                }),
                Some(_) => {}
                None => self.unread.push(name.to_owned()),
            }
        }
    }

    /// Adds those of a `.env.keys`.
    ///
    /// # Errors
    /// Where and why it does not read as dotenv.
    pub fn add_file(&mut self, text: &str) -> Result<(), Fault> {
        for (name, node) in Dotenv.parse(text, &Passwords::default())?.into_entries() {
            if let Node::Text(value) = node {
                self.add(&name, &Zeroizing::new(value));
            }
        }
        Ok(())
    }

    /// The others behind these.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.all.extend_from_slice(&others.all);
        self.unread.extend_from_slice(&others.unread);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The names of what is no key.
    pub(super) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Whether one of them belongs to this public key.
    pub(super) fn has(&self, public: &str) -> bool {
        self.all.iter().any(|key| key.is_of(public))
    }

    /// Those of a file: of its public key first, then of its name; all, if there is neither.
    pub(super) fn in_order(&self, public: Option<&str>, name: &str) -> Vec<&SecretKey> {
        let is_of = |key: &&Named| public.is_some_and(|public| key.is_of(public));
        let (mut own, others): (Vec<&Named>, Vec<&Named>) = self.all.iter().partition(is_of);
        own.extend(others.iter().filter(|key| key.name == name));
        let chosen = if own.is_empty() { others } else { own };
        chosen.into_iter().map(|key| &key.secret).collect()
    }
}

impl Named {
    fn is_of(&self, public: &str) -> bool {
        self.public.eq_ignore_ascii_case(public)
    }
}

/// A scalar of 32 bytes in hexadecimal, from 1 up to the order of the curve.
fn secret(text: &str) -> Option<SecretKey> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let bytes = Zeroizing::new(from_hex::<32>(&lower).ok()?);
    SecretKey::from_slice(&*bytes).ok()
}
