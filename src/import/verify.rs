//! Before a source is removed: everything is opened again from the disk, and compared with it.
//!
//! What is sealed is opened and compared before it counts for anything. This goes the way that a reader
//! will go once more, with a vault and sources that are opened anew, and only what passes it may be
//! removed from where it lay in the clear.

use crate::error::Error;
use crate::fs::{FsError, Gone, Stamp};
use crate::lines::MAX_FILE;
use crate::name::FilePath;
use crate::plaintext::entries_of;
use crate::vault::Reader;

use super::ImportError;
use super::compare::{Sum, read_inventory, read_source, sum_of};
use super::plan::{Action, Item, NewDocument, Plan};
use super::source::Source;
use super::unseal::{Keys, unseal};

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
        keys: &Keys<'_>,
        reader: &Reader<'_>,
        step: &mut dyn FnMut(),
    ) -> Result<Vec<Verified>, Error> {
        let mut verified = Vec::new();
        let files = self.items.iter().filter_map(|item| match &item.action {
            Action::File(file) => Some(file.path.to_string()),
            _ => None,
        });
        reader.log_ahead(files.collect())?;
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
                Action::Document(document) => document_fault(item, document, keys, source, reader)?,
                Action::File(file) => {
                    file_fault(&file.path, content_of(item, source, keys)?, reader)?
                }
                Action::Clear | Action::Skipped => None,
            };
            if let Some(why) = fault {
                return Err(differs(why).into());
            }
            verified.push(Verified {
                path: item.source.clone(),
                stamp,
            });
        }
        for inventory in &self.inventories {
            let path = &inventory.path;
            let there = read_inventory(path, Some([0; 32]), reader)?;
            let held = there.map(|bytes| inventory.merged(Some(&bytes)).map(|text| (bytes, text)));
            let same = held
                .transpose()?
                .is_some_and(|(bytes, text)| text.with(|text| *text == *bytes));
            if !same {
                return Err(ImportError::Differs {
                    secret: path.to_string(),
                    source_path: "the tree".to_owned(),
                    why: "what is kept about the sources is not what was found",
                }
                .into());
            }
        }
        Ok(verified)
    }
}

/// Puts the values that the vault gives into the layout, and compares with the source as it is now.
fn document_fault(
    item: &Item,
    document: &NewDocument,
    keys: &Keys<'_>,
    source: &Source,
    reader: &Reader<'_>,
) -> Result<Option<&'static str>, Error> {
    let changed = Ok(Some("it no longer reads as it did"));
    let Some(bytes) = source.read(&item.source, MAX_FILE)? else {
        return changed;
    };
    let bytes = match item.sealed {
        Some(kind) => match unseal(kind, &item.source, &bytes, keys, source) {
            Ok(opened) => opened.inner,
            Err(_) => return changed,
        },
        None => bytes,
    };
    let Some(format) = item.format() else {
        return changed;
    };
    let Some(layout) = &item.layout else {
        return changed;
    };
    // The layout names what it has places for; other values of the document are not its own.
    let names = layout.names();
    let own = |name: &str| names.contains(item.keys.get(name).map_or(name, String::as_str));
    let opened = reader.document_values(&document.path, own)?;
    let values = opened.iter().map(|o| (o.name.as_str(), o.kind, &o.value));
    let Ok(entries) = entries_of(values, &item.keys) else {
        return Ok(Some("a value has another type"));
    };
    let text = layout.restore(&entries, format);
    Ok(match text {
        None => Some("a value is missing"),
        Some(text) if text.as_bytes() != bytes.as_slice() => Some("a value is another one"),
        Some(_) => None,
    })
}

/// What a sealed file should hold by its source as it is now, and its mode.
fn content_of(item: &Item, source: &Source, keys: &Keys<'_>) -> Result<(Sum, u32), Error> {
    let (sum, mode) = read_source(source, &item.source)?;
    let Some(kind) = item.sealed else {
        return Ok((sum, mode));
    };
    let whole = source.read(&item.source, MAX_FILE)?.unwrap_or_default();
    let opened = unseal(kind, &item.source, &whole, keys, source);
    // What stays closed now is another source: no sum is its own.
    let sum = opened.map_or((0, [0; 32]), |opened| sum_of(&opened.inner));
    Ok((sum, mode))
}

fn file_fault(
    path: &FilePath,
    (wanted, mode): ((u64, [u8; 32]), u32),
    reader: &Reader<'_>,
) -> Result<Option<&'static str>, Error> {
    let (_, content, passed) = reader.file_sum(path)?;
    if (passed.size, passed.sha256) != wanted {
        return Ok(Some("it has another content"));
    }
    Ok((content.mode != mode).then_some("it has another mode"))
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
