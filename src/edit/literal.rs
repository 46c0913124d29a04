//! One value as TOML: printed, and read back as the same type and the same bytes.

use std::fmt::Write as _;
use std::ops::Range;

use toml_edit::{Document, InlineTable, Item, RawString, Value};
use zeroize::Zeroizing;

use super::fault::Fault;
use crate::crypto::{decode_base64, encode_base64};
use crate::secret::Plain;
use crate::text::is_dangerous;
use crate::vault::{NewValue, ValueType};

/// Prints a value as it stands behind ` = `.
pub(super) fn print(out: &mut String, kind: ValueType, plain: &Plain) {
    plain.with(|plain| match kind {
        ValueType::Bytes => {
            let encoded = Zeroizing::new(encode_base64(plain));
            out.extend(["{ base64 = \"", encoded.as_str(), "\" }"]);
        }
        // A value that is no UTF-8 is hidden, and never comes here.
        kind => match std::str::from_utf8(plain) {
            Ok(text) if kind == ValueType::String => print_string(out, text),
            Ok(literal) => out.push_str(literal),
            Err(_) => out.push_str("\"\""),
        },
    });
}

fn print_string(out: &mut String, text: &str) {
    if is_block(text) {
        out.extend(["'''\n", text, "'''"]);
    } else {
        print_basic(out, text);
    }
}

/// Prints a string on one line, in quotes.
fn print_basic(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Writing to a String cannot fail.
            other if is_dangerous(other) => match u32::from(other) {
                code @ 0..=0xffff => write!(out, "\\u{code:04x}").unwrap_or_default(),
                code => write!(out, "\\U{code:08x}").unwrap_or_default(),
            },
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Whether a text goes between `'''` and comes back unharmed: several lines, nothing that TOML or an
/// editor changes (editors strip blanks at line ends, and turn tabs into blanks).
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.contains("'''")
        && !text.ends_with('\'')
        && !text.chars().any(|c| c != '\n' && is_dangerous(c))
        && !text.lines().any(|line| line.ends_with(char::is_whitespace))
}

/// Reads one value that is no string, for a value that is edited alone.
///
/// # Errors
/// [`Fault`].
pub(super) fn parse(text: &str, name: &str) -> Result<NewValue, Fault> {
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

/// A value of a text, as the vault keeps it.
pub(super) fn read_value(text: &str, value: &Value, name: &str) -> Result<NewValue, Fault> {
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

/// What stands at a span.
pub(super) fn raw(text: &str, span: Option<Range<usize>>) -> &str {
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

pub(super) fn has_comment(text: &str, part: Option<&RawString>) -> bool {
    let span = part.and_then(RawString::span);
    raw(text, span).contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_alone_is_one_value() {
        assert_eq!(parse(" 0x1F\n", "X").unwrap().kind, ValueType::Integer);
        for text in ["1\ny = 2", "1 # x", "", "1\n[a]", "1\n# x"] {
            assert!(parse(text, "X").is_err(), "{text}");
        }
    }
}
