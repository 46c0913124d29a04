//! Files that hold logins: `.netrc`, `.pgpass`, `.htpasswd`, `/etc/shadow`, Docker's and npm's settings.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::form::holds;
use super::super::placeholder::{is_for_show, is_placeholder};
use super::super::text::{Nature, Text};
use super::{Grounds, Rule, at};

pub(super) const RULES: &[Rule] = &[
    at(
        "netrc-password",
        "a password in a .netrc",
        Grounds::Place,
        &[b"password", b"passwd"],
        netrc,
        "https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html",
    ),
    at(
        "pgpass-password",
        "a password in a .pgpass",
        Grounds::Place,
        &[b":5432:", b":6432:", b":*:*:"],
        pgpass,
        "https://www.postgresql.org/docs/current/libpq-pgpass.html",
    ),
    at(
        "password-hash",
        "the hash of a password",
        Grounds::Form,
        &[
            b":$2y$", b":$2b$", b":$2a$", b":$apr1$", b":{sha}", b":$6$", b":$5$", b":$y$", b":$1$",
        ],
        hash,
        "https://httpd.apache.org/docs/2.4/misc/password_encryptions.html",
    ),
    at(
        "docker-login",
        "a login of Docker's config.json",
        Grounds::Place,
        &[b"\"auth\""],
        docker,
        "https://docs.docker.com/reference/cli/docker/login/",
    ),
    at(
        "npmrc-login",
        "a login in an .npmrc",
        Grounds::Place,
        &[b":_authtoken", b":_password", b"_auth="],
        npmrc,
        "https://docs.npmjs.com/cli/v11/configuring-npm/npmrc",
    ),
];

/// The word behind some space, to the next space.
fn word(text: &Text<'_>, at: usize) -> Range<usize> {
    let gap = text.run(at, 64, |b| b.is_ascii_whitespace());
    let start = at + gap;
    start..start + text.run(start, 512, |b| !b.is_ascii_whitespace())
}

/// `machine HOST login USER password PASSWORD`, on one line or on several.
fn netrc(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let name = text.run(at, 9, |b| b.is_ascii_lowercase());
    let before = text.get(at.saturating_sub(300)..at);
    let machine = memchr::memmem::rfind(before, b"machine")?;
    let has_login = memchr::memmem::find(before.get(machine..)?, b"login ").is_some();
    let opens = before.get(machine + 7).is_some_and(u8::is_ascii_whitespace);
    let value = word(text, at + name);
    let is_named = text.name.ends_with("netrc") || text.nature == Nature::Settings;
    let spaced = text
        .byte(at + name)
        .is_some_and(|b| b.is_ascii_whitespace());
    (is_named
        && opens
        && has_login
        && spaced
        && value.len() >= 4
        && !is_placeholder(text.get(value.clone())))
    .then_some(value)
}

/// `host:port:database:user:password`, the whole line.
fn pgpass(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let line = text.line(at);
    let of = text.get(line.clone());
    let is_line = text.name.ends_with("pgpass") || text.nature == Nature::Settings;
    let colons: Vec<usize> = memchr::memchr_iter(b':', of).take(5).collect();
    let [first, second, _, fourth] = colons.get(..4)?.try_into().ok()?;
    let port = of.get(first + 1..second)?;
    let is_port = port == b"*" || (port.iter().all(u8::is_ascii_digit) && port.len() >= 4);
    let value = of.get(fourth + 1..)?.trim_ascii_end();
    let is_word =
        !of.iter().any(|b| matches!(b, b' ' | b'\t' | b'/' | b'"')) && !of.starts_with(b"#");
    (is_line
        && is_port
        && is_word
        && value.len() >= 4
        && colons.len() == 4
        && !is_placeholder(value))
    .then(|| line.start + fourth + 1..line.start + fourth + 1 + value.len())
}

/// `user:$2y$…` and its like, as crypt(5) and htpasswd write them.
fn hash(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let user = text.run_before(at, 64, |b| holds(b'c', b) || b == b'@');
    let start = at + 1;
    let length = text.run(start, 200, |b| {
        holds(b'b', b) || matches!(b, b'$' | b'.' | b'{' | b'}' | b'=')
    });
    let value = text.get(start..start + length);
    // Of a bcrypt hash 53 characters stand behind its cost; of the others at least a salt and a sum.
    let least = match value {
        [b'$', b'2', ..] => 60,
        [b'{', ..] => 5 + 28,
        [b'$', b'6' | b'5', ..] => 50,
        _ => 34,
    };
    let is_new = value
        .get(3..)
        .is_some_and(|rest| rest.iter().filter(|b| b.is_ascii_digit()).count() > 1);
    // The salt of bcrypt and its sum are one word. It may begin with `/`, and hold what elsewhere says that
    // something stands in for a value.
    let sum = value.rsplit(|b| matches!(b, b'$' | b'}')).next()?;
    (user > 0 && length >= least && is_new && !is_for_show(sum)).then_some(start..start + length)
}

/// `"auth": "base64 of user:password"`.
fn docker(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let gap = text.run(at + 6, 8, |b| matches!(b, b' ' | b':'));
    let start = at + 6 + gap + 1;
    let length = text.run(start, 1024, |b| holds(b'e', b));
    let login = STANDARD.decode(text.get(start..start + length)).ok()?;
    let (_, password) = login.split_at_checked(memchr::memchr(b':', &login)?)?;
    let is_text = login.iter().all(|b| (b' '..=b'~').contains(b));
    let closed = text.has(start - 1, b"\"") && text.has(start + length, b"\"");
    (gap > 0 && closed && is_text && password.len() > 4 && !is_placeholder(password.get(1..)?))
        .then_some(start..start + length)
}

/// `//registry/:_authToken=…`.
fn npmrc(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let name = text.run(at, 16, |b| {
        b.is_ascii_alphabetic() || matches!(b, b':' | b'_')
    });
    let gap = text.run(at + name, 4, |b| matches!(b, b' ' | b'='));
    let start = at + name + gap;
    let length = text.run(start, 512, |b| holds(b'e', b));
    let is_named = text.name.ends_with("npmrc") || text.nature == Nature::Settings;
    (gap > 0 && is_named && length >= 16 && !is_placeholder(text.get(start..start + length)))
        .then_some(start..start + length)
}
