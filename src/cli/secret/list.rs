//! `clws secret list`: names and what is known about them, without opening any.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use clap::Args;
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::{SecretPath, ValueName};
use crate::text::few;
use crate::time::Moment;
use crate::trust::{DocumentPin, FILE_RECORD, Order, Pins, RecordMark, TrustError, is_jump};
use crate::vault::{
    Document, Judged, Listed, Past, Pending, PendingFile, Policy, PolicyKey, Record, Sidecar,
    State, Vault, VaultError, Vouched,
};

/// Of more readers than this the first are named, and the others counted: a row is to stay a line.
const READERS: usize = 6;

/// List secrets: name, rev, age, due date, readers, writer
///
/// Needs no private key and opens nothing. What is older than this machine has seen, or signed by
/// nobody who may write it, is marked. A removed secret is listed if it is named. Of many readers the
/// first are shown; `--json` has all.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// A scope, document, folder or file; all of the vault without one
    path: Option<SecretPath>,
    /// As it was at a commit, branch or tag of git
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// Removed ones too
    #[arg(long)]
    removed: bool,
}

/// A row of the list.
struct Row {
    path: String,
    rev: u64,
    changed: Moment,
    due: Option<String>,
    /// Those of its document, which its values share.
    readers: Rc<[String]>,
    author: String,
    mark: &'static str,
    removed: bool,
}

/// Its JSON is made when it is printed, so that there is never more than one: each value has all of its readers.
impl Serialize for Row {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        json!({ "path": self.path, "rev": self.rev, "changed": self.changed.to_string(),
                "due": self.due, "readers": *self.readers, "author": self.author,
                "mark": self.mark })
        .serialize(to)
    }
}

pub(crate) fn run(args: &ListArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let past = match &args.at {
        Some(rev) => Past::at(&vault, rev)?,
        None => Past::here(&vault),
    };
    if args.at.is_some() {
        cx.ui.warn(&format!("{}: the past", past.label()));
    }
    let look = Look {
        cx,
        vault: &vault,
        past: &past,
        is_past: args.at.is_some(),
    };
    let path = args.path.as_ref().map(SecretPath::as_str);
    let mut listed = past.list(path)?;
    let mut only = None;
    if listed.is_empty()
        && let Some((document, name)) = path.and_then(|path| path.rsplit_once('/'))
        && document.contains('/')
    {
        listed = past.list(Some(document))?;
        only = Some(format!("{document}/{name}"));
    }
    let mut rows = Vec::new();
    let mut all_read = true;
    for item in listed.keys() {
        match look.rows_of(item) {
            Ok(more) => rows.extend(more),
            Err(error) => {
                all_read = false;
                cx.ui.warn(&error.message());
            }
        }
    }
    // A tombstone is nothing to show, unless it is asked for or something is wrong with it.
    let shown = |row: &Row| {
        !row.removed || args.removed || only.is_some() || matches!(row.mark, "BAD" | "unvouched")
    };
    rows.retain(|row| shown(row) && only.as_ref().is_none_or(|path| row.path == *path));
    // Of what does not read nobody knows what is in it.
    if rows.is_empty()
        && all_read
        && let Some(path) = &args.path
    {
        return Err(vault.missing(path).into());
    }
    if cx.ui.is_json() {
        return cx.ui.json(&BTreeMap::from([("secrets", rows)]));
    }
    let now = cx.world.now();
    let cells: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| {
            let age = format!("{}d", now.days_since(row.changed).max(0));
            let readers = few(&row.readers, READERS);
            let due = row.due.unwrap_or_default();
            vec![
                row.path,
                row.rev.to_string(),
                age,
                due,
                readers,
                row.author,
                row.mark.to_owned(),
            ]
        })
        .collect();
    cx.ui
        .table(&["NAME", "REV", "AGE", "DUE", "READERS", "BY", ""], cells)
}

/// What is looked at, and how.
struct Look<'a> {
    cx: &'a Context,
    vault: &'a Vault,
    past: &'a Past<'a>,
    is_past: bool,
}

