//! The values of key lines: strings, integers, booleans and one-line arrays of strings.

use std::fmt::{self, Write as _};

use super::is_forbidden;

/// What stands behind `key = `.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// `"…"`, with `\"`, `\\` and `\uXXXX` as the only escapes.
    Text(String),
    /// A decimal integer.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// `["a", "b"]`.
    Texts(Vec<String>),
}

impl Value {
    /// Reads a value in its one accepted spelling; `None` for any other.
    pub(super) fn parse(raw: &str) -> Option<Self> {
        let value = match raw.as_bytes().first()? {
            b'"' => {
                let (text, rest) = take_string(raw)?;
                rest.is_empty().then_some(Self::Text(text))?
            }
            b'[' => Self::Texts(take_array(raw)?),
            b't' | b'f' => Self::Boolean(raw.parse().ok()?),
            _ => Self::Integer(raw.parse().ok()?),
        };
        // What is printed again must be what was read (rule 10): no needless escapes, no `+1`.
        (value.to_string() == raw).then_some(value)
    }
}

/// A text that stands in quotes as it is, which nearly all do.
pub(super) fn plain(raw: &str) -> Option<&str> {
    let text = raw.strip_prefix('"')?.strip_suffix('"')?;
    escaped_at(text).is_none().then_some(text)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write_string(f, text),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(truth) => truth.fmt(f),
            Self::Texts(texts) => {
                f.write_char('[')?;
                for (index, text) in texts.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write_string(f, text)?;
                }
                f.write_char(']')
            }
        }
    }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    let mut rest = text;
    while let Some(at) = escaped_at(rest) {
        let (plain, from) = rest.split_at(at);
        f.write_str(plain)?;
        let mut characters = from.chars();
        match characters.next() {
            Some('"') => f.write_str("\\\"")?,
            Some('\\') => f.write_str("\\\\")?,
            other => write!(f, "\\u{:04x}", other.map_or(0, u32::from))?,
        }
        rest = characters.as_str();
    }
    f.write_str(rest)?;
    f.write_char('"')
}

/// Where the first character is that is not written as it is. Nearly all texts are of ASCII without any.
fn escaped_at(text: &str) -> Option<usize> {
    // Written so that the compiler turns it into vector instructions.
    let is_plain = |b: u8| (b.wrapping_sub(b' ') < 0x5f) & (b != b'"') & (b != b'\\');
    if text.bytes().fold(true, |all, b| all & is_plain(b)) {
        return None;
    }
    text.find(|character| matches!(character, '"' | '\\') || is_forbidden(character))
}

/// Takes a basic string off the front; gives its text and what follows.
fn take_string(raw: &str) -> Option<(String, &str)> {
    let mut rest = raw.strip_prefix('"')?;
    let mut text = String::with_capacity(rest.len());
    loop {
        let stop = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
        text.push_str(rest.get(..stop)?);
        rest = rest.get(stop..)?;
        if let Some(after) = rest.strip_prefix('"') {
            return Some((text, after));
        }
        let after = rest.strip_prefix('\\')?;
        rest = if let Some(after) = after.strip_prefix('u') {
            let code = u32::from_str_radix(after.get(..4)?, 16).ok()?;
            text.push(char::from_u32(code)?);
            after.get(4..)?
        } else {
            let escaped = after.chars().next().filter(|c| matches!(c, '"' | '\\'))?;
            text.push(escaped);
            after.get(1..)?
        };
    }
}

fn take_array(raw: &str) -> Option<Vec<String>> {
    let mut rest = raw.strip_prefix('[')?;
    let mut texts = Vec::new();
    while let Some((text, after)) = take_string(rest) {
        texts.push(text);
        rest = after.strip_prefix(", ").unwrap_or(after);
    }
    (rest == "]").then_some(texts)
}
