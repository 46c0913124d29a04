//! The scalars of a YAML text with their places, for what is read leniently: files that SOPS sealed.
//!
//! `null` and words on which readers differ are scalars like others here. Aliases, anchors, tags, merge
//! keys and several documents are refused, as for any other file of values.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::plaintext::format::{Leaf, Lines};
use crate::plaintext::layout::{Step, Style};
use crate::plaintext::{DEEPEST, Fault};

/// A list or mapping that is being read.
enum Open {
    List(usize),
    Table {
        key: Option<String>,
        seen: std::collections::HashSet<String>,
    },
}

/// The scalars of a text in their order, and where each name at the top begins.
///
/// # Errors
/// [`Fault`] with the line.
pub(in crate::plaintext) fn leaves(text: &str) -> Result<(Vec<Leaf>, Vec<Top>), Fault> {
    let lines = Lines::new(text);
    let bytes: Option<Vec<usize>> =
        (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
    let byte = |index: usize| match &bytes {
        None => index.min(text.len()),
        Some(bytes) => bytes.get(index).copied().unwrap_or(text.len()),
    };
    let (mut leaves, mut tops) = (Vec::new(), Vec::new());
    let mut open: Vec<Open> = Vec::new();
    let mut documents = 0;
    for next in Parser::new_from_str(text) {
        let (event, span) = next
            .map_err(|error| Fault::at(error.marker().line().max(1), "it does not read as YAML"))?;
        let at = byte(span.start.index());
        let wrong = |why: &str| Err(Fault::at(lines.of(at), why));
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return wrong(SEVERAL);
                }
            }
            Event::Alias(_) => return wrong("an alias"),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag)
                if anchor > 0 || tag.is_some() =>
            {
                return wrong("an anchor or a tag");
            }
            Event::SequenceStart(..) | Event::MappingStart(..)
                if matches!(open.last(), Some(Open::Table { key: None, .. })) =>
            {
                return wrong("a name that is no plain text");
            }
            Event::SequenceStart(..) if open.is_empty() => {
                return wrong("it is no mapping, and its values have no names");
            }
            Event::SequenceStart(..) => open.push(Open::List(0)),
            Event::MappingStart(..) => open.push(Open::Table {
                key: None,
                seen: std::collections::HashSet::new(),
            }),
            Event::Scalar(scalar, style, anchor, tag) => {
                if anchor > 0 || tag.is_some() {
                    return wrong("an anchor or a tag");
                }
                let depth = open.len();
                match open.last_mut() {
                    None => return wrong("it is no mapping, and its values have no names"),
                    Some(Open::Table {
                        key: key @ None,
                        seen,
                    }) => {
                        if scalar == "<<" && style == ScalarStyle::Plain {
                            return wrong("a merge key");
                        }
                        if !seen.insert(scalar.clone().into_owned()) {
                            return wrong("a name stands there twice");
                        }
                        if depth == 1 {
                            tops.push((scalar.clone().into_owned(), at));
                        }
                        *key = Some(scalar.into_owned());
                        continue;
                    }
                    Some(_) => {}
                }
                let end = byte(span.end.index());
                let spelled = text.get(at..end).unwrap_or_default();
                leaves.push(Leaf {
                    path: path(&open),
                    span: at..at + spelled.trim_end().len(),
                    style: match style {
                        ScalarStyle::Plain => Style::Bare,
                        ScalarStyle::SingleQuoted => Style::Single,
                        ScalarStyle::DoubleQuoted => Style::Double,
                        ScalarStyle::Literal | ScalarStyle::Folded => Style::Other,
                    },
                    text: scalar.into_owned(),
                });
                step(&mut open);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                step(&mut open);
            }
            _ => {}
        }
        if open.len() > DEEPEST {
            return Err(Fault::at(lines.of(at), "it is nested too deeply"));
        }
    }
    Ok((leaves, tops))
}

/// A name at the top, and where it begins.
pub(in crate::plaintext) type Top = (String, usize);

/// Why a file of several documents is not read.
pub(in crate::plaintext) const SEVERAL: &str = "a second document";

/// The place of the next value.
fn path(open: &[Open]) -> Vec<Step> {
    let step = |open: &Open| match open {
        Open::List(at) => Step::Index(*at),
        Open::Table { key, .. } => Step::Key(key.clone().unwrap_or_default()),
    };
    open.iter().map(step).collect()
}

/// Goes on behind a value.
fn step(open: &mut [Open]) {
    match open.last_mut() {
        Some(Open::List(at)) => *at += 1,
        Some(Open::Table { key, .. }) => *key = None,
        None => {}
    }
}
