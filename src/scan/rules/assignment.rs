//! `password = "…"`: a name that announces a credential, and a value that can be one.
//!
//! A name alone says little (`password_field = "password"`), and entropy alone says less (digests, ids,
//! tests of codecs). Together, with what is plainly no value taken away, they say enough. In source code a
//! value stands in quotes; in settings it may stand bare.

use std::ops::Range;

use super::super::placeholder::{is_placeholder, is_version_range, is_word};
use super::super::salt::salt;
use super::super::strength::{guess_bits, is_random};
use super::super::text::{Nature, Text};
use super::{Grounds, Rule, at};
use crate::name::SecretPath;

pub(super) const RULES: &[Rule] = &[
    at(
        "password",
        "a password behind its name",
        Grounds::Place,
        &[b"pass", b"pwd"],
        password,
        "https://cwe.mitre.org/data/definitions/798.html",
    ),
    at(
        "secret-behind-name",
        "a key or a token behind its name",
        Grounds::Place,
        &[
            b"secret",
            b"token",
            b"apikey",
            b"api_key",
            b"api-key",
            b"access_key",
            b"accesskey",
            b"private_key",
            b"auth_key",
            b"authkey",
            b"credential",
            b"encryption_key",
            b"signing_key",
            b"master_key",
            b"license_key",
            b"account_key",
            b"client_key",
            b"app_key",
            b"salt",
        ],
        token,
        "https://cwe.mitre.org/data/definitions/798.html",
    ),
];

/// What a name ends with that names no credential but something about one.
const ABOUT: &[&[u8]] = &[
    b"file",
    b"path",
    b"name",
    b"_id",
    b"url",
    b"uri",
    b"type",
    b"len",
    b"length",
    b"size",
    b"hash",
    b"field",
    b"label",
    b"hint",
    b"prompt",
    b"policy",
    b"env",
    b"dir",
    b"version",
    b"header",
    b"prefix",
    b"kind",
    b"format",
    b"description",
    b"message",
    b"error",
    b"regex",
    b"pattern",
    b"selector",
    b"placeholder",
    b"expiry",
    b"ttl",
    b"digest",
    b"checksum",
    b"sha256",
    b"pub",
    b"public",
    b"count",
    b"class",
    b"title",
    b"text",
    b"help",
    b"ref",
    b"endpoint",
    b"issuer",
    b"scope",
    b"fingerprint",
    b"template",
    b"example",
    b"test",
    b"mode",
    b"key_id",
    b"keyid",
    b"arn",
    b"store",
    b"manager",
    b"command",
    b"cmd",
    b"stream",
    b"ize",
    b"izer",
    b"by",
    b"owner",
];

/// What may stand inside of a name and makes it another one.
const OTHERS: &[&[u8]] = &[
    b"passive",
    b"passthrough",
    b"passage",
    b"passing",
    b"passenger",
    b"passport_number",
    b"bypass",
    b"compass",
    b"public_key",
    b"publickey",
    b"tokenizer",
    b"tokenize",
    b"secretary",
    b"_passed",
    b"encompass",
    b"surpass",
];

/// A value and where it stands.
struct Value {
    range: Range<usize>,
    quoted: bool,
}

fn password(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let value = value(text, at)?;
    let bytes = text.get(value.range.clone());
    let bits = guess_bits(bytes);
    let enough = match (text.nature, value.quoted) {
        // What a test of a program calls a password is mostly none; what it is made of tells.
        (Nature::Source, true) => bytes.len() >= 10 && bits >= 48.0 && has_digit_and_letter(bytes),
        (Nature::Source, false) => return None,
        _ => bytes.len() >= 5 && bits >= 20.0,
    };
    (enough && !is_word(bytes) && !bytes.contains(&b' ')).then_some(value.range)
}

fn token(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    // `token` is the commonest word of all in parsers.
    let value = value(text, at)?;
    let bytes = text.get(value.range.clone());
    let enough = match (text.nature, value.quoted) {
        (Nature::Source, true) => bytes.len() >= 20 && is_random(bytes),
        (Nature::Source, false) => return None,
        _ => bytes.len() >= 12 && (is_random(bytes) || guess_bits(bytes) >= 56.0),
    };
    let is_token = bytes.iter().all(|b| b.is_ascii_graphic()) && !is_word(bytes);
    let is_token = is_token && !(text.from_start && salt(text.bytes) == Some(value.range.clone()));
    (enough && is_token).then_some(value.range)
}

