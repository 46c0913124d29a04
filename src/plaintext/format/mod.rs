//! The formats of files of values, one file each.

mod dotenv;
mod ini;
mod json;
mod toml;
mod yaml;

use super::layout::{Step, Stood, Style};
use super::node::Node;
use super::{Fault, Finding, Passwords};
use crate::secret::Plain;

pub use dotenv::Dotenv;
pub use json::Json;
pub(super) use json::{leaves as json_leaves, literal as json_literal};
pub use yaml::{Ansible, Tree};
pub(super) use yaml::{SEVERAL, leaves as yaml_leaves, text_of as yaml_text};

/// Why a document cannot be written in a format.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unprintable {
    /// The value.
    pub name: String,
    /// What of it the format does not have.
    pub why: &'static str,
}

/// How values are written into a file.
pub trait Format: Sync {
    /// What plans call it.
    fn kind(&self) -> &'static str;

    /// Reads a whole text.
    ///
    /// # Errors
    /// The first [`Fault`], for a text that has anything on which readers of the format differ, or
    /// that no document can hold.
    fn parse(&self, text: &str, passwords: &Passwords) -> Result<Parsed, Fault>;

    /// How a value is spelled in a slot of this style; `None` if nothing there would read back as it.
    fn spell(&self, style: Style, node: &Node) -> Option<String>;

    /// A whole text of these values, in our own spelling.
    ///
    /// # Errors
    /// [`Unprintable`] names the value that the format has no form for.
    fn print(&self, entries: &[(String, Node)]) -> Result<String, Unprintable>;
}

/// All formats.
const FORMATS: &[&dyn Format] = &[
    &Dotenv,
    &Json,
    &toml::Toml,
    &ini::INI,
    &ini::MY_CNF,
    &yaml::Yaml,
];

/// The format that plans call so.
#[must_use]
pub fn named(kind: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.kind() == kind)
}

/// The format that reads what plans call so, or what is inside of it.
#[must_use]
pub fn within(kind: &str) -> Option<&'static dyn Format> {
    named(match kind {
        "service-account" => "json",
        "ansible-vault" | "kubeconfig" => "yaml",
        "dotenvx" => "dotenv",
        kind => kind.strip_prefix("sops-").unwrap_or(kind),
    })
}

/// What a format found in a text.
#[derive(Debug, Default)]
pub struct Parsed {
    pub(super) entries: Vec<Entry>,
    pub(super) stood: Vec<Stood>,
    pub(super) findings: Vec<Finding>,
    /// Values that stay in the layout, as those that a later line overrides.
    pub(super) hidden: Vec<Plain<String>>,
}

/// A name at the top of a file, and what it stands for.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) key: String,
    pub(super) node: Node,
    /// Where it begins, from 1.
    pub(super) line: usize,
    /// What is said about it, line by line.
    pub(super) comments: Vec<Comment>,
}

/// A comment, without its mark. Its `Debug` shows its line alone.
pub(crate) struct Comment {
    pub(super) text: String,
    pub(super) line: usize,
}

impl std::fmt::Debug for Comment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Comment(line {}, ..)", self.line)
    }
}

impl Parsed {
    /// The names and values alone.
    #[must_use]
    pub fn into_entries(self) -> Vec<(String, Node)> {
        let each = self.entries.into_iter();
        each.map(|entry| (entry.key, entry.node)).collect()
    }

    pub(super) fn stands(&mut self, span: std::ops::Range<usize>, path: &[Step], style: Style) {
        self.stood.push(Stood {
            span,
            path: path.to_vec(),
            style,
        });
    }

    /// Gives every entry the comment lines directly above it, which begin with one of `marks`.
    ///
    /// Only lines that begin with the mark count, and none inside a value: an indented `#` may
    /// belong to a text of several lines.
    fn take_comments(&mut self, text: &str, lines: &Lines, marks: &[char]) {
        let inside: Vec<(usize, usize)> = self
            .stood
            .iter()
            .filter(|stood| stood.span.end > stood.span.start + 1)
            .map(|stood| (lines.of(stood.span.start), lines.of(stood.span.end - 1)))
            .filter(|(first, last)| first < last)
            .collect();
        for entry in &mut self.entries {
            let mut line = entry.line;
            while line > 1 {
                line -= 1;
                let said = lines.text(text, line).trim_end();
                let is_inside = inside.iter().any(|(a, b)| (*a..=*b).contains(&line));
                let Some(said) = said.strip_prefix(marks).filter(|_| !is_inside) else {
                    break;
                };
                entry.comments.push(Comment {
                    text: said.trim_matches(marks).trim().to_owned(),
                    line,
                });
            }
            entry.comments.reverse();
        }
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(after).collect())
    }

    /// The line of a byte, from 1.
    fn of(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }

    /// A line's text, with its end.
    fn text<'t>(&self, text: &'t str, line: usize) -> &'t str {
        let start = self.0.get(line.saturating_sub(1)).copied();
        let end = self.0.get(line).copied().unwrap_or(text.len());
        start
            .and_then(|start| text.get(start..end))
            .unwrap_or_default()
    }
}

/// A scalar where it stands, of a text that is read leniently: one that SOPS sealed.
pub(super) struct Leaf {
    pub(super) path: Vec<Step>,
    pub(super) span: std::ops::Range<usize>,
    /// `Bare` is a word or number, anything else a text.
    pub(super) style: Style,
    /// Without quotes and escapes.
    pub(super) text: String,
}

/// A path with one step more.
fn below(path: &[Step], step: Step) -> Vec<Step> {
    path.iter().cloned().chain([step]).collect()
}
