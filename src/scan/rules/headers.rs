//! `Authorization` and its like.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::super::form::holds;
use super::super::placeholder::{is_placeholder, is_word};
use super::super::strength::is_random;
use super::super::text::Text;
use super::{Grounds, Rule, at};

pub(super) const RULES: &[Rule] = &[
    at(
        "basic-authorization",
        "a login in a header",
        Grounds::Place,
        &[b"basic "],
        basic,
        "https://www.rfc-editor.org/rfc/rfc7617",
    ),
    at(
        "bearer-token",
        "a bearer token in a header",
        Grounds::Place,
        &[b"bearer "],
        bearer,
        "https://www.rfc-editor.org/rfc/rfc6750",
    ),
    at(
        "key-in-header",
        "a key in a header",
        Grounds::Place,
        &[b"x-api-key", b"x-auth-token", b"private-token", b"api-key:"],
        key,
        "https://docs.gitlab.com/api/rest/authentication/",
    ),
];

/// `Basic` and the base64 of `user:password`.
fn basic(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let start = at + 6;
    let length = text.run(start, 1024, |b| holds(b'b', b) || b == b'=');
    let value = text.get(start..start + length);
    let login = STANDARD
        .decode(value)
        .or_else(|_| STANDARD_NO_PAD.decode(value))
        .ok()?;
    let colon = memchr::memchr(b':', &login)?;
    let (user, password) = (login.get(..colon)?, login.get(colon + 1..)?);
    let is_text = login.iter().all(|b| (b' '..=b'~').contains(b));
    (length >= 12
        && is_text
        && password.len() >= 5
        && password != user
        && !is_placeholder(password)
        && !is_word(password))
    .then_some(start..start + length)
}

fn bearer(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let start = at + 7;
    let length = text.run(start, 2048, |b| {
        holds(b'c', b) || matches!(b, b'+' | b'/' | b'=')
    });
    let value = text.get(start..start + length);
    (length >= 20 && is_random(value) && !is_placeholder(value)).then_some(start..start + length)
}

fn key(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let name = text.run(at, 24, |b| b.is_ascii_alphanumeric() || b == b'-');
    let gap = text.run(at + name, 8, |b| {
        matches!(b, b' ' | b':' | b'"' | b'\'' | b',' | b'=')
    });
    let start = at + name + gap;
    let length = text.run(start, 512, |b| {
        holds(b'c', b) || matches!(b, b'+' | b'/' | b'=')
    });
    let value = text.get(start..start + length);
    (gap > 0 && length >= 16 && is_random(value) && !is_placeholder(value))
        .then_some(start..start + length)
}
