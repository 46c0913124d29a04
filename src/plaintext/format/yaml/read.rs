//! YAML's events, put together to values with their places.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::word::{Word, resolve};
use crate::plaintext::format::{Entry, Lines, Parsed, below};
use crate::plaintext::layout::{Step, Style};
use crate::plaintext::node::Node;
use crate::plaintext::{DEEPEST, Fault, Passwords};
use crate::vault::ValueType;

/// A text that is being read.
pub(super) struct Reader<'t> {
    text: &'t str,
    lines: &'t Lines,
    passwords: &'t Passwords,
    /// Where each character begins, if not every byte is one.
    bytes: Option<Vec<usize>>,
    pub(super) parsed: Parsed,
    /// The lines of words on which readers differ.
    pub(super) doubtful: Vec<usize>,
    /// Line and place of what Ansible had sealed.
    pub(super) vaulted: Vec<(usize, String)>,
}

/// A list or mapping that is being read.
enum Open {
    List {
        at: usize,
        items: Vec<Node>,
    },
    Table {
        at: usize,
        entries: Vec<(String, Node)>,
        key: Option<(String, usize)>,
    },
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, lines: &'t Lines, passwords: &'t Passwords) -> Self {
        Self {
            text,
            lines,
            passwords,
            bytes: (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect()),
            parsed: Parsed::default(),
            doubtful: Vec::new(),
            vaulted: Vec::new(),
        }
    }

    fn byte(&self, index: usize) -> usize {
        let at = match &self.bytes {
            None => index,
            Some(bytes) => bytes.get(index).copied().unwrap_or(self.text.len()),
        };
        at.min(self.text.len())
    }

    fn fault<T>(&self, at: usize, why: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::at(self.lines.of(at), why))
    }

    /// Reads all of it.
    pub(super) fn read(&mut self) -> Result<(), Fault> {
        let mut parser = Parser::new_from_str(self.text);
        let mut open: Vec<Open> = Vec::new();
        let mut seen: Vec<std::collections::HashSet<String>> = Vec::new();
        let mut documents = 0;
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|error| {
                Fault::at(error.marker().line().max(1), "it does not read as YAML")
            })?;
            let at = self.byte(span.start.index());
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return self.fault(at, "a second document");
                    }
                }
                Event::Alias(_) => return self.fault(at, "an alias"),
                Event::SequenceStart(anchor, tag) => {
                    self.refuse(at, anchor, tag.as_deref())?;
                    if open.is_empty() {
                        return self.fault(at, "it is no mapping, and its values have no names");
                    }
                    self.demand_value(&open, at)?;
                    open.push(Open::List {
                        at,
                        items: Vec::new(),
                    });
                    seen.push(std::collections::HashSet::new());
                }
                Event::MappingStart(anchor, tag) => {
                    self.refuse(at, anchor, tag.as_deref())?;
                    self.demand_value(&open, at)?;
                    open.push(Open::Table {
                        at,
                        entries: Vec::new(),
                        key: None,
                    });
                    seen.push(std::collections::HashSet::new());
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let is_key = matches!(open.last(), Some(Open::Table { key: None, .. }));
                    if is_key {
                        self.refuse(at, anchor, tag.as_deref())?;
                        let bare = style == ScalarStyle::Plain;
                        if bare && !matches!(resolve(&text), Word::Text) {
                            return self.fault(at, "a name that is no plain text");
                        }
                        let text = text.into_owned();
                        let names = seen.last_mut();
                        if names.is_some_and(|names| !names.insert(text.clone())) {
                            return self.fault(at, "a name stands there twice");
                        }
                        if let Some(Open::Table { key, .. }) = open.last_mut() {
                            *key = Some((text, at));
                        }
                    } else {
                        if open.is_empty() {
                            return self
                                .fault(at, "it is no mapping, and its values have no names");
                        }
                        let path = path(&open);
                        let node =
                            self.scalar(&text, style, span, (anchor, tag.as_deref()), &path)?;
                        self.close(&mut open, node)?;
                    }
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    seen.pop();
                    let end = self.byte(span.end.index());
                    let node = match open.pop() {
                        Some(Open::List { at, items }) => {
                            if items.is_empty() {
                                self.parsed.stands(at..end, &path(&open), Style::Other);
                            }
                            Node::List(items)
                        }
                        Some(Open::Table { at, entries, .. }) => {
                            if open.is_empty() {
                                return self.top(parser);
                            }
                            if entries.is_empty() {
                                self.parsed.stands(at..end, &path(&open), Style::Other);
                            }
                            Node::Table(entries)
                        }
                        None => return self.fault(end, "it does not read as YAML"),
                    };
                    self.close(&mut open, node)?;
                }
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
            }
            if open.len() > DEEPEST {
                return self.fault(at, "it is nested too deeply");
            }
        }
        Err(Fault::new("it sets nothing"))
    }

    /// Behind the mapping at the top there may be no other document.
    fn top<I: saphyr_parser::Input>(&self, mut parser: Parser<'_, I>) -> Result<(), Fault> {
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|error| {
                Fault::at(error.marker().line().max(1), "it does not read as YAML")
            })?;
            if matches!(event, Event::DocumentStart(_)) {
                return self.fault(self.byte(span.start.index()), "a second document");
            }
        }
        Ok(())
    }

    fn refuse(&self, at: usize, anchor: usize, tag: Option<&Tag>) -> Result<(), Fault> {
        if anchor > 0 {
            return self.fault(at, "an anchor");
        }
        match tag {
            None => Ok(()),
            Some(_) => self.fault(at, "a tag"),
        }
    }

    /// Where the header of a text over several lines begins: the parser says where its first line does.
    fn block_header(&self, start: usize) -> usize {
        let before = self.text.get(..start).unwrap_or_default().trim_end();
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let header = before.get(line..).unwrap_or_default();
        let is_header = |at: &usize| {
            let (key, rest) = header.split_at(*at);
            let behind = rest.get(1..).unwrap_or_default();
            let behind =
                behind.trim_start_matches(|c: char| c.is_ascii_digit() || "+-".contains(c));
            key.ends_with([' ', '\t'])
                && (behind.is_empty() || behind.trim_start_matches([' ', '\t']).starts_with('#'))
        };
        let mut marks = header.match_indices(['|', '>']).map(|(at, _)| at);
        marks.find(is_header).map_or(start, |at| line + at)
    }

    /// A list or mapping is no name.
    fn demand_value(&self, open: &[Open], at: usize) -> Result<(), Fault> {
        match open.last() {
            Some(Open::Table { key: None, .. }) => self.fault(at, "a name that is no plain text"),
            _ => Ok(()),
        }
    }

    /// Gives a value to the list or mapping that it belongs to.
    fn close(&mut self, open: &mut [Open], node: Node) -> Result<(), Fault> {
        let depth = open.len();
        match open.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Table { entries, key, .. }) => {
                let Some((name, at)) = key.take() else {
                    return self.fault(0, "a value without a name");
                };
                if depth == 1 {
                    let line = self.lines.of(at);
                    self.parsed.entries.push(Entry {
                        key: name,
                        node,
                        line,
                        comments: Vec::new(),
                    });
                } else {
                    entries.push((name, node));
                }
            }
            None => {}
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        span: Span,
        (anchor, tag): (usize, Option<&Tag>),
        path: &[Step],
    ) -> Result<Node, Fault> {
        let (mut start, mut end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        // The end of a text over several lines is the beginning of what follows.
        let spelling = self.text.get(start..end).unwrap_or_default();
        end = start + spelling.trim_end().len();
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            start = self.block_header(start);
        }
        let is_vault = tag.is_some_and(|tag| tag.handle == "!" && tag.suffix == "vault");
        if is_vault {
            self.refuse(start, anchor, None)?;
            let before = self.text.get(..start).unwrap_or_default();
            let Some(tag) = before.rfind("!vault") else {
                return self.fault(start, "a tag");
            };
            let between = before.get(tag + "!vault".len()..).unwrap_or_default();
            if !between.trim().is_empty() {
                return self.fault(start, "a tag");
            }
            let plain = match self.passwords.open(text.as_bytes()) {
                Ok(plain) => plain,
                Err(why) => return self.fault(start, format!("a value sealed by Ansible: {why}")),
            };
            start = tag;
            let plain = plain.with(|bytes| String::from_utf8(bytes.clone()));
            let Ok(plain) = plain else {
                return self.fault(start, "a value sealed by Ansible that is no text");
            };
            let steps = path.iter().map(|step| match step {
                Step::Key(key) => key.clone(),
                Step::Index(at) => at.to_string(),
            });
            let place = steps.collect::<Vec<_>>().join(".");
            self.vaulted.push((self.lines.of(start), place));
            self.parsed.stands(start..end, path, Style::Other);
            return Ok(Node::Text(plain));
        }
        self.refuse(start, anchor, tag)?;
        let our_style = match style {
            ScalarStyle::Plain => Style::Bare,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Other,
        };
        let node = if style == ScalarStyle::Plain {
            match resolve(text) {
                Word::Text => Node::Text(text.to_owned()),
                Word::Literal(kind) => Node::Literal(kind, text.to_owned()),
                Word::Boolean(value) => Node::Literal(ValueType::Boolean, value.to_owned()),
                Word::Doubtful => {
                    self.doubtful.push(self.lines.of(start));
                    Node::Text(text.to_owned())
                }
                Word::Null => return self.fault(start, "`null`, which a document does not have"),
                Word::NoValue => {
                    return self.fault(start, "a number that a document cannot hold exactly");
                }
            }
        } else {
            Node::Text(text.to_owned())
        };
        self.parsed.stands(start..end, path, our_style);
        Ok(node)
    }
}

/// Where the next value belongs.
fn path(open: &[Open]) -> Vec<Step> {
    open.iter().fold(Vec::new(), |path, open| match open {
        Open::List { items, .. } => below(&path, Step::Index(items.len())),
        Open::Table { key, .. } => {
            let key = key.as_ref().map(|(key, _)| key.clone());
            below(&path, Step::Key(key.unwrap_or_default()))
        }
    })
}
