//! An older value that is meant, issued again as the newest.
//!
//! After `git revert`, a wrong merge, or the lesser of two siblings, what lies in the tree is older than
//! what people have seen, and refused. It gets the next number and a signature, so that every pin
//! agrees. Who gave it and when stays, and so does who could read it.

use crate::crypto::hex;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, ValueName};
use crate::trust::RecordMark;
use crate::vault::VaultError;
use crate::vault::document::Document;
use crate::vault::exposure::expose;
use crate::vault::file_draft::Renewed;
use crate::vault::past::{Demand, OldFile, OldValue, Past};
use crate::vault::policy::PolicyKey;
use crate::vault::sealing::NewFile;
use crate::vault::text::There;

use super::rekey::Meant;
use super::{Change, Purpose};

const WHAT: &str = "secret restore";

/// In the place of a name that nobody here knows.
const SOMEBODY: &str = "somebody";

/// A document that was made the newest of its path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Restored {
    /// The number of its line.
    pub seq: u64,
    /// Whether it has a new data key.
    pub has_new_key: bool,
}

impl Change<'_> {
    /// Seals and signs a value of the past as the newest. Gives its number.
    ///
    /// # Errors
    /// [`VaultError`] if it does not open there, or nobody vouches for it; if the document is not here,
    /// or is from before its data key was changed.
    pub fn restore(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        past: &Past<'_>,
    ) -> Result<u64, Error> {
        let (vault, openers) = (self.vault, self.openers);
        let is_open = self.documents.contains_key(path);
        if !is_open && !vault.tree().exists(&path.to_file())? {
            return Err(VaultError::NoDocument(path.to_string()).into());
        }
        let left = self.left_since(path, name, past)?;
        let old = past.value(path, name, openers, (WHAT, Demand::Writer))?;
        let OldValue {
            mut opened, seq, ..
        } = old;
        // On another branch it may have numbers that this machine has not seen; others have.
        let mark = RecordMark {
            rev: opened.rev,
            seq,
            changed: opened.changed,
            hash: [0; 32],
        };
        self.draft(path)?.known.insert(name.clone(), mark);
        expose(&mut opened.policy, &left, vault.world().now());
        opened.policy.set(PolicyKey::MovedTo, None);
        self.set_opened(path, name, opened)
    }

    /// Makes a document as it lies here the newest of its path.
    ///
    /// Of two that branches founded apart, its line is signed anew. One from before its line was written again, or
    /// whose key was changed on a branch of its own, gets a new data key: nobody knows who left with the key that
    /// was seen, so that its values say that somebody did.
    ///
    /// # Errors
    /// [`VaultError`] if it does not count otherwise.
    pub fn restore_document(&mut self, path: &DocumentPath) -> Result<Restored, Error> {
        let (vault, signer) = (self.vault, self.author.signer);
        let rights = self.writable(path.as_str(), Purpose::Write)?;
        let bytes = vault.tree().read(&path.to_file(), MAX_FILE)?;
        let bytes = bytes.ok_or_else(|| VaultError::NoDocument(path.to_string()))?;
        let document = Document::parse(&bytes, path, vault.id())?;
        let pin = vault
            .trust()
            .pins
            .document(&document.head.id, path.as_str())?;
        let pin = pin.unwrap_or_default();
        let head_hash = vault.judge_head(&document, &rights, Some(&pin.hash))?;
        match vault.demand_head_number(&document, Some(&pin)) {
            Err(VaultError::OlderDocument { .. } | VaultError::OtherBranch { .. }) => {
                let is_other_key = pin.key_id != hex(&document.head.key_id);
                let left = is_other_key.then(|| SOMEBODY.to_owned());
                self.turn(path, vault, left.into_iter().collect(), Meant::Here)?;
                let seq = self.draft(path)?.head.seq;
                return Ok(Restored {
                    seq,
                    has_new_key: true,
                });
            }
            judged => judged?,
        }
        let others = vault.newest_of_others(&document)?;
        let draft = self.draft_of(&document, rights, pin, head_hash)?;
        let mut draft = draft.over(There::of(&document));
        let head = &document.head;
        let seq = others.map_or(0, |(seq, _)| seq).max(head.seq) + 1;
        draft.sign_head(seq, head.policy.clone(), signer)?;
        self.documents.insert(path.clone(), draft);
        Ok(Restored {
            seq,
            has_new_key: false,
        })
    }

    /// Who left since the key was changed that the value of the past is sealed under.
    fn left_since(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        past: &Past<'_>,
    ) -> Result<Vec<String>, Error> {
        let key_id = past.key_of(path, name)?;
        let draft = self.draft(path)?;
        match key_id {
            Some(key_id) if key_id != draft.head.key_id => Ok(draft
                .head
                .left_with(&key_id)
                .unwrap_or_else(|| vec![SOMEBODY.to_owned()])),
            _ => Ok(Vec::new()),
        }
    }

    /// The same for a sealed file.
    ///
    /// # Errors
    /// As [`Self::restore`].
    pub fn restore_file(&mut self, path: &FilePath, past: &Past<'_>) -> Result<(), Error> {
        let OldFile {
            opened,
            record: (id, seq),
            ..
        } = past.file(path, self.openers, (WHAT, Demand::Writer))?;
        let new = NewFile {
            mode: opened.content.mode,
            input: opened.reader,
        };
        let mut policy = opened.policy;
        let rights = self.vault.rights(path.as_str())?;
        let left: Vec<String> = past
            .readers_of(path)?
            .into_iter()
            .filter(|reader| !rights.readers.iter().any(|now| now.as_str() == reader))
            .collect();
        expose(&mut policy, &left, self.vault.world().now());
        policy.set(PolicyKey::MovedTo, None);
        let renewed = Renewed::Again {
            id,
            numbers: (opened.rev, seq),
            origin: opened.origin,
        };
        self.seal_file(path, new, renewed, |kept| *kept = policy)?;
        Ok(())
    }
}
