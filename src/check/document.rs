//! One document: its form, its place, its signatures, and what this machine has seen of it.

use super::{Check, Finding, Kind};
use crate::error::{Error, MERGE};
use crate::lines::{self, Header, LineError, Parsed};
use crate::name::{DocumentPath, ValueName};
use crate::plaintext::in_hooks;
use crate::recipients::Rights;
use crate::text::clean_line;
use crate::time::Moment;
use crate::trust::{DocumentPin, LAST, Order, RecordMark, SeenKind, compare, is_jump};
use crate::vault::{
    DOCUMENT_SCHEMA, Document, Ending, Policy, PolicyKey, Record, State, VaultError,
};

/// A document with more values is hard to review and to merge. Still quick: 10,000 are.
const MANY_VALUES: usize = 500;

impl Check<'_> {
    pub(super) fn document(&mut self, path: &DocumentPath, bytes: &[u8]) -> Result<(), Error> {
        self.counts.documents += 1;
        let parsed = match lines::scan(bytes, &DOCUMENT_SCHEMA) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.unread.insert(path.to_string());
                self.add(form(path.as_str(), path, error));
                return Ok(());
            }
        };
        let faults = self.tables(path, &parsed);
        let document = match Document::parse(bytes, path, self.vault.id()) {
            Ok(document) => document,
            Err(error) => {
                self.unread.insert(path.to_string());
                match error {
                    // Said already, with its table.
                    VaultError::Line { .. } if faults > 0 => {}
                    VaultError::Line { error, .. } => self.add(form(path.as_str(), path, error)),
                    other => self.add(Finding::of(Kind::Path, path.as_str(), &other)),
                }
                return Ok(());
            }
        };
        self.note_id(document.head.id, SeenKind::Document, path.as_str());
        let records = self.records(&document);
        self.counts.values += records.len();
        if records.len() > MANY_VALUES {
            let why = format!("it has {} values", records.len());
            let next = format!("clws secret move {path}/NAME {path}-2/NAME");
            self.add(Finding::new(Kind::Large, path.as_str(), why).next(next));
        }
        if faults == 0 && parsed.untidy() {
            self.add(untidy(path.as_str()));
        }
        let Some(rights) = self.vault.trust().accepted.rights(path.as_str()) else {
            self.add(no_rule(path.as_str()));
            return Ok(());
        };
        self.readers(&document, &rights);
        match self.vault.claim_of_head(&document, &rights) {
            Ok(claim) => self.claim(claim),
            Err(error) => self.add(Finding::of(Kind::Unvouched, path.as_str(), &error)),
        }
        self.judge(&document, &records, &rights);
        self.open_document(&document, &records)
    }

    /// Reads each table, so that a fault is named with the value that it is in. Gives their number.
    fn tables(&mut self, path: &DocumentPath, parsed: &Parsed<'_>) -> usize {
        let before = self.findings.len();
        for header in parsed.headers() {
            if let Err(error) = parsed.table(*header) {
                self.add(form(&place(path, header), path, error));
            }
            if header.kind == "submission" {
                let why = "it was handed in, and waits for a writer to take it over";
                let name = place(path, header);
                let next = format!("clws secret adopt {name}");
                self.add(Finding::new(Kind::Submission, name, why).next(next));
            }
        }
        if let Err(error) = parsed.check_case() {
            self.add(form(path.as_str(), path, error));
        }
        self.findings
            .iter()
            .skip(before)
            .filter(|finding| finding.kind == Kind::Form)
            .count()
    }

    /// The records that read; a finding for each that does not.
    fn records(&mut self, document: &Document<'_>) -> Vec<Record> {
        if let Ok(records) = document.records() {
            return records;
        }
        let mut records = Vec::new();
        for name in document.names() {
            let full = format!("{}/{}", document.place.path, clean_line(name));
            match name.parse::<ValueName>() {
                Err(error) => self.add(Finding::of(Kind::Form, full, &error)),
                Ok(name) => match document.record(&name) {
                    Ok(record) => records.extend(record),
                    Err(error) => self.add(Finding::of(Kind::Form, full, &error)),
                },
            }
        }
        records
    }

    /// That a value is due stands in the clear, so that everybody can see it.
    pub(super) fn exposed(&mut self, name: &str, policy: &Policy, since: Moment) {
        if let Some(why) = policy.value(PolicyKey::Exposed) {
            let why = format!(
                "others may know it ({}), until it has a new value",
                clean_line(why)
            );
            let next = format!("clws secret set {name}");
            self.add(
                Finding::new(Kind::Exposed, name, why)
                    .next(next)
                    .since(since),
            );
        }
    }

    /// A policy that was signed and says nothing: what is meant to be due would never be.
    pub(super) fn policy(&mut self, name: &str, policy: &Policy, since: Option<Moment>) {
        for (key, why) in policy.faults() {
            let why = format!("its policy `{key}` does not read: {why}");
            let next = format!(
                "clws secret policy {name} --clear {}",
                key.replace('_', "-")
            );
            let finding = Finding::new(Kind::Policy, name, why).next(next);
            self.add(match since {
                Some(since) => finding.since(since),
                None => finding,
            });
        }
    }

    /// A value whose day has come.
    pub(super) fn due(&mut self, name: &str, policy: &Policy, since: Moment) {
        let today = self.vault.world().now().date();
        let why = match policy.due(since).filter(|day| *day <= today) {
            Some(day) => Some(format!("a new value is due since {}", clean_line(&day))),
            None => policy
                .ending(self.vault.world().now())
                .map(|ending| format!("it expires on {}", clean_line(&ending.day))),
        };
        if let Some(why) = why {
            let next = match policy.value(PolicyKey::Rotator) {
                Some(_) => format!("clws rotate {name}"),
                None => format!("clws secret set {name}"),
            };
            self.add(Finding::new(Kind::Due, name, why).next(next).since(since));
        }
    }

    /// Certificates among the files of hooks that have ended, or end within 30 days.
    pub(super) fn certificates(&mut self) {
        // A folder that does not read was named already.
        for one in in_hooks(self.vault).unwrap_or_default() {
            let now = self.vault.world().now();
            if let Some(ending) = Ending::of(&one.end.date(), now) {
                let word = if ending.has_come {
                    "expired"
                } else {
                    "expires"
                };
                let (whose, day) = (clean_line(&one.subject), &ending.day);
                let why = format!("its certificate for {whose} {word} on {day}");
                let next = format!(
                    "put a new one there, then clws hook sign {}",
                    clean_line(&one.component)
                );
                self.add(Finding::new(Kind::Due, clean_line(&one.file), why).next(next));
            }
        }
    }

    fn judge(&mut self, document: &Document<'_>, records: &[Record], rights: &Rights) {
        let path = &document.place.path;
        let pin = self.pin(path.as_str(), |pins| {
            pins.document(&document.head.id, path.as_str())
        });
        self.policy(path.as_str(), &document.head.policy, None);
        let newest = self.vault.demand_newest_head(document, Some(&pin));
        // What is said of the document holds for all in it.
        let is_whole = matches!(
            newest,
            Err(VaultError::OlderDocument { .. } | VaultError::OtherBranch { .. })
        );
        match newest {
            Err(VaultError::OlderDocument { here, seen, .. }) => {
                let why = format!(
                    "the document's own record is number {here}, and this machine has seen {seen}"
                );
                let next = format!("{MERGE}; if this one is meant: clws secret restore {path}");
                self.add(Finding::new(Kind::Older, path.as_str(), why).next(next));
            }
            Err(error @ VaultError::OtherBranch { .. }) => {
                let next = format!(
                    "{MERGE}; clws secret accept {path} if a colleague made it the one that counts"
                );
                self.add(Finding::of(Kind::Older, path.as_str(), &error).next(next));
            }
            Err(error @ VaultError::Jump { .. }) => {
                self.add(Finding::of(Kind::Jump, path.as_str(), &error));
            }
            Err(error @ VaultError::OtherDocument { .. }) => {
                let next = format!("{MERGE}; if this one is meant: clws secret restore {path}");
                self.add(Finding::of(Kind::Older, path.as_str(), &error).next(next));
            }
            Err(error @ VaultError::Trust(_)) => {
                self.add(Finding::of(Kind::Pin, path.as_str(), &error));
            }
            _ => {}
        }
        for record in records {
            let name = format!("{path}/{}", record.name);
            if record.state != State::Removed {
                self.policy(&name, &record.policy, Some(record.changed));
                self.exposed(&name, &record.policy, record.changed);
                self.due(
                    &name,
                    &record.policy.with(&document.head.policy),
                    record.changed,
                );
            }
            let known = pin.values.get(record.name.as_str());
            let claimed = self.vault.claim_of_record(document, record, rights);
            let is_older = |mark: &RecordMark| matches!(compare(mark, known), Order::Older);
            // What is older is not to be taken over, under whatever key it is.
            if !claimed.as_ref().is_ok_and(|(_, mark)| is_older(mark))
                && let Err(error) = document.check_kid(record)
            {
                self.add(Finding::of(Kind::OtherKey, name.as_str(), &error).since(record.changed));
            }
            match claimed {
                Ok((claim, mark)) => {
                    self.claim(claim);
                    if !is_whole {
                        self.compare(&name, &mark, known);
                    }
                }
                Err(error) => {
                    let finding = Finding::of(Kind::Unvouched, name, &error);
                    self.add(finding.since(record.changed));
                }
            }
        }
        let submissions = document.submissions().unwrap_or_else(|error| {
            self.add(Finding::of(Kind::Form, path.as_str(), &error));
            Vec::new()
        });
        for submission in submissions {
            match self
                .vault
                .claim_of_submission(document, &submission, rights)
            {
                Ok(claim) => self.claim(claim),
                Err(error) => {
                    let name = format!("{path}/{}", submission.name);
                    let finding = Finding::of(Kind::Unvouched, name, &error);
                    self.add(finding.since(submission.changed));
                }
            }
        }
        self.pending(document, rights);
        self.absent_values(document, &pin);
    }

    /// The other values of rotations.
    fn pending(&mut self, document: &Document<'_>, rights: &Rights) {
        let path = &document.place.path;
        let all = document.all_pending().unwrap_or_else(|error| {
            self.add(Finding::of(Kind::Form, path.as_str(), &error));
            Vec::new()
        });
        for pending in all {
            let name = format!("{path}/{}", pending.name());
            let since = pending.changed();
            match self.vault.claim_of_pending(document, &pending, rights) {
                Ok(claim) => self.claim(claim),
                Err(error) => {
                    self.add(Finding::of(Kind::Unvouched, &name, &error).since(since));
                }
            }
            self.add(Finding::pending(&name).since(since));
        }
    }

    /// What the pin says of a record.
    pub(super) fn compare(&mut self, name: &str, here: &RecordMark, pinned: Option<&RecordMark>) {
        if is_jump(here, pinned) {
            let here = here.seq.max(here.rev);
            let why = format!(
                "it went from number {} to {here} at once",
                pinned.map_or(0, |pinned| pinned.seq.max(pinned.rev)),
            );
            let next = match here > LAST {
                true => format!("clws secret history {name}; then put the version before back"),
                false => format!("clws secret history {name}; then clws secret accept {name}"),
            };
            self.add(Finding::new(Kind::Jump, name, why).next(next));
            return;
        }
        let (Order::Older, Some(pinned)) = (compare(here, pinned), pinned) else {
            return;
        };
        let shown = |mark: &RecordMark| format!("rev {} of {}", mark.rev, mark.changed);
        let (kind, why) = if here.seq == pinned.seq {
            let why = format!(
                "two branches wrote record {}; here is {}, and {} counts",
                here.seq,
                shown(here),
                shown(pinned)
            );
            (Kind::Sibling, why)
        } else if here.rev == pinned.rev {
            let why = format!(
                "here is record {} of rev {}, and this machine has seen record {}",
                here.seq, here.rev, pinned.seq
            );
            (Kind::Older, why)
        } else {
            let why = format!(
                "here is {}, and this machine has seen {}",
                shown(here),
                shown(pinned)
            );
            (Kind::Older, why)
        };
        let next = format!("{MERGE}; if this one is meant: clws secret restore {name}");
        self.add(
            Finding::new(kind, name, why)
                .since(pinned.changed)
                .next(next),
        );
    }

    /// Values that were seen and are gone without a tombstone: a branch was switched, or somebody cut
    /// them out.
    fn absent_values(&mut self, document: &Document<'_>, pin: &DocumentPin) {
        for (name, mark) in document.gone(pin) {
            let name = format!("{}/{name}", document.place.path);
            self.add(super::seen::absent(&name, mark));
        }
    }
}

/// What a fault in a table is about: the value, or the document.
fn place(path: &DocumentPath, header: &Header<'_>) -> String {
    match (header.kind, header.name) {
        ("secret" | "pending" | "submission", Some(name)) => format!("{path}/{name}"),
        _ => path.to_string(),
    }
}

fn form(name: &str, path: &DocumentPath, error: LineError) -> Finding {
    let file = path.to_file();
    Finding::of(Kind::Form, name, &VaultError::Line { file, error })
}

pub(super) fn untidy(path: &str) -> Finding {
    let why = "its tables or blank lines are not in order, as after a merge";
    Finding::new(Kind::Untidy, path, why).next(format!("clws fmt {path}"))
}

pub(super) fn no_rule(path: &str) -> Finding {
    let why = "no rule covers it, so nobody may read or write it";
    Finding::new(Kind::NoRule, path, why).next(format!("clws access grant NAME {path} --write"))
}
