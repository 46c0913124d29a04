//! An identity that was opened: a native one of age, which is plain data, or another one.
//!
//! Opening one may ask a person, or take a second of scrypt; a command that opens a thousand files opens
//! it once, and lends it out.

use age_core::format::{FileKey, Stanza};

use crate::crypto::x25519;

/// A private half of age's own kind: plain data, which is wiped when dropped.
pub type Native = x25519::Identity;

/// What age opens with.
pub type Lent<'a> = Box<dyn age::Identity + 'a>;

/// An opened age identity.
pub enum Opening<'a> {
    /// A native one. Copies of it can be used by any thread.
    Native(Native),
    /// One that a plugin holds, or several of one file.
    Other(Lent<'a>),
}

impl Opening<'_> {
    /// The same, for as long as this is there.
    #[must_use]
    pub fn lend(&self) -> Lent<'_> {
        Box::new(By(self))
    }

    /// A copy of a native one.
    #[must_use]
    pub fn native(&self) -> Option<Native> {
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

struct By<'a>(&'a dyn age::Identity);

impl age::Identity for By<'_> {
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
