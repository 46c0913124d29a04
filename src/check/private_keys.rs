//! Private keys that lie in the repository, where everybody who has it has them.
//!
//! A demonstration's key may: its party says `public = true`, signed by the administrators.

use super::{Check, Finding, Kind};
use crate::error::Error;
use crate::fs::EntryKind;
use crate::name::PartyName;

/// No private key file is larger; a larger file is no key file.
const MOST: usize = 1024 * 1024;

impl Check<'_> {
    /// Looks into every file below a folder.
    pub(super) fn private_keys(&mut self, folder: &str) -> Result<(), Error> {
        let entries = match self.vault.tree().entries(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.add(Finding::of(Kind::Stray, folder, &error));
                return Ok(());
            }
        };
        for entry in entries {
            let path = format!("{folder}/{}", entry.name);
            match entry.kind {
                EntryKind::Folder => self.private_keys(&path)?,
                EntryKind::File => self.private_key(&path)?,
                EntryKind::Link | EntryKind::Other => {
                    let why = "a link or something else that is no ordinary file";
                    let path = crate::text::clean(&path);
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
        if !holds_private_key(&bytes) || self.is_public(path)? {
            return Ok(());
        }
        let why = "a private key lies here, and git gives it to everybody who has the repository";
        let next = format!("rm {path}; whoever it belongs to needs a new one");
        self.add(Finding::new(Kind::PrivateKey, crate::text::clean(path), why).next(next));
        Ok(())
    }

    /// Whether a path is in the folder of a party that says `public = true`.
    fn is_public(&self, path: &str) -> Result<bool, Error> {
        let names = self.vault.trust().accepted.party_names()?;
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        let party = folder.parse::<PartyName>().ok();
        match party.filter(|party| path.starts_with("recipients/") && names.contains(party)) {
            Some(party) => Ok(self.vault.party(&party)?.public),
            None => Ok(false),
        }
    }
}

fn holds_private_key(bytes: &[u8]) -> bool {
    let has = |needle: &[u8]| memchr::memmem::find(bytes, needle).is_some();
    (has(b"-----BEGIN ") && has(b"PRIVATE KEY-----"))
        || has(b"AGE-SECRET-KEY-1")
        || (has(b"AGE-PLUGIN-") && has(b"# public key: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_are_told_from_public_ones() {
        for text in [
            "-----BEGIN OPENSSH PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\n",
            "# created: x\nAGE-SECRET-KEY-1QQ",
        ] {
            assert!(holds_private_key(text.as_bytes()), "{text}");
        }
        for text in [
            "ssh-ed25519 AAAA",
            "age1xyz",
            "-----BEGIN CERTIFICATE-----\n",
            "a PRIVATE KEY-----",
        ] {
            assert!(!holds_private_key(text.as_bytes()), "{text}");
        }
    }
}
