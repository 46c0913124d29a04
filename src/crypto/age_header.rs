//! The front of an age file, read more strictly than the age crate reads it.
//!
//! An age file (age-encryption.org/v1) opens with a text header: a version line, one stanza per
//! recipient, and `--- ` with a MAC. A stanza is a line `-> TYPE ARGUMENT…` and a body of base64 in
//! lines of 64 columns, the last of which is shorter. The age crate also takes stanzas without that
//! last line, as its beta versions wrote them; whoever judges by the specification refuses them,
//! and so do we. Armor may have blanks before it, which the crate does not skip.

use std::io::{BufRead, Read};

use age_core::format::Stanza;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::age_error::{StreamError, sort};
use super::stanza::{self, COLUMNS, More};

/// A file of this version, and no other.
const VERSION: &[u8] = b"age-encryption.org/v1\n";

/// 1 MiB holds 10,000 X25519 recipients; a larger header would only make us work.
pub(super) const MAX_HEADER: usize = 1024 * 1024;

/// What nobody would read back is not sealed.
pub(super) const TOO_MANY: &str = "it has more recipients than a header of 1 MiB holds";

/// As many blanks before armor as the reference implementation skips.
const MAX_BLANKS: usize = 1024;

/// Stanzas of newer kinds of recipients, which cannot be opened here.
const POST_QUANTUM: &[&str] = &["mlkem768x25519", "mlkem768p256tag"];

/// A header of the right form. Its MAC and its stanzas are not verified yet.
pub(super) struct Header {
    bytes: Vec<u8>,
    post_quantum: Option<&'static str>,
}

/// What a header says.
pub(super) struct Parts<'h> {
    pub(super) stanzas: Vec<Stanza>,
    /// What the MAC is over.
    pub(super) covered: &'h [u8],
    pub(super) mac: [u8; 32],
}

impl Header {
    /// Takes the header off the front of a binary age file.
    ///
    /// # Errors
    /// [`StreamError::Broken`] if it is no version 1 header or larger than 1 MiB.
    pub(super) fn take(input: &mut impl BufRead) -> Result<Self, StreamError> {
        let mut header = Self {
            bytes: Vec::new(),
            post_quantum: None,
        };
        if header.line(input)? != VERSION {
            return Err(broken("its first line does not say age-encryption.org/v1"));
        }
        loop {
            let line = header.line(input)?;
            if line.starts_with(b"--- ") {
                return Ok(header);
            }
            let Some(stanza) = line.strip_prefix(b"-> ") else {
                return Err(broken("its header has a line out of place"));
            };
            let kind = stanza.split(|byte| matches!(byte, b' ' | b'\n')).next();
            let newer = POST_QUANTUM
                .iter()
                .find(|known| kind == Some(known.as_bytes()));
            header.post_quantum = header.post_quantum.or(newer.copied());
            header.body(input)?;
        }
    }

    /// Its stanzas and its MAC; nothing if one of them is not written in the one right way.
    pub(super) fn parts(&self) -> Option<Parts<'_>> {
        let text = self.bytes.get(VERSION.len()..)?;
        let mut lines = text.split(|byte| *byte == b'\n');
        let mut stanzas = Vec::new();
        loop {
            let line = lines.next()?;
            if let Some(mac) = line.strip_prefix(b"--- ") {
                let mac = STANDARD_NO_PAD.decode(mac).ok()?.try_into().ok()?;
                let length = self.bytes.len().checked_sub(line.len() - 3 + 1)?;
                let covered = self.bytes.get(..length)?;
                return (!stanzas.is_empty()).then_some(Parts {
                    stanzas,
                    covered,
                    mac,
                });
            }
            let mut stanza = stanza::head(line)?;
            while stanza::body_line(&mut stanza.body, lines.next()?)? == More::Follows {}
            stanzas.push(stanza);
        }
    }

    /// A kind of recipient among its stanzas that is too new for us.
    pub(super) fn post_quantum(&self) -> Option<&'static str> {
        self.post_quantum
    }

    /// The file again, with the header in front of what was left of `rest`.
    pub(super) fn before<R: BufRead>(self, rest: R) -> Whole<R> {
        Whole {
            header: self.bytes,
            given: 0,
            rest,
        }
    }

    /// The lines of a stanza's body, to the first with fewer than 64 columns.
    fn body(&mut self, input: &mut impl BufRead) -> Result<(), StreamError> {
        loop {
            let line = self.line(input)?;
            if line.starts_with(b"-") {
                return Err(broken("a stanza lacks its last line"));
            }
            match (line.len() - 1).cmp(&COLUMNS) {
                std::cmp::Ordering::Less => return Ok(()),
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => {
                    return Err(broken("a stanza has a line of more than 64 columns"));
                }
            }
        }
    }

    /// Reads one more line, with its line end.
    fn line(&mut self, input: &mut impl BufRead) -> Result<&[u8], StreamError> {
        let start = self.bytes.len();
        let left = u64::try_from(MAX_HEADER - start).unwrap_or(0);
        input
            .by_ref()
            .take(left)
            .read_until(b'\n', &mut self.bytes)
            .map_err(sort)?;
        let line = self.bytes.get(start..).unwrap_or_default();
        if line.ends_with(b"\n") {
            Ok(line)
        } else if self.bytes.len() == MAX_HEADER {
            Err(broken("its header is larger than 1 MiB"))
        } else {
            Err(broken("its header is cut"))
        }
    }
}

