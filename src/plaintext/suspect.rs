//! What looks like a credential, by its name, its form, or its being known to everybody.
//!
//! No rule tells a password from a word. These err on the side of a finding too many: a person reads
//! it and moves on.

use super::node::Node;
use super::prose::looks_random;
use crate::vault::ValueType;

/// Passwords that products and tutorials come with.
const DEFAULTS: [&str; 24] = [
    "admin",
    "changeit",
    "changeme",
    "codalab",
    "default",
    "example",
    "guest",
    "letmein",
    "minioadmin",
    "mysql",
    "password",
    "password1",
    "passw0rd",
    "postgres",
    "qwerty",
    "rabbitmq",
    "redis",
    "root",
    "secret",
    "test",
    "toor",
    "vagrant",
    "123456",
    "12345678",
];

/// Keys that providers publish for tests, by their beginning, with whose they are.
const PUBLISHED: [(&str, &str); 8] = [
    ("6LeIxAcTAAAAA", "reCAPTCHA's public test key"),
    ("AKIAIOSFODNN7EXAMPLE", "AWS's example key"),
    ("wJalrXUtnFEMI/K7MDENG", "AWS's example key"),
    (
        "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        "Stripe's public test key",
    ),
    (
        "pk_test_TYooMQauvdEDq54NiTphI7jx",
        "Stripe's public test key",
    ),
    (
        "10000000-ffff-ffff-ffff-000000000001",
        "hCaptcha's public test key",
    ),
    ("1x00000000000000000000", "Turnstile's public test key"),
    (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsu",
        "the storage emulator's public key",
    ),
];

/// Whether a name announces a credential.
#[must_use]
pub fn names_credential(name: &str) -> bool {
    const STEMS: [&str; 15] = [
        "pass",
        "pwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "accesskey",
        "access_key",
        "private_key",
        "privatekey",
        "credential",
        "accountkey",
        "connection_string",
        "auth_key",
    ];
    let name = name.to_ascii_lowercase();
    STEMS.iter().any(|stem| name.contains(stem))
}

/// Whether a value is plainly a setting: its type or its name says so, and its form not otherwise.
#[must_use]
pub fn is_setting(name: &str, node: &Node) -> bool {
    const ENDS: [&str; 14] = [
        "host", "hostname", "port", "version", "region", "timeout", "level", "debug", "enabled",
        "locale", "timezone", "database", "domain", "quota",
    ];
    let name = name.to_ascii_lowercase();
    let last = name.rsplit(['_', '-', '.']).next().unwrap_or_default();
    let ends = ENDS.contains(&last);
    match node {
        _ if names_credential(&name) => false,
        Node::Literal(ValueType::Boolean, _) => true,
        Node::Text(text) => {
            text.is_empty() || (ends && !looks_random(text) && !text.contains("://"))
        }
        Node::Literal(..) => ends,
        Node::List(_) | Node::Table(_) => false,
    }
}

/// Why a value is no secret to anybody, if it is none.
#[must_use]
pub fn known_to_all(name: &str, value: &str) -> Option<&'static str> {
    if let Some((_, whose)) = PUBLISHED.iter().find(|(start, _)| value.starts_with(start)) {
        return Some(whose);
    }
    let lower = value.to_ascii_lowercase();
    (names_credential(name) && DEFAULTS.contains(&lower.as_str()))
        .then_some("a default password that everybody knows")
}

/// Whether a value is worth comparing with others: a secret by its name or its form.
#[must_use]
pub fn is_secret(name: &str, value: &str) -> bool {
    value.len() >= 6 && (names_credential(name) || looks_random(value))
}

/// The lines of a text that hold a credential among other things: an assignment, a login in a URL, an
/// argument of a command.
#[must_use]
pub fn embedded(text: &str) -> Vec<usize> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| holds_login(line) || assigns(line))
        .map(|(number, _)| number)
        .collect()
}

