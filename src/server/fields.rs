//! The values of a document as the fields of a secret there, and back.
//!
//! A string is a string, a number a number, a list or table what JSON has for it; a time is its text, and
//! bytes are base64. A sealed file is one field with its content in base64.
//!
//! A server keeps each number as a double: 9007199254740993 comes back as 9007199254740992, and 1.0 as 1.
//! So an integer that no double holds goes there as its text, and a float is compared by its value.

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
const CONTENT: &str = "content";

/// What is done about a secret of the server that the vault cannot have.
const OTHERS: &str = "to leave it out name the others; `clws server diff` lists them all";

/// The largest integer up to which a double holds every one (IEEE 754: 53 bits).
const EXACT: u64 = 1 << 53;

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
            kind => exact(of_value(path, name, kind, &opened.value)?),
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

/// A value with its integers as text where a double would be another number.
fn exact(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let size = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            match size.is_some_and(|size| size > EXACT) {
                true => Value::String(number.to_string()),
                false => Value::Number(number),
            }
        }
        Value::Array(items) => items.into_iter().map(exact).collect(),
        Value::Object(members) => {
            let each = members.into_iter();
            Value::Object(each.map(|(name, value)| (name, exact(value))).collect())
        }
        other => other,
    }
}

/// Whether a field is what was sent, with a float as the server prints it.
fn is_same(sent: &Value, there: &Value) -> bool {
    match (sent, there) {
        (Value::Number(sent), Value::Number(there)) if sent.is_f64() => {
            sent.as_f64() == there.as_f64()
        }
        (Value::Array(sent), Value::Array(there)) => {
            let mut both = sent.iter().zip(there);
            sent.len() == there.len() && both.all(|(sent, there)| is_same(sent, there))
        }
        (Value::Object(sent), Value::Object(there)) => {
            let of = |name| there.get(name);
            let mut each = sent.iter();
            sent.len() == there.len()
                && each.all(|(name, sent)| of(name).is_some_and(|there| is_same(sent, there)))
        }
        _ => sent == there,
    }
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
        Problem::new(Code::DataErr, why).hint(OTHERS).into()
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
            if own.get(field).is_some_and(|own| is_same(own, value)) {
                continue;
            }
            let unfit = |why: &str| {
                let message = format!("the field `{}` of `{path}` {why}", clean_line(field));
                Problem::new(Code::DataErr, message).hint(OTHERS)
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
            ValueType::Integer if is_integer(text) => {
                let plain = Plain::from(text.as_str());
                return Some(NewValue { kind, plain });
            }
            _ => {}
        }
    }
    if let (Value::Number(number), Some(kind @ ValueType::Float)) = (field, had)
        && !number.is_f64()
    {
        let plain = Plain::from(format!("{number}.0").as_str());
        return Some(NewValue { kind, plain });
    }
    let printed = Zeroizing::new(format!("{{\"a\":{field}}}"));
    let parsed = Json.parse(&printed, &Passwords::default()).ok()?;
    let (_, node) = parsed.into_entries().into_iter().next()?;
    let (kind, plain) = node.to_value()?;
    Some(NewValue { kind, plain })
}

/// Whether a text is an integer as [`exact`] writes it.
fn is_integer(text: &str) -> bool {
    text.parse::<i64>()
        .is_ok_and(|number| number.to_string() == text)
}

/// The fields as the texts that a program is given, without those that are nothing.
pub(super) fn texts(fields: impl IntoIterator<Item = (String, Value)>) -> BTreeMap<String, Plain> {
    fields
        .into_iter()
        .filter_map(|(name, field)| Some((name, to_text(field)?)))
        .collect()
}

fn to_text(field: Value) -> Option<Plain> {
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

    /// What a server gives back for a number: a double, without a fraction that is none.
    fn as_a_server_keeps_it(value: &Value) -> Value {
        match value {
            Value::Number(number) => {
                let text = number.as_f64().unwrap().to_string();
                serde_json::from_str(&text).unwrap()
            }
            Value::Array(items) => items.iter().map(as_a_server_keeps_it).collect(),
            Value::Object(members) => {
                let each = members.iter();
                Value::Object(
                    each.map(|(name, value)| (name.clone(), as_a_server_keeps_it(value)))
                        .collect(),
                )
            }
            other => other.clone(),
        }
    }

    #[test]
    fn a_number_comes_back_as_it_was_from_a_server_of_doubles() {
        let here = [
            ("ID", ValueType::Integer, "9007199254740993"),
            ("LEAST", ValueType::Integer, "-9223372036854775808"),
            ("HELD", ValueType::Integer, "9007199254740992"),
            ("RATIO", ValueType::Float, "1.0"),
            ("LARGE", ValueType::Float, "1e21"),
            (
                "LIST",
                ValueType::Array,
                "[9007199254740993, 1.0, { a = 2.0 }]",
            ),
        ];
        let here = here.map(|(name, kind, text)| opened(name, kind, text));
        let sent = Value::Object(of_values("prod/web", &here).unwrap());
        assert_eq!(sent["ID"], "9007199254740993");
        assert_eq!(sent["HELD"], json!(9_007_199_254_740_992_u64));
        let there = as_a_server_keeps_it(&sent);
        assert_eq!(there["RATIO"], json!(1));
        let there = there.as_object().unwrap();
        assert!(
            Difference::new("prod/web", &here, there)
                .unwrap()
                .is_empty()
        );
        // A change there is of the type that it had here.
        let there =
            json!({ "ID": "9007199254740995", "LEAST": "x", "HELD": 7, "RATIO": 3, "LARGE": 0.5 });
        let difference = Difference::new("prod/web", &here, there.as_object().unwrap()).unwrap();
        let set: Vec<_> = difference
            .set
            .iter()
            .map(|(name, new)| (name.as_str(), new.kind, new.plain.with(Vec::clone)))
            .collect();
        for wanted in [
            ("ID", ValueType::Integer, "9007199254740995"),
            ("LEAST", ValueType::String, "x"),
            ("HELD", ValueType::Integer, "7"),
            ("RATIO", ValueType::Float, "3.0"),
            ("LARGE", ValueType::Float, "0.5"),
        ] {
            let (name, kind, text) = wanted;
            assert!(
                set.contains(&(name, kind, text.as_bytes().to_vec())),
                "{name}: {set:?}"
            );
        }
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