impl Look<'_> {
    fn rows_of(&self, item: &Listed) -> Result<Vec<Row>, Error> {
        match item {
            Listed::Document(path) => {
                let bytes = self.past.read(&path.to_file())?.unwrap_or_default();
                let document = Document::parse(&bytes, path, self.vault.id())?;
                let pin = self.seen(|pins| pins.document(&document.head.id, path.as_str()));
                let rights = self.vault.trust().accepted.rights(item.path());
                let readers = rights.map(|rights| rights.readers);
                let readers = readers.iter().flatten().map(ToString::to_string);
                let readers: Rc<[String]> = readers.collect();
                let head = match self.past.vouches_head(&document).word() {
                    "" if self.is_lost(&document) => "older than seen",
                    head => head,
                };
                let submissions = document.submissions()?.into_iter();
                let mut submitted: BTreeMap<String, _> = submissions
                    .map(|submission| (submission.name.to_string(), submission))
                    .collect();
                let pending = document.all_pending()?;
                let pending: HashSet<&ValueName> = pending.iter().map(Pending::name).collect();
                let mut rows = Vec::new();
                for record in document.records()? {
                    let removed = record.state == State::Removed;
                    let mark = match self.mark_of_record((&document, head), &record, &pin) {
                        "" if submitted.contains_key(record.name.as_str()) => "submitted",
                        "" if pending.contains(&record.name) => "pending",
                        mark => mark,
                    };
                    if !removed {
                        submitted.remove(record.name.as_str());
                    }
                    rows.push(Row {
                        path: format!("{path}/{}", record.name),
                        rev: record.rev,
                        changed: record.changed,
                        due: due(&record.policy.with(&document.head.policy), record.changed),
                        readers: readers.clone(),
                        author: record.author.clone(),
                        mark,
                        removed,
                    });
                }
                // Handed in for a name that has no value yet.
                rows.extend(submitted.into_values().map(|submission| Row {
                    path: format!("{path}/{}", submission.name),
                    rev: 0,
                    changed: submission.changed,
                    due: None,
                    readers: readers.clone(),
                    author: submission.author,
                    mark: "submitted",
                    removed: false,
                }));
                Ok(rows)
            }
            Listed::File(path) => {
                let bytes = self.past.read(&path.to_sidecar())?.unwrap_or_default();
                let sidecar = Sidecar::parse(&bytes, path)?;
                let pin = self.seen(|pins| pins.file(&sidecar.id, path.as_str()));
                let pending = PendingFile::of(&bytes, &sidecar)?;
                let mark = match self.mark_of_file(&sidecar, &pin) {
                    "" if pending.is_some() => "pending",
                    mark => mark,
                };
                Ok(vec![Row {
                    path: path.to_string(),
                    rev: sidecar.rev,
                    changed: sidecar.changed,
                    due: due(&sidecar.policy, sidecar.changed),
                    mark,
                    readers: sidecar.readers.into(),
                    author: sidecar.author,
                    removed: sidecar.content.is_none(),
                }])
            }
        }
    }

    /// Whether another document of its path is the one that everybody goes by.
    fn is_lost(&self, document: &Document<'_>) -> bool {
        let newest = self.vault.demand_newest_head(document, None);
        !self.is_past && matches!(newest, Err(VaultError::OtherDocument { .. }))
    }

    /// What was seen; looking goes on where that is damaged.
    fn seen(
        &self,
        of: impl FnOnce(&Pins) -> Result<Option<DocumentPin>, TrustError>,
    ) -> DocumentPin {
        of(&self.vault.trust().pins)
            .unwrap_or_else(|error| {
                self.cx.ui.warn(&Error::from(error).message());
                None
            })
            .unwrap_or_default()
    }

    fn mark_of_record(
        &self,
        (document, head): (&Document<'_>, &'static str),
        record: &Record,
        pin: &DocumentPin,
    ) -> &'static str {
        if self.is_past {
            return or_removed(
                self.past.vouches_record(document, record).word(),
                record.state == State::Removed,
            );
        }
        let path = document.place.path.as_str();
        let Some(rights) = self.vault.trust().accepted.rights(path) else {
            return "no rule";
        };
        if !head.is_empty() {
            return head;
        }
        let known = pin.values.get(record.name.as_str());
        let judged = self.vault.judge_record(document, record, &rights, known);
        let mark = match mark_of(judged, known) {
            "" if document.head.seq < pin.seq => "from before a rekey",
            "" if document.check_kid(record).is_err() => "other key",
            mark => mark,
        };
        or_removed(mark, record.state == State::Removed)
    }

    fn mark_of_file(&self, sidecar: &Sidecar, pin: &DocumentPin) -> &'static str {
        let removed = sidecar.content.is_none();
        if self.is_past {
            return or_removed(self.past.vouches_sidecar(sidecar).word(), removed);
        }
        let known = pin.values.get(FILE_RECORD);
        match self.vault.trust().accepted.rights(sidecar.path.as_str()) {
            None => "no rule",
            Some(rights) => or_removed(
                mark_of(self.vault.judge_sidecar(sidecar, &rights, known), known),
                removed,
            ),
        }
    }
}

fn or_removed(mark: &'static str, removed: bool) -> &'static str {
    if mark.is_empty() && removed {
        "removed"
    } else {
        mark
    }
}

fn mark_of(judged: Result<Judged, VaultError>, known: Option<&RecordMark>) -> &'static str {
    match judged {
        Ok(judged) if judged.order == Order::Older => "older than seen",
        Ok(judged) if is_jump(&judged.mark, known) => "jumped",
        Ok(_) => "",
        Err(error) => Vouched::Nobody(error).word(),
    }
}

/// The day on which a value is due, or that others may know it.
fn due(policy: &Policy, changed: Moment) -> Option<String> {
    match policy.value(PolicyKey::Exposed) {
        Some(_) => Some("exposed".to_owned()),
        None => policy.due(changed),
    }
}
