//! Changes to a text that leave every byte as it was that does not belong to the tables changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Value;
use super::header::is_bare;
use super::scan::Parsed;

/// Prints one table: its header, then each field on a line, without a final line end.
#[must_use]
pub fn print(kind: &str, name: Option<&str>, fields: &[(&str, Value)]) -> String {
    let mut out = String::new();
    match name {
        None => out.extend(["[", kind, "]"]),
        Some(name) if name.bytes().all(is_bare) => out.extend(["[", kind, ".", name, "]"]),
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

/// What shall become of tables: by kind and name, the new text, or none to take it out.
pub type Changes<'a> = BTreeMap<(&'a str, Option<&'a str>), Option<String>>;

/// Carries out changes in one pass: a table that is there is replaced in its place, a new one is
/// inserted where its kind and name belong, and every other byte stays.
#[must_use]
pub fn apply(parsed: &Parsed<'_>, changes: &Changes<'_>) -> String {
    let rank = |kind: &str| parsed.schema.rank(kind);
    let mut inserts: Vec<_> = changes
        .iter()
        .filter(|(key, table)| table.is_some() && parsed.find(key.0, key.1).is_none())
        .filter_map(|((kind, name), table)| Some(((rank(kind), *name), table.as_deref()?)))
        .collect();
    inserts.sort_unstable_by(|a, b| b.0.cmp(&a.0));

    let mut out = String::with_capacity(parsed.source.len() + 512);
    out.push_str(parsed.head());
    for header in &parsed.headers {
        while let Some((_, table)) =
            inserts.pop_if(|(key, _)| *key < (rank(header.kind), header.name))
        {
            out.push_str(table);
            out.push_str("\n\n");
        }
        let whole = header.table(parsed.source());
        match changes.get(&(header.kind, header.name)) {
            None => out.push_str(whole),
            Some(None) => {}
            Some(Some(table)) => {
                out.push_str(table);
                out.push_str(whole.get(parsed.text(*header).len()..).unwrap_or("\n"));
            }
        }
    }
    out
}

/// The text as a writer leaves it: tables and keys in order, one blank line between. No field changes.
#[must_use]
pub fn tidy(parsed: &Parsed<'_>) -> String {
    let mut headers = parsed.headers.clone();
    headers.sort_by_key(|header| (parsed.schema.rank(header.kind), header.name));
    let tables: Vec<String> = headers
        .iter()
        .filter(|header| header.kind != "end")
        .map(|header| {
            let keys = parsed.schema.kind(header.kind).map(|(_, kind)| kind.keys);
            let rank = |line: &&str| {
                let key = line.split(" = ").next().unwrap_or_default();
                keys.and_then(|keys| keys.iter().position(|known| *known == key))
            };
            let mut lines = parsed.text(*header).lines();
            let title = lines.next().unwrap_or_default();
            let mut fields: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
            fields.sort_by_key(rank);
            std::iter::once(title)
                .chain(fields)
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect();
    let comments = parsed.head().split_inclusive('\n');
    let comments: String = comments.filter(|line| *line != "\n").collect();
    let gap = if comments.is_empty() { "" } else { "\n" };
    render(&(comments + gap), &tables)
}
