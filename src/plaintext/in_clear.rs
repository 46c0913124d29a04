//! Certificates that lie in a vault in clear: those of CAs among the files of hooks. Nothing opens them, so
//! nothing else would say when they end.

use super::certificate::{Certificate, certificates};
use crate::error::Error;
use crate::fs::EntryKind;
use crate::time::Moment;
use crate::vault::Vault;

/// No file of certificates is larger; the store of a whole system has 200 KiB.
const MOST: usize = 1024 * 1024;

/// A file of a hook with certificates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InClear {
    /// The file, `hooks/COMPONENT/…`.
    pub file: String,
    /// The component.
    pub component: String,
    /// Whom the one is for that ends first.
    pub subject: String,
    /// When it ends.
    pub end: Moment,
}

/// The files of hooks that hold certificates, by name. What cannot be read holds none.
///
/// # Errors
/// If the folder does not read.
pub fn in_hooks(vault: &Vault) -> Result<Vec<InClear>, Error> {
    let mut found = Vec::new();
    for entry in vault.tree().entries("hooks")? {
        if entry.kind == EntryKind::Folder {
            below(
                vault,
                &entry.name,
                &format!("hooks/{}", entry.name),
                &mut found,
            );
        }
    }
    Ok(found)
}

fn below(vault: &Vault, component: &str, folder: &str, found: &mut Vec<InClear>) {
    for entry in vault.tree().entries(folder).unwrap_or_default() {
        let path = format!("{folder}/{}", entry.name);
        match entry.kind {
            EntryKind::Folder => below(vault, component, &path, found),
            EntryKind::File => found.extend(first_to_end(vault, component, path)),
            EntryKind::Link | EntryKind::Other => {}
        }
    }
}

fn first_to_end(vault: &Vault, component: &str, file: String) -> Option<InClear> {
    let bytes = vault.tree().read(&file, MOST).ok()??;
    let text = std::str::from_utf8(&bytes).ok()?;
    let all = certificates(text).into_iter();
    let read = all.filter_map(|der| Certificate::parse(&der));
    let first = read.min_by_key(|certificate| certificate.not_after)?;
    Some(InClear {
        file,
        component: component.to_owned(),
        subject: first.subject,
        end: first.not_after,
    })
}
