//! The salt of a baseline, as it stands in such a file.

use std::ops::Range;

/// Bytes of a salt, which is written as twice as many digits.
pub(super) const SALT: usize = 16;

/// Where the salt stands in a text that begins as such a file does, however it is laid out: it is public, and
/// whoever commits the file would else be told of it at each scan.
pub(super) fn salt(text: &[u8]) -> Option<Range<usize>> {
    let before: [&[u8]; 8] = [
        b"{",
        b"\"format\"",
        b":",
        b"1",
        b",",
        b"\"salt\"",
        b":",
        b"\"",
    ];
    let behind: [&[u8]; 5] = [b"\"", b",", b"\"findings\"", b":", b"["];
    let start = past(text, 0, &before)?;
    let end = start + SALT * 2;
    let salt = text.get(start..end)?;
    past(text, end, &behind)?;
    let is_hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    salt.iter().all(is_hex).then_some(start..end)
}

/// Behind these words, with white space before any of them.
fn past(text: &[u8], mut at: usize, words: &[&[u8]]) -> Option<usize> {
    for word in words {
        let rest = text.get(at..)?;
        let rest = rest.trim_ascii_start().strip_prefix(*word)?;
        at = text.len() - rest.len();
    }
    Some(at)
}
