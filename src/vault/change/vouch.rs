//! Carrying signatures over when somebody may no longer write.
//!
//! Only current writers and their keys count. What a party signed while it might would count for nothing
//! from the moment on in which the right, or the key, is taken away, the document's own line included; so the writer who
//! takes part in the change of rules checks it by the rules so far and signs it again, in the same
//! step. A signature of that kind says "this writer vouches that this was current"; the author stays.

use super::{Change, Purpose};
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath};
use crate::trust::{FILE_RECORD, Order};
use crate::vault::document::Document;
use crate::vault::open::Vault;
use crate::vault::record::Record;
use crate::vault::sidecar::Sidecar;
use crate::vault::text::There;

impl Change<'_> {
    /// Signs again what in a document was signed by parties who may no longer write it.
    ///
    /// `before` is the vault under the rules so far. A value that did not count by those, or is older than
    /// seen, is left as it is. Gives the names of what was signed again.
    ///
    /// # Errors
    /// [`crate::vault::VaultError`] if this author may not write or cannot open the document, or it is older than
    /// seen: who left could read what is sealed into it once it is the newest.
    pub fn vouch(&mut self, path: &DocumentPath, before: &Vault) -> Result<Vec<String>, Error> {
        let rights = self.writable(path.as_str(), Purpose::Write)?;
        let Some(bytes) = self.vault.tree().read(&path.to_file(), MAX_FILE)? else {
            return Ok(Vec::new());
        };
        let document = Document::parse(&bytes, path, self.vault.id())?;
        let old = before.rights(path.as_str())?;
        let pins = &before.trust().pins;
        let pin = pins
            .document(&document.head.id, path.as_str())?
            .unwrap_or_default();
        let head_hash = before.judge_head(&document, &old, Some(&pin.hash))?;
        before.demand_newest_head(&document, Some(&pin))?;
        let mut records = Vec::new();
        for record in document.records()? {
            let known = pin.values.get(record.name.as_str());
            let judged = before.judge_record(&document, &record, &old, known);
            let is_orphaned = self
                .vault
                .claim_of_record(&document, &record, &rights)
                .is_err();
            if is_orphaned && judged.is_ok_and(|judged| judged.order != Order::Older) {
                records.push(record);
            }
        }
        let head_orphaned = self.vault.claim_of_head(&document, &rights).is_err();
        let mut names = Vec::new();
        let draft = self.draft_of(&document, rights, pin, head_hash)?;
        let mut draft = draft.over(There::of(&document));
        let signer = self.author.signer;
        if head_orphaned {
            let head = &document.head;
            draft.sign_head(head.seq + 1, head.policy.clone(), signer)?;
            names.push(path.to_string());
        }
        for record in records {
            let (_, seq) = draft.next(&record.name, Some(&record))?;
            names.push(format!("{path}/{}", record.name));
            let key_id = document.key_id_of(&record);
            let record = Record { seq, ..record }.sign(&document.place, key_id, signer)?;
            draft.records.insert(record.name.clone(), record);
        }
        self.documents.insert(path.clone(), draft);
        Ok(names)
    }

    /// Signs a sealed file's sidecar again, if it was signed by a party who may no longer write it.
    ///
    /// # Errors
    /// As [`Self::vouch`].
    pub fn vouch_file(&mut self, path: &FilePath, before: &Vault) -> Result<bool, Error> {
        let rights = self.writable(path.as_str(), Purpose::Write)?;
        let Some(bytes) = self.vault.tree().read(&path.to_sidecar(), MAX_FILE)? else {
            return Ok(false);
        };
        let sidecar = Sidecar::parse(&bytes, path)?;
        let pins = &before.trust().pins;
        let pin = pins.file(&sidecar.id, path.as_str())?.unwrap_or_default();
        let old = before.rights(path.as_str())?;
        let judged = before.judge_sidecar(&sidecar, &old, pin.values.get(FILE_RECORD));
        let counts = judged.is_ok_and(|judged| judged.order != Order::Older);
        let is_orphaned = self.vault.claim_of_sidecar(&sidecar, &rights).is_err();
        if !is_orphaned || !counts {
            return Ok(false);
        }
        let there = self.counting_or_removed(path, before)?;
        self.sign_sidecar_again(there, |_| {})?;
        Ok(true)
    }
}
