//! What is packed: gzip, tar and zip, in memory, within limits that no bomb gets past.
//!
//! An archive's names are shown and never opened as paths.

use std::io::{self, Read, SeekFrom};

use flate2::read::{DeflateDecoder, MultiGzDecoder};

use super::look::{Buffer, Found, Looker, fill};

/// All that one archive may unpack to.
const MOST: u64 = 4 * 1024 * 1024 * 1024;

/// Entries of one archive.
const ENTRIES: usize = 200_000;

/// Archives within archives: a `.tar.gz` is two.
const DEPTH: usize = 4;

/// An inner archive is held in memory, and no larger.
const INNER: u64 = 64 * 1024 * 1024;

/// Looks into a file, if it is an archive.
///
/// # Errors
/// In words, if it does not read or goes past a limit.
pub(super) fn look(
    looker: &Looker,
    path: &str,
    mut file: impl Read + io::Seek,
    buffer: &mut Buffer,
    found: &mut Found,
) -> Result<(), String> {
    let mut left = MOST;
    let mut into = Into {
        looker,
        buffer,
        found,
        left: &mut left,
    };
    let mut first = [0; 264];
    file.rewind().map_err(|error| error.to_string())?;
    let read = fill(&mut file, &mut first).map_err(|error| error.to_string())?;
    file.rewind().map_err(|error| error.to_string())?;
    let kind = Kind::of(first.get(..read).unwrap_or_default());
    let result = match kind {
        None => return Ok(()),
        Some(Kind::Gzip) => into.gzip(path, &mut file, 1),
        Some(Kind::Tar) => into.tar(path, &mut file, 1),
        Some(Kind::Zip) => into.zip(path, &mut file, 1),
    };
    result.map_err(|error| format!("what it packs was not all looked at: {error}"))
}

#[derive(Clone, Copy)]
enum Kind {
    Gzip,
    Tar,
    Zip,
}

/// An entry of a zip's directory begins so.
const ENTRY: &[u8] = b"PK\x01\x02";

impl Kind {
    fn of(first: &[u8]) -> Option<Self> {
        match first {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            _ if first.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            _ if is_program(first) => Some(Self::Zip),
            _ => None,
        }
    }
}

/// Whether a zip stands behind the line that says what runs it, as in a `.pyz` (PEP 441).
fn is_program(first: &[u8]) -> bool {
    let end = memchr::memchr(b'\n', first).filter(|_| first.starts_with(b"#!"));
    let zip = end.and_then(|end| first.get(end + 1..));
    zip.is_some_and(|zip| zip.starts_with(b"PK\x03\x04"))
}

struct Into<'a> {
    looker: &'a Looker,
    buffer: &'a mut Buffer,
    found: &'a mut Found,
    left: &'a mut u64,
}

