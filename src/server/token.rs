//! A token: what a server takes for somebody.

use std::fmt;

use reqwest::header::HeaderValue;
use serde::Deserialize;
use zeroize::Zeroize as _;

use super::ServerError;
use super::answer::seconds;
use crate::secret::{Plain, Redactor};

/// A token is an identifier, or a signed text; the longest that are known have 6 KiB.
const LONGEST: usize = 16 * 1024;

/// A server's token. It is wiped when dropped, and its `Debug` says nothing.
pub struct Token(Plain);

impl Token {
    /// Takes a token into keeping, without the line end of the file that it came from.
    ///
    /// # Errors
    /// [`ServerError::BadToken`] if it cannot be one: empty, too long, or with blanks in it.
    pub fn new(text: &Plain) -> Result<Self, ServerError> {
        text.with(|bytes| {
            let trimmed = bytes.trim_ascii();
            let sound = !trimmed.is_empty()
                && trimmed.len() <= LONGEST
                && trimmed.iter().all(u8::is_ascii_graphic);
            match sound {
                true => Ok(Self(Plain::new(trimmed.to_vec()))),
                false => Err(ServerError::BadToken),
            }
        })
    }

    /// Takes one that a server gave.
    pub(super) fn of(mut text: String) -> Result<Self, ServerError> {
        let token = Self::new(&Plain::new(text.as_bytes().to_vec()));
        text.zeroize();
        token
    }

    /// The same once more, for another client of one run.
    pub(super) fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// The header's value, which no log shows.
    pub(super) fn header(&self) -> Result<HeaderValue, ServerError> {
        self.0.with(|bytes| {
            let mut value = HeaderValue::from_bytes(bytes).map_err(|_| ServerError::BadToken)?;
            value.set_sensitive(true);
            Ok(value)
        })
    }

    /// Teaches a redactor to take it out of a text.
    pub(super) fn teach(&self, redactor: &mut Redactor) {
        redactor.learn(&self.0);
    }

    /// Lends the token, to be kept in the keyring.
    pub fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.0.with(|bytes| f(bytes))
    }
}

/// What a server knows of a token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct About {
    /// Whose it is, not yet safe to print.
    pub display_name: String,
    /// What it may, not yet safe to print.
    pub policies: Vec<String>,
    /// Seconds that are left; 0 for one without an end.
    #[serde(deserialize_with = "seconds")]
    pub ttl: u64,
    /// Seconds that it had, or was last renewed for.
    #[serde(deserialize_with = "seconds")]
    pub creation_ttl: u64,
    /// Whether it can be made to last longer.
    pub renewable: bool,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_nowhere() {
        let token = Token::new(&Plain::from("s.hunter2hunter2\n")).unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
        let header = token.header().unwrap();
        assert_eq!(header.as_bytes(), b"s.hunter2hunter2");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    #[test]
    fn what_would_end_a_header_is_no_token() {
        for bad in ["", "\n", "a b", "a\r\nX-Other: b", "a\u{7f}", "ü"] {
            assert!(Token::new(&Plain::from(bad)).is_err(), "{bad:?}");
        }
        assert!(Token::new(&Plain::new(vec![b'a'; LONGEST + 1])).is_err());
    }
}
