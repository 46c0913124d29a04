//! What stands in the place of a credential and is none.

use super::strength::distinct;

/// Words that say so.
const SAYING: &[&str] = &[
    "example",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "your",
    "xxxx",
    "****",
    "....",
    "dummy",
    "fake",
    "sample",
    "redacted",
    "replace",
    "insert",
    "todo",
    "fixme",
    "not-a-",
    "notreal",
    "not_real",
    "<",
    "${",
    "{{",
    "%(",
    "$(",
    "#{",
    "{%",
    "process.env",
    "os.environ",
    "getenv",
    "env.",
    "secrets.",
    "vault:",
    "__",
    "foobar",
    "0123456789",
    "1234567890",
    "abcdefgh",
    "qwerty",
    "deadbeef",
    "lorem",
    "..",
    "\\u",
    "encrypted",
    "ENC[",
];

/// Beginnings of references to a value that lies elsewhere, and of what is no value at all.
const BEGINNINGS: &[&str] = &[
    "$",
    "<",
    "{",
    "%",
    "@",
    "/",
    "./",
    "../",
    "~/",
    "http://",
    "https://",
    "file:",
    "env:",
    "!",
    "&",
    "*",
    "(",
    "[",
    "arn:",
    "projects/",
    "op://",
    "ssm:",
    "sops:",
    "--",
    "|",
    "#",
    "=",
];

/// Values that are words of a language or defaults that everybody knows.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "test",
    "testing",
    "admin",
    "root",
    "user",
    "guest",
    "default",
    "string",
    "str",
    "required",
    "optional",
    "undefined",
    "empty",
    "prompt",
    "hidden",
    "yes",
    "no",
    "enabled",
    "disabled",
    "unset",
    "pass",
    "pwd",
    "value",
    "key",
    "letmein",
    "demo",
    "username",
    "postgres",
    "mysql",
    "redis",
    "hunter2",
    "p@ssw0rd",
    "passw0rd",
    "foo",
    "bar",
    "baz",
    "toor",
    "apikey",
    "api_key",
    "mypassword",
    "mysecret",
    "auto",
    "generate",
    "disable",
    "supersecret",
    "s3cret",
    "s3cr3t",
];

/// Whether a text says of itself that it is not the real one, or refers to one.
#[must_use]
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let says = |word: &&str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    SAYING.iter().any(says)
        || BEGINNINGS
            .iter()
            .any(|word| lower.starts_with(word.as_bytes()))
        || is_drawn_out(value)
}

/// Whether a credential of a known form is one of the documentation's: `AKIAIOSFODNN7EXAMPLE`, `ghp_xxxx…`.
#[must_use]
pub(super) fn is_for_show(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let says = |word: &&&str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    [
        "example",
        "xxxxx",
        "....",
        "your_",
        "your-",
        "placeholder",
        "123456789",
        "abcdefghij",
        "<",
        "${",
        "0000000",
        "redacted",
    ]
    .iter()
    .any(|word| says(&word))
        || is_drawn_out(value)
}

/// Whether a value says which versions of a package will do, as beside `"minipass"`: `^7.1.2`, `>=1.2 <3.x`.
#[must_use]
pub(super) fn is_version_range(value: &[u8]) -> bool {
    let mut words = value
        .split(|b| b" |,".contains(b))
        .filter(|word| !word.is_empty())
        .peekable();
    words.peek().is_some() && words.all(is_version)
}

