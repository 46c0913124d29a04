//! TOML: names and tables at the top become values.

use std::ops::Range;

use toml_edit::{Document, Item, Table, Value};

use super::{Entry, Format, Lines, Parsed, Unprintable, below};
use crate::plaintext::layout::{Step, Style};
use crate::plaintext::node::{Node, toml_key, toml_string};
use crate::plaintext::{Fault, Passwords};

/// TOML.
pub(super) struct Toml;

impl Format for Toml {
    fn kind(&self) -> &'static str {
        "toml"
    }

    fn parse(&self, text: &str, _: &Passwords) -> Result<Parsed, Fault> {
        let lines = Lines::new(text);
        let document = Document::parse(text).map_err(|error| Fault {
            line: error.span().map(|span| lines.of(span.start)),
            why: "it does not read as TOML".into(),
        })?;
        let mut parsed = Parsed::default();
        let mut reader = Reader {
            text,
            parsed: &mut parsed,
        };
        let mut entries = Vec::new();
        for (key, item) in document.as_table() {
            let path = [Step::Key(key.to_owned())];
            let unknown = || Fault::new("it has a form that is not understood");
            let node = reader.item(item, &path).ok_or_else(unknown)?;
            let key_span = document.as_table().key(key).and_then(toml_edit::Key::span);
            let line = key_span.map_or(1, |span| lines.of(span.start));
            entries.push(Entry {
                key: key.to_owned(),
                node,
                line,
                comments: Vec::new(),
            });
        }
        parsed.entries = entries;
        parsed.take_comments(text, &lines, &['#']);
        Ok(parsed)
    }

    fn spell(&self, style: Style, node: &Node) -> Option<String> {
        let printable = |text: &str| !text.contains('\'') && !text.chars().any(char::is_control);
        match (style, node) {
            (Style::Header, Node::Table(entries)) if entries.is_empty() => Some(String::new()),
            (Style::Header, _) => None,
            (Style::Single, Node::Text(text)) if printable(text) => Some(format!("'{text}'")),
            (_, Node::Text(text)) => Some(toml_string(text)),
            _ => Some(node.to_toml()),
        }
    }

    fn print(&self, entries: &[(String, Node)]) -> Result<String, Unprintable> {
        let line =
            |(key, node): &(String, Node)| format!("{} = {}\n", toml_key(key), node.to_toml());
        Ok(entries.iter().map(line).collect())
    }
}

struct Reader<'t> {
    text: &'t str,
    parsed: &'t mut Parsed,
}

// Recursion is bounded: toml_edit refuses what is nested more than 80 deep.
impl Reader<'_> {
    fn item(&mut self, item: &Item, path: &[Step]) -> Option<Node> {
        match item {
            Item::None => None,
            Item::Value(value) => self.value(value, path),
            Item::Table(table) => self.table(table, path),
            Item::ArrayOfTables(tables) => {
                let mut items = Vec::new();
                for (at, table) in tables.iter().enumerate() {
                    items.push(self.table(table, &below(path, Step::Index(at)))?);
                }
                Some(Node::List(items))
            }
        }
    }

    fn table(&mut self, table: &Table, path: &[Step]) -> Option<Node> {
        let mut entries = Vec::new();
        for (key, item) in table {
            let node = self.item(item, &below(path, Step::Key(key.to_owned())))?;
            entries.push((key.to_owned(), node));
        }
        if entries.is_empty() {
            let end = table.span()?.end;
            self.parsed.stands(end..end, path, Style::Header);
        }
        Some(Node::Table(entries))
    }

    fn value(&mut self, value: &Value, path: &[Step]) -> Option<Node> {
        match value {
            Value::Array(array) if !array.is_empty() => {
                let mut items = Vec::new();
                for (at, item) in array.iter().enumerate() {
                    items.push(self.value(item, &below(path, Step::Index(at)))?);
                }
                Some(Node::List(items))
            }
            Value::InlineTable(table) if !table.is_empty() => {
                let mut entries = Vec::new();
                for (key, item) in table {
                    let node = self.value(item, &below(path, Step::Key(key.to_owned())))?;
                    entries.push((key.to_owned(), node));
                }
                Some(Node::Table(entries))
            }
            leaf => {
                let span = leaf.span()?;
                let node = Node::of_toml_value(leaf, self.text)?;
                let style = self.style(&span);
                self.parsed.stands(span, path, style);
                Some(node)
            }
        }
    }

    fn style(&self, span: &Range<usize>) -> Style {
        let spelling = self.text.get(span.clone()).unwrap_or_default();
        match spelling.as_bytes() {
            [b'"', b'"', b'"', ..] | [b'\'', b'\'', b'\'', ..] => Style::Other,
            [b'"', ..] => Style::Double,
            [b'\'', ..] => Style::Single,
            _ => Style::Bare,
        }
    }
}
