//! A file of values, read so that nothing of it is lost.

use std::collections::{BTreeMap, BTreeSet};

use super::format::{Comment, Format, Parsed, Unprintable};
use super::layout::Layout;
use super::node::Node;
use super::prose::{self, Words};
use super::{Fault, Finding, Matter, Passwords};
use crate::lines::MAX_FILE;
use crate::name::ValueName;
use crate::secret::Plain;
use crate::vault::{MAX_VALUE, ValueType};

/// Reviewers lose sight of a document that is larger.
const MANY: usize = 500;

/// A value of a document to be.
#[derive(Debug)]
pub struct Value {
    /// Its name in the vault.
    pub name: ValueName,
    /// Its type.
    pub kind: ValueType,
    /// The value.
    pub plain: Plain,
    /// What may be said about it in the clear; its own name first, where that could not be kept.
    pub note: Option<String>,
    /// Whether it is more likely a setting than a secret.
    pub is_setting: bool,
    /// Whether it alone was sealed by another program, in a file that was not.
    pub was_sealed: bool,
}

/// What a document is made of.
#[derive(Debug)]
pub struct Read {
    /// The values, in the order of the source.
    pub values: Vec<Value>,
    /// The source without them.
    pub layout: Layout,
    /// The source's own names, for those that could not be kept.
    pub keys: BTreeMap<String, String>,
    /// What is worth knowing.
    pub findings: Vec<Finding>,
}

impl Read {
    /// Reads a file, and proves that its values put back give the file back, byte for byte.
    ///
    /// # Errors
    /// Where and why it cannot become a document.
    pub fn of(content: &[u8], format: &dyn Format, passwords: &Passwords) -> Result<Self, Fault> {
        if content.len() > MAX_FILE {
            return Err(Fault::new("it is larger than the 16 MiB of a document"));
        }
        let text = std::str::from_utf8(content).map_err(|error| {
            let before = content.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + memchr::memchr_iter(b'\n', before).count();
            Fault::at(line, "it is not UTF-8")
        })?;
        let mut parsed = format.parse(text, passwords)?;
        if parsed.entries.is_empty() {
            return Err(Fault::new("it sets nothing"));
        }
        let stood = std::mem::take(&mut parsed.stood);
        let mut findings = std::mem::take(&mut parsed.findings);
        let (values, keys, sealed_comments) = values(parsed)?;
        let size: usize = values.iter().map(sealed_size).sum();
        if size > MAX_FILE - ROOM_FOR_WRAPS {
            return Err(Fault::new("its document would be larger than 16 MiB"));
        }
        if !sealed_comments.is_empty() {
            let text =
                "a comment that may hold a credential stays sealed, since notes stand in the clear";
            findings.push(Finding::new(Matter::Leftover, text).at(sealed_comments));
        }
        if values.len() > MANY {
            let text = format!(
                "{} values in one document; several are easier to review",
                values.len()
            );
            findings.push(Finding::new(Matter::ManyValues, text));
        }
        // From here on only what will be sealed is used: what comes back of it is the proof.
        let sealed = values.iter().map(|v| (v.name.as_str(), v.kind, &v.plain));
        let lost = || Fault::new("its values would not give it back");
        let entries = entries_of(sealed, &keys).map_err(|_| lost())?;
        let root = Node::Table(entries);
        let layout = Layout::cut(text, stood, &root, format).ok_or_else(lost)?;
        let layout: Layout = serde_json::to_string(&layout)
            .and_then(|json| serde_json::from_str(&json))
            .map_err(|_| lost())?;
        if layout.fill(&root, format).as_deref() != Some(text) {
            return Err(lost());
        }
        Ok(Self {
            values,
            layout,
            keys,
            findings,
        })
    }
}

impl Layout {
    /// The file again, from the values of its document: byte for byte if none of them changed, with
    /// new values in their places if some did; `None` if values came or went, or one has no form in
    /// its place.
    #[must_use]
    pub fn restore(&self, entries: &[(String, Node)], format: &dyn Format) -> Option<String> {
        let root = Node::Table(entries.to_vec());
        self.fill(&root, format)
    }
}

