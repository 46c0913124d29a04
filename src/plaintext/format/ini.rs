//! INI files, and the option files of MySQL, which read quotes otherwise.
//!
//! There is no standard. What Python's `configparser`, MySQL and others agree on is read, and a file
//! with anything else in it is sealed whole: no continuation lines, no `\`, no comment behind a value,
//! no section or name twice, no `:` between name and value. Each section becomes a table; a name
//! without a value is `true` there.

use std::collections::HashSet;

use super::{Entry, Format, Lines, Parsed, Unprintable};
use crate::plaintext::layout::{Step, Style};
use crate::plaintext::node::Node;
use crate::plaintext::{Fault, Passwords};
use crate::secret::MAX_OPTION_LINE;
use crate::vault::ValueType;

/// INI of one of the two kinds.
pub(super) struct Ini {
    kind: &'static str,
    /// Whether quotes around a value are no part of it.
    unquotes: bool,
}

/// What `configparser` reads.
pub(super) const INI: Ini = Ini {
    kind: "ini",
    unquotes: false,
};

/// What MySQL and its clients read.
pub(super) const MY_CNF: Ini = Ini {
    kind: "my.cnf",
    unquotes: true,
};

const BLANKS: [char; 2] = [' ', '\t'];

impl Format for Ini {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn parse(&self, text: &str, _: &Passwords) -> Result<Parsed, Fault> {
        let lines = Lines::new(text);
        let mut parsed = Parsed::default();
        let mut seen = HashSet::new();
        let mut start = 0;
        for (number, whole) in (1..).zip(text.split_inclusive('\n')) {
            let line = whole.strip_suffix('\n').unwrap_or(whole);
            let line = line.strip_suffix('\r').unwrap_or(line);
            self.line(line, start, number, &mut parsed, &mut seen)?;
            start += whole.len();
        }
        if parsed.entries.is_empty() {
            return Err(Fault::new("it has no section"));
        }
        for entry in &parsed.entries {
            if matches!(&entry.node, Node::Table(names) if names.is_empty()) {
                return Err(Fault::at(entry.line, "a section with nothing in it"));
            }
        }
        parsed.take_comments(text, &lines, &['#', ';']);
        Ok(parsed)
    }

    fn spell(&self, style: Style, node: &Node) -> Option<String> {
        match (style, node) {
            (Style::Flag, node) => is_true(node).then(String::new),
            (Style::Inner, Node::Text(text)) => is_quotable(text).then(|| text.clone()),
            (_, Node::Text(text)) => self.value(text),
            _ => None,
        }
    }

    fn print(&self, entries: &[(String, Node)]) -> Result<String, Unprintable> {
        let mut out = String::new();
        for (section, node) in entries {
            let wrong = |why| Unprintable {
                name: section.clone(),
                why,
            };
            let Node::Table(names) = node else {
                return Err(wrong("is in no section, which an INI file needs"));
            };
            if !is_section(section) || names.is_empty() {
                return Err(wrong("is no section that INI can have"));
            }
            out.extend(["[", section, "]\n"]);
            for (name, node) in names {
                if !is_name(name) {
                    return Err(wrong("has a name that INI cannot have"));
                }
                match node {
                    Node::Text(text) => {
                        let why = "has a value that INI readers do not agree on";
                        let value = self.value(text).ok_or_else(|| wrong(why))?;
                        out.extend([name.as_str(), "=", &value, "\n"]);
                    }
                    node if is_true(node) => out.extend([name.as_str(), "\n"]),
                    _ => return Err(wrong("has a value that is no text")),
                }
            }
        }
        Ok(out)
    }
}

