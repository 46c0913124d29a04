//! The edited text, read: which values it gives, of which type, with which notes.
//!
//! A value that is no string is kept as the person typed it (`0x1F`, `1e5`), so that saving changes
//! nothing that was not changed. Whatever the vault has no place for (table headers, dotted keys, a
//! comment that is about no value) is a fault with its line, and never dropped without a word.

use std::ops::Range;

use toml_edit::{Document, Item, RawString};

use super::fault::{At, Fault};
use super::literal::{has_comment, raw, read_value};
use super::view::{HEAD, REASON};
use crate::name::ValueName;
use crate::vault::NewValue;

/// A value as the text gives it.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) name: ValueName,
    pub(super) line: usize,
    pub(super) new: NewValue,
    pub(super) note: Option<String>,
}

/// Reads a document's text.
///
/// # Errors
/// The first fault, with its line.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Typed>, At> {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text.trim_start_matches('\u{feff}'),
        Err(error) => {
            let before = text.get(..error.valid_up_to()).unwrap_or_default();
            return Err((
                1 + memchr::memchr_iter(b'\n', before).count(),
                Fault::NotUtf8,
            ));
        }
    };
    let lines = Lines::of(text);
    let document = Document::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(text.len()..text.len());
        let line = lines.at(span.start);
        // The message alone: what `Display` adds is the line itself.
        let fault = || Fault::Toml(error.message().to_owned());
        (line, twice(text, span).map_or_else(fault, Fault::Twice))
    })?;
    let mut typed = Vec::with_capacity(document.len());
    let mut seen = std::collections::HashMap::with_capacity(document.len());
    for (name, item) in document.iter() {
        let key = document.key(name);
        let line = key.and_then(toml_edit::Key::span);
        let line = line.map_or(1, |span| lines.at(span.start));
        let fail = |fault| (line, fault);
        let value = match item {
            Item::Value(value) => value,
            Item::Table(table) if table.is_dotted() => return Err(fail(Fault::Dotted)),
            _ => return Err(fail(Fault::Header)),
        };
        let name: ValueName = name.parse().map_err(|error| fail(Fault::Name(error)))?;
        if let Some(other) = seen.insert(name.as_str().to_ascii_lowercase(), name.clone()) {
            return Err(fail(Fault::Case(other.to_string(), name.to_string())));
        }
        let above = key.and_then(|key| key.leaf_decor().prefix());
        let note = above.and_then(RawString::span);
        let note = note.map_or(Ok(None), |span| note_of(text, span, &lines))?;
        if has_comment(text, value.decor().suffix()) {
            return Err(fail(Fault::InnerComment));
        }
        let new = read_value(text, value, name.as_str()).map_err(fail)?;
        typed.push(Typed {
            name,
            line,
            new,
            note,
        });
    }
    if let Some(span) = document.trailing().span() {
        let first = lines.at(span.start);
        let mut below = raw(text, Some(span)).split('\n');
        if let Some(index) = below.position(is_note) {
            return Err((first + index, Fault::LooseComment));
        }
    }
    Ok(typed)
}

/// The name at which a text does not read where it has stood before, and nothing else is wrong up to there. In an inline
/// table it would be a part of a value, which nobody repeats: what lies before it is no document then.
fn twice(text: &str, at: Range<usize>) -> Option<ValueName> {
    let key: toml_edit::Key = text.get(at.clone())?.parse().ok()?;
    let before = Document::parse(text.get(..at.start)?).ok()?;
    let is_there = before.contains_key(key.get());
    is_there.then(|| key.get().parse().ok()).flatten()
}

/// The note in what stands before a key: the comment lines directly above it.
fn note_of(text: &str, before: Range<usize>, lines: &Lines) -> Result<Option<String>, At> {
    let first = lines.at(before.start);
    let mut above: Vec<&str> = raw(text, Some(before)).split('\n').collect();
    // What stands before the key on its own line.
    above.pop();
    let note_lines = above.iter().rev().take_while(|line| is_note(line)).count();
    let (loose, note) = above.split_at(above.len() - note_lines);
    if let Some(index) = loose.iter().position(|line| is_note(line)) {
        return Err((first + index, Fault::LooseComment));
    }
    let note: Vec<&str> = note
        .iter()
        .map(|line| {
            let line = line.trim();
            let line = line.strip_prefix('#').unwrap_or(line);
            line.strip_prefix(' ').unwrap_or(line)
        })
        .collect();
    let any = note.iter().any(|line| !line.is_empty());
    Ok(any.then(|| note.join("\n")))
}

/// Whether a line is a comment that the person wrote.
fn is_note(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#') && !line.starts_with(HEAD) && !line.starts_with(REASON)
}

