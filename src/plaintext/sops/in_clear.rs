//! The text of a file as `sops -d` would print it: the file's own, with values and comments in the clear.

use std::ops::Range;

use zeroize::Zeroizing;

use super::mac::{Opened, keys};
use super::split::Split;
use super::value::{Key, Sealed, Type, canonical, place};
use super::{Closed, Form, MARK};
use crate::plaintext::Fault;
use crate::plaintext::format::named;
use crate::plaintext::layout::Style;
use crate::plaintext::node::Node;
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
            // `1e+06` is a number to SOPS, and not to every reader of YAML.
            if form == Form::Yaml && opened.kind == Type::Float {
                let number = canonical(&leaf.text, opened.kind);
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
        (Form::Dotenv, _) => return Zeroizing::new(text.replace('\n', "\\n")),
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
    Zeroizing::new(spelled.unwrap_or_else(|| text.to_owned()))
}
