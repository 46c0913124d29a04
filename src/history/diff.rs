//! What differs between two states of a vault's secrets, by name and number.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::hex;
use crate::error::Error;
use crate::name::{DocumentPath, FilePath, SecretName, ValueName};
use crate::vault::{Document, Listed, Past, Policy, Record, Sidecar, State, Vault};

/// What is different about one thing.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Changed {
    /// It is there only afterwards.
    Added,
    /// It is there only before, and no tombstone says why.
    Gone,
    /// A tombstone took its place.
    Removed,
    /// Another value.
    Value {
        /// Its number before.
        before: u64,
    },
    /// The same value, sealed under another key.
    Resealed,
    /// The same value; what is known about it.
    Policy,
    /// The same in all; who signed it.
    Signed,
    /// A document has another data key.
    NewKey,
    /// A reader's wrap is there only afterwards.
    ReaderAdded(String),
    /// A reader's wrap is there only before.
    ReaderGone(String),
    /// One of the two does not read.
    Unread(String),
}

/// One difference.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Difference {
    /// The secret, or the document.
    pub path: String,
    /// What is different.
    pub changed: Changed,
    /// The number afterwards, or before if it is gone; 0 for a document.
    pub rev: u64,
    /// Who signed that.
    pub by: String,
    /// The secret, where its value may be of interest.
    pub secret: Option<SecretName>,
}

impl Difference {
    /// As a line of text.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { path, rev, by, .. } = self;
        match &self.changed {
            Changed::Added => format!("+ {path} rev {rev} by {by}"),
            Changed::Gone => format!("- {path} rev {rev} by {by}, without a tombstone"),
            Changed::Removed => format!("- {path} removed by {by}"),
            Changed::Value { before } => format!("~ {path} rev {before} → {rev} by {by}"),
            Changed::Resealed => format!("~ {path} rev {rev} sealed anew by {by}"),
            Changed::Policy => format!("~ {path} rev {rev} policy by {by}"),
            Changed::Signed => format!("~ {path} rev {rev} signed again by {by}"),
            Changed::NewKey => format!("~ {path} has a new data key by {by}"),
            Changed::ReaderAdded(reader) => format!("+ {path} can be opened by {reader}"),
            Changed::ReaderGone(reader) => format!("- {path} has no wrap for {reader} any more"),
            Changed::Unread(why) => format!("! {path} does not read: {why}"),
        }
    }
}

/// Compares two states, below a path (which may be a value's own) or all of them.
///
/// # Errors
/// [`crate::vault::VaultError::NotFound`] if neither has anything there; what reading says. A file that is not in
/// the line form is a difference.
pub fn diff(
    vault: &Vault,
    before: &Past<'_>,
    after: &Past<'_>,
    below: Option<&str>,
) -> Result<Vec<Difference>, Error> {
    let (a, b) = (before.list(below)?, after.list(below)?);
    let all: BTreeSet<&Listed> = a.keys().chain(b.keys()).collect();
    if let (Some(below), true) = (below, all.is_empty()) {
        return one_value(vault, before, after, below);
    }
    let mut found = Vec::new();
    for item in all {
        // Two commits that hold the same object need no reading.
        if let (Some(Some(a)), Some(Some(b))) = (a.get(item), b.get(item))
            && a == b
        {
            continue;
        }
        let file = match item {
            Listed::Document(path) => path.to_file(),
            Listed::File(path) => path.to_sidecar(),
        };
        // What is not listed is not asked for: git would look for each in a process of its own.
        let read = |past: &Past<'_>, is_there| match is_there {
            true => past.read(&file),
            false => Ok(None),
        };
        let (a, b) = (
            read(before, a.contains_key(item))?,
            read(after, b.contains_key(item))?,
        );
        if a == b {
            continue;
        }
        let sides = (a.as_deref(), b.as_deref());
        let compared = match item {
            Listed::Document(path) => documents(vault, path, sides),
            Listed::File(path) => files(path, sides),
        };
        match compared {
            Ok(more) => found.extend(more),
            Err(error) => found.push(unread(item.path(), &error)),
        }
    }
    Ok(found)
}

/// Compares one value of a document.
fn one_value(
    vault: &Vault,
    before: &Past<'_>,
    after: &Past<'_>,
    full: &str,
) -> Result<Vec<Difference>, Error> {
    let missing = || Error::from(vault.missing(&full));
    let (path, name) = full.rsplit_once('/').ok_or_else(missing)?;
    let path: DocumentPath = path.parse().map_err(|_| missing())?;
    let name: ValueName = name.parse().map_err(|_| missing())?;
    let file = path.to_file();
    let (a, b) = (before.read(&file)?, after.read(&file)?);
    let sides = (a.as_deref(), b.as_deref());
    let has = |bytes: &[u8]| -> Result<bool, Error> {
        let document = Document::parse(bytes, &path, vault.id())?;
        Ok(document.record(&name)?.is_some())
    };
    // One that does not read may have it.
    if ![sides.0, sides.1]
        .into_iter()
        .flatten()
        .any(|side| has(side).unwrap_or(true))
    {
        return Err(missing());
    }
    let mut found = match documents(vault, &path, sides) {
        Ok(found) => found,
        Err(error) => return Ok(vec![unread(path.as_str(), &error)]),
    };
    let secret = SecretName::Value(path, name);
    found.retain(|one| one.secret.as_ref() == Some(&secret));
    Ok(found)
}

