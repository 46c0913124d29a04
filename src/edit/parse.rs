//! The edited text, read: which values it gives, of which type, with which notes.
//!
//! A value that is no string is kept as the person typed it (`0x1F`, `1e5`), so that saving changes
//! nothing that was not changed. Whatever the vault has no place for (table headers, dotted keys, a
//! comment that is about no value) is a fault with its line, and never dropped without a word.

use std::ops::Range;

use toml_edit::{Document, InlineTable, Item, RawString, Value};
use zeroize::Zeroizing;

use super::view::{HEAD, REASON, print_basic};
use crate::crypto::decode_base64;
use crate::name::{NameError, ValueName};
use crate::secret::Plain;
use crate::vault::{NewValue, ValueType, VaultError};

/// Why an edited text cannot be saved. No value is in any of these.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum Fault {
    #[error("it is no UTF-8")]
    NotUtf8,
    #[error("{0}")]
    Toml(String),
    #[error("a table header: a table is a value here, as `name = {{ x = 1 }}`")]
    Header,
    #[error("a dotted name: a name with a dot in it stands in quotes")]
    Dotted,
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("`{0}` is there twice")]
    Twice(ValueName),
    #[error("`{0}` and `{1}` differ in case alone")]
    Case(String, String),
    #[error("a comment that is directly above no value, so there is no place to keep it")]
    LooseComment,
    #[error("a comment behind or inside a value: a note stands on the lines above it")]
    InnerComment,
    #[error("what stands for bytes is no base64")]
    Base64,
    #[error(transparent)]
    Value(Box<VaultError>),
    #[error("it is no single value")]
    NotOne,
    #[error("the value is of type {0}, and this is of type {1}")]
    OtherType(&'static str, &'static str),
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        Self::Value(Box::new(error))
    }
}

/// A fault and its line, counted from 1.
pub(super) type At = (usize, Fault);

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

/// Reads one value that is no string, for a value that is edited alone.
///
/// # Errors
/// [`Fault`].
pub(super) fn literal(text: &str, name: &str) -> Result<NewValue, Fault> {
    let text = Zeroizing::new(format!("x = {}\n", text.trim()));
    let document =
        Document::parse(text.as_str()).map_err(|error| Fault::Toml(error.message().to_owned()))?;
    let mut items = document.iter();
    let (Some((_, Item::Value(value))), None) = (items.next(), items.next()) else {
        return Err(Fault::NotOne);
    };
    if has_comment(&text, value.decor().suffix()) || has_comment(&text, Some(document.trailing())) {
        return Err(Fault::InnerComment);
    }
    read_value(&text, value, name)
}

/// Whether a literal is the form that stands for bytes: a table whose one key is `base64`.
pub(super) fn is_reserved(literal: &str) -> bool {
    let value: Result<Value, _> = literal.parse();
    value.is_ok_and(|value| value.as_inline_table().is_some_and(is_base64))
}

fn is_base64(table: &InlineTable) -> bool {
    table.len() == 1 && table.contains_key("base64")
}

fn read_value(text: &str, value: &Value, name: &str) -> Result<NewValue, Fault> {
    let (kind, plain) = match value {
        Value::String(string) => (ValueType::String, string.value().clone().into_bytes()),
        Value::InlineTable(table) if is_base64(table) => {
            let encoded = table.get("base64").and_then(Value::as_str);
            let encoded: Zeroizing<String> = Zeroizing::new(
                encoded
                    .ok_or(Fault::Base64)?
                    .split_ascii_whitespace()
                    .collect(),
            );
            let plain = decode_base64(&encoded).map_err(|_| Fault::Base64)?;
            (ValueType::Bytes, plain)
        }
        Value::Integer(_) => (ValueType::Integer, raw(text, value.span()).into()),
        Value::Float(_) => (ValueType::Float, raw(text, value.span()).into()),
        Value::Boolean(_) => (ValueType::Boolean, raw(text, value.span()).into()),
        Value::Datetime(_) => (ValueType::Datetime, raw(text, value.span()).into()),
        Value::Array(_) => (ValueType::Array, one_line(text, value)?.into_bytes()),
        Value::InlineTable(_) => (ValueType::Table, one_line(text, value)?.into_bytes()),
    };
    let plain = Plain::new(plain);
    plain.with(|plain| kind.check(name, plain))?;
    Ok(NewValue { kind, plain })
}

fn raw(text: &str, span: Option<Range<usize>>) -> &str {
    span.and_then(|span| text.get(span)).unwrap_or_default()
}

/// An array or table as one line: as typed if it is one, else put together from its parts as typed.
fn one_line(text: &str, value: &Value) -> Result<String, Fault> {
    let typed = raw(text, value.span());
    if !typed.contains(['\n', '\r']) {
        return Ok(typed.to_owned());
    }
    let mut out = String::with_capacity(typed.len());
    join(text, value, &mut out)?;
    Ok(out)
}

fn join(text: &str, value: &Value, out: &mut String) -> Result<(), Fault> {
    let no_comment = |decor: &toml_edit::Decor, trailing: Option<&RawString>| {
        let parts = [decor.prefix(), decor.suffix(), trailing];
        if parts.into_iter().any(|part| has_comment(text, part)) {
            return Err(Fault::InnerComment);
        }
        Ok(())
    };
    match value {
        Value::Array(array) => {
            no_comment(array.decor(), Some(array.trailing()))?;
            out.push('[');
            for (index, item) in array.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                no_comment(item.decor(), None)?;
                join(text, item, out)?;
            }
            out.push(']');
        }
        Value::InlineTable(table) => {
            no_comment(table.decor(), Some(table.trailing()))?;
            out.push('{');
            for (index, (keys, item)) in table.get_values().into_iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { " " });
                for (depth, key) in keys.into_iter().enumerate() {
                    out.push_str(if depth > 0 { "." } else { "" });
                    no_comment(key.leaf_decor(), None)?;
                    no_comment(key.dotted_decor(), None)?;
                    out.push_str(raw(text, key.span()));
                }
                out.push_str(" = ");
                no_comment(item.decor(), None)?;
                join(text, item, out)?;
            }
            out.push_str(" }");
        }
        Value::String(string) if raw(text, value.span()).contains('\n') => {
            print_basic(out, string.value());
        }
        _ => out.push_str(raw(text, value.span())),
    }
    Ok(())
}

fn has_comment(text: &str, part: Option<&RawString>) -> bool {
    let span = part.and_then(RawString::span);
    raw(text, span).contains('#')
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

    #[test]
    fn a_value_alone_is_one_value() {
        assert_eq!(literal(" 0x1F\n", "X").unwrap().kind, ValueType::Integer);
        for text in ["1\ny = 2", "1 # x", "", "1\n[a]", "1\n# x"] {
            assert!(literal(text, "X").is_err(), "{text}");
        }
    }
}
