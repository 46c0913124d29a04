//! Carrying a plan out: everything into one change, which is committed whole or not at all.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;

use crate::crypto::sha256;
use crate::error::Error;
use crate::secret::Plain;
use crate::vault::{Change, NewFile, NewValue, Policy, PolicyKey, ToSeal, Vault};

use super::compare::{changed, demand_same};
use super::plan::{Action, NewDocument, NewSealed, Plan};
use super::source::Source;

/// After so many it is told how far the work is.
const AT_ONCE: usize = 256;

/// An inventory has no file of its own that would say it.
const INVENTORY_MODE: u32 = 0o600;

impl Plan {
    /// Seals all that the vault does not hold yet. `step` is called for each source.
    ///
    /// The vault must be the one that the plan was compared with, now under its lock.
    ///
    /// # Errors
    /// [`super::ImportError::Changed`] if somebody else wrote meanwhile, and whatever keeps a secret
    /// from being sealed. Nothing counts before the change is committed.
    pub fn seal(
        &mut self,
        source: &Source,
        vault: &Vault,
        change: &mut Change<'_>,
        step: &mut dyn FnMut(),
    ) -> Result<(), Error> {
        // Whatever lay in the clear has to be thought of as known, until it has a new value.
        let exposed = format!("import {}", vault.world().now().date());
        let mut files = Vec::with_capacity(AT_ONCE);
        for item in &mut self.items {
            let exposed = item.was_in_clear().then_some(exposed.as_str());
            match &mut item.action {
                Action::Document(document) => seal_document(document, exposed, vault, change)?,
                Action::File(file) if !file.unchanged => {
                    let opened = file.opened.take();
                    let policy = noted(file.note.take(), exposed, file.expires.take());
                    let file: &NewSealed = file;
                    files.push(ToSeal {
                        path: file.path.clone(),
                        open: opening(&item.source, source, opened, file),
                        policy,
                    });
                    if files.len() == AT_ONCE {
                        change.set_files(std::mem::take(&mut files))?;
                        (0..AT_ONCE).for_each(|_| step());
                    }
                    continue;
                }
                Action::File(_) | Action::Clear | Action::Skipped => {}
            }
            step();
        }
        let last = files.len();
        change.set_files(files)?;
        (0..last).for_each(|_| step());
        for inventory in &mut self.inventories {
            let Some(text) = &inventory.text else {
                continue;
            };
            let path = &inventory.path;
            demand_same(vault, &path.to_sidecar(), inventory.there, path.as_str())?;
            let note = Some("what clws import keeps about its sources".to_owned());
            text.with(|bytes| {
                let new = NewFile {
                    mode: INVENTORY_MODE,
                    input: bytes.as_slice(),
                };
                change.set_file(path, new, noted(note, None, None))
            })?;
        }
        Ok(())
    }
}

fn noted(
    note: Option<String>,
    exposed: Option<&str>,
    expires: Option<String>,
) -> impl FnOnce(&mut Policy) + use<> {
    let entries = [
        (PolicyKey::Note, note),
        (PolicyKey::Exposed, exposed.map(str::to_owned)),
        (PolicyKey::Expires, expires),
    ];
    move |policy| {
        for (key, value) in entries.into_iter().filter(|(_, value)| value.is_some()) {
            policy.set(key, value);
        }
    }
}

fn seal_document(
    document: &mut NewDocument,
    exposed: Option<&str>,
    vault: &Vault,
    change: &mut Change<'_>,
) -> Result<(), Error> {
    let path = &document.path;
    demand_same(vault, &path.to_file(), document.there, path.as_str())?;
    for value in document.values.drain(..) {
        let exposed = exposed.filter(|_| !value.is_setting && !value.was_sealed);
        let new = NewValue {
            kind: value.kind,
            plain: value.plain,
        };
        change.set(path, &value.name, new, noted(value.note, exposed, None))?;
    }
    Ok(())
}

/// What a file is sealed of.
enum Input {
    Source(File),
    Opened(Plain, usize),
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Source(file) => file.read(out),
            Self::Opened(plain, at) => {
                let length = plain.with(|bytes| bytes.get(*at..).unwrap_or_default().read(out))?;
                *at += length;
                Ok(length)
            }
        }
    }
}

/// How a source is opened, if its place is still as it was; `opened` is what was inside of it, where that is
/// sealed.
fn opening<'s>(
    from: &'s str,
    source: &'s Source,
    opened: Option<Plain>,
    to: &'s NewSealed,
) -> impl FnOnce(Option<&[u8]>) -> Result<NewFile<Input>, Error> + Send {
    move |there: Option<&[u8]>| {
        if there.map(sha256) != to.there {
            return Err(changed(to.path.as_str()));
        }
        let (input, about) = source.open_file(from)?;
        let mode = about.permissions().mode();
        let input = match opened {
            Some(plain) => Input::Opened(plain, 0),
            None => Input::Source(input),
        };
        Ok(NewFile { mode, input })
    }
}
