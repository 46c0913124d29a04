//! Why an age file could not be written or read.

/// Why an age file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// No identity given opens it.
    #[error("no identity opens it")]
    NoIdentity,
    /// No identity given opens it, and some of its recipients are of a kind that is too new for us.
    #[error("no identity opens it, and its {0} recipients cannot be opened by this version")]
    PostQuantum(&'static str),
    /// The header or payload does not verify, or is of a kind that is not known.
    #[error("it is no intact age file: {0}")]
    Broken(String),
    /// A passphrase whose work factor would take this machine too long.
    #[error("its passphrase asks for a work factor of 2^{required}, which is more than is tried")]
    ExcessiveWork {
        /// log2 of the work asked for.
        required: u8,
    },
    /// The recipients cannot be sealed to.
    #[error("{0}")]
    CannotSeal(String),
}

/// Tells damage from failure: the age crate reports damage as an I/O error without an errno.
pub(super) fn sort(error: std::io::Error) -> StreamError {
    let damage = error.raw_os_error().is_none()
        && matches!(
            error.kind(),
            std::io::ErrorKind::InvalidData
                | std::io::ErrorKind::UnexpectedEof
                | std::io::ErrorKind::Other
        );
    if damage {
        StreamError::Broken(error.to_string())
    } else {
        StreamError::Io(error)
    }
}

pub(super) fn explain(error: age::DecryptError, post_quantum: Option<&'static str>) -> StreamError {
    match error {
        // A wrong passphrase is told by nothing but its failure to open the stanza.
        age::DecryptError::NoMatchingKeys | age::DecryptError::DecryptionFailed => {
            post_quantum.map_or(StreamError::NoIdentity, StreamError::PostQuantum)
        }
        age::DecryptError::ExcessiveWork { required, .. } => {
            StreamError::ExcessiveWork { required }
        }
        age::DecryptError::Io(io) => sort(io),
        other => StreamError::Broken(other.to_string()),
    }
}
