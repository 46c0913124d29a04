//! An identity that was opened: a native one of age, which is plain data, or another one.
//!
//! Opening one may ask a person, or take a second of scrypt; a command that opens a thousand files opens
//! it once, and lends it out.

use age::x25519;
use age_core::format::{FileKey, Stanza};

/// An opened age identity.
pub enum Opening<'a> {
    /// A native one. Copies of it can be used by any thread.
    Native(x25519::Identity),
    /// One that a plugin holds, or several of one file.
    Other(Box<dyn age::Identity + 'a>),
}

impl Opening<'_> {
    /// The same, for as long as this is there.
    #[must_use]
    pub fn lend(&self) -> Box<dyn age::Identity + '_> {
        Box::new(Lent(self))
    }

    /// A copy of a native one.
    #[must_use]
    pub fn native(&self) -> Option<x25519::Identity> {
        match self {
            Self::Native(key) => Some(key.clone()),
            Self::Other(_) => None,
        }
    }
}

impl age::Identity for Opening<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        match self {
            Self::Native(key) => key.unwrap_stanza(stanza),
            Self::Other(identity) => identity.unwrap_stanza(stanza),
        }
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        match self {
            Self::Native(key) => key.unwrap_stanzas(stanzas),
            Self::Other(identity) => identity.unwrap_stanzas(stanzas),
        }
    }
}

struct Lent<'a>(&'a dyn age::Identity);

impl age::Identity for Lent<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.0.unwrap_stanza(stanza)
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        self.0.unwrap_stanzas(stanzas)
    }
}

/// The identities of one file, tried one after the other.
pub(super) struct Several<'a>(pub(super) Vec<Opening<'a>>);

impl age::Identity for Several<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        self.0.iter().find_map(|one| one.unwrap_stanzas(stanzas))
    }
}
