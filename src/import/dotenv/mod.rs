//! Dotenv files: each variable becomes a value of a document.
//!
//! There is no standard. [`parse`] reads what shells, docker compose and the dotenv libraries agree
//! on, and a file with anything else in it is sealed whole instead of guessed at:
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
//!
//! Names and notes stand in the clear in a vault. So a comment becomes the note of the value that
//! follows (or, behind a value, of that one) only if it is harmless prose ([`comment`]); all others,
//! and values that a later line overrides, go into a sealed file beside the document, its leftover.
//! A file whose names themselves look like credentials is sealed whole.

mod comment;
mod parse;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::name::ValueName;
use crate::secret::Plain;
use crate::vault::MAX_VALUE;

use super::finding::{Finding, Matter};
use super::{Candidate, Contents, Importer, Value};
use comment::Words;
use parse::{Assignment, Mark, Parsed, parse};

/// `.env`, `.env.local`, `rest-server.env`.
pub(super) struct Dotenv;

/// The documented size above which `clws` warns: reviewers lose sight of such a document.
const MANY: usize = 500;

impl Importer for Dotenv {
    fn kind(&self) -> &'static str {
        "dotenv"
    }

    fn claims(&self, file: &Candidate<'_>) -> bool {
        let name = file.name.to_ascii_lowercase();
        let named = name == ".env" || name.starts_with(".env.") || name.ends_with(".env");
        named && !file.head.contains(&0)
    }

    fn stem<'n>(&self, name: &'n str) -> Vec<&'n str> {
        let parts = name.split('.').filter(|part| !part.is_empty());
        let mut parts: Vec<&str> = parts.collect();
        // `.env.local` has its marker in front, `local.env` behind.
        let marker = if name.starts_with('.') {
            parts.iter().position(|part| is_marker(part))
        } else {
            parts.iter().rposition(|part| is_marker(part))
        };
        if let Some(at) = marker {
            parts.remove(at);
        }
        parts
    }

    fn read(&self, content: &[u8]) -> Result<Contents, Finding> {
        let parsed = parse(content).map_err(|fault| {
            let text = format!("sealed whole, as it does not read as dotenv: {}", fault.why);
            Finding::new(Matter::SealedWhole, text).at(fault.line)
        })?;
        contents(parsed)
    }
}

fn is_marker(part: &str) -> bool {
    part.eq_ignore_ascii_case("env")
}

/// Turns assignments into values, and holds back what may not stand in the clear.
fn contents(parsed: Parsed) -> Result<Contents, Finding> {
    check(&parsed.assignments)?;
    let mut findings = marks(&parsed);
    let words = Words::of(
        parsed
            .assignments
            .iter()
            .map(|assignment| &assignment.value),
    );
    let mut leftover = Leftover::default();
    let last: BTreeMap<ValueName, usize> = parsed
        .assignments
        .iter()
        .enumerate()
        .map(|(index, assignment)| (assignment.name.clone(), index))
        .collect();
    let mut notes: BTreeMap<ValueName, Vec<String>> = BTreeMap::new();
    let mut overridden = Vec::new();
    let mut values = Vec::new();
    for (index, assignment) in parsed.assignments.into_iter().enumerate() {
        let Assignment {
            name,
            value,
            source,
            line,
            comments,
            ..
        } = assignment;
        for comment in comments {
            if comment::may_stand_in_clear(&comment.text, &words) {
                notes
                    .entry(name.clone())
                    .or_default()
                    .push((*comment.text).clone());
            } else {
                leftover.add(&comment.source, comment.line);
            }
        }
        if last.get(&name) == Some(&index) {
            values.push((name, value));
        } else {
            overridden.push(line);
            leftover.add(&source, line);
        }
    }
    if !overridden.is_empty() {
        let text = "overridden by a later line of the same name, and kept in the leftover";
        findings.push(Finding::new(Matter::Duplicate, text).at(overridden));
    }
    if values.len() > MANY {
        let text = format!(
            "{} values in one document; several are easier to review",
            values.len()
        );
        findings.push(Finding::new(Matter::ManyValues, text));
    }
    let values = values.into_iter().map(|(name, plain)| {
        let note = notes.remove(&name).map(|lines| lines.join("\n"));
        Value { name, plain, note }
    });
    let values = values.collect();
    findings.extend(leftover.finding());
    Ok(Contents {
        values,
        leftover: leftover.text(),
        findings,
    })
}

/// Refuses what cannot become a document.
fn check(assignments: &[Assignment]) -> Result<(), Finding> {
    let whole = |why: &str, line: usize| {
        Err(Finding::new(Matter::SealedWhole, format!("sealed whole: {why}")).at([line]))
    };
    if assignments.is_empty() {
        let text = "sealed whole: it has comments and sets nothing";
        return Err(Finding::new(Matter::SealedWhole, text));
    }
    let mut spellings = BTreeMap::new();
    for assignment in assignments {
        let name = assignment.name.as_str();
        let other = spellings.insert(name.to_ascii_lowercase(), name);
        if other.is_some_and(|other| other != name) {
            return whole(
                "a name differs from another one in case alone",
                assignment.line,
            );
        }
        if comment::looks_random(name) {
            return whole(
                "a name looks like a credential, and names stand in the clear",
                assignment.line,
            );
        }
        if assignment.value.with(Vec::len) > MAX_VALUE {
            return whole(
                "a value is larger than the 64 KiB of a document's",
                assignment.line,
            );
        }
    }
    Ok(())
}

fn marks(parsed: &Parsed) -> Vec<Finding> {
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

/// Lines of the source that the document does not hold.
#[derive(Default)]
struct Leftover {
    text: Zeroizing<String>,
    lines: Vec<usize>,
}

impl Leftover {
    fn add(&mut self, source: &str, line: usize) {
        self.text.push_str(source);
        self.text.push('\n');
        self.lines.push(line);
    }

    fn finding(&self) -> Option<Finding> {
        let text = "sealed beside the document, since notes stand in the clear";
        (!self.lines.is_empty())
            .then(|| Finding::new(Matter::Leftover, text).at(self.lines.iter().copied()))
    }

    fn text(mut self) -> Option<Plain> {
        let bytes = std::mem::take(&mut *self.text).into_bytes();
        (!bytes.is_empty()).then(|| Plain::new(bytes))
    }
}

#[cfg(test)]
mod tests;
