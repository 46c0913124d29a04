//! A whole document as plain TOML.

use std::fs::File;

use zeroize::Zeroizing;

use super::EditError;
use super::buffer::{self, Buffer};
use super::compare::{Before, Changes, Note, Set, compare};
use super::fault::Fault;
use super::parse::parse;
use super::session::{Desk, Outcome, Session, Subject, demand_writer, say_what_may_be_meant};
use super::snapshot::Snapshot;
use super::view::{self, Entry, REASON, why_hidden};
use crate::error::Error;
use crate::fs::FsError;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, ValueName};
use crate::plaintext::certificate::{end_of, set_end};
use crate::text::{clean, count, list};
use crate::vault::{NewValue, PolicyKey, State};

/// A document of more values than this is slow to review and to merge.
const MANY: usize = 500;

/// Edits a document, or makes a new one.
///
/// # Errors
/// [`EditError`], and whatever keeps the document from being opened or written.
pub fn edit_document(desk: &dyn Desk, path: &DocumentPath) -> Result<Outcome, Error> {
    let vault = desk.vault()?;
    demand_writer(desk, &vault, path.as_str())?;
    let session = Session::start(desk)?;
    // Before the reader opens it: what changes in between is noticed at the save.
    let snapshot = Snapshot::take(&vault, path)?;
    let mut before = Before::default();
    for record in snapshot.records() {
        before.names.insert(record.name.clone());
        let no_print = record.policy.value(PolicyKey::NoPrint).is_some();
        if no_print && record.state != State::Removed {
            before
                .hidden
                .insert(record.name.clone(), "its policy says no_print");
        }
    }
    if !snapshot.is_new() {
        desk.read(&vault, &mut |reader| {
            let opened = reader.document_values(path, |name| !before.hidden.contains_key(name))?;
            for value in opened {
                match why_hidden(&value) {
                    Some(why) => {
                        before.hidden.insert(value.name, why);
                    }
                    None => before.shown.push(Entry::from(value)),
                }
            }
            Ok(())
        })?;
    }
    let new = snapshot.is_new().then(|| vault.near(path.as_str()));
    if new.is_some() {
        say_what_may_be_meant(desk, &vault, path.as_str());
    }
    let readers = vault.rights(path.as_str())?.readers;
    let readers: Vec<&str> = readers.iter().map(AsRef::as_ref).collect();
    let subject = WholeDocument {
        head: head(path, new.as_ref(), &readers, &before),
        file_name: format!("{}.toml", path.name()),
        path: path.clone(),
        desk,
        snapshot,
        before,
        reasons: 0,
        fault_line: None,
    };
    session.run(subject)
}

struct WholeDocument<'a> {
    desk: &'a dyn Desk,
    path: DocumentPath,
    file_name: String,
    head: Vec<String>,
    snapshot: Snapshot,
    before: Before,
    /// Lines of ours above the text, in the last round.
    reasons: usize,
    /// The line of the last fault, without them.
    fault_line: Option<usize>,
}

/// What the person reads above the values. Of a new document `new` says which other one may be meant.
fn head(
    path: &DocumentPath,
    new: Option<&Option<String>>,
    readers: &[&str],
    before: &Before,
) -> Vec<String> {
    let what = match new {
        Some(Some(near)) => &format!("a new document (is {near} meant?)"),
        Some(None) => "a new document",
        None => "a document",
    };
    let some = match readers {
        [a, b, c, _, _, ..] => format!("{a}, {b}, {c} and {} more", readers.len() - 3),
        few => list(few),
    };
    let mut head = vec![
        format!("{path}, {what}. Its readers: {some}."),
        "One value a line: NAME = \"text\", also 12, 1.5, true, 2026-11-24, [ … ], { … };".into(),
        "text of several lines between ''', bytes as { base64 = \"…\" }.".into(),
        "A comment directly above a value becomes its note. Notes are clear text in git:".into(),
        "put no secret into one. A line that is taken out removes its value.".into(),
    ];
    for (name, why) in &before.hidden {
        head.push(format!(
            "{name} is not shown, and stays: {why}. A line for it gives it a new value."
        ));
    }
    head.push(format!(
        "Lines that begin with {} or {REASON} are not kept.",
        view::HEAD
    ));
    head
}

