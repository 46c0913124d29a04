//! What a word without quotes is, to readers of YAML 1.1 and 1.2 alike.

use crate::vault::{Literal, ValueType};

/// What a bare word is.
pub(super) enum Word {
    Text,
    Literal(ValueType),
    Boolean(&'static str),
    Null,
    /// Readers differ.
    Doubtful,
    /// A number that no document can hold.
    NoValue,
}

/// Says what a bare word is.
pub(super) fn resolve(text: &str) -> Word {
    const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];
    const BOTH: [(&str, &str); 6] = [
        ("true", "true"),
        ("True", "true"),
        ("TRUE", "true"),
        ("false", "false"),
        ("False", "false"),
        ("FALSE", "false"),
    ];
    const OLD: [&str; 6] = ["yes", "no", "on", "off", "y", "n"];
    if NULLS.contains(&text) {
        return Word::Null;
    }
    if let Some((_, value)) = BOTH.iter().find(|(word, _)| *word == text) {
        return Word::Boolean(value);
    }
    if OLD.contains(&text.to_ascii_lowercase().as_str()) || text == "=" || text == "<<" {
        return Word::Doubtful;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    if lower == ".inf" || lower == ".nan" {
        return Word::NoValue;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let no_zero = |text: &str| text == "0" || !text.starts_with('0');
    if digits(unsigned) && no_zero(unsigned) {
        return if Literal::parse(text).is_some() {
            Word::Literal(ValueType::Integer)
        } else {
            Word::NoValue
        };
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    if let Some((whole, part)) = mantissa.split_once('.') {
        let signed = exponent.is_none_or(|e| e.strip_prefix(['+', '-']).is_some_and(digits));
        if digits(whole) && no_zero(whole) && digits(part) && signed {
            return Word::Literal(ValueType::Float);
        }
    }
    // Octal, hexadecimal and sexagesimal numbers, `1_000`, `1e5`, `.5`, and times.
    let numeric = |c: char| c.is_ascii_hexdigit() || "_.:+-oxXTtZz ".contains(c);
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || (unsigned.starts_with('.')
            && unsigned.chars().nth(1).is_some_and(|c| c.is_ascii_digit()));
    if begins && unsigned.chars().all(numeric) && !is_surely_text(unsigned) {
        return Word::Doubtful;
    }
    Word::Text
}

/// Addresses and the like, which begin as numbers do.
fn is_surely_text(text: &str) -> bool {
    let address = text.split('.').count() > 2 && !text.contains([':', '_']);
    let hash = text.len() >= 8
        && text.contains(['a', 'b', 'c', 'd', 'f', 'A', 'B', 'C', 'D', 'F'])
        && !text.starts_with("0x");
    address || hash
}
