//! A file of SOPS taken apart: its values with their places, its metadata, and where that stands.

use std::collections::BTreeMap;
use std::ops::Range;

use super::metadata::flat;
use super::{Form, OWN};
use crate::plaintext::Fault;
use crate::plaintext::format::{Leaf, json_leaves, yaml_leaves};
use crate::plaintext::layout::{Step, Style};

/// What a file consists of.
pub(super) struct Split {
    /// The values, in their order.
    pub(super) leaves: Vec<Leaf>,
    /// The metadata, by flat names.
    pub(super) metadata: BTreeMap<String, String>,
    /// The pieces of the text that are metadata.
    pub(super) cuts: Vec<Range<usize>>,
}

/// Takes a text apart.
///
/// # Errors
/// [`Fault`] if it does not read as its form does.
pub(super) fn split(text: &str, form: Form) -> Result<Split, Fault> {
    match form {
        Form::Yaml => yaml(text),
        Form::Json | Form::Binary => json(text),
        Form::Dotenv => dotenv(text),
        Form::Ini => ini(text),
    }
}

/// Parts values from metadata where that is a table.
fn by_table(leaves: Vec<Leaf>, cuts: Vec<Range<usize>>) -> Split {
    let is_own = |leaf: &Leaf| leaf.path.first() == Some(&Step::Key(OWN.to_owned()));
    let (own, leaves): (Vec<Leaf>, Vec<Leaf>) = leaves.into_iter().partition(is_own);
    let is_null = |leaf: &Leaf| leaf.style == Style::Bare && is_null(&leaf.text);
    let own = own.into_iter().filter(|leaf| !is_null(leaf));
    let below = |leaf: &Leaf| flat(leaf.path.get(1..).unwrap_or_default());
    Split {
        leaves,
        metadata: own.map(|leaf| (below(&leaf), leaf.text)).collect(),
        cuts,
    }
}

/// Whether a bare word stands for nothing.
pub(super) fn is_null(word: &str) -> bool {
    matches!(word, "" | "~" | "null" | "Null" | "NULL")
}

fn yaml(text: &str) -> Result<Split, Fault> {
    let (leaves, tops) = yaml_leaves(text)?;
    let mut cuts = Vec::new();
    if let Some(own) = tops.iter().position(|(key, _)| key == OWN) {
        let line_of = |at: Option<&(String, usize)>| {
            let Some((_, at)) = at else {
                return Some(text.len());
            };
            let before = text.get(..*at)?;
            (before.is_empty() || before.ends_with('\n')).then_some(*at)
        };
        let inline = || Fault::new("its metadata stands in one line with something else");
        let start = line_of(tops.get(own)).ok_or_else(inline)?;
        cuts.push(start..line_of(tops.get(own + 1)).ok_or_else(inline)?);
    }
    Ok(by_table(leaves, cuts))
}

fn json(text: &str) -> Result<Split, Fault> {
    let (leaves, tops) = json_leaves(text)?;
    let mut cuts = Vec::new();
    if let Some(own) = tops.iter().position(|(key, _)| key == OWN) {
        let end = tops.get(own).map_or(text.len(), |(_, span)| span.end);
        cuts.push(match own.checked_sub(1).and_then(|at| tops.get(at)) {
            Some((_, before)) => before.end..end,
            // The first one: from the brace to the comma, if one follows.
            None => {
                let start = text.find('{').map_or(0, |at| at + 1);
                let rest = text.get(end..).unwrap_or_default();
                let comma = rest.find(|c: char| !c.is_ascii_whitespace());
                let comma = comma.filter(|at| rest.as_bytes().get(*at) == Some(&b','));
                start..comma.map_or(end, |at| end + at + 1)
            }
        });
    }
    Ok(by_table(leaves, cuts))
}

/// Each line of a text, from where it stands, with its number.
fn lines(text: &str) -> impl Iterator<Item = (usize, Range<usize>, &str)> {
    let mut start = 0;
    (1..)
        .zip(text.split_inclusive('\n'))
        .map(move |(number, whole)| {
            let span = start..start + whole.len();
            start = span.end;
            let line = whole.strip_suffix('\n').unwrap_or(whole);
            (number, span, line.strip_suffix('\r').unwrap_or(line))
        })
}

fn leaf(path: &[&str], end: usize, value: &str) -> Leaf {
    Leaf {
        path: path
            .iter()
            .map(|key| Step::Key((*key).to_owned()))
            .collect(),
        span: end - value.len()..end,
        style: Style::Double,
        text: value.to_owned(),
    }
}

/// SOPS's own reading: no quotes, no blanks, `\n` for the end of a line.
fn dotenv(text: &str) -> Result<Split, Fault> {
    let (mut leaves, mut metadata, mut cuts) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for (number, span, line) in lines(text) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(Fault::at(number, "no `NAME=value`"));
        };
        if !seen.insert(name) {
            return Err(Fault::at(number, "a name stands there twice"));
        }
        if let Some(own) = name.strip_prefix("sops_") {
            metadata.insert(own.to_owned(), value.replace("\\n", "\n"));
            cuts.push(span);
            continue;
        }
        let mut leaf = leaf(&[name], span.start + line.len(), value);
        leaf.text = value.replace("\\n", "\n");
        leaves.push(leaf);
    }
    Ok(Split {
        leaves,
        metadata,
        cuts,
    })
}

/// What SOPS writes: sections, `name = value`, comments on lines of their own. Before the first section
/// is the section `DEFAULT`.
fn ini(text: &str) -> Result<Split, Fault> {
    let (mut leaves, mut metadata, mut cuts) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut section = "DEFAULT";
    let mut seen = std::collections::HashSet::new();
    for (number, span, line) in lines(text) {
        let bare = line.trim();
        let header = bare
            .strip_prefix('[')
            .and_then(|bare| bare.strip_suffix(']'));
        if let Some(name) = header {
            section = name;
            if !seen.insert((section, "")) {
                return Err(Fault::at(number, "a section stands there twice"));
            }
        }
        if section == OWN {
            cuts.push(span.clone());
        }
        if header.is_some() || bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        let Some((name, value)) = bare.split_once('=') else {
            return Err(Fault::at(number, "no `name = value`"));
        };
        let (name, value) = (name.trim(), value.trim());
        if !seen.insert((section, name)) {
            return Err(Fault::at(number, "a name stands there twice"));
        }
        if section == OWN {
            metadata.insert(name.to_owned(), value.replace("\\n", "\n"));
            continue;
        }
        let mut leaf = leaf(&[section, name], span.start + line.trim_end().len(), value);
        let quoted = ["\"\"\"", "`"]
            .iter()
            .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        leaf.text = quoted.unwrap_or(value).to_owned();
        leaves.push(leaf);
    }
    Ok(Split {
        leaves,
        metadata,
        cuts,
    })
}