impl Subject for WholeDocument<'_> {
    type Edit = Changes;

    fn file_name(&self) -> &str {
        &self.file_name
    }

    fn fill(&mut self, buffer: &mut Buffer) -> Result<(), Error> {
        let text = view::view(&self.head, &self.before.shown);
        Ok(buffer.fill(&mut text.as_bytes())?)
    }

    fn understand(&mut self, mut text: File) -> Result<Option<Changes>, Error> {
        self.fault_line = None;
        let read = buffer::read(&mut text, MAX_FILE).map_err(FsError::io("read", self.file()))?;
        let Some(text) = read else {
            let fault = Fault::TooLarge(MAX_FILE);
            return Err(EditError::Text { line: 1, fault }.into());
        };
        let typed = text.with(|text| {
            let (lines, text) = without_reasons(text);
            self.reasons = lines;
            parse(&with_plain_line_ends(text))
        });
        let changes = typed.and_then(|typed| compare(&self.before, typed));
        let changes = changes.map_err(|(line, fault)| {
            self.fault_line = Some(line);
            let line = line + self.reasons;
            EditError::Text { line, fault }
        })?;
        Ok((!changes.is_empty()).then_some(changes))
    }

    fn questions(&self, changes: &Changes) -> Vec<String> {
        let path = &self.path;
        let telling = changes.telling.iter().map(|(note, value)| {
            format!("the note of `{note}` speaks of the value of `{value}`, and notes are clear text in git: keep it?")
        });
        let removed = (!changes.removed.is_empty()).then(|| {
            let renamed = self.renamed(changes);
            format!(
                "{renamed}remove {} from {path}?",
                some(changes.removed.iter())
            )
        });
        telling.chain(removed).collect()
    }

    fn save(&mut self, changes: Changes) -> Result<String, Error> {
        let names: Vec<&ValueName> = changes.names().collect();
        let path = &self.path;
        self.snapshot.save(self.desk, &names, &mut |change| {
            for Set {
                name, new, note, ..
            } in &changes.set
            {
                // A copy: if this does not go through, the next round compares anew.
                let new = NewValue {
                    kind: new.kind,
                    plain: new.plain.duplicate(),
                };
                let end = end_of(&new.plain);
                change.set(path, name, new, |policy| {
                    set_end(policy, end);
                    if let Note::To(note) = note {
                        policy.set(PolicyKey::Note, note.clone());
                    }
                })?;
            }
            for (name, note) in &changes.notes {
                change.set_policy(path, name, |policy| {
                    policy.set(PolicyKey::Note, note.clone());
                })?;
            }
            changes
                .removed
                .iter()
                .try_for_each(|name| change.remove(path, name, None))
        })?;
        let added = changes.set.iter().filter(|set| set.is_new).count();
        let all = self.before.shown.len() + self.before.hidden.len() + added;
        if all - changes.removed.len() > MANY && added > 0 {
            self.desk.warn(&format!(
                "`{path}` has {} now; a document of more than {MANY} is slow to review and to merge",
                count(all - changes.removed.len(), "value")
            ));
        }
        Ok(summary(path, &changes))
    }

    fn explain(&mut self, buffer: &mut Buffer, trouble: &Error) -> Result<Option<usize>, Error> {
        let fail = || FsError::io("read", self.file());
        let Some(mut file) = buffer.open()? else {
            return Ok(None);
        };
        let Some(text) = buffer::read(&mut file, usize::MAX / 2).map_err(fail())? else {
            return Ok(None);
        };
        let (mut reasons, named) = match trouble.downcast_ref() {
            Some(EditError::Text { fault, .. }) => (Vec::new(), fault.to_string()),
            _ => (self.news(trouble)?, trouble.message()),
        };
        // The fault's line is the one that it has below the reasons.
        let lines = reasons.len() + 1;
        let line = self.fault_line.map(|line| line + lines);
        let place = line
            .map(|line| format!("line {line}: "))
            .unwrap_or_default();
        reasons.insert(0, Zeroizing::new(format!("not saved: {place}{named}")));
        let size =
            text.with(Vec::len) + reasons.iter().map(|reason| reason.len() + 4).sum::<usize>();
        let mut new = Zeroizing::new(Vec::with_capacity(size));
        for reason in &reasons {
            let one_line = Zeroizing::new(clean(reason).replace('\n', " "));
            new.extend_from_slice(REASON.as_bytes());
            new.extend_from_slice(b" ");
            new.extend_from_slice(one_line.as_bytes());
            new.extend_from_slice(b"\n");
        }
        text.with(|text| new.extend_from_slice(without_reasons(text).1));
        buffer.fill(&mut new.as_slice())?;
        Ok(line)
    }
}