impl Into<'_> {
    /// Looks through what comes out of an archive, and into it.
    fn entry(&mut self, path: &str, content: &mut dyn Read, depth: usize) -> io::Result<()> {
        let mut counted = Counted {
            inner: content,
            left: self.left,
        };
        let mut first = [0; 264];
        let read = fill(&mut counted, &mut first)?;
        let first = first.get(..read).unwrap_or_default();
        let mut whole = first.chain(&mut counted);
        let Some(kind) = Kind::of(first) else {
            return self.looker.look(path, &mut whole, self.buffer, self.found);
        };
        if depth >= DEPTH {
            return Err(io::Error::other(format!("{path} lies too deep")));
        }
        // A tar behind gzip is read as it comes; what needs to be sought in is held.
        if let Kind::Tar = kind {
            let mut left = MOST;
            let mut into = Into {
                looker: self.looker,
                buffer: self.buffer,
                found: self.found,
                left: &mut left,
            };
            return into.tar(path, &mut whole, depth + 1);
        }
        let mut held = Vec::new();
        whole.take(INNER + 1).read_to_end(&mut held)?;
        if held.len() as u64 > INNER {
            return Err(io::Error::other(format!(
                "{path} is too large to look into"
            )));
        }
        let mut held = io::Cursor::new(held);
        match kind {
            Kind::Gzip => self.gzip(path, &mut held, depth + 1),
            Kind::Zip => self.zip(path, &mut held, depth + 1),
            Kind::Tar => Ok(()),
        }
    }

    fn gzip(&mut self, path: &str, packed: &mut dyn Read, depth: usize) -> io::Result<()> {
        // Of `a.zip!s.txt.gz` it is `s.txt` that comes out.
        let name = path.rsplit(['/', '!']).next().unwrap_or(path);
        let stem = name.strip_suffix(".gz").unwrap_or(name);
        let stem = stem
            .strip_suffix(".tgz")
            .map_or(stem.to_owned(), |stem| format!("{stem}.tar"));
        let mut content = UpToFault::of(MultiGzDecoder::new(packed));
        self.entry(&format!("{path}!{stem}"), &mut content, depth)?;
        content.end()
    }

    /// POSIX.1-1988 (ustar): a head of 512 bytes, the content, zeros up to the next 512.
    fn tar(&mut self, path: &str, packed: &mut dyn Read, depth: usize) -> io::Result<()> {
        let mut long_name = None;
        for _ in 0..ENTRIES {
            let mut head = [0; 512];
            if fill(packed, &mut head)? < head.len() || head.iter().all(|byte| *byte == 0) {
                return Ok(());
            }
            let size = octal(head.get(124..136).unwrap_or_default())
                .ok_or_else(|| io::Error::other("a size in it is no number"))?;
            let mut content = packed.take(size);
            let kind = head.get(156).copied().unwrap_or(0);
            if kind == b'L' || kind == b'x' {
                let mut name = Vec::new();
                content.by_ref().take(64 * 1024).read_to_end(&mut name)?;
                long_name = Some(match kind {
                    b'L' => text(&name),
                    _ => pax_path(&name).unwrap_or_default(),
                });
            } else {
                let short = [
                    text(head.get(345..500).unwrap_or_default()),
                    text(head.get(..100).unwrap_or_default()),
                ];
                let short = short.join("/").trim_start_matches('/').to_owned();
                let name = long_name
                    .take()
                    .filter(|name| !name.is_empty())
                    .unwrap_or(short);
                if matches!(kind, b'0' | 0 | b'7') {
                    self.entry(&format!("{path}!{name}"), &mut content, depth)?;
                }
            }
            io::copy(&mut content, &mut io::sink())?;
            io::copy(&mut packed.take((512 - size % 512) % 512), &mut io::sink())?;
        }
        Err(io::Error::other("it has too many entries"))
    }

    /// By the directory at the end (APPNOTE 4.3.12), stored and deflated entries.
    fn zip(
        &mut self,
        path: &str,
        packed: &mut (impl Read + io::Seek),
        depth: usize,
    ) -> io::Result<()> {
        let wrong = || io::Error::other("its directory does not read");
        let size = packed.seek(SeekFrom::End(0))?;
        // A comment of 65,535 bytes may stand behind the record of 22.
        let tail = size.min(65_557);
        packed.seek(SeekFrom::Start(size - tail))?;
        let mut end = Vec::new();
        packed.by_ref().take(tail).read_to_end(&mut end)?;
        let at = memchr::memmem::rfind(&end, b"PK\x05\x06").ok_or_else(wrong)?;
        let record = end.get(at..).unwrap_or_default();
        let length = le32(record, 12).ok_or_else(wrong)?;
        let offset = le32(record, 16).ok_or_else(wrong)?;
        let mut read_directory = |at: u64| {
            packed.seek(SeekFrom::Start(at))?;
            let mut directory = Vec::new();
            let mut whole = packed.by_ref().take(length.min(INNER));
            whole.read_to_end(&mut directory).map(|_| directory)
        };
        let mut directory = read_directory(offset)?;
        let mut before = 0;
        if length > 0 && !directory.starts_with(ENTRY) {
            // Something was put before it, and its numbers are as they were.
            before = (size - tail + at as u64)
                .checked_sub(length)
                .and_then(|there| there.checked_sub(offset))
                .ok_or_else(wrong)?;
            directory = read_directory(offset + before)?;
            if !directory.starts_with(ENTRY) {
                return Err(wrong());
            }
        }
        let mut rest = directory.as_slice();
        for _ in 0..ENTRIES {
            if !rest.starts_with(ENTRY) {
                return Ok(());
            }
            let part = |at: usize| le16(rest, at).ok_or_else(wrong);
            let (flags, method, name_length) = (part(8)?, part(10)?, part(28)?);
            let skip = 46 + name_length + part(30)? + part(32)?;
            let packed_size = le32(rest, 20).ok_or_else(wrong)?;
            let local = le32(rest, 42).ok_or_else(wrong)?;
            let name = text(rest.get(46..46 + name_length).unwrap_or_default());
            rest = rest.get(skip..).ok_or_else(wrong)?;
            let inner = format!("{path}!{name}");
            if flags & 1 == 1 {
                self.found
                    .unread
                    .push((inner, "it is encrypted".to_owned()));
                continue;
            }
            packed.seek(SeekFrom::Start(before + local))?;
            let mut head = [0; 30];
            packed.read_exact(&mut head)?;
            let gap = le16(&head, 26).ok_or_else(wrong)? + le16(&head, 28).ok_or_else(wrong)?;
            io::copy(&mut packed.by_ref().take(gap as u64), &mut io::sink())?;
            let content = packed.by_ref().take(packed_size);
            match method {
                0 => self.entry(&inner, &mut { content }, depth)?,
                8 => {
                    let mut content = UpToFault::of(DeflateDecoder::new(content));
                    self.entry(&inner, &mut content, depth)?;
                    content.end()?;
                }
                _ => {
                    let why = "it is packed in a way that is not known here".to_owned();
                    self.found.unread.push((inner, why));
                }
            }
        }
        Err(io::Error::other("it has too many entries"))
    }
}

