//! Opening all values of a file, and the MAC over them: SHA-512 of what each is, in their order, as Go prints
//! it.

use ring::digest;

use super::metadata::Metadata;
use super::split::{Split, is_null};
use super::value::{Key, Sealed, Type, canonical, is_sealed, place};
use super::{Closed, Form};
use crate::crypto::hex;
use crate::plaintext::Fault;
use crate::plaintext::format::Leaf;
use crate::plaintext::layout::{Step, Style};
use crate::secret::Plain;

/// What the MAC begins with if it goes over sealed values alone: SHA-256 of `sops`.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// A value of the file, once the MAC held.
pub(super) struct Opened {
    /// None if it stood in the clear.
    pub(super) plain: Option<Plain>,
    pub(super) kind: Type,
}

/// Opens all values, and compares the MAC.
///
/// # Errors
/// [`Closed::Forged`] if one value or the MAC is another one, [`Closed::Malformed`],
/// [`Closed::Unsupported`].
pub(super) fn verified(
    text: &str,
    form: Form,
    split: &Split,
    metadata: &Metadata,
    key: &Key,
) -> Result<Vec<Opened>, Closed> {
    let forged = |leaf: Option<&Leaf>, why: &str| {
        let before = leaf.and_then(|leaf| text.get(..leaf.span.start));
        let line = before.map(|before| 1 + memchr::memchr_iter(b'\n', before.as_bytes()).count());
        let why = why.to_owned();
        Fault { line, why }
    };
    if metadata.only_encrypted && metadata.rule.seals(std::iter::empty()).is_none() {
        let what = "a MAC over sealed values alone where comments say which those are";
        return Err(Closed::Unsupported(what.to_owned()));
    }
    let mut hash = digest::Context::new(&digest::SHA512);
    if metadata.only_encrypted {
        hash.update(&ONLY_ENCRYPTED);
    }
    let mut all = Vec::with_capacity(split.leaves.len());
    for leaf in &split.leaves {
        let wrong = |why| Closed::Malformed(forged(Some(leaf), why));
        if leaf.style == Style::Bare && is_null(&leaf.text) {
            all.push(Opened {
                plain: None,
                kind: Type::Text,
            });
            continue;
        }
        let names = || keys(&leaf.path);
        let by_rule = metadata.rule.seals(names());
        let seals = by_rule.unwrap_or_else(|| is_sealed(&leaf.text));
        let opened = if seals && !leaf.text.is_empty() {
            let odd = "a value that should be sealed, and is not in SOPS's form";
            let sealed = Sealed::parse(&leaf.text).ok_or_else(|| wrong(odd))?;
            let plain = key.open(&sealed, &place(names()));
            let why = "a value was changed, or moved here from another place";
            let plain = plain.ok_or_else(|| Closed::Forged(forged(Some(leaf), why)))?;
            Opened {
                kind: sealed.kind,
                plain: Some(plain),
            }
        } else {
            Opened {
                plain: None,
                kind: type_of(leaf, form),
            }
        };
        if opened.kind != Type::Comment && (seals || !metadata.only_encrypted) {
            let odd = "a value that is none of its type";
            let bytes = match (&opened.plain, opened.kind) {
                // What is no UTF-8 may be the whole of a file.
                (Some(plain), Type::Text | Type::Bytes) => Some(plain.duplicate()),
                (Some(plain), kind) => plain.with(|bytes| {
                    let text = canonical(std::str::from_utf8(bytes).ok()?, kind)?;
                    Some(Plain::from(text.as_str()))
                }),
                (None, kind) => {
                    canonical(&clear_text(leaf, kind), kind).map(|text| Plain::from(text.as_str()))
                }
            };
            bytes
                .ok_or_else(|| wrong(odd))?
                .with(|bytes| hash.update(bytes));
        }
        all.push(opened);
    }
    let mac = hex(hash.finish().as_ref()).to_ascii_uppercase();
    let sealed = Sealed::parse(&metadata.mac);
    let right = sealed
        .and_then(|sealed| key.open(&sealed, &metadata.last_modified))
        .is_some_and(|there| there.same_as(&Plain::from(mac.as_str())));
    if right {
        Ok(all)
    } else {
        let why =
            "its MAC is another one: values were changed, added, removed or put in another order";
        Err(Closed::Forged(forged(None, why)))
    }
}

/// The names on the way to a value.
pub(super) fn keys(path: &[Step]) -> impl Iterator<Item = &str> {
    path.iter().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) => None,
    })
}

