//! Dotenv files whose values dotenvx sealed.
//!
//! Names stand in the clear, each value is `encrypted:` and base64 of a message to the file's public
//! key, which is a value of the file itself (`DOTENV_PUBLIC_KEY`, with `_PRODUCTION` behind it for
//! `.env.production`). The private key lies in `.env.keys` beside the file, or in the environment
//! (`keys.rs`); the messages are those of `ecies.rs`. Nothing binds a value to its name or to its file:
//! whoever may write the file can move one value to another name, and neither dotenvx nor clws can tell.
//!
//! What is opened here is the file's own text with the values in the clear where they were sealed, and
//! without the public key. A value that stays closed is left as it is, and its line is told.

mod ecies;
mod keys;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::format::{Dotenv, Format as _, Parsed};
use super::layout::{Step, Stood, Style};
use super::node::Node;
use super::{Fault, Finding, Matter, Passwords};
use crate::secret::Plain;

pub use keys::PrivateKeys;

/// How a sealed value begins.
const MARK: &str = "encrypted:";
/// The name of a file's public key, with nothing or `_` and its environment behind it.
const PUBLIC: &str = "DOTENV_PUBLIC_KEY";
/// How the lines above it begin that dotenvx writes.
const BANNER: &str = "#/";

/// A file that was opened.
#[derive(Debug)]
pub struct Opened {
    /// Its text, in the clear.
    pub plain: Plain,
    /// The names of what was sealed in it.
    pub sealed: BTreeSet<String>,
    /// Which lines stayed closed, and which hold what dotenvx would expand.
    pub findings: Vec<Finding>,
}

/// Why a file stayed closed. Nothing may be wrong with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Closed {
    /// There is no private key of this name.
    NoKey {
        /// `DOTENV_PRIVATE_KEY_PRODUCTION`.
        wanted: String,
        /// What there is in place of keys, by its names.
        unread: Vec<String>,
    },
    /// None of the keys that there are opens any value, which stand at these lines.
    NotOpened {
        /// `DOTENV_PRIVATE_KEY_PRODUCTION`.
        wanted: String,
        /// From 1.
        lines: Vec<usize>,
        /// Whether one of the keys is the one that the file names.
        is_named: bool,
    },
    /// It does not read as dotenv.
    Unread(Fault),
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey { wanted, unread } => {
                for name in unread {
                    write!(f, "`{name}` is no key of 64 hexadecimal digits; ")?;
                }
                write!(
                    f,
                    "there is no `{wanted}`; put its `.env.keys` beside it, or set the variable, and import it again"
                )
            }
            Self::NotOpened {
                wanted,
                is_named: false,
                ..
            } => write!(
                f,
                "none of the private keys opens it; its own is `{wanted}`, in its `.env.keys` or the environment"
            ),
            Self::NotOpened { wanted, .. } => write!(
                f,
                "`{wanted}` is its key, and opens none of its values: they are damaged"
            ),
            Self::Unread(fault) => write!(f, "it does not read as dotenv: {}", fault.why),
        }
    }
}

/// Whether a text has a value that dotenvx sealed.
pub(super) fn is_sealed(text: &str) -> bool {
    let sealed = |line: &str| {
        let value = line.split_once('=').map(|(_, value)| value.trim_start());
        value.is_some_and(|value| value.trim_start_matches(['"', '\'']).starts_with(MARK))
    };
    text.lines().any(sealed)
}

/// Whether a text has private keys of dotenvx and nothing else.
pub(super) fn is_keys(text: &str) -> bool {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    let of_key = |line: &str| {
        let name = line.strip_prefix("export ").unwrap_or(line).trim_start();
        name.starts_with(keys::PRIVATE)
    };
    lines.peek().is_some() && lines.all(of_key)
}

