//! The text of a file as `sops -d` would print it: the file's own, with values and comments in the clear.
//!
//! What SOPS prints of dotenv and INI is not what all read who read such files: in dotenv nothing is a
//! quote or a comment to SOPS. So a value is written there in the spelling that gives it back here.

use std::ops::Range;

use zeroize::Zeroizing;

use super::mac::{Opened, clear_text, keys};
use super::split::Split;
use super::value::{Key, Sealed, Type, canonical, place};
use super::{Closed, Form, MARK};
use crate::plaintext::format::{Dotenv, Format as _, named};
use crate::plaintext::layout::Style;
use crate::plaintext::node::Node;
use crate::plaintext::{Fault, Passwords};
use crate::vault::ValueType;

/// The text with its values in the clear and without its metadata.
///
/// # Errors
/// [`Closed::Malformed`] for a value that is no text.
pub(super) fn in_clear(
    text: &str,
    form: Form,
    split: &Split,
    opened: Vec<Opened>,
    key: &Key,
) -> Result<Vec<u8>, Closed> {
    let mut edits: Vec<(Range<usize>, Zeroizing<String>)> = Vec::new();
    for (leaf, opened) in split.leaves.iter().zip(opened) {
        let Some(plain) = opened.plain else {
            if form == Form::Dotenv {
                edits.push((leaf.span.clone(), in_dotenv(&leaf.text)));
            }
            // `1e+06` is a number to SOPS, and not to every reader of YAML.
            if form == Form::Yaml && opened.kind == Type::Float {
                let number = canonical(&clear_text(leaf, opened.kind), opened.kind);
                edits.extend(
                    number.map(|text| (leaf.span.clone(), spelled(form, opened.kind, &text))),
                );
            }
            continue;
        };
        let no_text = || Closed::Malformed(Fault::new("a value that is no text"));
        let plain = plain.with(|bytes| String::from_utf8(bytes.clone()).map(Zeroizing::new));
        let plain = plain.map_err(|_| no_text())?;
        let before = text.get(..leaf.span.start).unwrap_or_default();
        match opened.kind {
            // SOPS writes the comments of a list as if they were its values.
            Type::Comment if before.ends_with("- ") => {
                let from = leaf.span.start - 2;
                edits.push((from..leaf.span.end, commented("#", &plain)));
            }
            kind => edits.push((leaf.span.clone(), spelled(form, kind, &plain))),
        }
    }
    edits.extend(comments(text, split, key));
    edits.extend(
        split
            .cuts
            .iter()
            .map(|cut| (cut.clone(), Zeroizing::default())),
    );
    edits.sort_by_key(|(span, _)| (span.start, span.end));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for (span, replacement) in edits {
        // A comment of the metadata goes with it.
        let Some(before) = text.get(at..span.start) else {
            continue;
        };
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(replacement.as_bytes());
        at = span.end;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default().as_bytes());
    Ok(out)
}

/// The sealed comments. One that does not open where it stands is left: the MAC does not go over comments,
/// and SOPS takes it for one in the clear.
fn comments(text: &str, split: &Split, key: &Key) -> Vec<(Range<usize>, Zeroizing<String>)> {
    let mut found = Vec::new();
    for mark in ["#", "; "] {
        for (at, _) in text.match_indices(&format!("{mark}{MARK}")) {
            let next = split.leaves.partition_point(|leaf| leaf.span.end <= at);
            let behind = split.leaves.get(next);
            if behind.is_some_and(|leaf| leaf.span.start <= at) {
                continue;
            }
            let rest = text.get(at + mark.len()..).unwrap_or_default();
            let Some(end) = rest.find(']').map(|end| end + 1) else {
                continue;
            };
            let Some(sealed) = rest.get(..end).and_then(Sealed::parse) else {
                continue;
            };
            let around = [
                next.checked_sub(1).and_then(|at| split.leaves.get(at)),
                behind,
            ];
            let plain = around.into_iter().flatten().find_map(|leaf| {
                let names: Vec<&str> = keys(&leaf.path).collect();
                let mut depths = (0..=names.len()).rev();
                depths
                    .find_map(|depth| key.open(&sealed, &place(names.iter().copied().take(depth))))
            });
            let plain = plain.and_then(|plain| {
                plain.with(|bytes| String::from_utf8(bytes.clone()).map(Zeroizing::new).ok())
            });
            if let Some(plain) = plain {
                found.push((at..at + mark.len() + end, commented(mark, &plain)));
            }
        }
    }
    found
}

/// A comment, on as many lines as it has.
fn commented(mark: &str, text: &str) -> Zeroizing<String> {
    let lines = text.split('\n').map(|line| format!("{mark}{line}"));
    Zeroizing::new(lines.collect::<Vec<_>>().join("\n"))
}