/// Prints a header; `mac` says what is over its beginning.
pub(super) fn print_header<M: AsRef<[u8]>>(
    stanzas: &[Stanza],
    mac: impl FnOnce(&[u8]) -> M,
) -> Vec<u8> {
    let mut out = VERSION.to_vec();
    for Stanza { tag, args, body } in stanzas {
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        stanza::write(&mut out, tag, &words, body);
    }
    out.extend_from_slice(b"---");
    let mac = STANDARD_NO_PAD.encode(mac(&out));
    out.push(b' ');
    out.extend_from_slice(mac.as_bytes());
    out.push(b'\n');
    out
}

/// A header and what follows it, as one reader.
pub(super) struct Whole<R> {
    header: Vec<u8>,
    given: usize,
    rest: R,
}

impl<R> Whole<R> {
    fn header_left(&self) -> &[u8] {
        self.header.get(self.given..).unwrap_or_default()
    }
}

impl<R: BufRead> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.header_left().is_empty() {
            return self.rest.read(buffer);
        }
        let length = self.header_left().read(buffer)?;
        self.given += length;
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Whole<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.given < self.header.len() {
            Ok(self.header_left())
        } else {
            self.rest.fill_buf()
        }
    }

    fn consume(&mut self, amount: usize) {
        if self.given < self.header.len() {
            self.given += amount;
        } else {
            self.rest.consume(amount);
        }
    }

    /// Gives the whole header for its first line.
    ///
    /// The age crate asks for a line more and then parses all that it has from the start. For 3,500
    /// recipients that took 33 s in a test build, and with the header in one piece 30 ms.
    fn read_until(&mut self, end: u8, out: &mut Vec<u8>) -> std::io::Result<usize> {
        if self.header_left().is_empty() {
            return self.rest.read_until(end, out);
        }
        let length = self.header_left().len();
        out.extend_from_slice(self.header_left());
        self.given = self.header.len();
        Ok(length)
    }
}

/// Goes past blank lines before armor; binary files have none.
///
/// # Errors
/// [`StreamError::Broken`] if they are too many or something else than armor follows.
pub(super) fn skip_blanks(input: &mut impl BufRead) -> Result<(), StreamError> {
    let (mut skipped, mut at_line_start) = (0, true);
    loop {
        let ready = input.fill_buf().map_err(sort)?;
        let blanks = ready
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
            .count();
        let (before, after) = ready.split_at_checked(blanks).unwrap_or_default();
        if let Some(last) = before.last() {
            at_line_start = *last == b'\n';
        }
        let (next, at_end) = (after.first().copied(), ready.is_empty());
        input.consume(blanks);
        skipped += blanks;
        if skipped > MAX_BLANKS {
            return Err(broken("more than 1,024 blanks stand before it"));
        }
        match next {
            Some(b'-') if at_line_start => return Ok(()),
            Some(_) if skipped > 0 => return Err(broken("blanks stand before it")),
            None if !at_end => {}
            _ => return Ok(()),
        }
    }
}

