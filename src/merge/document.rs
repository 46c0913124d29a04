//! One document of two branches.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::tables::{Join, Key, join, keys, tables};
use crate::error::{Code, Error, Problem};
use crate::git::Sides;
use crate::lines;
use crate::name::{DocumentPath, ValueName};
use crate::text::list;
use crate::trust::RecordMark;
use crate::vault::{Document, Head, PolicyKey, Record, Vault};

/// What happens where both sides gave a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Take {
    /// Both stand in the text, for a person to decide.
    Neither,
    /// The newer by record order counts; the other is had back from the side that git calls so.
    Newer(Sides),
}

/// A joined document.
#[derive(Debug)]
pub struct Merged {
    /// The text, with conflict markers if there are conflicts.
    pub text: String,
    /// The tables that both sides changed and nobody decided about.
    pub conflicts: Vec<String>,
    /// What a person should know: what was not taken along, and how it is had back.
    pub notes: Vec<String>,
}

/// Joins a document of two branches. Records are judged by the rules of `vault`; without it, what both
/// sides changed is a conflict.
///
/// # Errors
/// [`crate::vault::VaultError::Line`] if a side does not read; CONFLICT if the two have other keys or are
/// two documents, which no text can hold.
pub fn merge(
    vault: Option<&Vault>,
    path: &DocumentPath,
    (base, ours, theirs): (Option<&[u8]>, &[u8], &[u8]),
    take: Take,
    marker: usize,
) -> Result<Merged, Error> {
    let id = vault.map_or([0; 32], |vault| *vault.id());
    let base = base.and_then(|bytes| Document::parse(bytes, path, &id).ok());
    let ours = Document::parse(ours, path, &id)?;
    let theirs = Document::parse(theirs, path, &id)?;
    let (head, note) = head(vault, path, base.as_ref(), (&ours, &theirs), take)?;
    let empty = BTreeMap::new();
    let base_tables = base.as_ref().map(|base| tables(base.lines()));
    let (a, b, c) = (
        base_tables.as_ref().unwrap_or(&empty),
        tables(ours.lines()),
        tables(theirs.lines()),
    );
    let mut joined = Joined {
        vault,
        path,
        sides: (&ours, &theirs),
        base: base.as_ref(),
        take,
        marker,
        merged: Merged {
            text: String::new(),
            conflicts: Vec::new(),
            notes: note.into_iter().collect(),
        },
    };
    let is_rekeyed = ours.head.key_id != theirs.head.key_id;
    let (kept, other) = head.of(&b, &c);
    let mut blocks = Vec::new();
    for key in keys([a, &b, &c]) {
        let (_, kind, name) = key;
        let block = match kind {
            // Signed together, so taken together.
            "document" | "retired" => kept.get(&key).map(|text| (*text).to_owned()),
            // A wrap holds one side's key.
            "reader" if is_rekeyed => {
                if !kept.contains_key(&key) && other.contains_key(&key) && !a.contains_key(&key) {
                    joined.lost_wrap(name.unwrap_or_default());
                }
                kept.get(&key).map(|text| (*text).to_owned())
            }
            _ => {
                let (base, ours, theirs) = (a.get(&key), b.get(&key), c.get(&key));
                match join(base.copied(), ours.copied(), theirs.copied()) {
                    Join::One(text) => text.map(str::to_owned),
                    Join::Both(ours, theirs) => Some(joined.both((kind, name), ours, theirs)?),
                }
            }
        };
        blocks.extend(block);
    }
    joined.merged.text = lines::render(ours.lines().head(), &blocks);
    if joined.merged.conflicts.is_empty() {
        // Read once more, as whoever opens it will.
        Document::parse(joined.merged.text.as_bytes(), path, &id)?.records()?;
    }
    Ok(joined.merged)
}

/// Whether a text reads as this document from end to end, so that nothing is left to be joined in it.
pub(super) fn reads(path: &DocumentPath, text: &[u8]) -> bool {
    let document = Document::parse(text, path, &[0; 32]);
    document.is_ok_and(|document| document.lines().all().is_ok() && document.records().is_ok())
}

/// What `text` has and none of `others` does: what was written there since they were. Values are called by
/// their names, other tables by their headers. A text that does not read has nothing.
pub(super) fn has_alone(path: &DocumentPath, text: &[u8], others: [&[u8]; 3]) -> Vec<String> {
    let parse = |text| Document::parse(text, path, &[0; 32]).ok();
    let Some(document) = parse(text) else {
        return Vec::new();
    };
    let others: Vec<Document<'_>> = others.into_iter().filter_map(parse).collect();
    let others: Vec<_> = others.iter().map(|other| tables(other.lines())).collect();
    let alone = tables(document.lines()).into_iter().filter(|(key, text)| {
        let is_same = |other: &BTreeMap<Key<'_>, &str>| other.get(key) == Some(text);
        !others.iter().any(is_same)
    });
    alone
        .map(|((_, kind, name), _)| match (kind, name) {
            ("secret", Some(name)) => format!("{path}/{name}"),
            (kind, Some(name)) => format!("[{kind}.{name}]"),
            (kind, None) => format!("[{kind}]"),
        })
        .collect()
}

