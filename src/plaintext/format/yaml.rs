//! YAML: a mapping at the top, whose keys become values.
//!
//! Readers of YAML 1.1 and 1.2 differ on what a bare word is (`no`, `0777`, `1:30`). Where they do it
//! is kept as the text that stands there, and a finding says so. Aliases, anchors, tags, merge keys
//! and several documents in one file are refused: what they stand for depends on other places. The
//! one tag that is read is Ansible's `!vault`, with the password.
//!
//! The parser gives events, so how deep a file nests costs no stack; the limits are ours.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::json::{literal, string};
use super::{Entry, Format, Lines, Parsed, Unprintable, below};
use crate::plaintext::layout::{Step, Style};
use crate::plaintext::node::Node;
use crate::plaintext::{DEEPEST, Fault, Finding, Matter, Passwords};
use crate::vault::{Literal, ValueType};

/// YAML.
pub(super) struct Yaml;

/// A file of variables for Ansible. It is written only, never told from other YAML.
pub struct Ansible;

impl Format for Yaml {
    fn kind(&self) -> &'static str {
        "yaml"
    }

    fn parse(&self, text: &str, passwords: &Passwords) -> Result<Parsed, Fault> {
        let lines = Lines::new(text);
        let mut reader = Reader {
            text,
            lines: &lines,
            passwords,
            bytes: (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect()),
            parsed: Parsed::default(),
            doubtful: Vec::new(),
        };
        reader.read()?;
        let mut parsed = reader.parsed;
        if !reader.doubtful.is_empty() {
            let text =
                "YAML readers do not agree on what this is; kept as the text that stands there";
            parsed
                .findings
                .push(Finding::new(Matter::Doubtful, text).at(reader.doubtful));
        }
        parsed.take_comments(text, &lines, &['#']);
        Ok(parsed)
    }

    fn spell(&self, style: Style, node: &Node) -> Option<String> {
        Some(match (style, node) {
            (Style::Bare, Node::Text(text)) if is_plain(text) => text.clone(),
            (Style::Single, Node::Text(text)) if is_printable(text) => {
                format!("'{}'", text.replace('\'', "''"))
            }
            _ => flow(node, false).ok()?,
        })
    }

    fn print(&self, entries: &[(String, Node)]) -> Result<String, Unprintable> {
        print(entries, false)
    }
}

impl Format for Ansible {
    fn kind(&self) -> &'static str {
        "ansible"
    }

    fn parse(&self, text: &str, passwords: &Passwords) -> Result<Parsed, Fault> {
        Yaml.parse(text, passwords)
    }

    fn spell(&self, style: Style, node: &Node) -> Option<String> {
        Yaml.spell(style, node)
    }

    fn print(&self, entries: &[(String, Node)]) -> Result<String, Unprintable> {
        print(entries, true)
    }
}

fn print(entries: &[(String, Node)], ansible: bool) -> Result<String, Unprintable> {
    let mut out = String::from("---\n");
    for (key, node) in entries {
        let value = flow(node, ansible).map_err(|why| Unprintable {
            name: key.clone(),
            why,
        })?;
        out.extend([&text_of(key), ": ", &value, "\n"]);
    }
    if entries.is_empty() {
        out.push_str("{}\n");
    }
    Ok(out)
}

/// A value on one line.
fn flow(node: &Node, ansible: bool) -> Result<String, &'static str> {
    Ok(match node {
        Node::Text(text) if ansible && (text.contains("{{") || text.contains("{%")) => {
            // Without the tag Ansible would run it as a template.
            format!("!unsafe {}", quoted(text))
        }
        Node::Text(text) => text_of(text),
        // A time would be one to some readers and text to others, and text is what JSON has.
        Node::Literal(ValueType::Float, text) => yaml_float(text)?,
        Node::Literal(kind, text) => literal(*kind, text)?,
        Node::List(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| flow(item, ansible)).collect();
            format!("[{}]", items?.join(", "))
        }
        Node::Table(entries) => {
            let entry = |(key, node): &(String, Node)| {
                flow(node, ansible).map(|value| format!("{}: {value}", text_of(key)))
            };
            let entries: Result<Vec<_>, _> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries?.join(", "))
        }
    })
}

