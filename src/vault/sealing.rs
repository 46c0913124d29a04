//! Sealing whole files on all cores.
//!
//! What takes long about a small file is the arithmetic of X25519: once to wrap its key for each
//! reader, once to open what was sealed. Where all keys are native ones of age this needs nothing but
//! plain data, so any thread can do it. Plugins ask a person or a token, and go one after the other.

use std::io::Read;
use std::sync::Arc;

use age::x25519::{Identity, Recipient};

use crate::cores;
use crate::crypto::stream::{self, Passed, StreamError};
use crate::fs::{FsError, Staged};

/// Fewer files than this are done before a thread has started.
const FEW: usize = 16;

/// Who can open a file, and with what its writer reads it back.
pub(super) struct Keys {
    /// All of its recipients.
    pub(super) recipients: Vec<Recipient>,
    /// The writer's own identities.
    pub(super) identities: Vec<Identity>,
}

/// A file that is to be sealed.
pub(super) struct Job<R> {
    /// Its plaintext.
    pub(super) input: R,
    /// Where it goes.
    pub(super) staged: Staged,
    /// For whom.
    pub(super) keys: Arc<Keys>,
}

/// A file that was sealed beside its place.
pub(super) struct SealedFile {
    pub(super) staged: Staged,
    /// What went in.
    pub(super) passed: Passed,
    /// Of the age file.
    pub(super) sha256: [u8; 32],
    /// Whether it was opened again, and the same came out.
    pub(super) is_read_back: bool,
}

/// Why a file was not sealed.
#[derive(Debug)]
pub(super) enum SealingError {
    /// The plaintext could not be read, or the age file not written or not opened again.
    Stream(StreamError),
    /// The file beside its place.
    Fs(FsError),
    /// What came out is not what went in.
    Differs,
}

impl From<StreamError> for SealingError {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

impl From<FsError> for SealingError {
    fn from(error: FsError) -> Self {
        Self::Fs(error)
    }
}

impl<R: Read> Job<R> {
    /// Seals it, opens it again, and compares.
    fn run(self) -> Result<SealedFile, SealingError> {
        let Self {
            mut input,
            mut staged,
            keys,
        } = self;
        let recipients = keys.recipients.iter().map(|key| key as &dyn age::Recipient);
        let passed = stream::seal_file(recipients, &mut input, staged.file()?)?;
        let identities = keys.identities.iter().map(|key| key as &dyn age::Identity);
        if stream::verify_file(staged.file()?, identities)? != passed {
            return Err(SealingError::Differs);
        }
        let sha256 = staged.finish()?;
        Ok(SealedFile {
            staged,
            passed,
            sha256,
            is_read_back: true,
        })
    }
}

/// Seals files, on all cores if they are many. Gives the results in the order of the jobs.
pub(super) fn seal_all<R: Read + Send>(jobs: Vec<Job<R>>) -> Vec<Result<SealedFile, SealingError>> {
    cores::each(jobs, FEW, Job::run)
}
