//! What a session is given, and why it is not.

use crate::error::{Code, Explain};
use crate::secret::Plain;

/// What a session is given. Names are those of variables and files, without anything a shell takes
/// for its own.
#[derive(Debug, Default)]
pub struct Injected {
    /// Variables with their values.
    pub variables: Vec<(String, Plain)>,
    /// Files; each in a folder of its variable's name.
    pub files: Vec<InjectedFile>,
}

/// A file for a session.
#[derive(Debug)]
pub struct InjectedFile {
    /// The variable that gets its path.
    pub variable: String,
    /// Its name.
    pub name: String,
    /// Its permission bits.
    pub mode: u32,
    /// Its content.
    pub content: Plain,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SittingError {
    /// Nothing there is memory.
    #[error("{host} has no memory-backed folder, and secrets are not put on its disk")]
    NoMemory {
        /// The host.
        host: String,
    },
    /// The values were not taken.
    #[error("{host} did not take the values: {said}")]
    NotHeld {
        /// The host.
        host: String,
        /// What it said.
        said: String,
    },
    /// Nobody knows how it ended.
    #[error("{host} did not say how the session ended")]
    NoStatus {
        /// The host.
        host: String,
    },
}

impl Explain for SittingError {
    fn code(&self) -> Code {
        match self {
            Self::NoMemory { .. } => Code::Denied,
            Self::NotHeld { .. } | Self::NoStatus { .. } => Code::Remote,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoMemory { .. } => vec!["mount a tmpfs on /run/clws or /dev/shm there".into()],
            Self::NotHeld { .. } | Self::NoStatus { .. } => Vec::new(),
        }
    }
}
