//! The name of an identity on this machine: a folder's name, so nothing that a path could hide in.

use std::fmt;
use std::str::FromStr;

use crate::error::{Code, Explain, Hint};
use crate::text::clean_line;

/// A folder's name stays comfortably below every file system's 255 bytes.
const LONGEST: usize = 64;

/// A text that cannot name an identity.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot name an identity", clean_line(name))]
pub struct NameError {
    name: String,
}

impl Explain for NameError {
    fn code(&self) -> Code {
        Code::Usage
    }

    fn hints(&self) -> Vec<Hint> {
        vec![format!(
            "use up to {LONGEST} of a-z, 0-9, `_` and `-`, beginning with a letter or digit"
        )]
    }
}

/// The name of an identity: `[a-z0-9][a-z0-9_-]{0,63}`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct IdentityName(String);

impl IdentityName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdentityName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = text.len() <= LONGEST
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || matches!(b, b'_' | b'-'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError {
                name: text.chars().take(LONGEST + 1).collect(),
            })
        }
    }
}

impl fmt::Display for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_nothing_a_path_could_hide_in() {
        for good in ["ada", "7", "ada-laptop_2", &"a".repeat(64)] {
            assert!(good.parse::<IdentityName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "Ada",
            "-a",
            "_a",
            "a b",
            "ä",
            "a\0",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<IdentityName>().is_err(), "{bad}");
        }
        assert_eq!(
            "a\u{1b}[2J"
                .parse::<IdentityName>()
                .unwrap_err()
                .to_string(),
            "`a\\u{1b}[2J` cannot name an identity"
        );
    }
}
