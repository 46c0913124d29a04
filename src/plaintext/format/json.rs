//! JSON: an object at the top, whose members become values.

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Entry, Format, Leaf, Lines, Parsed, Unprintable, below};
use crate::plaintext::layout::{Step, Style};
use crate::plaintext::node::Node;
use crate::plaintext::{DEEPEST, Fault, Passwords};
use crate::vault::ValueType;

/// JSON.
pub struct Json;

impl Format for Json {
    fn kind(&self) -> &'static str {
        "json"
    }

    fn parse(&self, text: &str, _: &Passwords) -> Result<Parsed, Fault> {
        let lines = Lines::new(text);
        let mut parsed = Parsed::default();
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let offset = text.len() - body.len();
        let raw: &RawValue = serde_json::from_str(body)
            .map_err(|error| Fault::at(error.line(), "it does not read as JSON"))?;
        let mut reader = Reader {
            text,
            lines: &lines,
            parsed: &mut parsed,
        };
        let start = offset + body.find(raw.get()).unwrap_or_default();
        if !raw.get().starts_with('{') {
            return Err(Fault::new("it is no object, and its values have no names"));
        }
        for (key, raw) in reader.members(raw.get(), start)? {
            let at = reader.place(raw);
            let line = lines.of(at);
            let node = reader.node(raw, &[Step::Key(key.clone())], 1)?;
            reader.parsed.entries.push(Entry {
                key,
                node,
                line,
                comments: Vec::new(),
            });
        }
        Ok(parsed)
    }

    fn spell(&self, _: Style, node: &Node) -> Option<String> {
        let mut out = String::new();
        write(&mut out, node, None).ok()?;
        Some(out)
    }

    fn print(&self, entries: &[(String, Node)]) -> Result<String, Unprintable> {
        let mut out = String::from("{");
        for (at, (key, node)) in entries.iter().enumerate() {
            out.push_str(if at == 0 { "\n  " } else { ",\n  " });
            string(&mut out, key);
            out.push_str(": ");
            write(&mut out, node, Some(1)).map_err(|why| Unprintable {
                name: key.clone(),
                why,
            })?;
        }
        out.push_str(if entries.is_empty() { "}\n" } else { "\n}\n" });
        Ok(out)
    }
}

/// The scalars of a text in their order, `null` among them, and where the values at the top begin and
/// end.
///
/// # Errors
/// [`Fault`] with the line.
pub(in crate::plaintext) fn leaves(text: &str) -> Result<(Vec<Leaf>, Vec<Top>), Fault> {
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|error| Fault::at(error.line(), "it does not read as JSON"))?;
    if !raw.get().starts_with('{') {
        return Err(Fault::new("it is no object, and its values have no names"));
    }
    let (lines, mut parsed) = (Lines::new(text), Parsed::default());
    let reader = Reader {
        text,
        lines: &lines,
        parsed: &mut parsed,
    };
    let (mut leaves, mut tops) = (Vec::new(), Vec::new());
    for (key, raw) in reader.members(raw.get(), 0)? {
        let at = reader.place(raw);
        reader.leaves(raw, &[Step::Key(key.clone())], 1, &mut leaves)?;
        tops.push((key, at..at + raw.get().len()));
    }
    Ok((leaves, tops))
}

/// A name at the top of a text, and where its value stands.
pub(in crate::plaintext) type Top = (String, std::ops::Range<usize>);

struct Reader<'t> {
    text: &'t str,
    lines: &'t Lines,
    parsed: &'t mut Parsed,
}

impl<'t> Reader<'t> {
    /// Where a part of the text stands in it.
    fn place(&self, part: &'t RawValue) -> usize {
        let offset = part.get().as_ptr().addr() - self.text.as_ptr().addr();
        offset.min(self.text.len())
    }

    fn fault(&self, at: usize, why: &str) -> Fault {
        Fault::at(self.lines.of(at), why)
    }

