//! For where an age file was sealed, said in its own header.
//!
//! An age file names nothing but its recipients: whoever can read one file opens it under any name. So a stanza says which
//! path of which vault it was sealed for. It opens nothing, and other programs pass over it. The header's MAC is made with
//! the file key, so that nobody can put it on a file that they cannot open, or take it off.

use std::collections::HashSet;
use std::io::{Read, Seek, Write};

use age_core::format::{FileKey, Stanza};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::stream::{self, Passed, StreamError};
use super::{List, sha256};

/// The type of the stanza.
const TAG: &str = "clws-place";

/// A path of a vault.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FilePlace(String);

/// What the header of an age file says of its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SealedFor {
    /// It was sealed for this one.
    This,
    /// For another one.
    Another,
    /// It does not say for which.
    Unsaid,
}

impl FilePlace {
    /// The place of a sealed file: SHA-256 of `L("clws.v1.file-place", vault, path)`.
    #[must_use]
    pub fn new(vault: &[u8; 32], path: &str) -> Self {
        let place = List::new("clws.v1.file-place").bytes(vault).text(path);
        Self(STANDARD_NO_PAD.encode(sha256(&place.encode())))
    }

    fn stanza(&self) -> Stanza {
        Stanza {
            tag: TAG.to_owned(),
            args: vec![self.0.clone()],
            body: Vec::new(),
        }
    }

    /// Seals `input` as [`stream::seal_file`] does, for this place.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn seal<'a>(
        &self,
        recipients: impl Iterator<Item = &'a dyn age::Recipient>,
        input: impl Read,
        output: impl Write,
    ) -> Result<Passed, StreamError> {
        let all: Vec<&dyn age::Recipient> = recipients.collect();
        let first = all.first().map(|to| Placed { to: *to, at: self });
        let rest = all.iter().skip(1).copied();
        let first = first.iter().map(|first| first as &dyn age::Recipient);
        stream::seal_file(first.chain(rest), input, output)
    }

    /// What an age file says of its place. That is worth what the header is, which whoever opens it verifies.
    ///
    /// # Errors
    /// [`StreamError`] if it has no header that reads.
    pub fn look<F: Read + Seek>(&self, file: &mut F) -> Result<SealedFor, StreamError> {
        let stanzas = stream::stanzas(file)?;
        let mut said = stanzas.iter().filter(|stanza| stanza.tag == TAG).peekable();
        if said.peek().is_none() {
            return Ok(SealedFor::Unsaid);
        }
        let own = self.stanza();
        let is_own = |stanza: &Stanza| stanza.args == own.args && stanza.body == own.body;
        Ok(match said.all(is_own) {
            true => SealedFor::This,
            false => SealedFor::Another,
        })
    }
}

/// A recipient whose stanzas have the place behind them. Its labels are its own, so that it stands beside whom it may.
struct Placed<'a> {
    to: &'a dyn age::Recipient,
    at: &'a FilePlace,
}

impl age::Recipient for Placed<'_> {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let (mut stanzas, labels) = self.to.wrap_file_key(file_key)?;
        stanzas.push(self.at.stanza());
        Ok((stanzas, labels))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::crypto::one_chunk::CHUNK;

    #[test]
    fn the_page_of_the_format_has_the_vector() {
        let vault: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
        let FilePlace(place) = FilePlace::new(&vault, "prod/tls/site.key");
        let page = include_str!("../../docs/format.md");
        assert!(page.contains(&format!("-> {TAG} {place}\n")), "{place}");
    }

    #[test]
    fn a_file_says_for_which_path_of_which_vault_it_was_sealed() {
        let identity = age::x25519::Identity::generate();
        let to = identity.to_public();
        let to = || [&to as &dyn age::Recipient, &to].into_iter();
        let here = FilePlace::new(&[7; 32], "prod/tls/site.key");
        // What is one chunk, and what is more, are written in two ways.
        for length in [0, 7, CHUNK + 1] {
            let plain = vec![b'x'; length];
            let mut sealed = Vec::new();
            here.seal(to(), plain.as_slice(), &mut sealed).unwrap();
            let mut file = Cursor::new(&sealed);
            assert_eq!(here.look(&mut file).unwrap(), SealedFor::This);
            for other in [
                FilePlace::new(&[7; 32], "dev/tls/site.key"),
                FilePlace::new(&[8; 32], "prod/tls/site.key"),
            ] {
                assert_eq!(other.look(&mut file).unwrap(), SealedFor::Another);
            }
            let mut opened = Vec::new();
            let identities = || std::iter::once(&identity as &dyn age::Identity);
            stream::open_file(&mut file, identities(), &mut opened).unwrap();
            assert_eq!(opened, plain);
            // Another place in the header is found as any other change of it is.
            let moved = String::from_utf8_lossy(&sealed).into_owned();
            let moved = moved.replace(&here.0, &FilePlace::new(&[7; 32], "dev/x/y").0);
            assert!(stream::verify(moved.as_bytes(), identities()).is_err());
            let mut unsaid = Vec::new();
            stream::seal_file(to(), plain.as_slice(), &mut unsaid).unwrap();
            let said = here.look(&mut Cursor::new(unsaid)).unwrap();
            assert_eq!(said, SealedFor::Unsaid);
        }
        assert!(here.look(&mut Cursor::new(b"no age file")).is_err());
    }
}
