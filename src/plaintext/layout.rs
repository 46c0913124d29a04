//! The text of a file with its values taken out.
//!
//! A layout is sealed like the values: comments and lines that a later one overrides are in it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::format::Format;
use super::node::Node;
use crate::crypto::{hex, sha256};

/// One step of a path into a document.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// How a value was written where it stood.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Without quotes.
    Bare,
    /// Between single quotes.
    Single,
    /// Between double quotes.
    Double,
    /// Inside quotes that belong to the text around.
    Inner,
    /// A key without a value.
    Flag,
    /// The header of a table with nothing in it.
    Header,
    /// Over several lines, or sealed by Ansible.
    Other,
}

/// A place for a value.
#[derive(Clone, Deserialize, Serialize)]
struct Slot {
    #[serde(rename = "v")]
    path: Vec<Step>,
    #[serde(rename = "s")]
    style: Style,
    /// How it was spelled, where we would spell it otherwise, and the hash of the value that this
    /// spelling is for.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    spelled: Option<(String, String)>,
}

/// Text, or a place for a value.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Piece {
    Text(String),
    Slot(Slot),
}

/// By what it begins with. What serde derives for such a type takes it apart first, to try one after the other.
impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsStep;
        impl Visitor<'_> for AsStep {
            type Value = Step;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key or a number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Step, E> {
                Ok(Step::Key(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Step, E> {
                usize::try_from(number).map(Step::Index).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(AsStep)
    }
}

/// As [`Step`].
impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsPiece;
        impl<'de> Visitor<'de> for AsPiece {
            type Value = Piece;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a place for a value")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Piece, E> {
                Ok(Piece::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Piece, A::Error> {
                Slot::deserialize(MapAccessDeserializer::new(map)).map(Piece::Slot)
            }
        }
        deserializer.deserialize_any(AsPiece)
    }
}

/// A file without its values. Its `Debug` shows nothing: comments are sealed too.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Layout(Vec<Piece>);

/// A value as a format found it in a text.
#[derive(Clone, Debug)]
pub(crate) struct Stood {
    pub(super) span: Range<usize>,
    pub(super) path: Vec<Step>,
    pub(super) style: Style,
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layout(..)")
    }
}

impl Layout {
    /// Cuts the values out of a text; `None` if two of them overlap or lie outside.
    pub(super) fn cut(
        text: &str,
        mut stood: Vec<Stood>,
        root: &Node,
        format: &dyn Format,
    ) -> Option<Self> {
        let root = Indexed::new(root);
        stood.sort_by_key(|stood| (stood.span.start, stood.span.end));
        let mut pieces = Vec::new();
        let mut at = 0;
        for Stood { span, path, style } in stood {
            let before = text.get(at..span.start)?;
            let spelling = text.get(span.clone())?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let node = root.at(&path)?;
            let ours = format.spell(style, node).is_some_and(|s| s == spelling);
            let spelled = (!ours).then(|| (spelling.to_owned(), hash(node)));
            pieces.push(Piece::Slot(Slot {
                path,
                style,
                spelled,
            }));
            at = span.end;
        }
        let rest = text.get(at..)?;
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Some(Self(pieces))
    }

    /// The names that there are places for.
    #[must_use]
    pub fn names(&self) -> std::collections::HashSet<&str> {
        let pieces = self.0.iter();
        let names = pieces.filter_map(|piece| match piece {
            Piece::Slot(Slot { path, .. }) => match path.first()? {
                Step::Key(key) => Some(key.as_str()),
                Step::Index(_) => None,
            },
            Piece::Text(_) => None,
        });
        names.collect()
    }

    /// Puts values in; `None` if they are not those that there are places for.
    pub(super) fn fill(&self, root: &Node, format: &dyn Format) -> Option<String> {
        let count = root.count();
        let root = Indexed::new(root);
        let mut text = String::new();
        let mut filled = 0;
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Slot(slot) => {
                    let node = root.at(&slot.path)?;
                    filled += 1;
                    match &slot.spelled {
                        Some((spelling, of)) if *of == hash(node) => text.push_str(spelling),
                        _ => text.push_str(&format.spell(slot.style, node)?),
                    }
                }
            }
        }
        (filled == count).then_some(text)
    }
}

/// A table of perhaps 10,000 values, looked into once for each of them.
struct Indexed<'a>(HashMap<&'a str, &'a Node>);

impl<'a> Indexed<'a> {
    fn new(root: &'a Node) -> Self {
        match root {
            Node::Table(entries) => {
                Self(entries.iter().map(|(k, node)| (k.as_str(), node)).collect())
            }
            _ => Self(HashMap::new()),
        }
    }

    fn at(&self, path: &[Step]) -> Option<&'a Node> {
        let (Step::Key(key), rest) = path.split_first()? else {
            return None;
        };
        self.0.get(key.as_str())?.at(rest)
    }
}

/// A hash of a value that only ever lies sealed beside it.
fn hash(node: &Node) -> String {
    let (kind, text) = match node {
        Node::Text(text) => ("text", text.clone()),
        Node::Literal(kind, text) => (kind.as_str(), text.clone()),
        other => ("toml", other.to_toml()),
    };
    hex(&sha256(format!("{kind}\0{text}").as_bytes()))
}
