//! One table, read.

use std::str::FromStr;

use super::header::{Header, is_word};
use super::value::plain;
use super::{Fault, LineError, MAX_LINE, Schema, Value};

/// A table with its fields.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    schema: &'static Schema,
    source: &'a str,
    header: Header<'a>,
    fields: Vec<Field<'a>>,
}

#[derive(Clone, Debug)]
struct Field<'a> {
    key: &'a str,
    at: usize,
    value: Stands<'a>,
}

/// A value as it stands in the text, borrowed where that can be.
#[derive(Clone, Debug)]
enum Stands<'a> {
    Plain(&'a str),
    Other(Value),
}

/// What stands before the first ` = ` of a line, and behind it.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    // Nearly always the first `=` is that one.
    let at = memchr::memchr(b'=', line.as_bytes())?;
    let key = line.get(..at).and_then(|key| key.strip_suffix(' '));
    let raw = line.get(at + 1..).and_then(|raw| raw.strip_prefix(' '));
    key.zip(raw).or_else(|| line.split_once(" = "))
}

/// More fields than a record has are rare.
const FIELDS: usize = 12;

impl<'a> Table<'a> {
    pub(super) fn parse(
        schema: &'static Schema,
        source: &'a str,
        header: Header<'a>,
    ) -> Result<Self, LineError> {
        let keys = schema
            .kind(header.kind)
            .map_or(&[] as &[&str], |(_, kind)| kind.keys);
        let mut fields: Vec<Field<'a>> = Vec::with_capacity(keys.len().min(FIELDS));
        let mut rank = 0;
        let mut at = header.start;
        for (index, line) in header.table(source).split_inclusive('\n').enumerate() {
            let line_at = at;
            at += line.len();
            let line = line.strip_suffix('\n').unwrap_or(line);
            if index == 0 || line.is_empty() {
                continue;
            }
            let fail = |fault| Err(schema.error(source, line_at, fault));
            if line.len() > MAX_LINE {
                return fail(Fault::TooLong);
            }
            if line.starts_with('#') {
                return fail(Fault::Comment);
            }
            // A line that was made by hand may hold a private key or a value, also where a key should stand.
            let Some((key, raw)) = key_and_value(line).filter(|(key, _)| is_word(key)) else {
                return fail(Fault::NotALine);
            };
            // Writers keep the order of the keys, so the next one is looked for behind the last.
            let (before, behind) = keys.split_at(rank);
            if let Some(skipped) = behind.iter().position(|known| *known == key) {
                rank += skipped + 1;
            } else if !before.contains(&key) {
                let nearest = crate::text::nearest(key, keys.iter().copied());
                return fail(Fault::Key {
                    kind: header.kind.to_owned(),
                    key: key.to_owned(),
                    nearest: nearest.map(str::to_owned),
                });
            }
            if fields.iter().any(|field| field.key == key) {
                return fail(Fault::DuplicateKey(key.to_owned()));
            }
            let plain = plain(raw).map(Stands::Plain);
            let Some(value) = plain.or_else(|| Value::parse(raw).map(Stands::Other)) else {
                return fail(Fault::Value(key.to_owned()));
            };
            fields.push(Field {
                key,
                at: line_at,
                value,
            });
        }
        Ok(Self {
            schema,
            source,
            header,
            fields,
        })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> Header<'a> {
        self.header
    }