/// Two whole texts that cannot be joined, between conflict markers.
#[must_use]
pub fn side_by_side(ours: &str, theirs: &str, marker: usize) -> String {
    let line = |sign: &str| sign.repeat(marker);
    let end = |text: &str| if text.ends_with('\n') { "" } else { "\n" };
    format!(
        "{} ours\n{ours}{}{}\n{theirs}{}{} theirs\n",
        line("<"),
        end(ours),
        line("="),
        end(theirs),
        line(">"),
    )
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Ours,
    Theirs,
}

impl Side {
    /// What is taken of two, and what is left.
    fn of<T>(self, ours: T, theirs: T) -> (T, T) {
        match self {
            Self::Ours => (ours, theirs),
            Self::Theirs => (theirs, ours),
        }
    }
}

/// Whose own record, keys and wraps the joined document has, and what a person should know of the other's.
fn head(
    vault: Option<&Vault>,
    path: &DocumentPath,
    base: Option<&Document<'_>>,
    (ours, theirs): (&Document<'_>, &Document<'_>),
    take: Take,
) -> Result<(Side, Option<String>), Problem> {
    let (a, b, c) = (base.map(|base| &base.head), &ours.head, &theirs.head);
    if b.id != c.id {
        return Err(cannot(
            path,
            (b, c),
            take,
            "each side made a document of this name",
        ));
    }
    if b == c || a == Some(c) {
        return Ok((Side::Ours, None));
    }
    if a == Some(b) {
        return Ok((Side::Theirs, None));
    }
    let Some(vault) = vault else {
        let both = format!("both sides changed the own record of `{path}`");
        return Err(Problem::new(Code::Conflict, both)
            .note("without rules nobody can tell which of them counts")
            .hint("once the rules are joined: `clws merge`"));
    };
    let rights = vault.rights(path.as_str());
    let counts = |document| {
        let rights = rights.as_ref();
        rights.is_ok_and(|rights| vault.judge_head(document, rights, None).is_ok())
    };
    let side = match (counts(ours), counts(theirs)) {
        (true, false) => Side::Ours,
        (false, true) => Side::Theirs,
        _ => {
            let side = newer_head(path, a, (b, c), take)?;
            return Ok((side, lost_policy(path, a, side.of(b, c))));
        }
    };
    let (taken, _) = side.of(b, c);
    let note = format!(
        "{path}: its own record is what {} signed; the other side's is signed by nobody who may write it",
        taken.signed.party
    );
    Ok((side, Some(note)))
}

/// Which of two records of a document counts, if a writer signed both or none.
fn newer_head(
    path: &DocumentPath,
    a: Option<&Head>,
    (b, c): (&Head, &Head),
    take: Take,
) -> Result<Side, Problem> {
    if b.key_id == c.key_id {
        let order = (b.seq, b.signed.to_string()).cmp(&(c.seq, c.signed.to_string()));
        return Ok(match order {
            Ordering::Less => Side::Theirs,
            _ => Side::Ours,
        });
    }
    // One side signed it again, the other changed the key: machines that saw either must not call the
    // joined one older.
    match a.map(|a| a.key_id) {
        Some(key_id) if key_id == b.key_id && c.seq >= b.seq => Ok(Side::Theirs),
        Some(key_id) if key_id == c.key_id && b.seq >= c.seq => Ok(Side::Ours),
        _ => Err(cannot(path, (b, c), take, "each side changed its data key")),
    }
}

/// What the side that is not taken says by itself of the document's policy.
fn lost_policy(
    path: &DocumentPath,
    base: Option<&Head>,
    (taken, left): (&Head, &Head),
) -> Option<String> {
    let lost = PolicyKey::ALL.into_iter().filter(|key| {
        let said = left.policy.value(*key);
        said != taken.policy.value(*key) && base.is_none_or(|base| base.policy.value(*key) != said)
    });
    let lost: Vec<&str> = lost.map(PolicyKey::as_str).collect();
    (!lost.is_empty()).then(|| {
        format!(
            "{path}: its policy is that of number {} by {}, without what number {} by {} says of {}; look at \
             `clws secret policy {path}`",
            taken.seq,
            taken.signed.party,
            left.seq,
            left.signed.party,
            list(&lost)
        )
    })
}

