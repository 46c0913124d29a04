//! Writing without reading: a value handed in, and what a writer does with it.

use crate::error::{Code, Error, Problem};
use crate::lines::{self, MAX_FILE};
use crate::name::{DocumentPath, ValueName};
use crate::vault::VaultError;
use crate::vault::document::Document;
use crate::vault::exposure::expose;
use crate::vault::origin::Origin;
use crate::vault::submission::Submission;

use super::{Adopted, Change, NewValue};

/// The longest line of a document is 1 MiB.
const LONGEST: usize = 1024 * 1024;

impl Change<'_> {
    /// Whether this author hands values in here instead of writing them.
    ///
    /// # Errors
    /// [`VaultError::NoRule`].
    pub fn only_submits(&self, path: &DocumentPath) -> Result<bool, Error> {
        let rights = self.vault.rights(path.as_str())?;
        let me = &self.author.party;
        Ok(rights.submitters.contains(me) && !rights.writers.contains(me))
    }

    /// Hands a value in: sealed to every reader, signed, beside the live one. No private key for reading
    /// is needed.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if there is no such document: only a writer makes one. [`VaultError`].
    pub fn submit(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        new: &NewValue,
    ) -> Result<(), Error> {
        let full = format!("{path}/{name}");
        new.plain.with(|plain| new.kind.check(&full, plain))?;
        let vault = self.vault;
        let rights = vault.rights(path.as_str())?;
        let bytes = vault.tree().read(&path.to_file(), MAX_FILE)?;
        let bytes = bytes.ok_or_else(|| VaultError::NotFound {
            name: path.to_string(),
            nearest: None,
        })?;
        let document = Document::parse(&bytes, path, vault.id())?;
        let pins = &vault.trust().pins;
        let pin = pins
            .document(&document.head.id, path.as_str())?
            .unwrap_or_default();
        vault.judge_head(&document, &rights, Some(&pin.hash))?;
        vault.demand_newest_head(&document, Some(&pin))?;
        vault.demand_one_place(&document, &rights)?;
        let there = document.record(name)?.map_or(0, |record| record.rev);
        let mut recipients = Vec::new();
        for reader in &rights.readers {
            for recipient in &vault.party(reader)?.recipients {
                recipients.push((self.to_recipient)(recipient)?);
            }
        }
        let now = vault.world().now();
        let (about, by) = (
            (name, new.kind, there),
            (now, self.author.party.as_str(), self.author.signer),
        );
        let submission = Submission::seal(&document.place, about, &new.plain, &recipients, by)?;
        if submission.line() > LONGEST {
            let size = new.plain.with(|plain| plain.len());
            return Err(VaultError::TooLarge { name: full, size }.into());
        }
        let key = ("submission", Some(name.as_str()));
        let changes = [(key, Some(submission.print()))].into();
        let text = lines::apply(document.lines(), &changes);
        // What is written must read back as what was handed in, by a key that counts.
        let written = Document::parse(text.as_bytes(), path, vault.id())?;
        let read = written.submission(name)?;
        let read = read.ok_or_else(|| VaultError::NotVerified(full.clone()))?;
        if read != submission {
            return Err(VaultError::NotVerified(full).into());
        }
        vault
            .claim_of_submission(&written, &read, &rights)?
            .verify()?;
        self.submitted
            .push((path.clone(), full, bytes, text.into_bytes()));
        Ok(())
    }

    /// Takes over what was handed in for a value, if anything was: sealed and signed as any other, its
    /// author kept. It was sealed to the readers of that day, so that it is exposed if one of them left since.
    ///
    /// One for another value than the one that is there needs `is_meant`.
    ///
    /// # Errors
    /// [`VaultError`] if it does not verify or open; [`VaultError::Stale`].
    pub fn adopt_submission(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        is_meant: bool,
    ) -> Result<Option<Adopted>, Error> {
        let Some(submission) = self.submission(path, name)? else {
            return Ok(None);
        };
        let (vault, openers) = (self.vault, self.openers);
        let draft = self.draft(path)?;
        let (plain, left) = {
            let there = draft.there.as_ref().map_or("", |there| there.text.as_str());
            let document = Document::parse(there.as_bytes(), path, vault.id())?;
            let claim = vault.claim_of_submission(&document, &submission, &draft.rights)?;
            claim.verify()?;
            let plain = submission.open(&document.place, openers)?;
            (plain, document.left_since(submission.changed))
        };
        let seen = draft.seen.mark(name.as_str())?;
        let there = draft.before(name)?;
        let stale = submission.stale(&draft.place, there.as_ref(), seen.as_ref());
        if let Some(why) = stale.filter(|_| !is_meant) {
            return Err(VaultError::Stale { why }.into());
        }
        draft.dropped.insert(name.clone());
        let origin = Origin {
            author: submission.author.clone(),
            changed: submission.changed,
        };
        let kind = submission.kind;
        let now = vault.world().now();
        self.set_from(path, name, NewValue { kind, plain }, origin, |policy| {
            expose(policy, &left, now);
        })?;
        Ok(Some(Adopted::HandedIn {
            by: submission.author,
            left,
        }))
    }

    /// Throws away what was handed in for a value. Gives who handed it in.
    ///
    /// # Errors
    /// NOTFOUND if nothing was.
    pub fn drop_submission(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<String, Error> {
        let submission = self.submission(path, name)?.ok_or_else(|| {
            let why = format!("nothing was handed in for `{path}/{name}`");
            Problem::new(Code::NotFound, why)
        })?;
        self.draft(path)?.dropped.insert(name.clone());
        Ok(submission.author)
    }

    fn submission(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<Option<Submission>, Error> {
        let vault = self.vault;
        let draft = self.draft(path)?;
        let Some(there) = &draft.there else {
            return Ok(None);
        };
        let document = Document::parse(there.text.as_bytes(), path, vault.id())?;
        Ok(document.submission(name)?)
    }
}
