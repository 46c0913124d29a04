//! Opening all values of a file, and the MAC over them: SHA-512 of what each is, in their order, as Go prints
//! it.

use ring::digest;

use super::Closed;
use super::metadata::Metadata;
use super::split::{Split, is_null};
use super::value::{Key, Sealed, Type, canonical, is_sealed, place};
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
                kind: type_of(leaf),
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

/// What a value in the clear is to SOPS, whose reader of YAML is one of 1.2 with some of 1.1.
fn type_of(leaf: &Leaf) -> Type {
    if leaf.style != Style::Bare {
        return Type::Text;
    }
    let word = leaf.text.as_str();
    if canonical(word, Type::Boolean).is_some() && word.len() > 1 {
        Type::Boolean
    } else if integer(word).is_some() {
        Type::Integer
    } else if canonical(word, Type::Float).is_some() && !word.starts_with(['i', 'I', 'n', 'N']) {
        Type::Float
    } else {
        Type::Text
    }
}

/// A number as it stands in YAML; those of JSON are floats to SOPS, which prints the same up to 2^53.
fn integer(word: &str) -> Option<i64> {
    let digits = word.replace('_', "");
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok();
    let number = match digits.get(..2) {
        Some("0x") => radix(digits.get(2..)?, 16),
        Some("0o") => radix(digits.get(2..)?, 8),
        Some("0b") => radix(digits.get(2..)?, 2),
        Some(two) if two.starts_with('0') => radix(digits, 8),
        _ => digits.parse().ok(),
    };
    number.map(|number: i64| sign * number)
}

fn clear_text(leaf: &Leaf, kind: Type) -> String {
    match kind {
        Type::Integer => integer(&leaf.text).map_or_else(String::new, |number| number.to_string()),
        _ => leaf.text.clone(),
    }
}
