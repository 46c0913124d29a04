//! Forms of credentials: a literal text with pieces of an alphabet and a length in braces.
//!
//! `glsa_{a32}_{h8}` is `glsa_`, 32 letters or digits, `_`, and 8 digits of hexadecimal; `{w20-64}` is 20 to
//! 64 of `w`, as many as there are; `{w20-}` has no end. A form is matched from left to right without ever
//! going back, so it takes the time of its length.

use std::ops::Range;

use super::text::Text;

/// Longer tokens there are none.
const LONGEST: usize = 4096;

/// Whether a byte belongs to an alphabet.
pub(super) fn holds(alphabet: u8, byte: u8) -> bool {
    match alphabet {
        b'd' => byte.is_ascii_digit(),
        b'h' => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
        b'H' => byte.is_ascii_hexdigit(),
        b'l' => byte.is_ascii_digit() || byte.is_ascii_lowercase(),
        b'u' => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        b'U' => matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
        b'z' => byte.is_ascii_alphabetic(),
        b'a' => byte.is_ascii_alphanumeric(),
        b'w' => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        b'c' => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~'),
        b'b' => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
        b'e' => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-'),
        _ => false,
    }
}

#[derive(Debug)]
enum Piece {
    Literal(&'static [u8]),
    Of {
        alphabet: u8,
        least: usize,
        most: usize,
    },
}

/// A form that was read.
#[derive(Debug)]
pub(super) struct Form {
    pieces: Vec<Piece>,
}

impl Form {
    /// Reads what stands in a rule; what is no form matches nothing, and a test reads all of them.
    pub(super) fn read(text: &'static str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, behind) = rest.split_once('{').unwrap_or((rest, ""));
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.as_bytes()));
            }
            if literal.len() == rest.len() {
                break;
            }
            let (piece, behind) = behind.split_once('}')?;
            let alphabet = *piece.as_bytes().first()?;
            let length = piece.get(1..)?;
            let (least, most) = match length.split_once('-') {
                None => (length.parse().ok()?, length.parse().ok()?),
                Some((least, "")) => (least.parse().ok()?, LONGEST),
                Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
            };
            pieces.push(Piece::Of {
                alphabet,
                least,
                most,
            });
            rest = behind;
        }
        matches!(pieces.first(), Some(Piece::Literal(_))).then_some(Self { pieces })
    }

    /// The literal text that it begins with, and the alphabet that may follow.
    pub(super) fn anchor(&self) -> (&'static [u8], Option<u8>) {
        let literal = match self.pieces.first() {
            Some(Piece::Literal(literal)) => literal,
            _ => &[][..],
        };
        let next = match self.pieces.get(1) {
            Some(Piece::Of { alphabet, .. }) => Some(*alphabet),
            _ => None,
        };
        (literal, next)
    }

    /// The text of this form that begins here, as a word of its own.
    pub(super) fn at(&self, text: &Text<'_>, at: usize) -> Option<Range<usize>> {
        if !text.begins_word(at) {
            return None;
        }
        let mut end = at;
        let mut last = b'a';
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => {
                    if !text.has(end, literal) {
                        return None;
                    }
                    end += literal.len();
                }
                Piece::Of {
                    alphabet,
                    least,
                    most,
                } => {
                    let length = text.run(end, *most, |byte| holds(*alphabet, byte));
                    if length < *least {
                        return None;
                    }
                    end += length;
                    last = *alphabet;
                }
            }
        }
        // A full stop may end the sentence, and a sign of base64 be the next thing.
        let next = text.byte(end);
        let goes_on = next.is_some_and(|byte| byte != b'.' && holds(last, byte));
        (!goes_on && text.ends_word(end)).then_some(at..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(form: &'static str, text: &str) -> Option<String> {
        let form = Form::read(form).unwrap();
        let of = Text::of(text.as_bytes(), "x");
        (0..text.len())
            .find_map(|at| form.at(&of, at))
            .map(|range| text[range].to_owned())
    }

    #[test]
    fn a_form_is_a_whole_word() {
        assert_eq!(found("ab_{h4}", "x ab_12ef."), Some("ab_12ef".into()));
        assert_eq!(found("ab_{h4}", "\"ab_12ef\""), Some("ab_12ef".into()));
        assert_eq!(found("ab_{h4}", "x\\nab_12ef\\n"), Some("ab_12ef".into()));
        assert_eq!(found("ab_{h4}", "k%3Dab_12ef"), Some("ab_12ef".into()));
        for no in [
            "cab_12ef",
            "ab_12efa",
            "ab_12e",
            "AB_12ef",
            "ab_12ez",
            "ab_12ef_x",
        ] {
            assert_eq!(found("ab_{h4}", no), None, "{no}");
        }
        assert_eq!(
            found("S.{w2-4}.{d1-}", "S.a-b.123 "),
            Some("S.a-b.123".into())
        );
        assert_eq!(found("S.{w2-4}.{d1-}", "S.abcde.123"), None);
    }
}
