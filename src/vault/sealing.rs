//! Sealing a whole file with native keys of age: plain data goes in and comes out, so that any thread can.
//!
//! What takes long about a small file is the arithmetic of X25519: once to wrap its key for each
//! reader, once to open what was sealed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;

use ring::digest::{Context, SHA256};

use super::VaultError;
use crate::crypto::stream::{self, Passed, StreamError};
use crate::crypto::x25519::{Identity, Recipient};
use crate::crypto::{FilePlace, sha256};
use crate::error::Error;
use crate::fs::{FsError, Staged};
use crate::name::FilePath;
use crate::recipients::Sealing;

/// What is no longer is read back in one piece: four calls and two buffers less, which is much for 1 KB.
const AT_ONCE: usize = 64 * 1024;

/// A file to be sealed.
pub struct NewFile<R> {
    /// Its permission bits.
    pub mode: u32,
    /// Its content.
    pub input: R,
}

/// Who can open a file, and with what its writer reads it back.
pub(super) struct Keys {
    /// All of its recipients.
    pub(super) recipients: Vec<Recipient>,
    /// The writer's own identities.
    pub(super) identities: Vec<Identity>,
}

impl Keys {
    /// The identities, as age takes them.
    pub(super) fn age(&self) -> impl Iterator<Item = &dyn age::Identity> + Clone {
        self.identities.iter().map(|key| key as &dyn age::Identity)
    }
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

/// Why an age file was not sealed, if a server is why.
pub(super) fn not_to_server(path: &str, recipients: &[Sealing<'_>]) -> Option<Error> {
    let (reader, error) = recipients.iter().find_map(Sealing::fault)?;
    let path = path.to_owned();
    Some(
        VaultError::NotToServer {
            path,
            reader,
            error,
        }
        .into(),
    )
}

pub(super) fn explain(path: &FilePath, error: SealingError) -> Error {
    match error {
        SealingError::Fs(error) => error.into(),
        SealingError::Differs => VaultError::NotVerified(path.to_string()).into(),
        SealingError::Stream(StreamError::Io(source)) => {
            FsError::io("seal", std::path::Path::new(path.as_str()))(source).into()
        }
        SealingError::Stream(other) => VaultError::BadFile {
            name: path.to_string(),
            why: other.to_string(),
        }
        .into(),
    }
}

/// Seals a file beside its place, opens it again, and compares.
pub(super) fn seal<R: Read>(
    new: NewFile<R>,
    mut staged: Staged,
    keys: &Keys,
    place: &FilePlace,
) -> Result<SealedFile, SealingError> {
    let NewFile { mode, mut input } = new;
    let recipients = keys.recipients.iter().map(|key| key as &dyn age::Recipient);
    let passed = place.seal(recipients, &mut input, staged.file()?)?;
    drop(input);
    let (read, sha256) = read_back(staged.file()?, keys)?;
    if read != passed {
        return Err(SealingError::Differs);
    }
    staged.finish_with(sha256)?;
    Ok(SealedFile {
        staged,
        mode,
        passed,
        sha256,
        is_read_back: true,
    })
}

/// Goes through what was written; gives what came out of it, and its SHA-256.
fn read_back(file: &mut File, keys: &Keys) -> Result<(Passed, [u8; 32]), StreamError> {
    // It was written from its beginning to where it stands.
    let length = usize::try_from(file.stream_position()?).unwrap_or(usize::MAX);
    if length > AT_ONCE {
        let mut hashed = Hashed::of(file);
        let passed = stream::verify_file(&mut hashed, keys.age())?;
        return Ok((passed, hashed.finish()?));
    }
    // What is more or less than was written does not open.
    let mut bytes = vec![0; length + 1];
    let read = loop {
        match file.read_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    bytes.truncate(read);
    Ok((stream::verify(&bytes, keys.age())?, sha256(&bytes)))
}

/// A file that is hashed while it is read from its beginning.
struct Hashed<'f> {
    file: &'f mut File,
    hash: Context,
}

impl<'f> Hashed<'f> {
    fn of(file: &'f mut File) -> Self {
        let hash = Context::new(&SHA256);
        Self { file, hash }
    }

    /// The SHA-256 of all of it, also of what was not asked for.
    fn finish(mut self) -> io::Result<[u8; 32]> {
        io::copy(&mut self, &mut io::sink())?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        Ok(sha256)
    }
}

impl Read for Hashed<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(out)?;
        self.hash.update(out.get(..length).unwrap_or_default());
        Ok(length)
    }
}

impl Seek for Hashed<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Whoever verifies begins at the beginning.
        self.hash = Context::new(&SHA256);
        self.file.seek(to)
    }
}