/// Counts what comes out, and ends it at the limit.
struct Counted<'a> {
    inner: &'a mut dyn Read,
    left: &'a mut u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(room)?;
        *self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it unpacks to more than 4 GiB"))?;
        Ok(read)
    }
}

/// What is cut or damaged is looked at as far as it unpacks, and only then told.
struct UpToFault<R> {
    inner: R,
    fault: Option<io::Error>,
}

impl<R: Read> UpToFault<R> {
    fn of(inner: R) -> Self {
        Self { inner, fault: None }
    }

    fn end(self) -> io::Result<()> {
        self.fault.map_or(Ok(()), Err)
    }
}

impl<R: Read> Read for UpToFault<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.fault.is_some() {
            return Ok(0);
        }
        match self.inner.read(room) {
            Err(fault) if fault.kind() != io::ErrorKind::Interrupted => {
                self.fault = Some(fault);
                Ok(0)
            }
            read => read,
        }
    }
}

/// A text that ends at its first zero.
fn text(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn octal(bytes: &[u8]) -> Option<u64> {
    let digits = text(bytes);
    u64::from_str_radix(digits.trim(), 8).ok()
}

/// `LENGTH path=NAME` of an extended head (POSIX.1-2001).
fn pax_path(records: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(records);
    let path = text.lines().find_map(|line| line.split_once(" path="));
    path.map(|(_, path)| path.to_owned())
}

fn le16(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk::<2>()?;
    Some(usize::from(u16::from_le_bytes(*bytes)))
}

fn le32(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u64::from(u32::from_le_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::known::Values;
    use super::super::look::Known;
    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Where something is found in an archive, and whether all of it was looked at.
    fn found(path: &str, archive: &[u8]) -> (Vec<String>, Result<(), String>) {
        let looker = Looker::new(Known::Values(Values::none()), None);
        let (mut found, mut buffer) = (Found::default(), looker.buffer());
        let result = look(
            &looker,
            path,
            io::Cursor::new(archive),
            &mut buffer,
            &mut found,
        );
        let paths = found.findings.into_iter().map(|finding| finding.path);
        (paths.collect(), result)
    }

    fn secret() -> String {
        format!("TOKEN=do{}_{}\n", "p_v1", "7c1a9f8c7e6b5d40".repeat(4))
    }

    #[test]
    fn what_unpacks_of_a_damaged_archive_is_looked_at() {
        let noise: String = (0..20_000_u32)
            .map(|n| format!("{:x}\n", n.wrapping_mul(2_654_435_761)))
            .collect();
        let whole = gzip(format!("{}{noise}", secret()).as_bytes());
        let cut = whole.get(..whole.len() / 2).unwrap();
        let zeros = [gzip(secret().as_bytes()), vec![0; 512]].concat();
        for damaged in [cut, &zeros] {
            let (paths, result) = found("a.env.gz", damaged);
            assert_eq!(paths, ["a.env.gz!a.env"]);
            assert!(result.is_err());
        }
        assert_eq!(
            found("a.env.gz", &whole),
            (vec!["a.env.gz!a.env".to_owned()], Ok(()))
        );
    }

    #[test]
    fn what_comes_out_of_an_archive_within_one_has_its_own_name() {
        let mut head = [0; 512];
        let packed = gzip(secret().as_bytes());
        let size = format!("{:011o}", packed.len());
        for (at, field) in [(0, "s.txt.gz"), (124, &size), (156, "0"), (257, "ustar")] {
            head[at..at + field.len()].copy_from_slice(field.as_bytes());
        }
        let fill = vec![0; 512 - packed.len() % 512];
        let tar = [&head[..], &packed, &fill].concat();
        let (paths, result) = found("b/a.tar", &tar);
        assert_eq!(
            (paths, result),
            (vec!["b/a.tar!s.txt.gz!s.txt".to_owned()], Ok(()))
        );
    }
}
