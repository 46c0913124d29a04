//! The first line of a table.

use super::{Fault, LineError, Schema};

/// A header, and where its table lies in the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header<'a> {
    /// The kind: `secret`.
    pub kind: &'a str,
    /// The name, where the kind has one: `TOKEN`.
    pub name: Option<&'a str>,
    /// Byte offset of the header's `[`.
    pub start: usize,
    /// Byte offset behind the last line before the next header.
    pub end: usize,
}

impl Header<'_> {
    /// What stands between the brackets, for a message.
    pub(super) fn title(&self) -> String {
        match self.name {
            Some(name) => format!("{}.{name}", self.kind),
            None => self.kind.to_owned(),
        }
    }

    /// All of its table in the text that was scanned, up to the next header.
    pub(super) fn table<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.start..self.end).unwrap_or_default()
    }
}

/// Reads the header at `start`, and the rank of its kind.
pub(super) fn read<'a>(
    source: &'a str,
    start: usize,
    schema: &'static Schema,
) -> Result<(usize, Header<'a>), LineError> {
    let rest = source.get(start..).unwrap_or_default();
    let line = rest.split_once('\n').map_or(rest, |(line, _)| line);
    let wrong = || {
        // A list over several lines has lines that begin so too, and what it lists is not repeated.
        let kind = line.trim_start_matches('[').split(['.', ']']).next();
        let fault = match kind.is_some_and(|kind| is_word(kind.trim())) {
            true => Fault::Header(shorten(line)),
            false => Fault::NotALine,
        };
        schema.error(source, start, fault)
    };
    let inner = line
        .strip_prefix('[')
        .and_then(|l| l.strip_suffix(']'))
        .ok_or_else(wrong)?;
    let (kind, name) = match inner.split_once('.') {
        Some((kind, name)) => (kind, Some(unquote(name).ok_or_else(wrong)?)),
        None => (inner, None),
    };
    let (rank, named) = match schema.kind(kind) {
        Some((rank, kind)) => (rank, kind.named),
        None if kind == "end" => (schema.kinds.len(), false),
        None if !is_word(kind) => return Err(wrong()),
        None => {
            let nearest = crate::text::nearest(kind, schema.kinds.iter().map(|kind| kind.name));
            let fault = Fault::Kind {
                kind: kind.to_owned(),
                nearest: nearest.map(str::to_owned),
            };
            return Err(schema.error(source, start, fault));
        }
    };
    if named != name.is_some() {
        return Err(wrong());
    }
    let header = Header {
        kind,
        name,
        start,
        end: source.len(),
    };
    Ok((rank, header))
}

/// A bare name, or a quoted one that needs its quotes (rule 3).
fn unquote(name: &str) -> Option<&str> {
    match name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) {
        Some(inner) => (inner
            .bytes()
            .all(|b| is_bare(b) || matches!(b, b'.' | b'/'))
            && !inner.bytes().all(is_bare))
        .then_some(inner),
        None => (!name.is_empty() && name.bytes().all(is_bare)).then_some(name),
    }
}

/// Whether a name with this character needs no quotes for it.
pub(super) fn is_bare(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

/// Whether a message may repeat a text as the name of a key or a kind: no private key is as short.
pub(super) fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(is_bare)
}

/// The beginning of a header for a message.
fn shorten(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    crate::text::clean_line(if short.len() < text.len() {
        &short
    } else {
        text
    })
}