fn broken(why: &str) -> StreamError {
    StreamError::Broken(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Result<Header, String> {
        Header::take(&mut text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn so_many_blanks_may_stand_before_armor_and_no_more() {
        for (blanks, ok) in [(1024, true), (1025, false), (5000, false)] {
            let text = "\n".repeat(blanks) + "-----BEGIN";
            let mut input = text.as_bytes();
            assert_eq!(skip_blanks(&mut input).is_ok(), ok, "{blanks}");
            assert_eq!(input, b"-----BEGIN");
        }
    }

    #[test]
    fn blanks_are_skipped_however_they_come() {
        use std::io::{BufReader, Read as _};
        for room in 1..9 {
            let skipped = |text: &'static str| {
                let mut input = BufReader::with_capacity(room, text.as_bytes());
                let mut rest = String::new();
                skip_blanks(&mut input).ok()?;
                input.read_to_string(&mut rest).unwrap();
                Some(rest)
            };
            assert_eq!(
                skipped(" \t\r\n  \n\n-----BEGIN").as_deref(),
                Some("-----BEGIN")
            );
            assert_eq!(skipped("age-encryption").as_deref(), Some("age-encryption"));
            assert_eq!(skipped("\n\n \n").as_deref(), Some(""));
            assert_eq!(skipped(" \n\n\n age"), None);
            assert_eq!(skipped("\n\n\n\n -----BEGIN"), None);
        }
    }

    #[test]
    fn a_stanza_ends_with_a_short_line() {
        let full = "A".repeat(COLUMNS);
        for body in [
            "",
            "QUFB",
            &format!("{full}\n"),
            &format!("{full}\n{full}\nQQ"),
        ] {
            let text = format!("age-encryption.org/v1\n-> x y\n{body}\n--- mac\n");
            assert!(judge(&text).is_ok(), "{text}");
        }
        for body in [full.as_str(), &format!("{full}A"), "QQ\nQQ"] {
            let text = format!("age-encryption.org/v1\n-> x y\n{body}\n--- mac\n");
            assert!(judge(&text).is_err(), "{text}");
        }
        assert!(judge("age-encryption.org/v1\n-> x y\n--- mac\n").is_err());
    }

    #[test]
    fn a_header_without_end_is_not_read_for_ever() {
        let line = format!("{}\n", "A".repeat(COLUMNS));
        let endless = format!("age-encryption.org/v1\n-> x\n{}", line.repeat(40_000));
        assert!(judge(&endless).err().unwrap().contains("1 MiB"));
        let no_line = "age-encryption.org/v1".to_owned() + &"A".repeat(2 * MAX_HEADER);
        assert!(judge(&no_line).err().unwrap().contains("1 MiB"));
        assert!(
            judge("age-encryption.org/v1\n-> x\n")
                .err()
                .unwrap()
                .contains("cut")
        );
    }

    #[test]
    fn a_header_of_many_stanzas_is_read() {
        let line = format!("{}\n", "A".repeat(COLUMNS));
        let stanza = format!("-> x\n{}\n", line.repeat(100));
        let many = format!("age-encryption.org/v1\n{}--- mac\n", stanza.repeat(150));
        assert!(many.len() > MAX_HEADER * 9 / 10);
        assert!(judge(&many).is_ok());
    }

    #[test]
    fn every_word_of_a_stanza_has_characters() {
        let mac = "A".repeat(43);
        let parts = |stanza: &str| {
            let text = format!("age-encryption.org/v1\n-> {stanza}\n\n--- {mac}\n");
            let header = judge(&text).unwrap();
            header.parts().map(|parts| parts.stanzas.len())
        };
        assert_eq!(parts("x y"), Some(1));
        for wrong in [" y", "x ", "x  y", "x \u{7f}", "\u{7f} y"] {
            assert_eq!(parts(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_kind_that_is_too_new_is_named() {
        let kind = |name: &str| {
            let text = format!("age-encryption.org/v1\n-> x\n\n-> {name} a\n\n--- mac\n");
            judge(&text).unwrap().post_quantum()
        };
        assert_eq!(kind("mlkem768x25519"), Some("mlkem768x25519"));
        assert_eq!(kind("mlkem768x2551"), None);
        assert_eq!(kind("X25519"), None);
    }

    #[test]
    fn the_file_reads_the_same_behind_its_header() {
        let text = b"age-encryption.org/v1\n-> x\n\n--- mac\nand the payload";
        for by_line in [false, true] {
            let mut rest = text.as_slice();
            let mut whole = Header::take(&mut rest).unwrap().before(rest);
            let mut out = Vec::new();
            if by_line {
                assert_eq!(whole.read_until(b'\n', &mut out).unwrap(), 36);
            }
            whole.read_to_end(&mut out).unwrap();
            assert_eq!(out, text);
        }
    }

    #[test]
    fn it_reads_the_same_however_little_is_taken_at_a_time() {
        let text = b"age-encryption.org/v1\n-> x\n\n--- mac\nand the payload";
        for most in [1, 7, 100] {
            let mut rest = text.as_slice();
            let mut whole = Header::take(&mut rest).unwrap().before(rest);
            let mut out = Vec::new();
            while out.len() <= text.len() {
                let ready = whole.fill_buf().unwrap();
                let length = ready.len().min(most);
                out.extend_from_slice(&ready[..length]);
                whole.consume(length);
                if length == 0 {
                    break;
                }
            }
            assert_eq!(out, text);
        }
    }

    #[test]
    fn only_armor_may_have_blanks_before_it() {
        for (text, rest) in [
            (" \t\r\n \n-----BEGIN", Some("-----BEGIN")),
            ("-----BEGIN", Some("-----BEGIN")),
            ("age-", Some("age-")),
            ("", Some("")),
            ("\nage-", None),
            ("\n -----BEGIN", None),
        ] {
            let mut input = text.as_bytes();
            let result = skip_blanks(&mut input);
            assert_eq!(result.ok().map(|()| input), rest.map(str::as_bytes));
        }
        assert!(skip_blanks(&mut " ".repeat(5000).as_bytes()).is_err());
    }
}