fn unread(path: &str, error: &Error) -> Difference {
    Difference {
        path: path.to_owned(),
        changed: Changed::Unread(error.message()),
        rev: 0,
        by: String::new(),
        secret: None,
    }
}

/// What of a record is compared.
struct Side {
    rev: u64,
    sealed: Option<String>,
    policy: Policy,
    print: String,
    by: String,
}

fn changed(before: Option<&Side>, after: Option<&Side>) -> Option<(Changed, u64, String)> {
    let side = after.or(before)?;
    let is_live = |side: &&Side| side.sealed.is_some();
    let what = match (before, after) {
        (Some(a), Some(b)) if a.print == b.print => return None,
        (None, Some(b)) if b.sealed.is_some() => Changed::Added,
        (None, Some(_)) => Changed::Removed,
        (_, None) => before.filter(is_live).map(|_| Changed::Gone)?,
        (Some(a), Some(b)) => match (&a.sealed, &b.sealed) {
            (Some(_), None) => Changed::Removed,
            (None, Some(_)) => Changed::Added,
            _ if a.rev != b.rev => Changed::Value { before: a.rev },
            (a_sealed, b_sealed) if a_sealed != b_sealed => Changed::Resealed,
            _ if a.policy != b.policy => Changed::Policy,
            _ => Changed::Signed,
        },
    };
    Some((what, side.rev, side.by.clone()))
}

fn documents(
    vault: &Vault,
    path: &DocumentPath,
    (before, after): (Option<&[u8]>, Option<&[u8]>),
) -> Result<Vec<Difference>, Error> {
    let parse = |bytes: Option<&'_ [u8]>| -> Result<_, Error> {
        let Some(bytes) = bytes else { return Ok(None) };
        let document = Document::parse(bytes, path, vault.id())?;
        let side = |record: Record| {
            let side = Side {
                rev: record.rev,
                print: record.print(),
                sealed: match record.state {
                    State::Live { text, .. } => Some(text),
                    State::Removed => None,
                },
                policy: record.policy,
                by: record.signed.party,
            };
            (record.name, side)
        };
        let values: BTreeMap<_, _> = document.records()?.into_iter().map(side).collect();
        let wraps = document.wraps()?.into_iter().map(|wrap| wrap.name);
        let wraps: BTreeSet<String> = wraps.collect();
        let key = (document.head.key_id, document.head.signed.party);
        Ok(Some((values, wraps, key)))
    };
    let (a, b) = (parse(before)?, parse(after)?);
    let mut found = Vec::new();
    let mut about = |changed, by: &str| {
        found.push(Difference {
            path: path.to_string(),
            changed,
            rev: 0,
            by: by.to_owned(),
            secret: None,
        });
    };
    if let (Some((_, a, a_key)), Some((_, b, b_key))) = (&a, &b) {
        if a_key.0 != b_key.0 {
            about(Changed::NewKey, &b_key.1);
        }
        for reader in b.difference(a) {
            about(Changed::ReaderAdded(reader.clone()), "");
        }
        for reader in a.difference(b) {
            about(Changed::ReaderGone(reader.clone()), "");
        }
    }
    let a = a.map(|(values, ..)| values).unwrap_or_default();
    let b = b.map(|(values, ..)| values).unwrap_or_default();
    let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    for name in names {
        if let Some((changed, rev, by)) = changed(a.get(name), b.get(name)) {
            found.push(Difference {
                path: format!("{path}/{name}"),
                changed,
                rev,
                by,
                secret: Some(SecretName::Value(path.clone(), name.clone())),
            });
        }
    }
    Ok(found)
}

fn files(
    path: &FilePath,
    (before, after): (Option<&[u8]>, Option<&[u8]>),
) -> Result<Vec<Difference>, Error> {
    let side = |bytes: Option<&[u8]>| -> Result<Option<Side>, Error> {
        let Some(bytes) = bytes else { return Ok(None) };
        let sidecar = Sidecar::parse(bytes, path)?;
        Ok(Some(Side {
            rev: sidecar.rev,
            print: sidecar.print(),
            sealed: sidecar.content.map(|content| hex(&content.sha256)),
            policy: sidecar.policy,
            by: sidecar.signed.party,
        }))
    };
    let found = changed(side(before)?.as_ref(), side(after)?.as_ref());
    Ok(found
        .map(|(changed, rev, by)| Difference {
            path: path.to_string(),
            changed,
            rev,
            by,
            secret: Some(SecretName::File(path.clone())),
        })
        .into_iter()
        .collect())
}