/// The side with the greater number, so that no machine calls it older; what the other has alone; and a
/// key that is newer than both, for whoever is to read it now.
fn cannot(path: &DocumentPath, (ours, theirs): (&Head, &Head), take: Take, why: &str) -> Problem {
    let file = path.to_file();
    let (theirs_is, about) = match take {
        Take::Newer(sides) => (sides.theirs, ""),
        // git has yet to say what it does while it calls its driver.
        Take::Neither => (
            "REV",
            ", REV being MERGE_HEAD, REBASE_HEAD, CHERRY_PICK_HEAD or a stash",
        ),
    };
    let (side, other, about) = match ours.seq >= theirs.seq {
        true => ("--ours", theirs_is, about),
        false => ("--theirs", "HEAD", ""),
    };
    let rest = format!(
        "then what only the other has: `clws secret restore {path}/NAME --from {other}`{about}"
    );
    // This machine goes by its own side, and takes the other one's key only where a person means it.
    let key = match side {
        "--ours" => format!("`clws rekey {path}`"),
        _ => format!("`clws secret restore {path}`"),
    };
    let key = format!("then {key}, so that it is the newest for everybody");
    let (first, second) = match side {
        "--ours" => (rest, key),
        _ => (key, rest),
    };
    Problem::new(Code::Conflict, format!("`{path}` cannot be joined: {why}"))
        .hint(format!(
            "take one side whole: `git checkout {side} -- {file}`"
        ))
        .hint(first)
        .hint(second)
        .hint(format!(
            "who saw the other side's key: `clws secret accept {path}`"
        ))
}

struct Joined<'a> {
    vault: Option<&'a Vault>,
    path: &'a DocumentPath,
    sides: (&'a Document<'a>, &'a Document<'a>),
    base: Option<&'a Document<'a>>,
    take: Take,
    marker: usize,
    merged: Merged,
}

impl Joined<'_> {
    fn lost_wrap(&mut self, name: &str) {
        let (path, party) = (self.path, name.split('/').next().unwrap_or_default());
        self.merged.notes.push(format!(
            "{party} was given a wrap of the key from before: `clws access grant {party} {path} --read` gives the new one"
        ));
    }

    /// A table that both sides changed.
    fn both(
        &mut self,
        (kind, name): (&str, Option<&str>),
        ours: &str,
        theirs: &str,
    ) -> Result<String, Error> {
        let name = name.unwrap_or_default();
        if kind == "reader" {
            // Two wraps of one key for one reader: whichever.
            let of = |text: &str| {
                text.lines()
                    .find(|l| l.starts_with("recipient"))
                    .map(str::to_owned)
            };
            if of(ours) == of(theirs) {
                return Ok(ours.to_owned());
            }
        }
        if kind == "secret"
            && let Some(text) = self.newer(name, ours, theirs)?
        {
            return Ok(text);
        }
        self.merged.conflicts.push(match kind {
            "secret" => format!("{}/{name}", self.path),
            _ => format!("{}, [{kind}.{name}]", self.path),
        });
        let text = side_by_side(ours, theirs, self.marker);
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// The record that counts, if that can be told and is not for a person to say.
    fn newer(&mut self, name: &str, ours: &str, theirs: &str) -> Result<Option<String>, Error> {
        let (Some(vault), Ok(value)) = (self.vault, name.parse::<ValueName>()) else {
            return Ok(None);
        };
        let record = |document: &Document<'_>| document.record(&value);
        let base = self.base.map(record).transpose()?.flatten();
        let (Some(a), Some(b)) = (record(self.sides.0)?, record(self.sides.1)?) else {
            return Ok(None);
        };
        let marks = (
            self.mark(vault, self.sides.0, &a),
            self.mark(vault, self.sides.1, &b),
        );
        let order = match &marks {
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (None, None) => return Ok(None),
        };
        let (text, taken, left) = match order {
            Ordering::Less => (theirs, &b, &a),
            _ => (ours, &a, &b),
        };
        let rev = base.as_ref().map_or(0, |base| base.rev);
        let both_count = marks.0.is_some() && marks.1.is_some();
        let full = format!("{}/{name}", self.path);
        if taken.rev > rev && left.rev > rev && both_count {
            let Take::Newer(sides) = self.take else {
                return Ok(None);
            };
            let whose = match order {
                Ordering::Less => sides.ours,
                _ => sides.theirs,
            };
            self.merged.notes.push(format!(
                "{full}: rev {} by {} counts, and not rev {} by {}; if that is meant: `clws secret restore {full} --from {whose}`",
                taken.rev, taken.signed.party, left.rev, left.signed.party
            ));
        } else if !both_count {
            self.merged.notes.push(format!(
                "{full}: what {} signed counts; the other side is signed by nobody who may write it",
                taken.signed.party
            ));
        } else if base.is_none_or(|base| base.policy != left.policy) && left.policy != taken.policy
        {
            self.merged.notes.push(format!(
                "{full}: its policy is that of rev {} by {}; look at `clws secret policy {full}`",
                taken.rev, taken.signed.party
            ));
        }
        Ok(Some(text.to_owned()))
    }

    /// What a record is compared by, if a current writer signed it.
    fn mark(&self, vault: &Vault, document: &Document<'_>, record: &Record) -> Option<RecordMark> {
        let rights = vault.rights(self.path.as_str()).ok()?;
        let judged = vault.judge_record(document, record, &rights, None).ok()?;
        Some(judged.mark)
    }
}
