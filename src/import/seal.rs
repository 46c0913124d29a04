//! Carrying a plan out: everything into one change, which is committed whole or not at all.

use std::os::unix::fs::PermissionsExt as _;

use crate::error::Error;
use crate::vault::{Change, NewFile, NewValue, Policy, PolicyKey, ValueType, Vault};

use super::compare::demand_same;
use super::plan::{Action, NewDocument, NewSealed, Plan};
use super::source::Source;

/// What a sealed leftover of a document may be read by: it has no file of its own to say it.
const LEFTOVER_MODE: u32 = 0o600;

impl Plan {
    /// Seals all that the vault does not hold yet. `step` is called before each source.
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
        for item in &mut self.items {
            step();
            match &mut item.action {
                Action::Document(document) => seal_document(document, vault, change)?,
                Action::File(file) => seal_file(file, &item.source, source, vault, change)?,
                Action::Skipped => {}
            }
        }
        Ok(())
    }
}

fn noted(note: Option<String>) -> impl FnOnce(&mut Policy) {
    move |policy| {
        if note.is_some() {
            policy.set(PolicyKey::Note, note);
        }
    }
}

fn seal_document(
    document: &mut NewDocument,
    vault: &Vault,
    change: &mut Change<'_>,
) -> Result<(), Error> {
    let path = &document.path;
    demand_same(vault, &path.to_file(), document.there, path.as_str())?;
    for value in document.values.drain(..) {
        let new = NewValue {
            kind: ValueType::String,
            plain: value.plain,
        };
        change.set(path, &value.name, new, noted(value.note))?;
    }
    if let (Some(path), Some(text)) = (&document.leftover, document.leftover_text.take()) {
        demand_same(
            vault,
            &path.to_sidecar(),
            document.leftover_there,
            path.as_str(),
        )?;
        let note = Some(format!(
            "what {} does not hold of its source",
            document.path
        ));
        text.with(|bytes| {
            let new = NewFile {
                mode: LEFTOVER_MODE,
                input: bytes.as_slice(),
            };
            change.set_file(path, new, noted(note))
        })?;
    }
    Ok(())
}

fn seal_file(
    file: &mut NewSealed,
    from: &str,
    source: &Source,
    vault: &Vault,
    change: &mut Change<'_>,
) -> Result<(), Error> {
    if file.unchanged {
        return Ok(());
    }
    demand_same(
        vault,
        &file.path.to_sidecar(),
        file.there,
        file.path.as_str(),
    )?;
    let (input, about) = source.open_file(from)?;
    let new = NewFile {
        mode: about.permissions().mode(),
        input,
    };
    change.set_file(&file.path, new, noted(file.note.take()))?;
    Ok(())
}
