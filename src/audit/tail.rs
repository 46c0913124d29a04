//! The end of the log, which the next line is chained to, also where a killed run or a power cut left a part of a line.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use serde_json::Value;

use crate::crypto::sha256;

/// No line is longer: a deploy that names 1,000 secrets of 200 bytes is 200 KB.
pub(super) const MAX_LINE: u64 = 1024 * 1024;

/// The end of the log: the last whole line's number and hash.
pub(super) struct Tail {
    pub(super) number: u64,
    pub(super) hash: [u8; 32],
    /// Something behind that line is no line.
    pub(super) torn: bool,
    /// The log ends in the midst of a line.
    pub(super) unended: bool,
}

/// What the last bytes of a log show.
enum Sight {
    Tail(Tail),
    /// The line begins before them.
    Further,
    /// What lies there is not ours.
    Strange,
}

impl Tail {
    /// Looks for it from the end on; `None` if what lies there is not ours.
    pub(super) fn read(mut file: &File) -> std::io::Result<Option<Self>> {
        let size = file.seek(SeekFrom::End(0))?;
        let mut window = 4096;
        loop {
            let start = size.saturating_sub(window);
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::with_capacity(usize::try_from(size - start).unwrap_or(0) + 1);
            file.take(size - start).read_to_end(&mut bytes)?;
            match Self::of(&bytes, start == 0) {
                Sight::Tail(tail) => return Ok(Some(tail)),
                Sight::Further if window < 2 * MAX_LINE => window *= 8,
                Sight::Further | Sight::Strange => return Ok(None),
            }
        }
    }

    /// Looks for it in the last bytes of the log, or in `all` of them.
    fn of(bytes: &[u8], all: bool) -> Sight {
        let mut end = memchr::memrchr(b'\n', bytes);
        let rest = bytes.get(end.map_or(0, |at| at + 1)..).unwrap_or_default();
        let unended = !rest.is_empty();
        // Only its end is missing.
        if let Some(number) = number_of(rest) {
            return Sight::Tail(Self {
                number,
                hash: sha256(rest),
                torn: false,
                unended,
            });
        }
        let (mut torn, mut taken, mut cut) = (unended, is_taken(rest), false);
        while let Some(at) = end {
            let whole = bytes.get(..at).unwrap_or_default();
            end = memchr::memrchr(b'\n', whole);
            let line = match end {
                Some(before) => whole.get(before + 1..).unwrap_or_default(),
                None if all => whole,
                None => return Sight::Further,
            };
            match number_of(line) {
                Some(number) => {
                    return Sight::Tail(Self {
                        number,
                        hash: sha256(line),
                        torn,
                        unended,
                    });
                }
                // A power cut can leave the end of a line and take what stood before it.
                None if is_taken(line) => taken = true,
                // A cut line, which the one behind it ended, of which a part was taken in turn.
                None if taken && !cut => cut = true,
                None => return Sight::Strange,
            }
            torn = true;
        }
        if !all {
            return Sight::Further;
        }
        Sight::Tail(Self {
            number: 0,
            hash: [0; 32],
            torn,
            unended,
        })
    }
}

/// The number of a whole line, whoever wrote it.
pub(super) fn number_of(line: &[u8]) -> Option<u64> {
    let value: Value = serde_json::from_slice(line).ok()?;
    value.get("n")?.as_u64()
}

/// Whether a power cut took a part of a line: what was not written yet then reads as zeros, which no line
/// of ours has.
pub(super) fn is_taken(line: &[u8]) -> bool {
    memchr::memchr(0, line).is_some()
}
