//! Changes to a text that leave every byte as it was that does not belong to the table changed.

use std::fmt::Write as _;

use super::scan::{Header, Parsed, scan};
use super::{LineError, Schema, Value};

/// Prints one table: its header, then each field on a line, without a final line end.
#[must_use]
pub fn print(kind: &str, name: Option<&str>, fields: &[(&str, Value)]) -> String {
    let mut out = String::new();
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match name {
        None => out.extend(["[", kind, "]"]),
        Some(name) if name.chars().all(is_bare) => out.extend(["[", kind, ".", name, "]"]),
        Some(name) => out.extend(["[", kind, ".\"", name, "\"]"]),
    }
    for (key, value) in fields {
        // Writing to a String cannot fail.
        if write!(out, "\n{key} = {value}").is_err() {
            break;
        }
    }
    out
}

/// Puts printed tables together to a whole file, `[end]` included.
#[must_use]
pub fn render(comments: &str, tables: &[String]) -> String {
    let mut out = String::from(comments);
    for table in tables {
        out.push_str(table);
        out.push_str("\n\n");
    }
    out.push_str("[end]\n");
    out
}

/// Puts `table` in the place of the one at `header`, or inserts it where its name belongs.
///
/// # Errors
/// [`LineError`] if the text is not in the line form.
pub fn upsert(
    source: &str,
    schema: &'static Schema,
    kind: &str,
    name: Option<&str>,
    table: &str,
) -> Result<String, LineError> {
    let parsed = scan(source.as_bytes(), schema)?;
    if let Some(header) = parsed.find(kind, name) {
        return Ok(replace(&parsed, header, table));
    }
    let wanted = (schema.rank(kind), name);
    let before = parsed
        .headers
        .iter()
        .find(|header| (schema.rank(header.kind), header.name) > wanted)
        .or(parsed.headers.last());
    let at = before.map_or(source.len(), |header| header.start);
    let (head, tail) = source.split_at(at);
    Ok([head, table, "\n\n", tail].concat())
}

/// Puts `table` in the place of the one at `header`; the blank lines behind it stay.
#[must_use]
pub fn replace(parsed: &Parsed<'_>, header: Header<'_>, table: &str) -> String {
    let old = parsed.text(header).0;
    let head = parsed.source.get(..header.start).unwrap_or_default();
    let tail = parsed
        .source
        .get(header.start + old.len()..)
        .unwrap_or_default();
    [head, table, tail].concat()
}

/// Takes the table at `header` out, with the blank lines behind it.
#[must_use]
pub fn remove(parsed: &Parsed<'_>, header: Header<'_>) -> String {
    let head = parsed.source.get(..header.start).unwrap_or_default();
    let tail = parsed.source.get(header.end..).unwrap_or_default();
    [head, tail].concat()
}

/// The text as a writer leaves it: tables in order, one blank line between. No field changes.
#[must_use]
pub fn tidy(parsed: &Parsed<'_>) -> String {
    let first = parsed
        .headers
        .first()
        .map_or(parsed.source.len(), |header| header.start);
    let comments = parsed.source.get(..first).unwrap_or_default();
    let mut headers = parsed.headers.clone();
    headers.sort_by_key(|header| (parsed.schema.rank(header.kind), header.name));
    let tables: Vec<String> = headers
        .iter()
        .filter(|header| header.kind != "end")
        .map(|header| {
            let lines = parsed
                .text(*header)
                .0
                .lines()
                .filter(|line| !line.is_empty());
            lines.collect::<Vec<_>>().join("\n")
        })
        .collect();
    let comments: String = comments
        .split_inclusive('\n')
        .filter(|line| *line != "\n")
        .collect::<String>();
    let gap = if comments.is_empty() { "" } else { "\n" };
    render(&(comments + gap), &tables)
}