/// YAML 1.1 takes `1e5` for a text: a point and a sign make it a number to everybody.
fn yaml_float(text: &str) -> Result<String, &'static str> {
    let number = literal(ValueType::Float, text)?;
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else {
        return Ok(number);
    };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['+', '-']) {
        ""
    } else {
        "+"
    };
    Ok(format!("{mantissa}{point}e{sign}{exponent}"))
}

fn text_of(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut json = String::new();
    string(&mut json, text);
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_printable_char(c) {
            out.push(c);
        } else if u32::from(c) > 0xffff {
            let _never = write!(out, "\\U{:08x}", u32::from(c));
        } else {
            let _never = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
    out
}

/// What every reader takes as it is.
fn is_printable_char(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

fn is_printable(text: &str) -> bool {
    text.chars().all(is_printable_char)
}

/// Whether a text can stand without quotes anywhere, and is a text then.
fn is_plain(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-./@+%=~^$".contains(c);
    let first = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.');
    text.chars().all(good) && text.starts_with(first) && matches!(resolve(text), Word::Text)
}

/// What a bare word is.
enum Word {
    Text,
    Literal(ValueType),
    Boolean(&'static str),
    Null,
    /// Readers differ.
    Doubtful,
    /// A number that no document can hold.
    NoValue,
}

fn resolve(text: &str) -> Word {
    const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];
    const BOTH: [(&str, &str); 6] = [
        ("true", "true"),
        ("True", "true"),
        ("TRUE", "true"),
        ("false", "false"),
        ("False", "false"),
        ("FALSE", "false"),
    ];
    const OLD: [&str; 6] = ["yes", "no", "on", "off", "y", "n"];
    if NULLS.contains(&text) {
        return Word::Null;
    }
    if let Some((_, value)) = BOTH.iter().find(|(word, _)| *word == text) {
        return Word::Boolean(value);
    }
    if OLD.contains(&text.to_ascii_lowercase().as_str()) || text == "=" || text == "<<" {
        return Word::Doubtful;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    if lower == ".inf" || lower == ".nan" {
        return Word::NoValue;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let no_zero = |text: &str| text == "0" || !text.starts_with('0');
    if digits(unsigned) && no_zero(unsigned) {
        return if Literal::parse(text).is_some() {
            Word::Literal(ValueType::Integer)
        } else {
            Word::NoValue
        };
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    if let Some((whole, part)) = mantissa.split_once('.') {
        let signed = exponent.is_none_or(|e| e.strip_prefix(['+', '-']).is_some_and(digits));
        if digits(whole) && no_zero(whole) && digits(part) && signed {
            return Word::Literal(ValueType::Float);
        }
    }
    // Octal, hexadecimal and sexagesimal numbers, `1_000`, `1e5`, `.5`, and times.
    let numeric = |c: char| c.is_ascii_hexdigit() || "_.:+-oxXTtZz ".contains(c);
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || (unsigned.starts_with('.')
            && unsigned.chars().nth(1).is_some_and(|c| c.is_ascii_digit()));
    if begins && unsigned.chars().all(numeric) && !is_surely_text(unsigned) {
        return Word::Doubtful;
    }
    Word::Text
}

/// Addresses and the like, which begin as numbers do.
fn is_surely_text(text: &str) -> bool {
    let address = text.split('.').count() > 2 && !text.contains([':', '_']);
    let hash = text.len() >= 8
        && text.contains(['a', 'b', 'c', 'd', 'f', 'A', 'B', 'C', 'D', 'F'])
        && !text.starts_with("0x");
    address || hash
}

struct Reader<'t> {
    text: &'t str,
    lines: &'t Lines,
    passwords: &'t Passwords,
    /// Where each character begins, if not every byte is one.
    bytes: Option<Vec<usize>>,
    parsed: Parsed,
    doubtful: Vec<usize>,
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

impl Reader<'_> {
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

    fn read(&mut self) -> Result<(), Fault> {
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
