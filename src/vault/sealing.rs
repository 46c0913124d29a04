//! Sealing whole files on all cores.
//!
//! What takes long about a small file is the arithmetic of X25519: once to wrap its key for each
//! reader, once to open what was sealed. Where all keys are native ones of age this needs nothing but
//! plain data, so any thread can do it. Plugins ask a person or a token, and go one after the other.

use std::io::Read;
use std::sync::Arc;

use age::x25519::{Identity, Recipient};

use super::file::NewFile;
use crate::cores;
use crate::crypto::stream::{self, Passed, StreamError};
use crate::error::Error;
use crate::fs::{FsError, Staged, Tree};
use crate::world::World;

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
pub(super) struct Job<F> {
    /// Opens its plaintext. Until then nothing of it is open: of thousands, no more than there are cores.
    pub(super) open: F,
    /// Where it goes, below the vault.
    pub(super) target: String,
    /// For whom.
    pub(super) keys: Arc<Keys>,
}

/// A file that was sealed beside its place.
pub(super) struct SealedFile {
    pub(super) staged: Staged,
    /// Its permission bits.
    pub(super) mode: u32,
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
    /// The plaintext could not be opened.
    Closed(Error),
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

impl<R: Read, F: FnOnce() -> Result<NewFile<R>, Error>> Job<F> {
    /// Seals it, opens it again, and compares.
    fn run(self, tree: &Tree, world: &World) -> Result<SealedFile, SealingError> {
        let Self { open, target, keys } = self;
        let NewFile { mode, mut input } = open().map_err(SealingError::Closed)?;
        let mut staged = Staged::new(tree, &target, world)?;
        let recipients = keys.recipients.iter().map(|key| key as &dyn age::Recipient);
        let passed = stream::seal_file(recipients, &mut input, staged.file()?)?;
        drop(input);
        let identities = keys.identities.iter().map(|key| key as &dyn age::Identity);
        if stream::verify_file(staged.file()?, identities)? != passed {
            return Err(SealingError::Differs);
        }
        let sha256 = staged.finish()?;
        Ok(SealedFile {
            staged,
            mode,
            passed,
            sha256,
            is_read_back: true,
        })
    }
}

/// Seals files, on all cores if they are many. Gives the results in the order of the jobs.
pub(super) fn seal_all<R: Read, F: FnOnce() -> Result<NewFile<R>, Error> + Send>(
    jobs: Vec<Job<F>>,
    tree: &Tree,
    world: &World,
) -> Vec<Result<SealedFile, SealingError>> {
    cores::each(jobs, FEW, |job| job.run(tree, world))
}