/// Where each line of a text ends.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// The line of an offset, counted from 1.
    fn at(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|end| *end < offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::ValueType;

    fn one(text: &str) -> (ValueType, Vec<u8>) {
        let [typed] = &mut parse(text.as_bytes()).unwrap()[..] else {
            panic!("one value is wanted")
        };
        (typed.new.kind, typed.new.plain.with(Clone::clone))
    }

    fn fault(text: &str) -> (usize, String) {
        let (line, fault) = parse(text.as_bytes()).expect_err(text);
        (line, fault.to_string())
    }

    #[test]
    fn types_are_those_of_toml_and_literals_stay_as_typed() {
        for (text, kind, plain) in [
            ("X=\"a\\tb\"", ValueType::String, "a\tb"),
            ("X = '''\na\nb'''", ValueType::String, "a\nb"),
            ("X = 0x1F", ValueType::Integer, "0x1F"),
            ("  X =  1_000 ", ValueType::Integer, "1_000"),
            ("X = -0.0e1", ValueType::Float, "-0.0e1"),
            ("X = true", ValueType::Boolean, "true"),
            (
                "X = 2026-11-24 10:00:00Z",
                ValueType::Datetime,
                "2026-11-24 10:00:00Z",
            ),
            ("X = [ 1,'a' ]", ValueType::Array, "[ 1,'a' ]"),
            ("X = {a=1}", ValueType::Table, "{a=1}"),
            ("X = { base64 = \"YWI=\" }", ValueType::Bytes, "ab"),
            ("X = {base64='''\nYW\nI='''}", ValueType::Bytes, "ab"),
            (
                "X = { base64 = \"YWI=\", x = 1 }",
                ValueType::Table,
                "{ base64 = \"YWI=\", x = 1 }",
            ),
        ] {
            assert_eq!(one(text), (kind, plain.as_bytes().to_vec()), "{text}");
        }
    }

    #[test]
    fn an_array_of_several_lines_becomes_one() {
        let text = "X = [\n  1,\n  [ 'b', \"c\\n\" ], # no\n]";
        assert_eq!(fault(text).1, Fault::InnerComment.to_string());
        let text = "X = [\n  0x1,\n  [\n'b', '''\nc\n\\''',],\n { a.b =\n 1, \"k k\" = 'v' },\n]\n";
        let (kind, plain) = one(text);
        assert_eq!(
            (kind, String::from_utf8(plain).unwrap().as_str()),
            (
                ValueType::Array,
                "[0x1, ['b', \"c\\n\\\\\"], { a.b = 1, \"k k\" = 'v' }]"
            )
        );
    }

    #[test]
    fn comments_directly_above_are_the_note() {
        let text = "#: head\n#! why\n# one\n#two\n#\n#  three \nA = 1\n\n#: x\nB = '''\n# no note\n'''\n  # of C\n  C = 1";
        let notes: Vec<Option<String>> = parse(text.as_bytes())
            .unwrap()
            .into_iter()
            .map(|typed| typed.note)
            .collect();
        assert_eq!(
            notes,
            [
                Some("one\ntwo\n\n three".to_owned()),
                None,
                Some("of C".to_owned())
            ]
        );
    }

    #[test]
    fn what_has_no_place_is_a_fault_with_its_line() {
        for (text, line, why) in [
            ("A = 1\n[b]\nc = 1", 2, "a table header"),
            ("A = 1\n[[b]]\nc = 1", 2, "a table header"),
            ("A = 1\nb.c = 1", 2, "a dotted name"),
            ("A = 1\n\nA = 2", 3, "`A` is there twice"),
            ("A = 1\nB = 2\n\"A\" = 3", 3, "`A` is there twice"),
            ("A = { x = 1, x = 2 }", 1, "duplicate key"),
            ("x = 1\nA = {\nx = 1,\nx = 2 }", 4, "duplicate key"),
            ("A = 1\nA.b = 2", 2, ""),
            ("a = 1\nA = 2", 2, "`a` and `A` differ in case alone"),
            ("\n-x = 1", 2, "`-x` is no name of a value"),
            ("\"a b\" = 1", 1, "`a b` is no name of a value"),
            ("A = 1 # x", 1, "a comment behind"),
            ("# loose\n\nA = 1", 1, "directly above no value"),
            ("A = 1\n\n# B = 2\n", 3, "directly above no value"),
            ("A = 1\n# x\n\n# y", 2, "directly above no value"),
            ("A = 1\n# y", 2, "directly above no value"),
            ("A = hunter2", 1, "string values must be quoted"),
            ("A = 1\nB = \"x", 2, "invalid basic string"),
            ("A = { base64 = \"?\" }", 1, "no base64"),
            ("A = { base64 = 1 }", 1, "no base64"),
            ("A = 99999999999999999999", 1, ""),
        ] {
            let (at, said) = fault(text);
            assert_eq!(at, line, "{text}: {said}");
            assert!(said.contains(why), "{text}: {said}");
            assert!(!said.contains("hunter2"));
        }
        let (line, fault) = parse(b"A = 1\nB = '\xff'").unwrap_err();
        assert!(matches!((line, fault), (2, Fault::NotUtf8)));
        let long = format!("A = 1\nB = \"{}\"", "x".repeat(crate::vault::MAX_VALUE + 1));
        assert_eq!(fault_line(&long), 2);
    }

    fn fault_line(text: &str) -> usize {
        fault(text).0
    }
}
