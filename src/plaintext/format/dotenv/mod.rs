//! Dotenv files: each variable becomes a value of a document.
//!
//! There is no standard. [`parse`] reads what shells, docker compose and the dotenv libraries all take,
//! each in one way, and a file with anything else in it is sealed whole instead of guessed at:
//!
//! - `NAME=value`, `export NAME=value`, with blanks around either side of the `=`.
//! - A bare value goes to the end of the line, or to a `#` behind a blank; blanks around it are not
//!   part of it, and nothing in it has a meaning: not `\`, not `$`, not a quote inside.
//! - Between single quotes, over several lines too, everything is literal.
//! - Between double quotes, over several lines too, `\n`, `\r`, `\t`, `\"`, `\\`, `\$` and `` \` ``
//!   are what they are in docker compose, and every other `\` stands for itself.
//! - Nothing is expanded or run: `$x`, `${x}`, `$(x)` and `` `x` `` stay as they are, in every
//!   quoting. A finding says where.
//! - A name that is set twice has its last value, as in a shell.
//! - CRLF counts as LF, and a byte order mark as nothing.

mod parse;

use std::collections::BTreeMap;

use super::{Comment, Entry, Format, Parsed, Unprintable};
use crate::plaintext::layout::{Step, Style};
use crate::plaintext::node::Node;
use crate::plaintext::{Fault, Finding, Matter, Passwords};
use crate::secret::Plain;
use crate::vault::ValueType;
use parse::{Assignment, Mark, parse};

/// Dotenv.
pub struct Dotenv;

impl Dotenv {
    /// Writes a file of which a shell and python-dotenv read the same values.
    ///
    /// # Errors
    /// What has no form here, and a text that they read differently in every quoting.
    pub fn print_alike(&self, entries: &[(String, Node)]) -> Result<String, Unprintable> {
        let odd = |node: &Node| text_of(node).is_some_and(|text| !is_read_alike(text));
        match entries.iter().find(|(_, node)| odd(node)) {
            Some((name, _)) => Err(Unprintable {
                name: name.clone(),
                why: "has a `$` or a backquote beside a quote or a `\\` that dotenv readers do not agree on",
            }),
            None => self.print(entries),
        }
    }
}

impl Format for Dotenv {
    fn kind(&self) -> &'static str {
        "dotenv"
    }

    fn parse(&self, text: &str, _: &Passwords) -> Result<Parsed, Fault> {
        let read = parse(text.as_bytes()).map_err(|fault| Fault {
            line: fault.line,
            why: fault.why.to_string(),
        })?;
        if read.assignments.is_empty() {
            return Err(Fault::new("it has comments and sets nothing"));
        }
        check_case(&read.assignments)?;
        let mut parsed = Parsed {
            findings: marks(&read),
            ..Parsed::default()
        };
        let numbered = read.assignments.iter().enumerate();
        let last: BTreeMap<String, usize> = numbered
            .map(|(at, assignment)| (assignment.name.to_string(), at))
            .collect();
        let mut overridden = Vec::new();
        let mut said: BTreeMap<String, Vec<Comment>> = BTreeMap::new();
        for (at, assignment) in read.assignments.into_iter().enumerate() {
            let key = assignment.name.to_string();
            let comments = assignment.comments.into_iter().map(|comment| Comment {
                text: (*comment.text).clone(),
                line: comment.line,
            });
            let said = said.entry(key.clone()).or_default();
            said.extend(comments);
            let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
            let value = assignment.value.with(text);
            if last.get(&key) != Some(&at) {
                overridden.push(assignment.line);
                parsed.hidden.push(Plain::new(value));
                continue;
            }
            let path = [Step::Key(key.clone())];
            parsed.stands(assignment.span, &path, assignment.style);
            parsed.entries.push(Entry {
                key,
                node: Node::Text(value),
                line: assignment.line,
                comments: std::mem::take(said),
            });
        }
        if !overridden.is_empty() {
            let text =
                "overridden by a later line of the same name, and kept sealed with the layout";
            parsed
                .findings
                .push(Finding::new(Matter::Duplicate, text).at(overridden));
        }
        Ok(parsed)
    }

    fn spell(&self, style: Style, node: &Node) -> Option<String> {
        let text = text_of(node)?;
        match style {
            Style::Bare if is_bare(text) => Some(text.to_owned()),
            Style::Bare | Style::Single if stands_single(text) => Some(format!("'{text}'")),
            _ => Some(double(text)),
        }
    }

    fn print(&self, entries: &[(String, Node)]) -> Result<String, Unprintable> {
        let mut out = String::new();
        for (name, node) in entries {
            let wrong = |why| Unprintable {
                name: name.clone(),
                why,
            };
            if !is_variable(name) {
                return Err(wrong("has a name that no variable can have"));
            }
            let value = self.spell(Style::Bare, node);
            let value = value.ok_or_else(|| {
                wrong(match node {
                    Node::Literal(..) => "is a date or a time, and dotenv has text alone",
                    _ => "is a list or table, and dotenv has text alone",
                })
            })?;
            out.extend([name.as_str(), "=", &value, "\n"]);
        }
        Ok(out)
    }
}

fn is_variable(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().all(good) && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty()
}

fn text_of(node: &Node) -> Option<&str> {
    match node {
        Node::Text(text) => Some(text),
        Node::Literal(ValueType::Datetime, _) | Node::List(_) | Node::Table(_) => None,
        Node::Literal(_, text) => Some(text),
    }
}

/// Whether no reader sees more in a text than the text.
fn is_bare(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_./+@%,:=".contains(&b))
}

/// Whether a text stands between single quotes as it is. python-dotenv takes `\\` there for `\`, and a `\`
/// at the end for a part of the quote.
fn stands_single(text: &str) -> bool {
    !text.contains(['\'', '\r', '\0']) && !text.contains(r"\\") && !text.ends_with('\\')
}

/// Whether some quoting is read alike. Between double quotes a `\` before `$` or a backquote is kept by
/// python-dotenv, and taken away by a shell.
fn is_read_alike(text: &str) -> bool {
    is_bare(text) || stands_single(text) || !text.contains(['$', '`'])
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '$' | '`' => out.extend(['\\', c]),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn check_case(assignments: &[Assignment]) -> Result<(), Fault> {
    let mut spellings = BTreeMap::new();
    for assignment in assignments {
        let name = assignment.name.as_str();
        let other = spellings.insert(name.to_ascii_lowercase(), name);
        if other.is_some_and(|other| other != name) {
            let why = "a name differs from another one in case alone";
            return Err(Fault::at(assignment.line, why));
        }
    }
    Ok(())
}

fn marks(parsed: &parse::Parsed) -> Vec<Finding> {
    let texts = [
        (
            Mark::Unexpanded,
            Matter::Unexpanded,
            "has a `$` or a backquote, which is kept and never expanded",
        ),
        (
            Mark::Escape,
            Matter::Escape,
            "has a `\\` between double quotes that shells and docker compose read differently; it is read as docker compose does",
        ),
    ];
    let mut findings: Vec<Finding> = texts
        .into_iter()
        .filter_map(|(mark, matter, text)| {
            let marked = parsed
                .assignments
                .iter()
                .filter(|a| a.marks.contains(&mark));
            let lines: Vec<usize> = marked.map(|assignment| assignment.line).collect();
            (!lines.is_empty()).then(|| Finding::new(matter, text).at(lines))
        })
        .collect();
    if parsed.crlf {
        findings.push(Finding::new(
            Matter::LineEnds,
            "has CRLF line ends, which are no part of its values",
        ));
    }
    findings
}

#[cfg(test)]
mod tests;