/// What a value in the clear is to SOPS: in YAML what go-yaml makes of a bare word (its `resolve.go`,
/// version 3), in JSON a float for each number.
fn type_of(leaf: &Leaf, form: Form) -> Type {
    if leaf.style != Style::Bare {
        return Type::Text;
    }
    let word = leaf.text.as_str();
    if matches!(word, "true" | "True" | "TRUE" | "false" | "False" | "FALSE") {
        Type::Boolean
    } else if matches!(form, Form::Json | Form::Binary) {
        Type::Float
    } else if integer(word).is_some() {
        Type::Integer
    } else if is_float(word) {
        Type::Float
    } else {
        Type::Text
    }
}

/// Whether a word can be a number at all, which its first character decides.
fn begins_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))
}

/// An integer as it stands in YAML, in one of Go's bases and with `_` anywhere but in front.
fn integer(word: &str) -> Option<i64> {
    if !begins_number(word) {
        return None;
    }
    let plain = word.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some("0o" | "0O") => (8, digits.get(2..)?),
        Some("0b" | "0B") => (2, digits.get(2..)?),
        Some(two) if two.starts_with('0') => (8, digits),
        _ => (10, digits),
    };
    // No second sign; the first one belongs to the number, or the least of all would have no place.
    let is_plain = digits.bytes().all(|b| b.is_ascii_alphanumeric());
    let number = format!("{sign}{digits}");
    is_plain
        .then(|| i64::from_str_radix(&number, radix).ok())
        .flatten()
}

/// Whether a word is a float: `.inf` and its like, or digits with a point or an exponent that a float holds.
fn is_float(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return true,
        ".nan" | ".NaN" | ".NAN" => return unsigned == word,
        _ => {}
    }
    let plain = float_text(word);
    let number = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.strip_prefix(['+', '-']).unwrap_or(exponent),
        ),
        None => (number, "0"),
    };
    let are_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let has_form = are_digits(whole)
        && are_digits(part)
        && are_digits(exponent)
        && !exponent.is_empty()
        && !(whole.is_empty() && part.is_empty());
    // What is larger than any float is a text.
    has_form && plain.parse::<f64>().is_ok_and(f64::is_finite)
}

/// A float without the `_` that go-yaml takes out of what begins as a number does.
fn float_text(word: &str) -> String {
    match begins_number(word) {
        true => word.replace('_', ""),
        false => word.to_owned(),
    }
}

/// The text of a value in the clear from which [`canonical`] makes what the MAC goes over.
pub(super) fn clear_text(leaf: &Leaf, kind: Type) -> String {
    match kind {
        Type::Integer => integer(&leaf.text).map_or_else(String::new, |number| number.to_string()),
        Type::Float => float_text(&leaf.text),
        _ => leaf.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(form: Form, word: &str) -> (Type, String) {
        let leaf = Leaf {
            path: Vec::new(),
            span: 0..word.len(),
            style: Style::Bare,
            text: word.to_owned(),
        };
        let kind = type_of(&leaf, form);
        let text = canonical(&clear_text(&leaf, kind), kind).unwrap();
        (kind, text.to_string())
    }

    /// Each was sealed beside a secret by SOPS 3.11, and its MAC compared.
    #[test]
    fn a_bare_word_is_what_go_yaml_makes_of_it() {
        for (word, kind, hashed) in [
            ("-inf", Type::Text, "-inf"),
            ("+inf", Type::Text, "+inf"),
            ("-Infinity", Type::Text, "-Infinity"),
            ("+nan", Type::Text, "+nan"),
            ("_1", Type::Text, "_1"),
            ("--5", Type::Text, "--5"),
            ("+-5", Type::Text, "+-5"),
            ("0x+5", Type::Text, "0x+5"),
            ("1e400", Type::Text, "1e400"),
            ("-.nan", Type::Text, "-.nan"),
            (".", Type::Text, "."),
            ("e5", Type::Text, "e5"),
            ("1e", Type::Text, "1e"),
            ("t", Type::Text, "t"),
            (
                "-9223372036854775808",
                Type::Integer,
                "-9223372036854775808",
            ),
            ("1_000", Type::Integer, "1000"),
            ("+_1", Type::Integer, "1"),
            ("-0x1F", Type::Integer, "-31"),
            ("0777", Type::Integer, "511"),
            ("-0", Type::Integer, "0"),
            ("08", Type::Float, "8"),
            ("1_000.5", Type::Float, "1000.5"),
            (".5", Type::Float, "0.5"),
            ("5.", Type::Float, "5"),
            ("-1e-3", Type::Float, "-0.001"),
            (".inf", Type::Float, "+Inf"),
            ("-.Inf", Type::Float, "-Inf"),
            (".NaN", Type::Float, "NaN"),
            ("True", Type::Boolean, "True"),
        ] {
            assert_eq!(
                type_in(Form::Yaml, word),
                (kind, hashed.to_owned()),
                "{word}"
            );
        }
        assert_eq!(type_in(Form::Json, "-0"), (Type::Float, "-0".to_owned()));
        assert_eq!(type_in(Form::Json, "5"), (Type::Float, "5".to_owned()));
    }
}