fn has_digit_and_letter(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_digit) && bytes.iter().any(u8::is_ascii_alphabetic)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The value that is given to the name around a place, if it is given one.
fn value(text: &Text<'_>, at: usize) -> Option<Value> {
    if text.nature == Nature::Binary {
        return None;
    }
    let start = at - text.run_before(at, 48, is_name);
    let end = at + text.run(at, 48, is_name);
    let name = text.get(start..end).to_ascii_lowercase();
    let name = name.strip_suffix(b"-").unwrap_or(&name);
    let has = |word: &&[u8]| memchr::memmem::find(name, word).is_some();
    if ABOUT.iter().any(|end| name.ends_with(end)) || OTHERS.iter().any(has) {
        return None;
    }
    let (from, sign) = behind_sign(text, end)?;
    let open = text.byte(from)?;
    let found = if matches!(open, b'"' | b'\'' | b'`') {
        quoted(text, from, open)?
    } else if sign == b'>' {
        Value {
            range: from..from + text.run(from, 256, |b| !b"<\n\r".contains(&b)),
            quoted: false,
        }
    } else {
        bare(text, from)?
    };
    let bytes = text.get(found.range.clone());
    let is_secret = name == b"secret" || name.ends_with(b".secret");
    let is_path = text.names_secrets && is_secret && is_path(bytes);
    let is_none = bytes.is_empty() || is_placeholder(bytes) || is_version_range(bytes) || is_path;
    (!is_none && !repeats(name, bytes)).then_some(found)
}

/// Whether it reads as the path of a secret, as a hook names one.
fn is_path(value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).unwrap_or_default();
    text.contains('/') && text.parse::<SecretPath>().is_ok()
}

/// Past what may stand between a name and its value: a closing quote, a type, a sign, and white space.
fn behind_sign(text: &Text<'_>, end: usize) -> Option<(usize, u8)> {
    let space = |b: u8| b == b' ' || b == b'\t';
    let mut at = end + text.run(end, 4, |b| matches!(b, b'"' | b'\'' | b'`' | b']' | b'\\'));
    at += text.run(at, 16, space);
    let mut sign = text.byte(at)?;
    match sign {
        b'=' | b':' => {}
        b'>' => {
            // `<password>value</password>`
            return (text.nature == Nature::Settings || text.name.ends_with("xml"))
                .then_some((at + 1, sign));
        }
        b',' if text.before(end) != Some(b' ')
            && text.byte(end).is_some_and(|b| b == b'"' || b == b'\'') => {}
        _ => return None,
    }
    at += text.run(at, 3, |b| matches!(b, b'=' | b':' | b'>' | b','));
    // A comparison gives nothing.
    if text.get(at.saturating_sub(2)..at) == b"==" || text.get(at.saturating_sub(2)..at) == b"::" {
        return None;
    }
    at += text.run(at, 16, space);
    if sign == b':' && text.nature == Nature::Source {
        // `: &'static str = `, `: string = `
        let kind = text.run(at, 40, |b| {
            b.is_ascii_alphanumeric() || b"&'<>[]; ".contains(&b)
        });
        if text.byte(at + kind) == Some(b'=') && text.byte(at) != Some(b'"') {
            at += kind + 1;
            at += text.run(at, 4, space);
            sign = b'=';
        }
    }
    // `b"…"`, `r"…"`, `String::from("…")`
    let wrap = text.run(at, 24, |b| {
        b.is_ascii_alphanumeric() || b":_.#(&".contains(&b)
    });
    let wrapped = text
        .byte(at + wrap)
        .is_some_and(|b| b == b'"' || b == b'\'');
    let is_wrap = wrap > 0 && wrapped && (wrap <= 2 || text.before(at + wrap) == Some(b'('));
    Some((if is_wrap { at + wrap } else { at }, sign))
}

fn quoted(text: &Text<'_>, from: usize, open: u8) -> Option<Value> {
    let start = from + 1;
    let length = text.run(start, 512, |b| b != open && b != b'\n' && b != b'\r');
    // A text that goes on in another way, as in `"a" + b`, is not given here.
    (text.byte(start + length) == Some(open)).then_some(Value {
        range: start
            ..start + length - usize::from(text.get(start..start + length).ends_with(b"\\")),
        quoted: true,
    })
}

fn bare(text: &Text<'_>, from: usize) -> Option<Value> {
    let length = text.run(from, 256, |b| {
        b.is_ascii_graphic() && b"\"'`<>".iter().all(|stop| *stop != b)
    });
    let bytes = text.get(from..from + length);
    let length = bytes.len() - usize::from(bytes.ends_with(b",") || bytes.ends_with(b";"));
    let next = text.byte(from + length);
    let ends =
        next.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b',' | b';' | b'"' | b'\''));
    let bytes = text.get(from..from + length);
    // A call or an index is code, whatever the file is called.
    let is_code = bytes
        .iter()
        .any(|b| matches!(b, b'(' | b')' | b'[' | b']' | b'{' | b'}'))
        && !ends_line(text, from + length)
        || memchr::memmem::find(bytes, b"()").is_some()
        || memchr::memmem::find(bytes, b"::").is_some();
    (ends && !is_code).then_some(Value {
        range: from..from + length,
        quoted: false,
    })
}

fn ends_line(text: &Text<'_>, at: usize) -> bool {
    text.byte(at).is_none_or(|b| b == b'\n' || b == b'\r')
}

/// Whether the value only says the name again.
fn repeats(name: &[u8], value: &[u8]) -> bool {
    let value = value.to_ascii_lowercase();
    value.len() <= name.len() + 2 && memchr::memmem::find(name, &value).is_some()
        || memchr::memmem::find(&value, name).is_some()
}
