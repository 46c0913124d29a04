//! Afterwards: everything is opened again from the disk, and compared with its source.
//!
//! The change was verified before it was committed, by what was in memory. This goes the way that a
//! reader will go, with a vault and sources that are opened anew, and only what passes it may be
//! removed from where it lay in the clear.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::fs::{FsError, Gone, Stamp};
use crate::lines::MAX_FILE;
use crate::name::FilePath;
use crate::vault::{Opened, Reader, ValueType};

use super::compare::{read_source, sum, sum_of};
use super::plan::{Action, Item, NewDocument, Plan};
use super::source::Source;
use super::{IMPORTERS, ImportError};

/// A source whose whole content the vault holds.
#[derive(Debug)]
pub struct Verified {
    /// Its path below the source.
    pub path: String,
    stamp: Stamp,
}

/// What became of a source that was to be removed.
#[derive(Debug)]
pub struct Shredded {
    /// Its path below the source.
    pub path: String,
    /// How it went, or why it is still there.
    pub gone: Result<Gone, FsError>,
}

impl Plan {
    /// Opens every secret of the plan and compares it with its source. `step` is called before each.
    ///
    /// # Errors
    /// [`ImportError::Differs`], and whatever keeps a secret from being opened.
    pub fn verify(
        &self,
        source: &Source,
        reader: &Reader<'_>,
        step: &mut dyn FnMut(),
    ) -> Result<Vec<Verified>, Error> {
        let mut verified = Vec::new();
        for item in &self.items {
            step();
            let Some(secret) = item.action.secret() else {
                continue;
            };
            let differs = |why| ImportError::Differs {
                secret: secret.to_owned(),
                source_path: item.source.clone(),
                why,
            };
            let (_, about) = source.open_file(&item.source)?;
            let stamp = Stamp::of(&about);
            let fault = match &item.action {
                Action::Document(document) => document_fault(item, document, source, reader)?,
                Action::File(file) => {
                    file_fault(&file.path, read_source(source, &item.source)?, reader)?
                }
                Action::Skipped => None,
            };
            if let Some(why) = fault {
                return Err(differs(why).into());
            }
            verified.push(Verified {
                path: item.source.clone(),
                stamp,
            });
        }
        Ok(verified)
    }
}

fn document_fault(
    item: &Item,
    document: &NewDocument,
    source: &Source,
    reader: &Reader<'_>,
) -> Result<Option<&'static str>, Error> {
    let importer = IMPORTERS
        .iter()
        .find(|importer| importer.kind() == item.kind);
    let bytes = source.read(&item.source, MAX_FILE)?;
    let contents = importer
        .zip(bytes)
        .and_then(|(importer, bytes)| importer.read(&bytes).ok());
    let Some(contents) = contents else {
        return Ok(Some("it no longer reads as it did"));
    };
    let wanted: std::collections::HashSet<&str> = contents
        .values
        .iter()
        .map(|value| value.name.as_str())
        .collect();
    let opened = reader.document_values(&document.path, |name| wanted.contains(name))?;
    let opened: BTreeMap<&str, &Opened> = opened
        .iter()
        .map(|opened| (opened.name.as_str(), opened))
        .collect();
    for value in &contents.values {
        match opened.get(value.name.as_str()) {
            None => return Ok(Some("a value is missing")),
            Some(opened)
                if opened.kind != ValueType::String || !opened.value.same_as(&value.plain) =>
            {
                return Ok(Some("a value is another one"));
            }
            Some(_) => {}
        }
    }
    match (&document.leftover, &contents.leftover) {
        (None, None) => Ok(None),
        (Some(path), Some(plain)) => {
            let opened = reader.open_file(path)?;
            let same = sum(opened.reader, path.as_str())? == sum_of(plain);
            Ok((!same).then_some("its leftover is another one"))
        }
        _ => Ok(Some("its leftover is missing")),
    }
}

fn file_fault(
    path: &FilePath,
    (wanted, mode): ((u64, [u8; 32]), u32),
    reader: &Reader<'_>,
) -> Result<Option<&'static str>, Error> {
    let opened = reader.open_file(path)?;
    let sealed_mode = opened.content.mode;
    if sum(opened.reader, path.as_str())? != wanted {
        return Ok(Some("it has another content"));
    }
    Ok((sealed_mode != mode).then_some("it has another mode"))
}

/// Overwrites and removes sources that were verified and did not change since.
#[must_use]
pub fn shred(source: &Source, verified: Vec<Verified>) -> Vec<Shredded> {
    let each = verified
        .into_iter()
        .map(|Verified { path, stamp }| Shredded {
            gone: source.tree().shred(&path, &stamp),
            path,
        });
    each.collect()
}
