//! A sealed document as a person compares it: for git's `textconv`.

use crate::crypto::{hex, sha256};
use crate::text::clean;

/// The keys whose values say nothing to a person: sealed, signed, or a public key.
const LONG: &[&str] = &["value", "key", "sig", "recipient", "key_id", "sha256"];

/// The text with each sealed value, wrap and signature cut down to what tells it from another. What is
/// not in the line form is passed on, made safe for a terminal.
#[must_use]
pub fn shortened(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    for line in text.lines() {
        let long = line
            .split_once(" = ")
            .filter(|(key, value)| LONG.contains(key) && value.len() > 30);
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
                out.push_str(&format!("{key} = {begin}…{sum}\n"));
            }
            None => {
                out.push_str(&clean(line));
                out.push('\n');
            }
        }
    }
    out
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
}