impl WholeDocument<'_> {
    /// What values that come back under another name leave behind: a policy belongs to the name.
    fn renamed(&self, changes: &Changes) -> String {
        let mut said = String::new();
        for old in &changes.removed {
            let plain = self.before.shown.iter().find(|entry| entry.name == *old);
            let is_it = |set: &&Set| {
                set.is_new && plain.is_some_and(|entry| entry.plain.same_as(&set.new.plain))
            };
            let Some(new) = changes.set.iter().find(is_it) else {
                continue;
            };
            let record = self.snapshot.record(old);
            let entries = record
                .into_iter()
                .flat_map(|record| record.policy.entries());
            let keys = entries.map(|(key, _)| key).filter(|key| *key != "note");
            let keys: Vec<&str> = keys.collect();
            if !keys.is_empty() {
                let (path, new) = (&self.path, &new.name);
                said.push_str(&format!(
                    "`{new}` has the value of `{old}` and would lose its {}, which `clws secret move {path}/{old} \
                     {path}/{new}` keeps: ",
                    list(&keys)
                ));
            }
        }
        said
    }

    fn file(&self) -> &std::path::Path {
        std::path::Path::new(&self.file_name)
    }

    /// After a conflict: what the values are by now. Saving again then replaces them knowingly.
    fn news(&mut self, trouble: &Error) -> Result<Vec<Zeroizing<String>>, Error> {
        let Some(EditError::Conflict { names, .. }) = trouble.downcast_ref() else {
            return Ok(Vec::new());
        };
        let vault = self.desk.vault()?;
        let now = Snapshot::take(&vault, &self.path)?;
        let prefix = format!("{}/", self.path);
        let names: Vec<ValueName> = names
            .iter()
            .filter_map(|name| name.strip_prefix(&prefix)?.parse().ok())
            .collect();
        let mut lines = vec![Zeroizing::new(
            "saving again replaces what is there now:".to_owned(),
        )];
        for name in &names {
            let is_live = |record: &crate::vault::Record| record.state != State::Removed;
            if !now.record(name).is_some_and(is_live) {
                lines.push(Zeroizing::new(format!("  {name} was removed")));
                continue;
            }
            let read = self.desk.read(&vault, &mut |reader| {
                let opened = reader.value(&self.path, name)?;
                let mut line = Zeroizing::new("  ".to_owned());
                match why_hidden(&opened) {
                    Some(why) => line.push_str(&format!("{name} is not shown: {why}")),
                    None => view::print(&mut line, &Entry::from(opened)),
                }
                lines.push(line);
                Ok(())
            });
            if let Err(error) = read {
                lines.push(Zeroizing::new(format!("  {name}: {}", error.message())));
            }
        }
        self.snapshot.adopt(&now, names.iter());
        Ok(lines)
    }
}

/// The text without the lines of ours at its very beginning, and how many those were. Lines further
/// down may be part of a value: a script begins with `#!` too.
fn without_reasons(text: &[u8]) -> (usize, &[u8]) {
    let (mut rest, mut lines) = (text, 0);
    while rest.starts_with(REASON.as_bytes()) {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        rest = rest.get(end..).unwrap_or_default();
        lines += 1;
    }
    (lines, rest)
}

/// An editor that ends each line with CR LF did so by itself: no carriage return was in the view.
fn with_plain_line_ends(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let ends = memchr::memchr_iter(b'\n', text);
    let all = memchr::memchr(b'\n', text).is_some()
        && ends
            .into_iter()
            .all(|end| end > 0 && text.get(end - 1) == Some(&b'\r'));
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    if all {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\r\n") {
                Some(line) => {
                    plain.extend_from_slice(line);
                    plain.push(b'\n');
                }
                None => plain.extend_from_slice(line),
            }
        }
    } else {
        plain.extend_from_slice(text);
    }
    plain
}

/// Some names and how many more.
fn some<'a>(names: impl Iterator<Item = &'a ValueName>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [a, b, c, _, _, _, ..] => format!("{a}, {b}, {c} and {} more", names.len() - 3),
        few => list(few),
    }
}

fn summary(path: &DocumentPath, changes: &Changes) -> String {
    let set = |is_new: bool| {
        let set = changes.set.iter().filter(move |set| set.is_new == is_new);
        set.map(|set| &set.name).collect::<Vec<_>>()
    };
    let noted = |is_there: bool| {
        let noted = changes.notes.iter();
        let noted = noted.filter(move |(_, note)| note.is_some() == is_there);
        noted.map(|(name, _)| name).collect()
    };
    let parts = [
        ("changed", set(false)),
        ("added", set(true)),
        ("removed", changes.removed.iter().collect()),
        ("new note for", noted(true)),
        ("no note any more for", noted(false)),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what} {}", some(names.into_iter())))
        .collect();
    format!("sealed {path}: {}", parts.join(", "))
}
