//! The values of a document as the fields of a secret there, and back.
//!
//! A string is a string, a number a number, a list or table what JSON has for it; a time is its text, and
//! bytes are base64. A sealed file is one field with its content in base64.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use zeroize::{Zeroize as _, Zeroizing};

use crate::crypto::{decode_base64, encode_base64};
use crate::error::{Code, Error, Problem};
use crate::name::ValueName;
use crate::plaintext::{Format as _, Json, Passwords, entries_of};
use crate::secret::Plain;
use crate::text::clean_line;
use crate::vault::{Literal, NewValue, Opened, ValueType};

/// The field of a sealed file's content.
pub(super) const CONTENT: &str = "content";

/// The fields of a document's values.
///
/// # Errors
/// DATAERR for a value that has no form in JSON, such as `nan`.
pub(super) fn of_values(path: &str, values: &[Opened]) -> Result<Map<String, Value>, Error> {
    let mut fields = Map::new();
    for opened in values {
        let name = opened.name.as_str();
        let value = match opened.kind {
            ValueType::Bytes => {
                let text = opened.value.with(|bytes| encode_base64(bytes));
                Value::String(text)
            }
            kind => of_value(path, name, kind, &opened.value)?,
        };
        fields.insert(name.to_owned(), value);
    }
    Ok(fields)
}

fn of_value(path: &str, name: &str, kind: ValueType, plain: &Plain) -> Result<Value, Error> {
    let one = std::iter::once((name, kind, plain));
    let printed = entries_of(one, &BTreeMap::new()).and_then(|entries| Json.print(&entries));
    let printed = printed.map_err(|error| {
        let why = format!("`{path}/{}` {}", error.name, error.why);
        Problem::new(Code::DataErr, why)
    })?;
    let read: Result<Map<String, Value>, _> = serde_json::from_str(&Zeroizing::new(printed));
    let value = read.ok().and_then(|read| read.into_values().next());
    value.ok_or_else(|| {
        let why = format!("`{path}/{name}` has no form in JSON");
        Problem::new(Code::DataErr, why).into()
    })
}

/// The field of a sealed file.
pub(super) fn of_file(content: &[u8]) -> Map<String, Value> {
    let text = encode_base64(content);
    Map::from_iter([(CONTENT.to_owned(), Value::String(text))])
}

/// The content of a sealed file.
///
/// # Errors
/// DATAERR if the secret is none of a file.
pub(super) fn to_file(place: &str, fields: &Map<String, Value>) -> Result<Plain, Error> {
    let text = match (fields.len(), fields.get(CONTENT)) {
        (1, Some(Value::String(text))) => decode_base64(text).ok(),
        _ => None,
    };
    text.map(Plain::new).ok_or_else(|| {
        let why = format!("`{place}` is no file: one field `{CONTENT}` with base64 is wanted");
        Problem::new(Code::DataErr, why).into()
    })
}

/// What the vault gets from a secret there: values that are new or others, and names that are gone.
#[derive(Default)]
pub(super) struct Difference {
    pub(super) set: Vec<(ValueName, NewValue)>,
    pub(super) removed: Vec<ValueName>,
}

impl Difference {
    /// Compares the fields with what the vault has. A value that is the same stays untouched.
    ///
    /// # Errors
    /// DATAERR for a field that no value can hold.
    pub(super) fn new(
        path: &str,
        here: &[Opened],
        there: &Map<String, Value>,
    ) -> Result<Self, Error> {
        let own = of_values(path, here)?;
        let kinds: BTreeMap<&str, ValueType> =
            here.iter().map(|o| (o.name.as_str(), o.kind)).collect();
        let mut difference = Self::default();
        for (field, value) in there {
            if own.get(field) == Some(value) {
                continue;
            }
            let unfit = |why: &str| {
                let message = format!("the field `{}` of `{path}` {why}", clean_line(field));
                Problem::new(Code::DataErr, message)
            };
            let name: ValueName = field.parse().map_err(|_| unfit("is no name of a value"))?;
            let kind = kinds.get(field.as_str()).copied();
            let new =
                to_value(value, kind).ok_or_else(|| unfit("is nothing that a value holds"))?;
            difference.set.push((name, new));
        }
        let gone = here.iter().filter(|o| !there.contains_key(o.name.as_str()));
        difference.removed = gone.map(|opened| opened.name.clone()).collect();
        Ok(difference)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.removed.is_empty()
    }
}

/// A field as a value, of the type that it had where it can be that.
fn to_value(field: &Value, had: Option<ValueType>) -> Option<NewValue> {
    if let (Value::String(text), Some(kind)) = (field, had) {
        match kind {
            ValueType::Bytes => {
                let plain = decode_base64(text).ok().map(Plain::new)?;
                return Some(NewValue { kind, plain });
            }
            ValueType::Datetime if Literal::parse(text).is_some_and(|it| it.kind == kind) => {
                let plain = Plain::from(text.as_str());
                return Some(NewValue { kind, plain });
            }
            _ => {}
        }
    }
    let printed = Zeroizing::new(format!("{{\"a\":{field}}}"));
    let parsed = Json.parse(&printed, &Passwords::default()).ok()?;
    let (_, node) = parsed.into_entries().into_iter().next()?;
    let (kind, plain) = node.to_value()?;
    Some(NewValue { kind, plain })
}

