//! What a file of values holds, with the types that a document has.

use std::fmt;

use crate::secret::Plain;
use crate::vault::{Literal, ValueType};

use super::layout::Step;

/// A value, a list or a table. Its `Debug` shows its shape alone.
#[derive(Clone)]
pub enum Node {
    /// Text.
    Text(String),
    /// An integer, float, boolean or time, as it was typed.
    Literal(ValueType, String),
    /// A list.
    List(Vec<Node>),
    /// A table, in the order of the file.
    Table(Vec<(String, Node)>),
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::Literal(kind, _) => write!(f, "Literal({kind:?}, ..)"),
            Self::List(items) => f.debug_tuple("List").field(items).finish(),
            Self::Table(entries) => f.debug_tuple("Table").field(entries).finish(),
        }
    }
}

/// The order of a table is no part of what it says.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Literal(kind, a), Self::Literal(other, b)) => kind == other && a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Table(a), Self::Table(b)) => {
                let sorted = |entries: &'_ [(String, Self)]| -> Vec<usize> {
                    let mut order: Vec<usize> = (0..entries.len()).collect();
                    order.sort_by_key(|at| entries.get(*at).map(|(key, _)| key.clone()));
                    order
                };
                let pairs = sorted(a).into_iter().zip(sorted(b));
                a.len() == b.len()
                    && pairs
                        .map(|(x, y)| (a.get(x), b.get(y)))
                        .all(|(x, y)| x == y)
            }
            _ => false,
        }
    }
}

impl Node {
    /// As the value of a document: its type, and the bytes that are sealed.
    ///
    /// `None` if no value can hold it, as an integer beyond 64 bits.
    #[must_use]
    pub fn to_value(&self) -> Option<(ValueType, Plain)> {
        let (kind, text) = match self {
            Self::Text(text) => return Some((ValueType::String, Plain::from(text.as_str()))),
            Self::Literal(kind, text) => (*kind, text.clone()),
            Self::List(_) => (ValueType::Array, self.to_toml()),
            Self::Table(_) => (ValueType::Table, self.to_toml()),
        };
        let read = Literal::parse(&text)?;
        (read.kind == kind).then(|| (kind, Plain::new(text.into_bytes())))
    }

    /// From the value of a document; `None` for bytes, which no file of values has.
    #[must_use]
    pub fn of_value(kind: ValueType, plain: &Plain) -> Option<Self> {
        plain.with(|bytes| {
            let text = std::str::from_utf8(bytes).ok()?;
            match kind {
                ValueType::Bytes => None,
                ValueType::String => Some(Self::Text(text.to_owned())),
                ValueType::Array | ValueType::Table => Self::of_toml(text),
                literal => Some(Self::Literal(literal, text.to_owned())),
            }
        })
    }

    fn of_toml(text: &str) -> Option<Self> {
        let line = format!("x = {text}\n");
        let document = toml_edit::Document::parse(line.as_str()).ok()?;
        Self::of_toml_value(document.get("x")?.as_value()?, &line)
    }

    /// From a value of TOML; literals as they stand in `source`.
    pub(super) fn of_toml_value(value: &toml_edit::Value, source: &str) -> Option<Self> {
        let literal = |kind| {
            let text = source.get(value.span()?)?;
            Some(Self::Literal(kind, text.to_owned()))
        };
        match value {
            toml_edit::Value::String(text) => Some(Self::Text(text.value().clone())),
            toml_edit::Value::Integer(_) => literal(ValueType::Integer),
            toml_edit::Value::Float(_) => literal(ValueType::Float),
            toml_edit::Value::Boolean(_) => literal(ValueType::Boolean),
            toml_edit::Value::Datetime(_) => literal(ValueType::Datetime),
            toml_edit::Value::Array(items) => {
                let items = items.iter().map(|item| Self::of_toml_value(item, source));
                Some(Self::List(items.collect::<Option<_>>()?))
            }
            toml_edit::Value::InlineTable(table) => {
                let mut entries = Vec::new();
                for (key, item) in table {
                    entries.push((key.to_owned(), Self::of_toml_value(item, source)?));
                }
                Some(Self::Table(entries))
            }
        }
    }

    /// As TOML on one line.
    pub(super) fn to_toml(&self) -> String {
        match self {
            Self::Text(text) => toml_string(text),
            Self::Literal(_, text) => text.clone(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_toml).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Table(entries) if entries.is_empty() => "{}".to_owned(),
            Self::Table(entries) => {
                let entry = |(key, node): &(String, Self)| {
                    format!("{} = {}", toml_key(key), node.to_toml())
                };
                let entries: Vec<String> = entries.iter().map(entry).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }

    /// What lies at a path.
    pub(super) fn at(&self, path: &[Step]) -> Option<&Self> {
        let mut node = self;
        for step in path {
            node = match (node, step) {
                (Self::Table(entries), Step::Key(key)) => {
                    entries.iter().find(|(name, _)| name == key).map(|e| &e.1)?
                }
                (Self::List(items), Step::Index(at)) => items.get(*at)?,
                _ => return None,
            };
        }
        Some(node)
    }

    /// How many values it holds; an empty list or table counts as one.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::List(items) if !items.is_empty() => items.iter().map(Self::count).sum(),
            Self::Table(entries) if !entries.is_empty() => {
                entries.iter().map(|(_, node)| node.count()).sum()
            }
            _ => 1,
        }
    }

    /// Lends each text in it to `f`, with the name that is nearest to it.
    pub fn each_text<'a>(&'a self, name: &'a str, f: &mut dyn FnMut(&'a str, &'a str)) {
        match self {
            Self::Text(text) => f(name, text),
            Self::Literal(kind, text) => {
                // A password of digits is a number to YAML.
                if matches!(kind, ValueType::Integer | ValueType::Float) {
                    f(name, text);
                }
            }
            Self::List(items) => items.iter().for_each(|item| item.each_text(name, f)),
            Self::Table(entries) => entries
                .iter()
                .for_each(|(key, node)| node.each_text(key, f)),
        }
    }
}

/// A basic string on one line.
pub(super) fn toml_string(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => {
                let _never = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

pub(super) fn toml_key(key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !key.is_empty() && key.bytes().all(bare) {
        key.to_owned()
    } else {
        toml_string(key)
    }
}