impl Ini {
    fn line(
        &self,
        line: &str,
        start: usize,
        number: usize,
        parsed: &mut Parsed,
        seen: &mut HashSet<String>,
    ) -> Result<(), Fault> {
        let fault = |why| Err(Fault::at(number, why));
        if line.chars().any(|c| c.is_control() && c != '\t') || line.starts_with('\u{feff}') {
            return fault("a control character");
        }
        if self.unquotes && line.len() > MAX_OPTION_LINE {
            return fault("a line that MySQL reads as several");
        }
        let bare = line.trim_matches(BLANKS);
        if bare.is_empty() || line.starts_with(['#', ';']) {
            return Ok(());
        }
        if line.starts_with(BLANKS) {
            return fault("an indented line, which some readers join to the one before");
        }
        if let Some(section) = bare.strip_prefix('[') {
            return match section.strip_suffix(']') {
                Some(section) if is_section(section) => {
                    if !seen.insert(folded(section, "")) {
                        return fault("a section stands there twice");
                    }
                    parsed.entries.push(Entry {
                        key: section.to_owned(),
                        node: Node::Table(Vec::new()),
                        line: number,
                        comments: Vec::new(),
                    });
                    Ok(())
                }
                _ => fault("no name of a section"),
            };
        }
        if bare.starts_with('!') {
            return fault("it includes other files");
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name.trim_end_matches(BLANKS), Some(value)),
            None => (bare, None),
        };
        if !is_name(name) {
            return fault("no `name=value`");
        }
        let Some(entry) = parsed.entries.last_mut() else {
            return fault("a value before the first section");
        };
        let path = [Step::Key(entry.key.clone()), Step::Key(name.to_owned())];
        let Node::Table(names) = &mut entry.node else {
            return fault("no section");
        };
        if !seen.insert(folded(&entry.key, name)) {
            return fault("a name stands there twice");
        }
        let (node, span, style) = match value {
            None => {
                let end = start + name.len();
                let node = Node::Literal(ValueType::Boolean, "true".into());
                (node, end..end, Style::Flag)
            }
            Some(value) => {
                let text = value.trim_matches(BLANKS);
                let skipped = value.len() - value.trim_start_matches(BLANKS).len();
                let mut from = start + line.len() - value.len() + skipped;
                if text.is_empty() {
                    from = start + line.len() - value.len();
                }
                let quoted = ['"', '\'']
                    .iter()
                    .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
                let (text, style) = match quoted {
                    Some(inner) if self.unquotes && is_quotable(inner) => {
                        from += 1;
                        (inner, Style::Inner)
                    }
                    _ if self.is_plain(text) => (text, Style::Bare),
                    _ => return fault("a value that readers of INI files do not agree on"),
                };
                let node = Node::Text(text.to_owned());
                (node, from..from + text.len(), style)
            }
        };
        names.push((name.to_owned(), node));
        parsed.stands(span, &path, style);
        Ok(())
    }

    /// A value in a form that every reader reads the same; `None` if there is none.
    fn value(&self, text: &str) -> Option<String> {
        if self.is_plain(text) {
            return Some(text.to_owned());
        }
        (self.unquotes && is_quotable(text)).then(|| format!("\"{text}\""))
    }

    /// Whether every reader takes a text without quotes as it stands.
    fn is_plain(&self, text: &str) -> bool {
        let edges = text.starts_with(['"', '\'', '#', ';']) || text.ends_with(['"', '\'']);
        let comment = [" #", " ;", "\t#", "\t;"]
            .iter()
            .any(|mark| text.contains(mark));
        // MySQL lets `#` begin a comment anywhere.
        let hash = self.unquotes && text.contains('#');
        let trimmed = text.trim_matches(BLANKS) == text;
        let plain = !text.contains('\\') && !text.chars().any(char::is_control);
        plain && trimmed && !edges && !comment && !hash
    }
}

/// Whether a text means itself between quotes of an option file.
fn is_quotable(text: &str) -> bool {
    !text.contains(['"', '\'', '\\']) && !text.chars().any(char::is_control)
}

fn is_true(node: &Node) -> bool {
    matches!(node, Node::Literal(ValueType::Boolean, text) if text == "true")
}

fn is_section(text: &str) -> bool {
    !text.is_empty()
        && text.trim_matches(BLANKS) == text
        && !text.contains(['[', ']', '\\', '#', ';', '"'])
        && !text.eq_ignore_ascii_case("default")
        && !text.chars().any(char::is_control)
}

fn is_name(text: &str) -> bool {
    let first = text.starts_with(['[', '#', ';', '!']);
    !text.is_empty()
        && !first
        && text.trim_matches(BLANKS) == text
        && !text.contains(['=', ':', '\\', '"', '\'', '#', ';', '[', ']'])
        && !text.chars().any(char::is_control)
}

/// `configparser` compares names in small letters.
fn folded(section: &str, name: &str) -> String {
    format!("{}\n{}", section.to_lowercase(), name.to_lowercase())
}
