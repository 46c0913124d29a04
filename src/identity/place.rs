//! The file `where` of a bundle: which half lies where, and both public halves.
//!
//! It is written when the private files alone could not tell: because they are under a passphrase,
//! in the keyring or in an ssh-agent. A line for each half:
//!
//! ```text
//! age keyring age1…
//! sign agent ssh-ed25519 AAAA…
//! ```
//!
//! Whoever opens a half compares it with what stands here.

use super::file::MOST;
use crate::crypto::sshsig::PublicKey;
use crate::error::{Code, Explain, Hint};
use crate::secret::Plain;

/// Where the private half of something lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// In the bundle's folder.
    File,
    /// In the desktop's keyring.
    Keyring,
    /// In an ssh-agent, out of which it never comes.
    Agent,
}

impl Kept {
    /// The word for people and for the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Keyring => "keyring",
            Self::Agent => "agent",
        }
    }
}

/// A `where` file that says nothing.
#[derive(Debug, thiserror::Error)]
#[error("`{label}` line {line} does not say where a half of the identity lies")]
pub struct PlaceError {
    label: String,
    line: usize,
}

impl Explain for PlaceError {
    fn code(&self) -> Code {
        Code::DataErr
    }

    fn hints(&self) -> Vec<Hint> {
        vec!["bring it back from a backup, or make a new identity".to_owned()]
    }
}

/// What a `where` file says.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Where {
    /// The age half and its recipient.
    pub(super) age: Option<(Kept, String)>,
    /// The signing half and its public key.
    pub(super) sign: Option<(Kept, PublicKey)>,
}

impl Where {
    /// Reads the file.
    ///
    /// # Errors
    /// [`PlaceError`] with the line; a half twice is one too.
    pub(super) fn parse(bytes: &[u8], label: &str) -> Result<Self, PlaceError> {
        let mut found = Self::default();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let read = std::str::from_utf8(line)
                .ok()
                .and_then(|line| found.take(line));
            if read.is_none() || bytes.len() > MOST {
                return Err(PlaceError {
                    label: label.to_owned(),
                    line: index + 1,
                });
            }
        }
        Ok(found)
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let (half, rest) = line.split_once(' ')?;
        let (place, public) = rest.split_once(' ')?;
        let place = match place {
            "file" => Kept::File,
            "keyring" => Kept::Keyring,
            "agent" => Kept::Agent,
            _ => return None,
        };
        match half {
            "age" if self.age.is_none() && place != Kept::Agent => {
                let spelled = public.parse::<PublicKey>().is_ok()
                    || public.starts_with("age1") && public.bytes().all(|b| b.is_ascii_graphic());
                self.age = Some((place, spelled.then(|| public.to_owned())?));
            }
            "sign" if self.sign.is_none() => self.sign = Some((place, public.parse().ok()?)),
            _ => return None,
        }
        Some(())
    }

    /// The file's text.
    pub(super) fn text(&self) -> Plain {
        let mut text =
            "# where the private halves of this identity lie, with their public ones\n".to_owned();
        if let Some((kept, recipient)) = &self.age {
            text.push_str(&format!("age {} {recipient}\n", kept.as_str()));
        }
        if let Some((kept, public)) = &self.sign {
            text.push_str(&format!("sign {} {public}\n", kept.as_str()));
        }
        Plain::from(text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let stub = Where {
            age: Some((Kept::Keyring, "age1abc".to_owned())),
            sign: Some((Kept::Agent, PublicKey::from_point([7; 32]))),
        };
        let again = stub
            .text()
            .with(|text| Where::parse(text, "where"))
            .unwrap();
        assert_eq!(again, stub);
        assert_eq!(
            Where::parse(b"# nothing\n\n", "where").unwrap(),
            Where::default()
        );
    }

    #[test]
    fn a_line_that_says_nothing_is_named() {
        for line in [
            "age agent age1abc",
            "age file AGE-SECRET-KEY-1",
            "age file",
            "age file age1a b",
            "age cloud age1abc",
            "sign file ssh-rsa AAAA",
            "sing file ssh-ed25519 AAAA",
            "age file age1abc\nage file age1abc",
            "\u{fffd}",
        ] {
            let error = Where::parse(format!("#\n{line}\n").as_bytes(), "where").unwrap_err();
            assert!(error.line >= 2, "{line}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_place_or_an_error(bytes: Vec<u8>, line in "(age|sign) (file|agent) .{0,20}") {
            drop(Where::parse(&bytes, "where"));
            if let Ok(read) = Where::parse(line.as_bytes(), "where") {
                let again = read.text().with(|text| Where::parse(text, "where"));
                proptest::prop_assert_eq!(again.unwrap(), read);
            }
        }
    }
}