    /// The name in the header; empty for a kind without names.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.header.name.unwrap_or_default()
    }

    /// Keys and values, in the order of the text.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Value)> {
        self.fields.iter().map(|field| match &field.value {
            Stands::Plain(text) => (field.key, Value::from(*text)),
            Stands::Other(value) => (field.key, value.clone()),
        })
    }

    fn field(&self, key: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// A text that may be missing.
    ///
    /// # Errors
    /// [`LineError`] if the key holds something else.
    pub fn optional(&self, key: &'static str) -> Result<Option<&str>, LineError> {
        match self.field(key) {
            None => Ok(None),
            Some(Field {
                value: Stands::Plain(text),
                ..
            }) => Ok(Some(text)),
            Some(Field {
                value: Stands::Other(Value::Text(text)),
                ..
            }) => Ok(Some(text)),
            Some(field) => Err(self.meaning(field, "a text in quotes is wanted".to_owned())),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// [`LineError`] if it is missing or something else.
    pub fn text(&self, key: &'static str) -> Result<&str, LineError> {
        self.optional(key)?.ok_or_else(|| self.missing(key))
    }

    /// A text that must be there and read as `T`.
    ///
    /// # Errors
    /// [`LineError`] if it is missing or does not read.
    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(
        &self,
        key: &'static str,
    ) -> Result<T, LineError> {
        self.text(key)?
            .parse()
            .map_err(|error: T::Err| self.wrong(key, error.to_string()))
    }

    /// A text that may be missing and else must read as `T`.
    ///
    /// # Errors
    /// [`LineError`] if it does not read.
    pub fn parsed_if_there<T: FromStr<Err: std::fmt::Display>>(
        &self,
        key: &'static str,
    ) -> Result<Option<T>, LineError> {
        self.optional(key)?
            .map(|text| {
                text.parse()
                    .map_err(|error: T::Err| self.wrong(key, error.to_string()))
            })
            .transpose()
    }

    /// Bytes in lower-case hexadecimal.
    ///
    /// # Errors
    /// [`LineError`] if missing, or not exactly `N` bytes.
    pub fn hex<const N: usize>(&self, key: &'static str) -> Result<[u8; N], LineError> {
        crate::crypto::from_hex(self.text(key)?).map_err(|_| {
            self.wrong(
                key,
                format!("{} lower-case hexadecimal digits are wanted", 2 * N),
            )
        })
    }

    /// A number that must be there, zero or more.
    ///
    /// # Errors
    /// [`LineError`] if it is missing or something else.
    pub fn number(&self, key: &'static str) -> Result<u64, LineError> {
        match self.field(key) {
            None => Err(self.missing(key)),
            Some(field) => match field.value {
                Stands::Other(Value::Integer(number)) => u64::try_from(number).ok(),
                _ => None,
            }
            .ok_or_else(|| {
                self.meaning(field, "a whole number, zero or more, is wanted".to_owned())
            }),
        }
    }

    /// Refuses a version of the format that this program does not know.
    ///
    /// # Errors
    /// [`LineError`] if it is another one than 1, or missing.
    pub fn demand_format(&self) -> Result<(), LineError> {
        match self.number("format")? {
            1 => Ok(()),
            _ => Err(self.wrong("format", "this clws knows format 1 alone".to_owned())),
        }
    }

    /// A number that may be missing.
    ///
    /// # Errors
    /// [`LineError`] if it is something else.
    pub fn number_if_there(&self, key: &'static str) -> Result<Option<u64>, LineError> {
        self.field(key).map(|_| self.number(key)).transpose()
    }

    /// Whether a switch is on; off if it is missing.
    ///
    /// # Errors
    /// [`LineError`] if it is something else.
    pub fn switch(&self, key: &'static str) -> Result<bool, LineError> {
        match self.field(key) {
            None => Ok(false),
            Some(Field {
                value: Stands::Other(Value::Boolean(on)),
                ..
            }) => Ok(*on),
            Some(field) => Err(self.meaning(field, "true or false is wanted".to_owned())),
        }
    }

    /// A list of texts; empty if it is missing.
    ///
    /// # Errors
    /// [`LineError`] if it is something else.
    pub fn texts(&self, key: &'static str) -> Result<&[String], LineError> {
        match self.field(key) {
            None => Ok(&[]),
            Some(Field {
                value: Stands::Other(Value::Texts(texts)),
                ..
            }) => Ok(texts),
            Some(field) => Err(self.meaning(field, "a list of texts is wanted".to_owned())),
        }
    }

    /// The error for a field that does not mean what it should.
    #[must_use]
    pub fn wrong(&self, key: &'static str, why: String) -> LineError {
        match self.field(key) {
            Some(field) => self.meaning(field, why),
            None => self.missing(key),
        }
    }

    /// The error for a table that lacks what no single key must be there for.
    #[must_use]
    pub fn lacks(&self, why: String) -> LineError {
        let fault = Fault::Meaning {
            key: self.header.title(),
            why,
        };
        self.schema.error(self.source, self.header.start, fault)
    }

    fn meaning(&self, field: &Field<'a>, why: String) -> LineError {
        let fault = Fault::Meaning {
            key: field.key.to_owned(),
            why,
        };
        self.schema.error(self.source, field.at, fault)
    }

    fn missing(&self, key: &'static str) -> LineError {
        let fault = Fault::Missing {
            table: self.header.title(),
            key: key.to_owned(),
        };
        self.schema.error(self.source, self.header.start, fault)
    }
}
