//! Whole files as age files, in constant memory, and nothing released before all is verified.
//!
//! A reader goes over the open file twice: the first pass checks every chunk and throws the
//! plaintext away, the second gives it out. age authenticates chunk by chunk, so a single pass would
//! have given out half of a file that was cut. What is one chunk alone is kept from the first pass.

use std::cell::Cell;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use age_core::format::Stanza;
use ring::digest::{Context, SHA256};
use zeroize::Zeroizing;

pub use super::age_error::StreamError;
use super::age_error::{explain, sort};
use super::age_header::{Header, MAX_HEADER, TOO_MANY, Whole, skip_blanks};
use super::one_chunk::{self, CHUNK};
use super::sha256;

/// Enough for a header of some twenty recipients; chunks go past buffers of this size. A buffer is wiped
/// when it is freed, and larger ones took a tenth of the time of a file of 1 KB.
const HEADER: usize = 8 * 1024;

/// How a binary file begins, and no armor and nothing that may stand before one.
const BINARY: &[u8] = b"age-encryption.org/";

/// What went through a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Passed {
    /// Bytes of plaintext.
    pub size: u64,
    /// SHA-256 of the plaintext.
    pub sha256: [u8; 32],
}

impl Passed {
    /// Of a plaintext at hand.
    fn of(plain: &[u8]) -> Self {
        Self {
            size: u64::try_from(plain.len()).unwrap_or(u64::MAX),
            sha256: sha256(plain),
        }
    }
}

/// Seals `input` to all `recipients` as one binary age file.
///
/// # Errors
/// [`StreamError`]; what was written to `output` by then is ciphertext.
pub fn seal_file<'a>(
    recipients: impl Iterator<Item = &'a dyn age::Recipient>,
    mut input: impl Read,
    mut output: impl Write,
) -> Result<Passed, StreamError> {
    let begun = beginning(&mut input, CHUNK)?;
    if begun.len() <= CHUNK {
        output.write_all(&one_chunk::seal(recipients, &begun)?)?;
        output.flush()?;
        return Ok(Passed::of(&begun));
    }
    let encryptor = age::Encryptor::with_recipients(recipients)
        .map_err(|error| StreamError::CannotSeal(error.to_string()))?;
    let written = Cell::new(0);
    // The crate writes a header in some thirty pieces.
    let counted = Counted {
        output: BufWriter::with_capacity(HEADER, output),
        written: &written,
    };
    // This writes the header.
    let mut writer = encryptor.wrap_output(counted)?;
    if written.get() > MAX_HEADER {
        return Err(StreamError::CannotSeal(TOO_MANY.to_owned()));
    }
    let mut input = begun.as_slice().chain(input);
    let passed = copy(&mut input, &mut writer, StreamError::Io)?;
    writer.finish()?.flush()?;
    Ok(passed)
}

/// Goes through an age file, binary or in armor, and throws the plaintext away.
///
/// # Errors
/// [`StreamError`] if anything about it is not intact.
pub fn verify_file<'a, F: Read + Seek>(
    file: &mut F,
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<Passed, StreamError> {
    file.seek(SeekFrom::Start(0))?;
    pass(
        BufReader::with_capacity(HEADER, file),
        identities,
        std::io::sink(),
    )
}

/// As [`verify_file`], for one in memory.
///
/// # Errors
/// [`StreamError`] if anything about it is not intact.
pub fn verify<'a>(
    file: &[u8],
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<Passed, StreamError> {
    pass(file, identities, std::io::sink())
}

/// Opens an age file in memory; checks all of it before anything is given out.
///
/// # Errors
/// [`StreamError`] if anything about it is not intact.
pub fn open<'a>(
    file: &[u8],
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<(Passed, Zeroizing<Vec<u8>>), StreamError> {
    // What it grows out of is wiped by the allocator (`secret::wipe`), and it does not grow: a plaintext is shorter.
    let mut plain = Zeroizing::new(Vec::with_capacity(file.len()));
    let passed = pass(file, identities, &mut *plain)?;
    Ok((passed, plain))
}

/// Opens an age file, binary or in armor: checks all of it, then gives the plaintext out.
///
/// # Errors
/// [`StreamError`]; on any fault of the file not one byte has been written to `output`.
pub fn open_file<'a, F: Read + Seek>(
    file: &mut F,
    identities: impl Iterator<Item = &'a dyn age::Identity> + Clone,
    mut output: impl Write,
) -> Result<Passed, StreamError> {
    let (checked, kept) = verify_keeping(file, identities.clone())?;
    if let Some(kept) = kept {
        output.write_all(&kept)?;
        return Ok(checked);
    }
    file.seek(SeekFrom::Start(0))?;
    let passed = pass(BufReader::with_capacity(HEADER, file), identities, output)?;
    // The same open file read twice: other content the second time means that somebody wrote to it.
    if passed == checked {
        Ok(passed)
    } else {
        Err(StreamError::Broken(
            "it changed while it was read".to_owned(),
        ))
    }
}

/// Checks all of an age file, binary or in armor, then gives a reader of its plaintext.
///
/// For whoever passes the plaintext on in small pieces, and holds the file so that nobody else writes
/// to it.
///
/// # Errors
/// [`StreamError`] if anything about the file is not intact.
pub fn verified_reader<'a, F: Read + Seek + 'static>(
    mut file: F,
    identities: impl Iterator<Item = &'a dyn age::Identity> + Clone,
) -> Result<(Passed, Box<dyn Read>), StreamError> {
    let (passed, kept) = verify_keeping(&mut file, identities.clone())?;
    if let Some(kept) = kept {
        return Ok((passed, Box::new(std::io::Cursor::new(kept))));
    }
    file.seek(SeekFrom::Start(0))?;
    let mut binary = unarmored(BufReader::with_capacity(HEADER, file))?;
    let header = Header::take(&mut binary)?;
    let reader = decrypting(header, binary, identities)?;
    Ok((passed, Box::new(reader)))
}

