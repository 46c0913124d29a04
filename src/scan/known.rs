//! The vault's own values: opened by who can, and looked for in each form in which they get written.

use std::fmt;

use zeroize::Zeroizing;

use super::plain::telling;
use crate::error::{Code, Error, Problem};
use crate::fs::Sync;
use crate::secret::{Form, Plain};
use crate::vault::{Listed, Opener, Reader, Vault};

/// Larger sealed files are data, and no secret that somebody pastes.
const LARGEST_FILE: u64 = 64 * 1024;

/// A piece of a value in one spelling.
pub(super) struct Spelling {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) form: Form,
    /// Which secret it is of.
    pub(super) secret: usize,
}

/// Values that were opened.
pub struct Values {
    /// The names of secrets.
    pub secrets: Vec<String>,
    pub(super) spellings: Vec<Spelling>,
    /// Two bits for each window, by two hashes.
    bits: Vec<u64>,
    /// Hashes of windows, sorted, with the spellings that have them and how far in.
    table: Vec<(u32, u32, u8)>,
    /// Secrets that would turn up by accident: short ones, host names, numbers, paths.
    pub plain: Vec<String>,
    /// Documents and files that none of the identities opens.
    pub closed: Vec<String>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Values({})", self.secrets.len())
    }
}

/// Opens what these identities can, and learns it.
///
/// # Errors
/// [`crate::vault::VaultError`] for what does not verify; an audit log that cannot be written.
pub fn learn(vault: &Vault, openers: Vec<&dyn Opener>) -> Result<Values, Error> {
    let mut values = Values::none();
    if !openers.is_empty() {
        let reader = Reader::new(vault, openers, "scan", Sync::Lazy)?;
        for listed in vault.list(None)? {
            values.learn(&reader, &listed)?;
        }
    }
    values.finish();
    Ok(values)
}

impl Values {
    /// Nothing is known.
    #[must_use]
    pub fn none() -> Self {
        Self {
            secrets: Vec::new(),
            spellings: Vec::new(),
            bits: vec![0; BITS / 64],
            table: Vec::new(),
            plain: Vec::new(),
            closed: Vec::new(),
        }
    }