/// Opens a file with the private keys given.
///
/// # Errors
/// [`Closed`], if no value opens.
pub fn open(text: &str, keys: &PrivateKeys) -> Result<Opened, Closed> {
    let parsed = Dotenv
        .parse(text, &Passwords::default())
        .map_err(Closed::Unread)?;
    let mut public = None;
    let mut values = Vec::new();
    for (entry, stood) in placed(&parsed) {
        let Node::Text(value) = &entry.node else {
            continue;
        };
        if entry.key.starts_with(PUBLIC) {
            public = Some((entry.key.clone(), value.clone(), stood.span.clone()));
        } else if let Some(message) = value.strip_prefix(MARK) {
            values.push((entry, stood, message));
        }
    }
    let suffix = public
        .as_ref()
        .and_then(|(name, ..)| name.strip_prefix(PUBLIC));
    let wanted = format!("{}{}", keys::PRIVATE, suffix.unwrap_or_default());
    if keys.is_empty() {
        return Err(Closed::NoKey {
            wanted,
            unread: keys.unread().to_vec(),
        });
    }
    let named = public.as_ref().map(|(_, key, _)| key.as_str());
    let tried = keys.in_order(named, &wanted);
    let mut edits: Vec<(Range<usize>, Zeroizing<String>)> = Vec::new();
    let (mut sealed, mut closed, mut expanded) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (entry, stood, message) in values {
        let opened = STANDARD.decode(message).ok().and_then(|message| {
            let plain = tried.iter().find_map(|key| ecies::open(key, &message))?;
            spelled(stood.style, plain)
        });
        let Some((text, has_dollar)) = opened else {
            closed.push(entry.line);
            continue;
        };
        if has_dollar {
            expanded.push(entry.line);
        }
        sealed.insert(entry.key.clone());
        edits.push((stood.span.clone(), text));
    }
    if sealed.is_empty() {
        return Err(Closed::NotOpened {
            wanted,
            lines: closed,
            is_named: named.is_some_and(|named| keys.has(named)),
        });
    }
    if let Some((_, _, span)) = public {
        edits.push((own_lines(text, &span), Zeroizing::default()));
    }
    edits.sort_by_key(|(span, _)| span.start);
    Ok(Opened {
        plain: Plain::new(edited(text, &edits)),
        sealed,
        findings: findings(closed, expanded),
    })
}

/// The entries of a text, each with its place.
fn placed(parsed: &Parsed) -> impl Iterator<Item = (&super::format::Entry, &Stood)> {
    let at =
        |stood: &Stood, key: &str| matches!(stood.path.as_slice(), [Step::Key(of)] if of == key);
    parsed
        .entries
        .iter()
        .zip(&parsed.stood)
        .filter(move |(entry, stood)| at(stood, &entry.key))
}

/// A value as it is written where its sealed form stood, and whether it has what dotenvx expands.
///
/// Between single quotes where it can be: all readers of dotenv, dotenvx too, read those the same.
fn spelled(style: Style, plain: Plain) -> Option<(Zeroizing<String>, bool)> {
    plain.with(|bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        let style = match text.contains(['"', '\\', '$', '`']) && !text.contains(['\'', '\r']) {
            true => Style::Single,
            false => style,
        };
        let node = Node::Text(text.to_owned());
        let spelled = Dotenv.spell(style, &node).map(Zeroizing::new)?;
        Some((spelled, text.contains(['$', '`'])))
    })
}

/// The line of the public key, with what dotenvx wrote above it.
fn own_lines(text: &str, span: &Range<usize>) -> Range<usize> {
    let line_of = |byte: usize| {
        let before = text.get(..byte).unwrap_or_default();
        before.rfind('\n').map_or(0, |at| at + 1)
    };
    let mut start = line_of(span.start);
    while start > 0 {
        let above = line_of(start - 1);
        let is_banner = text
            .get(above..)
            .is_some_and(|line| line.starts_with(BANNER));
        if !is_banner {
            break;
        }
        start = above;
    }
    let rest = text.get(span.end..).unwrap_or_default();
    let end = rest.find('\n').map_or(text.len(), |at| span.end + at + 1);
    start..end
}

/// The text with these pieces of it replaced; they stand in its order.
fn edited(text: &str, edits: &[(Range<usize>, Zeroizing<String>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for (span, new) in edits {
        let kept = text.get(at..span.start).unwrap_or_default();
        out.extend_from_slice(kept.as_bytes());
        out.extend_from_slice(new.as_bytes());
        at = span.end;
    }
    let rest = text.get(at..).unwrap_or_default();
    out.extend_from_slice(rest.as_bytes());
    out
}

fn findings(closed: Vec<usize>, expanded: Vec<usize>) -> Vec<Finding> {
    let told = [
        (
            Matter::StillSealed,
            closed,
            "still sealed by dotenvx: no key opens it, or it is damaged; the value is what stands there, so set it anew",
        ),
        (
            Matter::Unexpanded,
            expanded,
            "has a `$` or a backquote behind the seal, which is kept and never expanded",
        ),
    ];
    let some = told.into_iter().filter(|(_, lines, _)| !lines.is_empty());
    some.map(|(matter, lines, text)| Finding::new(matter, text).at(lines))
        .collect()
}

#[cfg(test)]
mod tests;