/// The values of a document under the names of its source.
///
/// # Errors
/// [`Unprintable`] for bytes, which no file of values has.
pub fn entries_of<'a>(
    values: impl Iterator<Item = (&'a str, ValueType, &'a Plain)>,
    keys: &BTreeMap<String, String>,
) -> Result<Vec<(String, Node)>, Unprintable> {
    values
        .map(|(name, kind, plain)| {
            let key = keys.get(name).map_or(name, String::as_str).to_owned();
            let node = Node::of_value(kind, plain).ok_or_else(|| Unprintable {
                name: name.to_owned(),
                why: "is bytes, for which no file of values has a form",
            })?;
            Ok((key, node))
        })
        .collect()
}

/// The values, the names that were not kept, and the lines of comments that stay sealed.
type Values = (Vec<Value>, BTreeMap<String, String>, Vec<usize>);

fn values(parsed: Parsed) -> Result<Values, Fault> {
    let mut texts = Vec::new();
    for entry in &parsed.entries {
        entry
            .node
            .each_text(&entry.key, &mut |_, text| texts.push(text.to_owned()));
    }
    let hidden = parsed.hidden.iter().map(|text| text.with(String::clone));
    texts.extend(hidden);
    let words = Words::of(texts.iter().map(String::as_str));
    // Names that can be kept are given first.
    let kept: BTreeSet<String> = parsed
        .entries
        .iter()
        .filter(|entry| entry.key.parse::<ValueName>().is_ok())
        .map(|entry| entry.key.to_ascii_lowercase())
        .collect();
    let (mut given, mut keys) = (BTreeSet::new(), BTreeMap::new());
    let (mut all, mut sealed) = (Vec::new(), Vec::new());
    for entry in parsed.entries {
        if prose::looks_random(&entry.key) {
            let why = "a name looks like a credential, and names stand in the clear";
            return Err(Fault::at(entry.line, why));
        }
        let name = name(&entry.key, &kept, &mut given);
        let too_large = || {
            Fault::at(
                entry.line,
                "a value is larger than the 64 KiB of a document's",
            )
        };
        let unfit = || Fault::at(entry.line, "a value that a document cannot hold exactly");
        let (kind, plain) = entry.node.to_value().ok_or_else(unfit)?;
        if plain.with(Vec::len) > MAX_VALUE {
            return Err(too_large());
        }
        kind.check(name.as_str(), &plain.with(Clone::clone))
            .map_err(|_| unfit())?;
        let mut note = Vec::new();
        if name.as_str() != entry.key {
            keys.insert(name.to_string(), entry.key.clone());
            note.push(entry.key.clone());
        }
        for Comment { text, line } in entry.comments {
            if prose::may_stand_in_clear(&text, &words) {
                note.push(text);
            } else {
                sealed.push(line);
            }
        }
        all.push(Value {
            is_setting: super::suspect::is_setting(&entry.key, &entry.node),
            was_sealed: false,
            name,
            kind,
            plain,
            note: (!note.is_empty()).then(|| note.join("\n")),
        });
    }
    sealed.sort_unstable();
    Ok((all, keys, sealed))
}

/// A name in the vault: the source's own if it can be one, else the nearest that is free.
fn name(key: &str, kept: &BTreeSet<String>, given: &mut BTreeSet<String>) -> ValueName {
    if let Ok(name) = key.parse::<ValueName>()
        && given.insert(key.to_ascii_lowercase())
    {
        return name;
    }
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let mapped: String = key
        .chars()
        .map(|c| if good(c) { c } else { '_' })
        .take(LONGEST_MAPPED)
        .collect();
    let mapped = mapped.trim_start_matches(['.', '-']);
    let mapped = if mapped.is_empty() { "_" } else { mapped };
    let mut number = 1;
    loop {
        let text = if number == 1 {
            mapped.to_owned()
        } else {
            format!("{mapped}-{number}")
        };
        let lower = text.to_ascii_lowercase();
        if !kept.contains(&lower)
            && !given.contains(&lower)
            && let Ok(name) = text.parse()
        {
            given.insert(lower);
            return name;
        }
        number += 1;
    }
}

/// The longest name, and room for a number.
const LONGEST_MAPPED: usize = 112;

/// For the wraps of some two thousand readers.
const ROOM_FOR_WRAPS: usize = 1024 * 1024;

/// What a value takes in a document at most, in bytes: its name, its note with every character
/// escaped, the padded ciphertext in base64, and 600 of form and signature.
fn sealed_size(value: &Value) -> usize {
    let length = value.plain.with(Vec::len);
    let note = value.note.as_ref().map_or(0, String::len);
    600 + value.name.as_str().len() + 6 * note + (length + length / 8 + 128) * 4 / 3
}
