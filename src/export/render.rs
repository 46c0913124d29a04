//! A document as text.

use std::collections::BTreeMap;

use super::{As, ExportError};
use crate::crypto::{hex, sha256};
use crate::error::Error;
use crate::plaintext::{
    Ansible, Dotenv, Format, Json, Node, Passwords, Record, Unprintable, entries_of, format_within,
};
use crate::vault::Opened;

/// How much of a source's form came back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// All of it.
    Kept,
    /// Values alone: some came or went since, or have no form in their places.
    Ours,
    /// What Ansible had sealed is open, since it changed.
    Unsealed,
}

/// Values as entries under the names of their source.
fn entries(
    document: &str,
    values: &[Opened],
    keys: &BTreeMap<String, String>,
) -> Result<Vec<(String, Node)>, Error> {
    if let Some(opened) = values.iter().find(|opened| opened.no_print) {
        return Err(ExportError::NoPrint {
            secret: format!("{document}/{}", opened.name),
        }
        .into());
    }
    let each = values.iter().map(|o| (o.name.as_str(), o.kind, &o.value));
    Ok(entries_of(each, keys).map_err(|error| unprintable(document, error))?)
}

pub(super) fn unprintable(document: &str, error: Unprintable) -> ExportError {
    ExportError::Unprintable {
        document: document.to_owned(),
        name: error.name,
        why: error.why,
    }
}

/// A document in one of the formats for values.
pub(super) fn values(
    document: &str,
    values: &[Opened],
    record: Option<&Record>,
    format: As,
) -> Result<String, Error> {
    let none = BTreeMap::new();
    let keys = record.map_or(&none, |record| &record.keys);
    let entries = entries(document, values, keys)?;
    let printed = match format {
        As::Dotenv => Dotenv.print_alike(&entries),
        As::Ansible => Ansible.print(&entries),
        _ => Json.print(&entries),
    };
    Ok(printed.map_err(|error| match format {
        As::Dotenv => ExportError::NotInDotenv {
            document: document.to_owned(),
            name: error.name,
            why: error.why,
        },
        _ => unprintable(document, error),
    })?)
}

/// A document as the file that it was imported from.
pub(super) fn source(
    document: &str,
    values: &[Opened],
    record: &Record,
) -> Result<(String, Form), Error> {
    let entries = entries(document, values, &record.keys)?;
    let Some(format) = format_within(&record.kind) else {
        return Err(ExportError::Inventory {
            path: super::Origins::inventory_of(document),
        }
        .into());
    };
    let kept = record
        .layout
        .as_ref()
        .and_then(|layout| layout.restore(&entries, format));
    if let (Some(text), Some(envelope)) = (&kept, &record.envelope)
        && hex(&sha256(text.as_bytes())) == envelope.of
    {
        return Ok((envelope.text.clone(), Form::Kept));
    }
    let is_yaml = matches!(format.kind(), "yaml" | "ansible");
    let (text, form) = match kept {
        // What is sealed by Ansible inside stays so, and reads only with its password.
        Some(text) if is_yaml && text.contains("!vault") => (text, Form::Kept),
        Some(text) if reads_as(&text, &entries, format) => (text, Form::Kept),
        _ => {
            let text = format
                .print(&entries)
                .map_err(|error| unprintable(document, error))?;
            if !reads_as(&text, &entries, format) {
                return Err(ExportError::Differs {
                    document: document.to_owned(),
                }
                .into());
            }
            (text, Form::Ours)
        }
    };
    match record.envelope {
        Some(_) => Ok((text, Form::Unsealed)),
        None => Ok((text, form)),
    }
}

/// Whether a text reads back as these values.
fn reads_as(text: &str, entries: &[(String, Node)], format: &dyn Format) -> bool {
    let parsed = format.parse(text, &Passwords::default());
    parsed.is_ok_and(|parsed| {
        let read = parsed.into_entries();
        let text_of = |node: &Node| match (format.kind(), node) {
            // Dotenv has no types.
            ("dotenv", Node::Literal(_, text)) => Node::Text(text.clone()),
            _ => node.clone(),
        };
        let wanted = entries
            .iter()
            .map(|(key, node)| (key.clone(), text_of(node)));
        Node::Table(read) == Node::Table(wanted.collect())
    })
}
