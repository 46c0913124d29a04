//! Private keys that lie in the repository, where everybody who has it has them.
//!
//! A demonstration's key may: its party says `public = true`, signed by the administrators.

use super::{Check, Finding, Kind};
use crate::crypto::holds_private_key;
use crate::error::Error;
use crate::fs::EntryKind;
use crate::text::{clean_line, shell_word};

/// No private key file is larger; a larger file is no key file.
const MOST: usize = 1024 * 1024;

impl Check<'_> {
    /// Looks into every file below a folder.
    pub(super) fn private_keys(&mut self, folder: &str) -> Result<(), Error> {
        for entry in self.entries(folder) {
            let path = format!("{folder}/{}", entry.name);
            match entry.kind {
                EntryKind::Folder => self.private_keys(&path)?,
                EntryKind::File => self.private_key(&path)?,
                EntryKind::Link | EntryKind::Other => {
                    let why = "a link or something else that is no ordinary file";
                    let path = clean_line(&path);
                    self.add(Finding::new(Kind::Stray, path, why));
                }
            }
        }
        Ok(())
    }

    /// Names a file that holds a private key of nobody public.
    pub(super) fn private_key(&mut self, path: &str) -> Result<(), Error> {
        // Too large, or gone meanwhile: no key file.
        let Ok(Some(bytes)) = self.vault.tree().read(path, MOST) else {
            return Ok(());
        };
        if !holds_private_key(&bytes) || self.vault.is_public_place(path)? {
            return Ok(());
        }
        let why = "a private key lies here, and git gives it to everybody who has the repository";
        // Whoever pushed it has named it, and people paste what is advised.
        let path = clean_line(path);
        let next = format!(
            "rm {}; whoever it belongs to needs a new one",
            shell_word(&path)
        );
        self.add(Finding::new(Kind::PrivateKey, path, why).next(next));
        Ok(())
    }
}
