//! YAML as a tree of texts, for files that are read for what they say and never written back.
//!
//! No word is a number or a boolean here: whoever reads it knows what is wanted. Aliases and merge keys
//! are refused, and of what a tag stands for nothing is read.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::plaintext::{DEEPEST, Fault};

/// What a text of YAML says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tree {
    /// Nothing, or something under a tag.
    None,
    /// A word or text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A mapping, in its order.
    Table(Vec<(String, Self)>),
}

enum Open {
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>, Option<String>),
}

impl Tree {
    /// Reads a text of one document.
    ///
    /// # Errors
    /// [`Fault`] with the line.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut open: Vec<Open> = Vec::new();
        let mut whole = None;
        for next in Parser::new_from_str(text) {
            let (event, span) = next.map_err(|error| {
                Fault::at(error.marker().line().max(1), "it does not read as YAML")
            })?;
            let line = span.start.line().max(1);
            let wrong = |why: &str| Err(Fault::at(line, why));
            let node = match event {
                Event::Alias(_) => return wrong("an alias"),
                Event::DocumentStart(_) if whole.is_some() => return wrong("a second document"),
                Event::SequenceStart(..) => {
                    open.push(Open::List(Vec::new()));
                    None
                }
                Event::MappingStart(..) => {
                    open.push(Open::Table(Vec::new(), None));
                    None
                }
                Event::Scalar(text, style, _, tag) => {
                    let bare = style == ScalarStyle::Plain;
                    let is_null = bare && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                    match open.last_mut() {
                        Some(Open::Table(_, key @ None)) if text == "<<" && bare => {
                            drop(key.take());
                            return wrong("a merge key");
                        }
                        Some(Open::Table(entries, key @ None)) => {
                            if entries.iter().any(|(name, _)| *name == *text) {
                                return wrong("a name stands there twice");
                            }
                            *key = Some(text.into_owned());
                            None
                        }
                        _ if is_null || tag.is_some() => Some(Self::None),
                        _ => Some(Self::Text(text.into_owned())),
                    }
                }
                Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                    Some(Open::List(items)) => Some(Self::List(items)),
                    Some(Open::Table(entries, _)) => Some(Self::Table(entries)),
                    None => return wrong("it does not read as YAML"),
                },
                _ => None,
            };
            if open.len() > DEEPEST {
                return wrong("it is nested too deeply");
            }
            let Some(node) = node else {
                continue;
            };
            match open.last_mut() {
                None => whole = Some(node),
                Some(Open::List(items)) => items.push(node),
                Some(Open::Table(entries, key)) => match key.take() {
                    Some(key) => entries.push((key, node)),
                    None => return wrong("a name that is no plain text"),
                },
            }
        }
        Ok(whole.unwrap_or(Self::None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_reads_as_what_it_says() {
        let text = "a:\n  b: 0777\n  c: [x, 'null', ~]\n  d:\ne: !vault |\n  x\n";
        let is = |text: &str| Tree::Text(text.to_owned());
        let list = Tree::List(vec![is("x"), is("null"), Tree::None]);
        let inner = vec![
            ("b".to_owned(), is("0777")),
            ("c".to_owned(), list),
            ("d".to_owned(), Tree::None),
        ];
        let all = vec![
            ("a".to_owned(), Tree::Table(inner)),
            ("e".to_owned(), Tree::None),
        ];
        assert_eq!(Tree::parse(text).unwrap(), Tree::Table(all));
        for wrong in [
            "a: &x 1\nb: *x\n",
            "a: 1\na: 2\n",
            "a: [\n",
            "? [x]\n: 1\n",
            "a:\n  <<: {b: 1}\n",
        ] {
            assert!(Tree::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Tree::parse(&"[".repeat(100_000)).is_err());
    }
}