    fn learn(&mut self, reader: &Reader<'_>, listed: &Listed) -> Result<(), Error> {
        let opened = match listed {
            Listed::Document(path) => reader.document(path).map(|values| {
                for opened in values {
                    self.add(&format!("{path}/{}", opened.name), &opened.value);
                }
            }),
            Listed::File(path) => match reader.open_file(path) {
                Ok(mut file) if file.content.size <= LARGEST_FILE => {
                    let mut bytes = Zeroizing::new(Vec::new());
                    let read = std::io::Read::read_to_end(&mut file.reader, &mut bytes);
                    read.map(|_| self.add(path.as_str(), &Plain::new(std::mem::take(&mut *bytes))))
                        .map_err(|error| {
                            Problem::new(Code::IoErr, format!("cannot open `{path}`: {error}"))
                                .into()
                        })
                }
                Ok(_) => {
                    self.plain.push(path.to_string());
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        match opened {
            Err(error) if matches!(error.code(), Code::NoKey | Code::NotFound) => {
                self.closed.push(listed.path().to_owned());
                Ok(())
            }
            other => other,
        }
    }

    pub(super) fn add(&mut self, secret: &str, value: &Plain) {
        let before = self.spellings.len();
        let owner = self.secrets.len();
        value.with(|bytes| {
            for piece in telling(bytes) {
                for (form, bytes) in super::spelled::spelled(piece) {
                    self.spellings.push(Spelling {
                        bytes,
                        form,
                        secret: owner,
                    });
                }
            }
        });
        if self.spellings.len() == before {
            self.plain.push(secret.to_owned());
        } else {
            self.secrets.push(secret.to_owned());
        }
    }

    pub(super) fn finish(&mut self) {
        for (number, spelling) in self.spellings.iter().enumerate() {
            for (offset, window) in spelling.bytes.windows(WINDOW).take(STRIDE).enumerate() {
                let hash = mix(window);
                for slot in slots(hash) {
                    if let Some(word) = self.bits.get_mut(slot / 64) {
                        *word |= 1 << (slot % 64);
                    }
                }
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                let offset = u8::try_from(offset).unwrap_or(u8::MAX);
                self.table.push((low(hash), number, offset));
            }
        }
        self.table.sort_unstable();
    }

    /// How long the longest spelling is.
    pub(super) fn longest(&self) -> usize {
        let lengths = self.spellings.iter().map(|spelling| spelling.bytes.len());
        lengths.max().unwrap_or(0)
    }

    /// Each spelling that begins from `from` on and before `settled`: where, and which. Where several begin
    /// or meet, the first one and of these the longest.
    pub(super) fn find(
        &self,
        bytes: &[u8],
        from: usize,
        settled: usize,
    ) -> Vec<(usize, &Spelling)> {
        let mut found: Vec<(usize, &Spelling)> = Vec::new();
        let end = (settled + STRIDE).min(bytes.len());
        let looked = bytes.get(from..).unwrap_or_default();
        for (number, window) in looked.windows(WINDOW).step_by(STRIDE).enumerate() {
            let at = from + number * STRIDE;
            if at >= end {
                break;
            }
            let hash = mix(window);
            let [a, b] = slots(hash);
            if self.has(a) && self.has(b) {
                self.here(bytes, at, low(hash), |start, spelling| {
                    if (from..settled).contains(&start) {
                        found.push((start, spelling));
                    }
                });
            }
        }
        found.sort_by_key(|(start, spelling)| (*start, usize::MAX - spelling.bytes.len()));
        let mut behind = 0;
        found.retain(|(start, spelling)| {
            let is_first = *start >= behind;
            if is_first {
                behind = start + spelling.bytes.len();
            }
            is_first
        });
        found
    }

    #[inline]
    fn has(&self, slot: usize) -> bool {
        self.bits
            .get(slot / 64)
            .is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    /// The spellings that have this window at a place.
    fn here<'a>(
        &'a self,
        bytes: &[u8],
        at: usize,
        hash: u32,
        mut found: impl FnMut(usize, &'a Spelling),
    ) {
        let from = self.table.partition_point(|(other, ..)| *other < hash);
        let same = self.table.get(from..).unwrap_or_default();
        for (_, number, offset) in same.iter().take_while(|(other, ..)| *other == hash) {
            let spelling = usize::try_from(*number)
                .ok()
                .and_then(|n| self.spellings.get(n));
            let start = at.checked_sub(usize::from(*offset));
            if let (Some(spelling), Some(start)) = (spelling, start)
                && bytes
                    .get(start..)
                    .is_some_and(|rest| rest.starts_with(&spelling.bytes))
            {
                found(start, spelling);
            }
        }
    }
}

/// Bytes that are hashed. A spelling of eight bytes and more has one of these at each fourth place, wherever it
/// begins.
const WINDOW: usize = 5;

/// Only each so many bytes a window of a text is looked at.
const STRIDE: usize = 4;

/// 128 KiB, which stay in the second cache; forty thousand windows of a thousand values set two bits each.
const BITS: usize = 1 << 20;

#[inline]
fn mix(window: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    if let Some(first) = window.first_chunk::<WINDOW>() {
        let [a, b, c, d, e] = *first;
        bytes = [a, b, c, d, e, 0, 0, 0];
    }
    u64::from_le_bytes(bytes).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[inline]
fn slots(hash: u64) -> [usize; 2] {
    [(hash >> 44) as usize, (hash >> 24) as usize & (BITS - 1)]
}

fn low(hash: u64) -> u32 {
    (hash >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_spelling_is_the_one() {
        let mut values = Values::none();
        values.add("a", &Plain::from("swordfish-12"));
        values.add("b", &Plain::from("swordfish-12-and-more"));
        values.add("short", &Plain::from("abc"));
        values.finish();
        assert_eq!((values.secrets.len(), values.plain.len()), (2, 1));
        for before in ["", "a", "ab", "abc", "abcd"] {
            let found = |text: &str| {
                let text = format!("{before}{text} and more");
                let found = values.find(text.as_bytes(), 0, text.len());
                let names = found
                    .iter()
                    .map(|(at, s)| (*at, values.secrets[s.secret].clone()));
                names.collect::<Vec<_>>()
            };
            let at = before.len();
            assert_eq!(found("swordfish-12 "), [(at, "a".to_owned())], "{before}");
            assert_eq!(found("swordfish-12-and-more"), [(at, "b".to_owned())]);
            assert_eq!(found("swordfish-1"), []);
        }
        assert!(!format!("{values:?}").contains("sword"));
    }
}