/// `scheme://user:password@host`.
#[must_use]
pub fn holds_login(line: &str) -> bool {
    line.match_indices("://").any(|(at, _)| {
        let rest = line.get(at + 3..).unwrap_or_default();
        let authority = rest
            .split(['/', '?', '#', ' ', '\t', '"', '\''])
            .next()
            .unwrap_or_default();
        let Some((login, _)) = authority.rsplit_once('@') else {
            return false;
        };
        login
            .split_once(':')
            .is_some_and(|(_, password)| is_given(password))
    })
}

/// So many bytes to each side of `=` or `:` are looked at: a line of one mebibyte may have as many of them, and no name
/// is as long.
const NEAR: usize = 256;

/// A name that announces a credential, `=` or `:`, and something that is one.
fn assigns(line: &str) -> bool {
    line.match_indices(['=', ':']).any(|(at, _)| {
        let from = line.ceil_char_boundary(at.saturating_sub(NEAR));
        let to = line.floor_char_boundary(at + NEAR);
        let before = line.get(from..at).unwrap_or_default();
        let after = line.get(at..to).unwrap_or_default();
        let before = before.trim_end_matches([' ', '\t', '"', '\'', '=', ':']);
        let name_from = before.rfind(|c: char| c.is_whitespace() || "\"'(,;&{=:".contains(c));
        let mut name = before
            .get(name_from.map_or(0, |at| at + 1)..)
            .unwrap_or_default();
        if name.is_empty() {
            name = before;
        }
        let after = after.get(1..).unwrap_or_default();
        let after = after.trim_start_matches([' ', '\t', '"', '\'', '=']);
        let value = after
            .split([' ', '\t', '"', '\'', ',', ';', '&', ')'])
            .next();
        value.is_some_and(is_given) && names_credential(name)
    })
}

/// Whether a word stands for itself, and for no variable or placeholder.
fn is_given(word: &str) -> bool {
    word.len() >= 3
        && !word.starts_with(['$', '<', '{', '%', '/', '(', '['])
        && !word
            .chars()
            .all(|c| matches!(c, '*' | 'x' | 'X' | '.' | '-'))
        && !["none", "null", "true", "false", "yes", "env"]
            .contains(&word.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_among_other_things_are_found_by_line() {
        let text = "#!/bin/sh\nMYSQL_PWD=hunter2 exec dump\nmysql -u x\n\
            curl https://ada:hunter2@example.invalid/x\ncurl https://example.invalid:80/a@b\n\
            password = hunter2\nkey passphrase: hunter2\nPASSWORD=$1\npassword: <yours>\n\
            {\"password\": \"hunter2\"}\n";
        assert_eq!(embedded(text), [2, 4, 6, 7, 10]);
    }

    #[test]
    fn an_assignment_is_looked_at_from_near() {
        // A line of a mebibyte may have as many signs: going to both ends of it for each took hours.
        let far = " ".repeat(NEAR);
        assert!(!assigns(&format!("password{far}=abc")));
        assert!(!assigns(&format!("password={far}abc")));
        for part in ["=", "a=", "ä:", "abc=xyz "] {
            let line = part.repeat(1000);
            assert!(!assigns(&line), "{part}");
            assert!(assigns(&format!("{line} password=abc {line}")), "{part}");
        }
    }

    #[test]
    fn what_everybody_knows_is_found_where_it_is_a_credential() {
        assert!(known_to_all("CODALAB_PASSWORD", "codalab").is_some());
        assert!(known_to_all("CODALAB_USERNAME", "codalab").is_none());
        assert!(known_to_all("X", "6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe").is_some());
        assert!(known_to_all("CODALAB_PASSWORD", "00731").is_none());
    }

    #[test]
    fn settings_are_told_from_secrets() {
        let text = |text: &str| Node::Text(text.to_owned());
        assert!(is_setting("CODALAB_MYSQL_HOST", &text("db")));
        assert!(is_setting("EMPTY", &text("")));
        assert!(!is_setting("CODALAB_MYSQL_PASSWORD", &text("")));
        assert!(!is_setting("X_HOST", &text("https://a:b@c")));
        assert!(!is_setting("GREETING", &text("hello")));
    }
}
