//! Passwords in addresses and on command lines.

use std::ops::Range;

use super::super::placeholder::{is_placeholder, is_word};
use super::super::text::Text;
use super::{Grounds, Rule, at};

pub(super) const RULES: &[Rule] = &[
    at(
        "url-password",
        "a password in a URL",
        Grounds::Place,
        &[b"://"],
        url,
        "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
    ),
    at(
        "command-line-password",
        "a password on a command line",
        Grounds::Place,
        &[
            b"mysql",
            b"mariadb",
            b"sshpass",
            b"curl ",
            b"redis-cli",
            b"--password",
            b"pgpassword=",
        ],
        command_line,
        "https://dev.mysql.com/doc/refman/8.4/en/password-security-user.html",
    ),
    at(
        "connection-string-password",
        "a password in a connection string",
        Grounds::Place,
        &[
            b";password=",
            b";pwd=",
            b";pass=",
            b" password=",
            b"&password=",
            b"?password=",
        ],
        connection,
        "https://learn.microsoft.com/en-us/dotnet/framework/data/adonet/connection-strings",
    ),
];

/// `scheme://user:password@host`.
fn url(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    if !text.before(at)?.is_ascii_alphanumeric() {
        return None;
    }
    let start = at + 3;
    let user = text.run(start, 128, |b| {
        b.is_ascii_alphanumeric() || b"-._~%+$!".contains(&b)
    });
    if text.byte(start + user) != Some(b':') {
        return None;
    }
    let password_at = start + user + 1;
    let stops = |b: u8| {
        b.is_ascii_whitespace() || b.is_ascii_control() || b"\"'`<>/@\\,|{}()[]".contains(&b)
    };
    let length = text.run(password_at, 256, |b| !stops(b));
    let value = text.get(password_at..password_at + length);
    let host = password_at + length + 1;
    let has_host = text.byte(host - 1) == Some(b'@')
        && text
            .byte(host)
            .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'[' || b == b'/');
    let user = text.get(start..start + user);
    let is_real = length >= 4
        && !is_placeholder(value)
        && !is_word(value)
        && !value.eq_ignore_ascii_case(user)
        && !is_example_host(text, host);
    (has_host && is_real).then(|| password_at..password_at + length)
}

/// Hosts that nobody owns (RFC 2606), as documentation has them.
fn is_example_host(text: &Text<'_>, at: usize) -> bool {
    let length = text.run(at, 128, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')
    });
    let host = text.get(at..at + length).to_ascii_lowercase();
    // Names of one word, such as `db`, are hosts of a network of one's own.
    [
        &b"example.com"[..],
        b"example.org",
        b"example.net",
        b"host",
        b"hostname",
        b"foo.com",
        b"domain.com",
    ]
    .iter()
    .any(|name| host == *name)
}

/// `mysql -pPASSWORD`, `sshpass -p PASSWORD`, `curl -u USER:PASSWORD`, `redis-cli -a`, `--password=`.
fn command_line(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    if !text.begins_word(at) && !text.has(at, b"--") {
        return None;
    }
    let line = text.line(at);
    let rest = text.get(at..line.end);
    let lower = rest.get(..12).unwrap_or(rest).to_ascii_lowercase();
    let (flags, glued): (&[&[u8]], bool) = match lower.as_slice() {
        [b'm', b'y', b's', b'q', b'l', ..] | [b'm', b'a', b'r', b'i', ..] => {
            (&[b" -p", b" --password="], true)
        }
        [b's', b's', b'h', ..] => (&[b" -p"], false),
        [b'c', b'u', ..] => (&[b" -u", b" --user"], false),
        [b'r', b'e', ..] => (&[b" -a", b" --pass"], false),
        [b'p', b'g', ..] => (&[b"PGPASSWORD="], true),
        _ => (&[b"--password=", b"--password "], true),
    };
    let mut found = None;
    for flag in flags {
        let Some(behind) = memchr::memmem::find(rest, flag).map(|n| n + flag.len()) else {
            continue;
        };
        let gap = text.run(at + behind, 4, |b| b == b' ' || b == b'=');
        // `mysql -p database` asks for the password.
        if glued && gap > 0 {
            continue;
        }
        let quote = text.run(at + behind + gap, 1, |b| b == b'"' || b == b'\'');
        let start = at + behind + gap + quote;
        let length = text.run(start, 256, |b| {
            !b.is_ascii_whitespace() && !b"\"'`;|&<>()\\".contains(&b)
        });
        found = Some(start..start + length);
        break;
    }
    let mut range = found?;
    if lower.starts_with(b"curl") {
        let colon = memchr::memchr(b':', text.get(range.clone()))?;
        range.start += colon + 1;
    }
    let value = text.get(range.clone());
    (value.len() >= 5 && mixed(value) && !is_placeholder(value) && !is_word(value)).then_some(range)
}

/// Letters and something else: a bare word is rather another flag.
fn mixed(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
        || value.iter().any(u8::is_ascii_punctuation) && value.len() >= 8
}

/// `Server=…;User Id=…;Password=…;`, `host=… user=… password=…`.
fn connection(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let equals = memchr::memchr(b'=', text.get(at..at + 12))?;
    let start = at + equals + 1;
    let length = text.run(start, 256, |b| {
        !b.is_ascii_whitespace() && !b";&\"'`<>{}()$,\\".contains(&b)
    });
    let line = text.line(at);
    let before = text.get(line.start..at).to_ascii_lowercase();
    let beside = |word: &[u8]| memchr::memmem::find(&before, word).is_some();
    let is_connection = beside(b"server=")
        || beside(b"host=")
        || beside(b"data source=")
        || beside(b"jdbc:")
        || beside(b"://");
    let value = text.get(start..start + length);
    (is_connection && value.len() >= 5 && !is_placeholder(value) && !is_word(value))
        .then_some(start..start + length)
}
