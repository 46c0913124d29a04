//! YAML: a mapping at the top, whose keys become values.
//!
//! Readers of YAML 1.1 and 1.2 differ on what a bare word is (`no`, `0777`, `1:30`). Where they do it
//! is kept as the text that stands there, and a finding says so. Aliases, anchors, tags, merge keys
//! and several documents in one file are refused: what they stand for depends on other places. The
//! one tag that is read is Ansible's `!vault`, with the password.
//!
//! The parser gives events, so how deep a file nests costs no stack; the limits are ours.

mod leaves;
mod read;
mod tree;
mod word;

use super::json::{literal, string};
use super::{Format, Lines, Parsed, Unprintable};
use crate::plaintext::layout::Style;
use crate::plaintext::node::Node;
use crate::plaintext::prose::looks_random;
use crate::plaintext::{Fault, Finding, Matter, Passwords};
use crate::text::{clean_line, list};
use crate::vault::ValueType;
pub(in crate::plaintext) use leaves::{SEVERAL, leaves};
use read::Reader;
pub use tree::Tree;
use word::{Word, resolve};

/// YAML.
pub(super) struct Yaml;

/// A file of variables for Ansible. It is written only, never told from other YAML.
pub struct Ansible;

impl Ansible {
    /// Whether a variable of this name says how Ansible itself works: how it logs in, by which programs, as whom. Whoever
    /// writes a document chooses its names, and some of these run code on the machine where a play is begun.
    #[must_use]
    pub fn is_its_own(name: &str) -> bool {
        name.starts_with("ansible_")
    }
}

impl Format for Yaml {
    fn kind(&self) -> &'static str {
        "yaml"
    }

    fn parse(&self, text: &str, passwords: &Passwords) -> Result<Parsed, Fault> {
        let lines = Lines::new(text);
        let mut reader = Reader::new(text, &lines, passwords);
        reader.read()?;
        let mut parsed = reader.parsed;
        if !reader.vaulted.is_empty() {
            let (at, places): (Vec<usize>, Vec<String>) = reader.vaulted.into_iter().unzip();
            parsed.findings.push(rekeyed(&places).at(at));
        }
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

/// Names the values that Ansible had sealed one by one.
fn rekeyed(places: &[String]) -> Finding {
    const SHOWN: usize = 5;
    // A name that looks like a credential makes no document, and is not repeated.
    let shown = places
        .iter()
        .filter(|place| !looks_random(place))
        .take(SHOWN);
    let mut names: Vec<String> = shown
        .map(|place| format!("`{}`", clean_line(place)))
        .collect();
    let more = places.len() - names.len();
    names.extend((more > 0).then(|| format!("{more} more")));
    let verb = if places.len() == 1 { "was" } else { "were" };
    let text = format!(
        "{} {verb} under Ansible's password, and not any more",
        list(&names)
    );
    Finding::new(Matter::Rekeyed, text)
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
        let entry = entry(key, node, ansible).map_err(|why| Unprintable {
            name: key.clone(),
            why,
        })?;
        out.push_str(&entry);
        out.push('\n');
    }
    if entries.is_empty() {
        out.push_str("{}\n");
    }
    Ok(out)
}

/// A key before a colon is no longer, in characters and with its quotes (YAML 1.2.2, 7.4.2).
const MAX_KEY: usize = 1024;

/// A key and its value, on one line.
fn entry(key: &str, node: &Node, ansible: bool) -> Result<String, &'static str> {
    let key = text_of(key);
    if key.chars().count() > MAX_KEY {
        return Err("YAML has no key of more than 1,024 characters");
    }
    Ok(format!("{key}: {}", flow(node, ansible)?))
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
            let entries = entries.iter().map(|(key, node)| entry(key, node, ansible));
            let entries: Result<Vec<_>, _> = entries.collect();
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

pub(in crate::plaintext) fn text_of(text: &str) -> String {
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
