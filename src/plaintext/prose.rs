//! Which comments may stand in the clear.
//!
//! A comment becomes a note, and a note is clear text in git. `# relay of the university` may be
//! read by everybody; `# old: hunter2` and `# DEBUG_TOKEN=…` may not, and no rule tells a password
//! from a word. So only what is plainly prose is let through, and everything else is sealed: a
//! comment that is sealed for nothing costs a look into the layout, one that is let through by
//! mistake costs the credential.

use zeroize::Zeroizing;

/// Longer comments are licences and listings, which are better kept together in one place.
const LONGEST: usize = 300;

/// The longest word of prose that is met in practice.
const LONGEST_WORD: usize = 24;

/// The words that the values of one file are made of.
pub(super) struct Words(Vec<Zeroizing<String>>);

impl Words {
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut words = Vec::new();
        for text in texts {
            let words_of = text
                .split_whitespace()
                .map(bare)
                .filter(|word| word.len() > 2);
            words.extend(words_of.map(|word| Zeroizing::new(word.to_lowercase())));
        }
        words.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        Self(words)
    }

    /// Whether a word, or a part of it, is one of these.
    fn has(&self, word: &str) -> bool {
        let parts = word.split(|c: char| !c.is_alphanumeric());
        std::iter::once(word).chain(parts).any(|word| {
            let word = Zeroizing::new(word.to_lowercase());
            self.0
                .binary_search_by(|known| known.as_str().cmp(word.as_str()))
                .is_ok()
        })
    }
}

/// Whether a comment is plainly prose, and repeats no word of a value.
pub(super) fn may_stand_in_clear(comment: &str, values: &Words) -> bool {
    let punctuation = |c: char| {
        matches!(
            c,
            ' ' | '-'
                | '_'
                | '.'
                | ','
                | ';'
                | '/'
                | '('
                | ')'
                | '\''
                | '"'
                | '!'
                | '?'
                | '+'
                | '*'
                | '&'
        )
    };
    let is_text = |c: char| c.is_alphanumeric() || punctuation(c);
    if comment.len() > LONGEST || !comment.chars().all(is_text) {
        return false;
    }
    let words: Vec<&str> = comment
        .split(' ')
        .map(bare)
        .filter(|word| !word.is_empty())
        .collect();
    let before = words
        .split_last()
        .map_or(&[] as &[&str], |(_, before)| before);
    // "database password" names what follows; "password swordfish" is one.
    !before.iter().any(|word| names_credential(word))
        && words.iter().all(|word| is_prose(word) && !values.has(word))
}

/// A word without the punctuation around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// Whether a word announces a credential.
fn names_credential(word: &str) -> bool {
    const STEMS: [&str; 10] = [
        "pass", "pwd", "secret", "token", "key", "cred", "login", "auth", "kennwort", "pin",
    ];
    let word = word.to_lowercase();
    STEMS.iter().any(|stem| word.contains(stem))
}

/// Whether a word is one that people write, by its letters alone.
fn is_prose(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    // `s3`, `ipv4`, `smtp2`; not `hunter2`, not a PIN.
    if word.len() > LONGEST_WORD || digits > 3 || (digits > 0 && word.len() > 5) {
        return false;
    }
    // `MySQL`, `GitHub`; not `xxMUumK`.
    let pairs = word.chars().zip(word.chars().skip(1));
    let humps = pairs
        .filter(|(a, b)| a.is_lowercase() && b.is_uppercase())
        .count();
    humps == 0 || (humps == 1 && word.starts_with(char::is_uppercase))
}

/// Whether a name is more like a credential than like a name: changing between small letters, capitals
/// and digits all the time, long without a separator, or a long number in hexadecimal.
///
/// The last line of a key in base64, `…Q2xhd3M=`, reads as a variable that is set to nothing.
#[must_use]
pub fn looks_random(name: &str) -> bool {
    let kind = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let has = |wanted: i32| name.bytes().any(|b| kind(b) == wanted);
    let changes = name
        .bytes()
        .zip(name.bytes().skip(1))
        .filter(|(a, b)| kind(*a) != kind(*b))
        .count();
    let all = has(0) && has(1) && has(2);
    let mixed = name.len() >= 16 && all && changes * 5 >= name.len() * 2;
    let long = name.len() >= 32 && all && !has(3);
    let hexadecimal = name.len() >= 24
        && name.bytes().all(|b| b.is_ascii_hexdigit())
        && has(2)
        && (has(0) || has(1));
    mixed || long || hexadecimal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(comment: &str) -> bool {
        let values = ["swordfish", "xx \"grenoble\" 1"];
        may_stand_in_clear(comment, &Words::of(values.into_iter()))
    }

    #[test]
    fn prose_may_stand_in_the_clear() {
        for comment in [
            "",
            "relay",
            "rest-server",
            "Relay of the university, since May.",
            "MySQL settings (see the wiki)",
            "the S3 bucket",
            "Database password",
            "für Gäste",
            "---- mail ----",
        ] {
            assert!(clear(comment), "{comment}");
        }
    }

    #[test]
    fn what_might_be_a_credential_may_not() {
        for comment in [
            "old: hunter2",
            "hunter2",
            "OLD_TOKEN=abc",
            "password swordfysh",
            "the password is tomato",
            "was swordfish before",
            "was Swordfish!",
            "near Grenoble",
            "the swordfish-host",
            "pin 0073",
            "call 555 1234",
            "https://ada:pw@example.invalid/",
            "ada@example.invalid",
            "lrjXNKRKvqTMoGwzX",
            "xxMUumK",
            "AKIAIOSFODNNSEVENEXAMPLEXX",
            "$(cat x)",
            "tab\there",
            "turned \u{202e}round",
        ] {
            assert!(!clear(comment), "{comment}");
        }
        assert!(!clear(&"word ".repeat(100)));
    }

    #[test]
    fn names_that_look_like_credentials_are_told_from_long_names() {
        for name in [
            "q8Zt5LmP2xVb7Kc1",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw",
            "9f86d081884c7d659a2feaa0c55ad015",
        ] {
            assert!(looks_random(name), "{name}");
        }
        for name in [
            "CODALAB_AZURE_BLOB_CONNECTION_STRING",
            "springDatasource2MaxPoolSize",
            "AWS_S3_BUCKET_EU_WEST_1",
            "spring.datasource.password",
            "DEADBEEF",
            "x",
        ] {
            assert!(!looks_random(name), "{name}");
        }
    }
}
