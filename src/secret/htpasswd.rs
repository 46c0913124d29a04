//! Lines of htpasswd files, `user:hash`, as nginx, Apache and registries read them.

use std::str::FromStr;

use super::Plain;
use crate::error::{Code, Error, Explain};
use crate::world::World;

/// bcrypt reads no more bytes of a password.
pub const MAX_HASHED: usize = 72;

/// Doublings of bcrypt's work: a server hashes at every request, in some 50 ms with this one. Each
/// doubling is little beside a password of 128 bits of chance.
const COST: u32 = 10;

/// Apache's htpasswd reads no longer name.
const MAX_USER: usize = 255;

/// A user's name that a line of htpasswd can carry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HtpasswdUser(String);

impl HtpasswdUser {
    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HtpasswdUser {
    type Err = HtpasswdError;

    fn from_str(text: &str) -> Result<Self, HtpasswdError> {
        let is_good = (1..=MAX_USER).contains(&text.len())
            && !text.starts_with('#')
            && !text.contains(|c: char| c == ':' || c.is_control());
        match is_good {
            true => Ok(Self(text.to_owned())),
            false => Err(HtpasswdError::User),
        }
    }
}

/// What keeps a line from being made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum HtpasswdError {
    #[error(
        "a user of htpasswd has 1 to {MAX_USER} bytes, no `:` and no control characters, and no `#` first"
    )]
    User,
    #[error("bcrypt reads {MAX_HASHED} bytes of a password, and this one is longer")]
    TooLong,
    #[error("bcrypt: {0}")]
    Hash(bcrypt::BcryptError),
}

impl Explain for HtpasswdError {
    fn code(&self) -> Code {
        match self {
            Self::User | Self::TooLong => Code::Usage,
            Self::Hash(_) => Code::Bug,
        }
    }
}

/// A user's line, with the hash of a password.
#[derive(Debug)]
pub struct HtpasswdLine {
    user: HtpasswdUser,
    hash: Plain<String>,
}

impl HtpasswdLine {
    /// Hashes a password for a user: bcrypt, `$2y$`, under a new salt.
    ///
    /// # Errors
    /// [`HtpasswdError::TooLong`], [`crate::world::WorldError::NoRandomness`].
    pub fn new(world: &World, user: HtpasswdUser, password: &Plain) -> Result<Self, Error> {
        let salt = world.random()?;
        let parts = password.with(|password| match password.len() {
            0..=MAX_HASHED => {
                bcrypt::hash_with_salt(password, COST, salt).map_err(HtpasswdError::Hash)
            }
            _ => Err(HtpasswdError::TooLong),
        })?;
        let hash = Plain::new(parts.format_for_version(bcrypt::Version::TwoY));
        Ok(Self { user, hash })
    }

    /// A file's text with this line in the place of the user's own, or after all others, which stay.
    #[must_use]
    pub fn put_into(&self, text: &Plain) -> Plain {
        let name = format!("{}:", self.user.as_str());
        let line = self
            .hash
            .with(|hash| Plain::new(format!("{name}{hash}\n").into_bytes()));
        text.with(|text| line.with(|line| Plain::new(put(text, name.as_bytes(), line))))
    }
}

fn put(text: &[u8], name: &[u8], line: &[u8]) -> Vec<u8> {
    // Room for all of it: a text that moves in memory leaves a copy behind.
    let mut out = Vec::with_capacity(text.len() + 1 + line.len());
    let mut is_put = false;
    for old in text.split_inclusive(|byte| *byte == b'\n') {
        match old.starts_with(name) {
            false => out.extend_from_slice(old),
            true if is_put => {}
            true => {
                out.extend_from_slice(line);
                is_put = true;
            }
        }
    }
    if !is_put {
        let is_open = !out.is_empty() && !out.ends_with(b"\n");
        out.extend(is_open.then_some(b'\n'));
        out.extend_from_slice(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_the_place_of_its_users_own() {
        let cases: [(&str, &str); 6] = [
            ("", "bob:new\n"),
            ("ada:1", "ada:1\nbob:new\n"),
            ("ada:1\n# note\n", "ada:1\n# note\nbob:new\n"),
            ("bob:1\nbobby:2\r\n", "bob:new\nbobby:2\r\n"),
            ("ada:1\nbob:2", "ada:1\nbob:new\n"),
            ("bob:1\nada:bob:2\nbob:3\n", "bob:new\nada:bob:2\n"),
        ];
        for (text, wanted) in cases {
            let got = put(text.as_bytes(), b"bob:", b"bob:new\n");
            assert_eq!(String::from_utf8(got).unwrap(), wanted);
        }
    }

    #[test]
    fn a_name_fits_into_a_line() {
        for good in ["a", "Ada Lovelace", "ada@example.org", "jörg"] {
            assert!(good.parse::<HtpasswdUser>().is_ok(), "{good}");
        }
        let long = "a".repeat(256);
        for bad in ["", "a:b", "a\nb", "a\tb", "#a", "a\u{85}", &long] {
            assert!(bad.parse::<HtpasswdUser>().is_err(), "{bad:?}");
        }
    }
}