/// A value as it stands in a file of its form.
fn spelled(form: Form, kind: Type, text: &str) -> Zeroizing<String> {
    let node = match (form, kind) {
        (Form::Dotenv, _) => return in_dotenv(text),
        (_, Type::Integer) => Node::Literal(ValueType::Integer, text.to_owned()),
        (_, Type::Boolean) => {
            let text = canonical(text, kind).unwrap_or_default();
            Node::Literal(ValueType::Boolean, text.to_ascii_lowercase())
        }
        // JSON has numbers alone, which are all floats to SOPS.
        (Form::Json, Type::Float) => return Zeroizing::new(text.to_owned()),
        (_, Type::Float) => {
            return Zeroizing::new(match text {
                "+Inf" => ".inf".to_owned(),
                "-Inf" => "-.inf".to_owned(),
                "NaN" => ".nan".to_owned(),
                text if text.contains('.') => text.to_owned(),
                text => format!("{text}.0"),
            });
        }
        // A bare word, which is a time to SOPS and to some others.
        (Form::Yaml, Type::Time) => return Zeroizing::new(text.to_owned()),
        _ => Node::Text(text.to_owned()),
    };
    let format = form.format().and_then(named);
    let spelled = format.and_then(|format| format.spell(Style::Bare, &node));
    // As SOPS writes it in INI. No reader here takes such a line, so the file stays whole, and nothing
    // inside of the value is a name or a comment.
    Zeroizing::new(spelled.unwrap_or_else(|| format!("\"\"\"{text}\"\"\"")))
}

/// A value as it stands in a dotenv file: bare, if it is read as what it is.
fn in_dotenv(text: &str) -> Zeroizing<String> {
    let quoted = || Dotenv.spell(Style::Bare, &Node::Text(text.to_owned()));
    let spelled = match stands_bare(text) {
        true => None,
        false => quoted(),
    };
    Zeroizing::new(spelled.unwrap_or_else(|| text.to_owned()))
}

/// Whether a text behind `NAME=` is one value and no comment. Quotes around all of it are a part of the
/// value to SOPS, and to the readers of what it prints they are none.
fn stands_bare(text: &str) -> bool {
    let line = Zeroizing::new(format!("A={text}\n"));
    let Ok(parsed) = Dotenv.parse(&line, &Passwords::default()) else {
        return false;
    };
    let ([entry], [stood]) = (parsed.entries.as_slice(), parsed.stood.as_slice()) else {
        return false;
    };
    let is_same = matches!(&entry.node, Node::Text(value) if value == text);
    let is_quoted = stood.style != Style::Bare;
    parsed.hidden.is_empty() && entry.comments.is_empty() && (is_same || is_quoted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plaintext::Read;

    /// The values and notes of a file where this is the second of three values.
    fn around(spelled: &str) -> Result<(String, usize), Fault> {
        let file = format!("A=1\nB={spelled}\nC=3\n");
        let read = Read::of(file.as_bytes(), &Dotenv, &Passwords::default())?;
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
        assert_eq!(read.values.len(), 3, "{file:?}");
        let notes = read.values.iter().filter(|v| v.note.is_some());
        Ok((read.values[1].plain.with(text), notes.count()))
    }

    #[test]
    fn a_value_of_dotenv_is_all_that_was_sealed() {
        for text in [
            "correct horse # battery staple",
            "a\nb",
            "ends with a blank ",
            " begins with one",
            "tab\t#x",
            "'it' # x",
            "\"a\" # b",
            "a\\",
            "`x`",
            "one\n# of the database\ntwo",
            "x\nB=y",
            "it's\r\n$x",
            "#",
        ] {
            let spelled = in_dotenv(text);
            assert_eq!(around(&spelled), Ok((text.to_owned(), 0)), "{text:?}");
        }
        for (text, read) in [("\"with blanks\"", "with blanks"), ("'#'", "#")] {
            assert_eq!(in_dotenv(text).as_str(), text);
            assert_eq!(around(text), Ok((read.to_owned(), 0)));
        }
        for text in ["", "x#y", "a=b==", "it's \"so\"", "$x"] {
            assert_eq!(in_dotenv(text).as_str(), text);
        }
        assert!(around(&in_dotenv("a\0# of the database")).is_err());
    }

    #[test]
    fn a_value_that_ini_has_not_makes_no_name_and_no_comment() {
        let ini = named("ini").unwrap();
        for text in [
            "a\n; of the database",
            "a\n[b]\nc = d",
            "a ; b",
            "'x'",
            "a\\b",
        ] {
            let file = format!("[s]\na = {}\n", *spelled(Form::Ini, Type::Text, text));
            let read = ini.parse(&file, &Passwords::default());
            assert_eq!(read.map(drop).unwrap_err().line, Some(2), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_value_of_dotenv_is_read_as_it_is(text in "[ -~äß\n\r\t]{0,30}") {
            let (read, notes) = around(&in_dotenv(&text)).unwrap();
            let unquoted = text.len() > 1 && ["\"", "'"].iter().any(|q| text.starts_with(q) && text.ends_with(q));
            prop_assert!(read == text || unquoted, "{:?}", read);
            prop_assert_eq!(notes, 0);
        }
    }
}