    fn members(&self, raw: &'t str, at: usize) -> Result<Vec<(String, &'t RawValue)>, Fault> {
        let mut json = serde_json::Deserializer::from_str(raw);
        let members: Vec<(String, &'t RawValue)> = json
            .deserialize_map(Members)
            .map_err(|_| self.fault(at, "a name in it is no text"))?;
        let mut seen = std::collections::HashSet::new();
        for (key, value) in &members {
            if !seen.insert(key.as_str()) {
                return Err(self.fault(self.place(value), "a name stands there twice"));
            }
        }
        Ok(members)
    }

    fn items(&self, text: &'t str, at: usize) -> Result<Vec<&'t RawValue>, Fault> {
        let mut json = serde_json::Deserializer::from_str(text);
        json.deserialize_seq(Items)
            .map_err(|_| self.fault(at, "it does not read as JSON"))
    }

    fn leaves(
        &self,
        raw: &'t RawValue,
        path: &[Step],
        depth: usize,
        leaves: &mut Vec<Leaf>,
    ) -> Result<(), Fault> {
        let (at, text) = (self.place(raw), raw.get());
        if depth > DEEPEST {
            return Err(self.fault(at, "it is nested too deeply"));
        }
        let (style, scalar) = match text.as_bytes().first() {
            Some(b'{') => {
                for (key, raw) in self.members(text, at)? {
                    self.leaves(raw, &below(path, Step::Key(key)), depth + 1, leaves)?;
                }
                return Ok(());
            }
            Some(b'[') => {
                for (index, raw) in self.items(text, at)?.into_iter().enumerate() {
                    self.leaves(raw, &below(path, Step::Index(index)), depth + 1, leaves)?;
                }
                return Ok(());
            }
            Some(b'"') => {
                let half = |_| self.fault(at, "a text with half a character");
                (Style::Double, serde_json::from_str(text).map_err(half)?)
            }
            _ => (Style::Bare, text.to_owned()),
        };
        leaves.push(Leaf {
            path: path.to_vec(),
            span: at..at + text.len(),
            style,
            text: scalar,
        });
        Ok(())
    }

    fn node(&mut self, raw: &'t RawValue, path: &[Step], depth: usize) -> Result<Node, Fault> {
        let at = self.place(raw);
        let text = raw.get();
        if depth > DEEPEST {
            return Err(self.fault(at, "it is nested too deeply"));
        }
        let node = match text.as_bytes().first() {
            Some(b'{') => {
                let mut entries = Vec::new();
                for (key, raw) in self.members(text, at)? {
                    let node = self.node(raw, &below(path, Step::Key(key.clone())), depth + 1)?;
                    entries.push((key, node));
                }
                if !entries.is_empty() {
                    return Ok(Node::Table(entries));
                }
                Node::Table(entries)
            }
            Some(b'[') => {
                let raws = self.items(text, at)?;
                let mut items = Vec::new();
                for (index, raw) in raws.into_iter().enumerate() {
                    items.push(self.node(raw, &below(path, Step::Index(index)), depth + 1)?);
                }
                if !items.is_empty() {
                    return Ok(Node::List(items));
                }
                Node::List(items)
            }
            Some(b'"') => Node::Text(
                serde_json::from_str(text)
                    .map_err(|_| self.fault(at, "a text with half a character"))?,
            ),
            Some(b't' | b'f') => Node::Literal(ValueType::Boolean, text.to_owned()),
            Some(b'n') => return Err(self.fault(at, "`null`, which a document does not have")),
            _ if text.contains(['.', 'e', 'E']) => Node::Literal(ValueType::Float, text.to_owned()),
            _ => Node::Literal(ValueType::Integer, text.to_owned()),
        };
        if node.to_value().is_none() {
            return Err(self.fault(at, "a number that a document cannot hold exactly"));
        }
        self.parsed.stands(at..at + text.len(), path, Style::Double);
        Ok(node)
    }
}

/// All members, duplicates too.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

struct Items;

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}

/// Writes a value, over several lines if `indent` says how deep it lies.
fn write(out: &mut String, node: &Node, indent: Option<usize>) -> Result<(), &'static str> {
    let inner = indent.map(|depth| depth + 1);
    let line = |out: &mut String, depth: Option<usize>| {
        if let Some(depth) = depth {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    };
    match node {
        Node::Text(text) => string(out, text),
        Node::Literal(kind, text) => out.push_str(&literal(*kind, text)?),
        Node::List(items) if items.is_empty() => out.push_str("[]"),
        Node::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(match (at, indent) {
                    (0, _) => "",
                    (_, None) => ", ",
                    _ => ",",
                });
                line(out, inner);
                write(out, item, inner)?;
            }
            line(out, indent);
            out.push(']');
        }
        Node::Table(entries) if entries.is_empty() => out.push_str("{}"),
        Node::Table(entries) => {
            out.push('{');
            for (at, (key, node)) in entries.iter().enumerate() {
                out.push_str(match (at, indent) {
                    (0, _) => "",
                    (_, None) => ", ",
                    _ => ",",
                });
                line(out, inner);
                string(out, key);
                out.push_str(": ");
                write(out, node, inner)?;
            }
            line(out, indent);
            out.push('}');
        }
    }
    Ok(())
}

pub(super) fn string(out: &mut String, text: &str) {
    // Writing text to a string does not fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// A TOML literal as JSON has it.
pub(in crate::plaintext) fn literal(kind: ValueType, text: &str) -> Result<String, &'static str> {
    let plain = text.replace('_', "");
    let number = plain.trim_start_matches('+');
    match kind {
        ValueType::Integer => {
            let (radix, digits) = match number.get(..2) {
                Some("0x") => (16, number.get(2..)),
                Some("0o") => (8, number.get(2..)),
                Some("0b") => (2, number.get(2..)),
                _ => return Ok(number.to_owned()),
            };
            i64::from_str_radix(digits.unwrap_or_default(), radix)
                .map(|number| number.to_string())
                .map_err(|_| "is no number")
        }
        ValueType::Float if number.contains("inf") || number.contains("nan") => {
            Err("is a number that JSON does not have")
        }
        ValueType::Float => Ok(number.to_owned()),
        ValueType::Datetime => Ok(format!("\"{text}\"")),
        _ => Ok(text.to_owned()),
    }
}
