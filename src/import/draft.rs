//! A source between being read and having a place.

use crate::plaintext::{Envelope, Finding, Kind, Read};
use crate::secret::Plain;

use super::survey::Seen;

/// A source that was read, before it has a name.
pub(super) struct Draft {
    pub(super) source: String,
    pub(super) kind: Kind,
    /// For what is no file.
    pub(super) other: Option<&'static str>,
    pub(super) mode: Option<u32>,
    pub(super) content: Content,
    pub(super) findings: Vec<Finding>,
    pub(super) seen: Seen,
}

pub(super) enum Content {
    Nothing,
    Clear,
    Whole,
    /// A file as well, of what was inside of what another program had sealed.
    Opened(Plain, Option<Envelope>),
    Document(Read, Option<Envelope>),
}

impl Content {
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::Whole | Self::Opened(..))
    }
}

/// The name of a file once it is open.
pub(super) fn file_name(kind: Kind, source: &str) -> &str {
    let name = source.rsplit('/').next().unwrap_or_default();
    match kind {
        Kind::Age => name
            .strip_suffix(".age")
            .filter(|name| !name.is_empty())
            .unwrap_or(name),
        _ => name,
    }
}
