//! Line-strict TOML: the form of every signed file (`docs/format.md`, "Line form").
//!
//! Every line stands alone: a header, a key line or nothing. So one table of 10,000 is found by
//! scanning for `\n[`, editing one value leaves every other byte as it was, a plain three-way text
//! merge of two branches gives a valid file or a conflict, and any TOML tool reads it. A file is
//! accepted if printing what was read gives the same bytes; order and blank lines aside, since plain
//! merges disturb those ([`Parsed::untidy`] tells).

mod edit;
mod excerpt;
mod header;
mod scan;
mod table;
mod value;

pub use edit::{Changes, apply, print, render, tidy};
pub use excerpt::excerpt;
pub use header::Header;
pub use scan::{Parsed, Places, scan};
pub use table::Table;
pub use value::Value;

use crate::error::{Code, Explain};

/// No file in this form is larger: 16 MiB.
pub const MAX_FILE: usize = 16 * 1024 * 1024;

/// No line is longer: 1 MiB, for submissions sealed to many readers and groups of many hosts.
const MAX_LINE: usize = 1024 * 1024;

/// The kinds of tables a file may hold, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// What such a file is called in messages.
    pub what: &'static str,
    /// The kinds, without `end`, which every file has.
    pub kinds: &'static [Kind],
}

/// One kind of table.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// As it stands in the header.
    pub name: &'static str,
    /// Whether the header names a thing: `[secret.TOKEN]`.
    pub named: bool,
    /// The keys, in their order.
    pub keys: &'static [&'static str],
}

/// Why a text is not in the line form.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what} line {line}: {fault}")]
pub struct LineError {
    /// What kind of file it is.
    pub what: &'static str,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum Fault {
    #[error("the file is not UTF-8")]
    NotUtf8,
    #[error("the file is larger than 16 MiB")]
    TooLarge,
    #[error("the line is longer than 1 MiB")]
    TooLong,
    #[error("a carriage return")]
    CarriageReturn,
    #[error("the character U+{0:04X} may not stand in a file")]
    Character(u32),
    #[error("the last line has no line end")]
    NoFinalNewline,
    #[error("a merge conflict is not resolved")]
    MergeMarker,
    #[error("neither a header, nor a key line, nor empty")]
    NotALine,
    #[error("a comment below the first header")]
    Comment,
    #[error("`{0}` is no header of such a file")]
    Header(String),
    #[error("`{kind}` is no kind of table in such a file")]
    Kind {
        kind: String,
        nearest: Option<String>,
    },
    #[error("`{key}` is no key of `[{kind}]`")]
    Key {
        kind: String,
        key: String,
        nearest: Option<String>,
    },
    #[error("`[{0}]` stands here twice")]
    DuplicateTable(String),
    #[error("`{0}` stands here twice")]
    DuplicateKey(String),
    #[error("`{0}` and `{1}` differ in case alone")]
    Case(String, String),
    #[error("`{0}` is not written in the one accepted form")]
    Value(String),
    #[error("`{key}` is missing in `[{table}]`")]
    Missing { table: String, key: String },
    #[error("`{key}`: {why}")]
    Meaning { key: String, why: String },
    #[error("`[{0}]` is missing")]
    NoTable(String),
    #[error("`[end]` is not the last table")]
    NoEnd,
}

impl Explain for LineError {
    fn code(&self) -> Code {
        match self.fault {
            Fault::MergeMarker => Code::Conflict,
            _ => Code::DataErr,
        }
    }

    fn hints(&self) -> Vec<String> {
        match &self.fault {
            Fault::CarriageReturn => {
                vec![
                    "git turned line ends: set `core.autocrlf false` and check the file out again"
                        .into(),
                ]
            }
            Fault::MergeMarker => vec![
                "`clws merge` joins it by table; or resolve it by hand, then run `clws check`"
                    .into(),
            ],
            Fault::Kind {
                nearest: Some(near),
                ..
            }
            | Fault::Key {
                nearest: Some(near),
                ..
            } => {
                vec![format!("is `{near}` meant?")]
            }
            Fault::Value(_) => {
                vec!["put it back with `git checkout`; each value has one spelling".into()]
            }
            _ => Vec::new(),
        }
    }
}

impl Schema {
    fn kind(&self, name: &str) -> Option<(usize, &'static Kind)> {
        self.kinds
            .iter()
            .enumerate()
            .find(|(_, kind)| kind.name == name)
    }

    /// The rank of a kind; `end` comes last.
    fn rank(&self, name: &str) -> usize {
        self.kind(name).map_or(self.kinds.len(), |(rank, _)| rank)
    }

    fn error(&self, source: &str, at: usize, fault: Fault) -> LineError {
        let before = source.as_bytes().get(..at).unwrap_or(source.as_bytes());
        LineError {
            what: self.what,
            line: 1 + memchr::memchr_iter(b'\n', before).count(),
            fault,
        }
    }
}

/// Control and bidirectional characters (rule 1), which are written as `\uXXXX`.
fn is_forbidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