fn is_version(word: &[u8]) -> bool {
    let signs = word.iter().take_while(|b| b"^~<>=v".contains(b)).count();
    let number = word.get(signs..).unwrap_or_default();
    let before = ["-alpha", "-beta", "-rc"]
        .iter()
        .find_map(|before| memchr::memmem::find(number, before.as_bytes()));
    let number = number.get(..before.unwrap_or(number.len()));
    let parts: Vec<&[u8]> = number.unwrap_or_default().split(|b| *b == b'.').collect();
    let is_any = |part: &&[u8]| matches!(*part, b"x" | b"X" | b"*");
    let is_number =
        |part: &&[u8]| (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    // `12.50` alone is a number like any other.
    let least = if signs > 0 || parts.iter().any(is_any) {
        2
    } else {
        3
    };
    (least..=4).contains(&parts.len()) && parts.iter().all(|part| is_any(part) || is_number(part))
}

/// The same few characters over and over, or a row of neighbours.
fn is_drawn_out(value: &[u8]) -> bool {
    let near = value.windows(2).filter(|pair| match pair {
        [a, b] => a.abs_diff(*b) <= 1,
        _ => false,
    });
    let few = value.len() >= 16 && distinct(value) < 6;
    few || (value.len() >= 6 && near.count() * 2 >= value.len())
        || (value.len() >= 4 && distinct(value) == 1)
}

/// Whether a value is a word that means nothing here, or a name made of words: no digit, nothing odd.
#[must_use]
pub(super) fn is_word(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let bare: Vec<u8> = lower
        .iter()
        .copied()
        .filter(|b| b.is_ascii_alphanumeric())
        .collect();
    let core: &[u8] = bare.trim_ascii();
    let without_digits = core.iter().rev().skip_while(|b| b.is_ascii_digit()).count();
    let stem = core.get(..without_digits).unwrap_or(core);
    let is_known = WORDS.iter().any(|word| {
        let word = word.as_bytes();
        let plain: Vec<u8> = word
            .iter()
            .copied()
            .filter(|b| b.is_ascii_alphanumeric())
            .collect();
        stem == plain || core == plain
    });
    let is_name = value.iter().all(|b| {
        b.is_ascii_alphabetic()
            || matches!(
                b,
                b'_' | b'-' | b'.' | b' ' | b':' | b'/' | b',' | b';' | b'?' | b'\''
            )
    }) && !is_scrambled(value);
    is_known || is_name
}

/// Letters alone, but changing between cases as no name does, and not to be spoken.
fn is_scrambled(value: &[u8]) -> bool {
    let changes = value.windows(2).filter(|pair| match pair {
        [a, b] => a.is_ascii_lowercase() != b.is_ascii_lowercase(),
        _ => false,
    });
    let mut consonants = value.split(|b| !b.is_ascii_alphabetic() || b"aeiouyAEIOUY".contains(b));
    value.len() >= 8 && changes.count() * 5 >= value.len() && consonants.any(|run| run.len() > 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_value_is_told_from_one() {
        for none in [
            "changeme",
            "xxxxxxxx",
            "${DB_PASSWORD}",
            "$PASSWORD",
            "<password>",
            "{{ password }}",
            "your-token-here",
            "aaaaaaaaaaaaaaaaaaaa",
            "12345678",
            "process.env.TOKEN",
            "%(password)s",
            "/run/secrets/db",
            "********",
        ] {
            assert!(is_placeholder(none.as_bytes()), "{none}");
        }
        for range in [
            "^7.1.2",
            "~1.x",
            ">=1.2.3 <2.0.0 || 3.*",
            "7.1.2",
            "=1.0.0-rc.1",
        ] {
            assert!(is_version_range(range.as_bytes()), "{range}");
        }
        for other in ["", "^", "^7.1.2-kX8vQ2mZ", "~/.x", "^~1a.2b", "73910.28461"] {
            assert!(!is_version_range(other.as_bytes()), "{other}");
        }
        for show in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ] {
            assert!(is_for_show(show.as_bytes()), "{show}");
        }
        for word in [
            "password",
            "Password1",
            "secret123",
            "my_field_name",
            "the token",
        ] {
            assert!(is_word(word.as_bytes()), "{word}");
        }
        for real in ["Xk2-ahn9-Qu4e", "hG7!pQ2zR", "kX8vQ2mZ7pR4tY9wB3nL"] {
            assert!(
                !is_placeholder(real.as_bytes()) && !is_word(real.as_bytes()),
                "{real}"
            );
        }
    }
}