/// A field as the text that a program is given; none for what is nothing.
pub(super) fn to_text(field: Value) -> Option<Plain> {
    match field {
        Value::Null => None,
        Value::String(mut text) => {
            let plain = Plain::from(text.as_str());
            text.zeroize();
            Some(plain)
        }
        other => Some(Plain::new(other.to_string().into_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::time::Moment;
    use crate::vault::Policy;

    fn opened(name: &str, kind: ValueType, text: &str) -> Opened {
        Opened {
            name: name.parse().unwrap(),
            value: Plain::from(text),
            kind,
            rev: 1,
            changed: Moment::of_system_clock(),
            author: "ada".to_owned(),
            no_print: false,
            policy: Policy::default(),
        }
    }

    fn all() -> Vec<Opened> {
        vec![
            opened("TEXT", ValueType::String, "00731\n\u{1f511}"),
            opened("NUMBER", ValueType::Integer, "3306"),
            opened("FLOAT", ValueType::Float, "1.0"),
            opened("ON", ValueType::Boolean, "true"),
            opened("DAY", ValueType::Datetime, "2026-11-26"),
            opened("LIST", ValueType::Array, "[\"a\", 1]"),
            opened("MAP", ValueType::Table, "{ a = \"b\" }"),
            opened("BYTES", ValueType::Bytes, "a\0b"),
        ]
    }

    #[test]
    fn each_type_goes_there_and_comes_back() {
        let fields = of_values("prod/web", &all()).unwrap();
        assert_eq!(
            Value::Object(fields.clone()),
            json!({
                "TEXT": "00731\n\u{1f511}", "NUMBER": 3306, "FLOAT": 1.0, "ON": true,
                "DAY": "2026-11-26", "LIST": ["a", 1], "MAP": { "a": "b" }, "BYTES": "YQBi",
            })
        );
        // Through the text, as through a server.
        let text = Value::Object(fields).to_string();
        let fields: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let difference = Difference::new("prod/web", &all(), &fields).unwrap();
        assert!(difference.is_empty());
        let new = Difference::new("prod/web", &[], &fields).unwrap();
        let kinds: BTreeMap<String, ValueType> = new
            .set
            .iter()
            .map(|(name, new)| (name.to_string(), new.kind))
            .collect();
        assert_eq!(kinds["NUMBER"], ValueType::Integer);
        assert_eq!(kinds["MAP"], ValueType::Table);
        // What JSON has no type for.
        assert_eq!(kinds["DAY"], ValueType::String);
    }

    #[test]
    fn a_changed_field_keeps_its_type_and_a_missing_one_is_removed() {
        let there = json!({ "DAY": "2026-12-24", "BYTES": "YQ==", "TEXT": 7, "NEW": [] });
        let there = there.as_object().unwrap();
        let difference = Difference::new("prod/web", &all(), there).unwrap();
        let set: Vec<_> = difference
            .set
            .iter()
            .map(|(name, new)| (name.as_str(), new.kind, new.plain.with(Vec::clone)))
            .collect();
        assert!(set.contains(&("DAY", ValueType::Datetime, b"2026-12-24".to_vec())));
        assert!(set.contains(&("BYTES", ValueType::Bytes, b"a".to_vec())));
        assert!(set.contains(&("TEXT", ValueType::Integer, b"7".to_vec())));
        assert!(set.contains(&("NEW", ValueType::Array, b"[]".to_vec())));
        assert_eq!(difference.removed.len(), 5);
    }

    #[test]
    fn what_no_value_holds_is_refused_and_not_shown() {
        for bad in [
            json!({ "A": null }),
            json!({ "a b\u{1b}": "hunter2" }),
            json!({ "A": [null] }),
            json!({ "A": 99_999_999_999_999_999_999.0_f64, "../b": 1 }),
        ] {
            let error = Difference::new("prod/web", &[], bad.as_object().unwrap());
            let text = format!("{:?}", error.err().unwrap());
            assert!(
                !text.contains("hunter2") && !text.contains('\u{1b}'),
                "{text}"
            );
        }
    }

    #[test]
    fn a_file_is_one_field() {
        let fields = of_file(b"\x00key");
        assert_eq!(
            Value::Object(fields.clone()),
            json!({ "content": "AGtleQ==" })
        );
        assert_eq!(
            to_file("s/a", &fields).unwrap().with(Vec::clone),
            b"\x00key"
        );
        for other in [
            json!({}),
            json!({ "content": 1 }),
            json!({ "content": "YQ==", "b": 1 }),
        ] {
            assert!(to_file("s/a", other.as_object().unwrap()).is_err());
        }
    }
}
