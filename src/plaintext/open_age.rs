//! age files (age-encryption.org/v1) that a person's own identities open.

use std::fmt;
use std::io::Cursor;

use crate::crypto::stream::{self, StreamError};
use crate::secret::Plain;
use crate::vault::Opener;

/// How every binary age file begins.
const BINARY: &[u8] = b"age-encryption.org/";
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Why an age file stayed closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AgeClosed {
    /// It is for others.
    NoIdentity,
    /// It is under a passphrase, which is nobody's identity.
    Passphrase,
    /// One's own identity stayed closed itself, for this reason.
    Identity(String),
    /// It is cut, or was changed.
    Broken(String),
}

impl fmt::Display for AgeClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIdentity => f.write_str("none of your identities opens it"),
            Self::Passphrase => f.write_str("it is under a passphrase"),
            Self::Identity(why) => write!(f, "your identity stayed closed: {why}"),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

/// Whether a file is one of age, binary or in armor.
#[must_use]
pub fn is_age(head: &[u8]) -> bool {
    head.starts_with(BINARY) || head.trim_ascii_start().starts_with(ARMOR)
}

/// Opens an age file with the identities given: all of it or nothing.
///
/// # Errors
/// [`AgeClosed`].
pub fn open_age(openers: &[&dyn Opener], sealed: &[u8]) -> Result<Plain, AgeClosed> {
    open_age_for(openers, "", sealed)
}

/// The same, with the identity first whose recipient it is said to be for.
pub(super) fn open_age_for(
    openers: &[&dyn Opener],
    recipient: &str,
    sealed: &[u8],
) -> Result<Plain, AgeClosed> {
    let is_named = |opener: &&dyn Opener| opener.recipient() == Some(recipient);
    let (named, others): (Vec<&dyn Opener>, Vec<&dyn Opener>) =
        openers.iter().copied().partition(is_named);
    let mut closed = AgeClosed::NoIdentity;
    for opener in named.into_iter().chain(others) {
        let identity = match opener.age() {
            Ok(identity) => identity,
            Err(error) => {
                closed = AgeClosed::Identity(error.message());
                continue;
            }
        };
        let mut plain = Plain::new(Vec::new());
        let mut input = Cursor::new(sealed);
        let one = std::iter::once(&*identity);
        match plain.with_mut(|bytes| stream::open_file(&mut input, one, bytes)) {
            Ok(_) => return Ok(plain),
            Err(StreamError::NoIdentity | StreamError::PostQuantum(_)) => {}
            Err(StreamError::ExcessiveWork { .. }) => return Err(AgeClosed::Passphrase),
            Err(error) => return Err(AgeClosed::Broken(error.to_string())),
        }
    }
    if is_under_passphrase(sealed) {
        return Err(AgeClosed::Passphrase);
    }
    Err(closed)
}

/// Its only stanza says so, in the second line.
fn is_under_passphrase(sealed: &[u8]) -> bool {
    const STANZA: &[u8] = b"age-encryption.org/v1\n-> scrypt ";
    // The same in base64, as far as no other text begins so.
    const ARMORED: &[u8] = b"YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwd";
    let armored = sealed.trim_ascii_start().strip_prefix(ARMOR);
    let armored = armored.map(<[u8]>::trim_ascii_start);
    sealed.starts_with(STANZA) || armored.is_some_and(|text| text.starts_with(ARMORED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_a_passphrase_is_told_by_its_first_stanza() {
        let closed_by = |sealed: &[u8]| open_age(&[], sealed).map(|_| ()).unwrap_err();
        assert_eq!(
            closed_by(b"age-encryption.org/v1\n-> scrypt x 18\n"),
            AgeClosed::Passphrase
        );
        let armored = b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBiQmps\n";
        assert_eq!(closed_by(armored), AgeClosed::Passphrase);
        assert_eq!(
            closed_by(b"age-encryption.org/v1\n-> X25519 x\n"),
            AgeClosed::NoIdentity
        );
    }
}