/// What was checked, and the plaintext if it was kept.
type Checked = (Passed, Option<Zeroizing<Vec<u8>>>);

/// As [`verify_file`], and keeps the plaintext of a file of one chunk: unwrapping its key costs more than
/// all the rest of it, and is not done twice.
fn verify_keeping<'a, F: Read + Seek>(
    file: &mut F,
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<Checked, StreamError> {
    file.seek(SeekFrom::Start(0))?;
    let mut chunk = FirstChunk(Zeroizing::new(Vec::new()));
    let input = BufReader::with_capacity(HEADER, file);
    let passed = pass(input, identities, &mut chunk)?;
    let is_whole = usize::try_from(passed.size).is_ok_and(|size| size == chunk.0.len());
    Ok((passed, is_whole.then_some(chunk.0)))
}

/// Keeps the first chunk of what is written to it.
struct FirstChunk(Zeroizing<Vec<u8>>);

impl Write for FirstChunk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = CHUNK.saturating_sub(self.0.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.0.extend_from_slice(kept);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The stanzas in the header of an age file, binary or in armor. Whoever opens it verifies them.
///
/// # Errors
/// [`StreamError`] if the header does not read.
pub(super) fn stanzas<F: Read + Seek>(file: &mut F) -> Result<Vec<Stanza>, StreamError> {
    file.seek(SeekFrom::Start(0))?;
    let mut input = BufReader::with_capacity(HEADER, file);
    let header = match input.fill_buf().map_err(sort)?.starts_with(BINARY) {
        true => Header::take(&mut input)?,
        false => Header::take(&mut unarmored(input)?)?,
    };
    let parts = header.parts();
    let parts = parts.ok_or_else(|| StreamError::Broken("its header does not read".to_owned()))?;
    Ok(parts.stanzas)
}

fn pass<'a>(
    mut input: impl BufRead,
    identities: impl Iterator<Item = &'a dyn age::Identity>,
    mut output: impl Write,
) -> Result<Passed, StreamError> {
    // No armor begins like a binary file, and going around it saves a small file a tenth of its time.
    if input.fill_buf().map_err(sort)?.starts_with(BINARY) {
        return pass_binary(input, identities, &mut output);
    }
    pass_binary(unarmored(input)?, identities, &mut output)
}

fn pass_binary<'a>(
    mut binary: impl BufRead,
    identities: impl Iterator<Item = &'a dyn age::Identity>,
    output: &mut impl Write,
) -> Result<Passed, StreamError> {
    let header = Header::take(&mut binary)?;
    let begun = beginning(&mut binary, one_chunk::MOST).map_err(sort)?;
    if begun.len() > one_chunk::MOST {
        let payload = begun.as_slice().chain(binary);
        return copy(&mut decrypting(header, payload, identities)?, output, sort);
    }
    let plain = one_chunk::open(&header, &begun, identities);
    let plain = plain.map_err(|error| explain(error, header.post_quantum()))?;
    output.write_all(&plain)?;
    output.flush()?;
    Ok(Passed::of(&plain))
}

/// Reads `most` bytes and one more, or all that there is.
fn beginning(input: &mut impl Read, most: usize) -> std::io::Result<Vec<u8>> {
    // Wiped by the allocator (`secret::wipe`), so it is small for what is small.
    let mut bytes = vec![0; HEADER.min(most + 1)];
    let mut length = 0;
    loop {
        match input.read(bytes.get_mut(length..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if length == bytes.len() {
            bytes.resize(most + 1, 0);
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// A payload being decrypted, behind the header that was read before.
type Decrypting<B> = age::stream::StreamReader<Whole<B>>;

/// What is binary within an armor.
type Unarmored<I> = BufReader<age::armor::ArmoredReader<BufReader<I>>>;

fn unarmored<I: BufRead>(mut input: I) -> Result<Unarmored<I>, StreamError> {
    skip_blanks(&mut input)?;
    let armored = age::armor::ArmoredReader::new(input);
    Ok(BufReader::with_capacity(HEADER, armored))
}

/// Opens a payload behind its header.
fn decrypting<'a, B: BufRead>(
    header: Header,
    payload: B,
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<Decrypting<B>, StreamError> {
    let post_quantum = header.post_quantum();
    let opened = age::Decryptor::new_buffered(header.before(payload))
        .and_then(|decryptor| decryptor.decrypt(identities));
    opened.map_err(|error| explain(error, post_quantum))
}

/// Counts what it passes on.
struct Counted<'a, W> {
    output: W,
    written: &'a Cell<usize>,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = self.output.write(bytes)?;
        self.written.set(self.written.get().saturating_add(length));
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}

/// Copies all; `unread` says what a failure to read means.
fn copy(
    input: &mut impl Read,
    output: &mut impl Write,
    unread: fn(std::io::Error) -> StreamError,
) -> Result<Passed, StreamError> {
    // Wiped by the allocator (`secret::wipe`), so it is small for what is small.
    let mut buffer = vec![0; HEADER];
    let mut hash = Context::new(&SHA256);
    let mut size = 0;
    loop {
        let length = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unread(error)),
        };
        let chunk = buffer.get(..length).unwrap_or_default();
        hash.update(chunk);
        output.write_all(chunk)?;
        size += u64::try_from(length).unwrap_or(u64::MAX);
        if length == buffer.len() {
            buffer.resize(CHUNK, 0);
        }
    }
    output.flush()?;
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.finish().as_ref());
    Ok(Passed { size, sha256 })
}

#[cfg(test)]
mod tests;
