//! Sealing a whole file: the age file and its sidecar, as one change.

use std::io::Read;

use crate::crypto::FilePlace;
use crate::crypto::stream::Passed;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::FilePath;
use crate::recipients::{PublicRecipient, Sealing};
use crate::trust::{FILE_RECORD, SeenKind};

use super::VaultError;
use super::change::{Change, LOOKED_AT, Purpose};
use super::file_draft::{FileDraft, News, Renewed, There};
use super::folders::refuse_documents;
use super::open::Vault;
use super::opener::{is_mine, labels};
use super::policy::{Policy, PolicyKey};
use super::sealing::{NewFile, SealedFile, explain, not_to_server};
use super::sidecar::Sidecar;

impl Change<'_> {
    /// Seals a file, in constant memory.
    ///
    /// # Errors
    /// [`VaultError`], [`crate::fs::FsError`].
    pub fn set_file<R: Read>(
        &mut self,
        path: &FilePath,
        new: NewFile<R>,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<Passed, Error> {
        let renewed = Renewed::Content(self.origin());
        self.seal_file(path, new, renewed, policy)
    }

    /// Seals a file, in constant memory, as new content or as what it was.
    pub(super) fn seal_file<R: Read>(
        &mut self,
        path: &FilePath,
        mut new: NewFile<R>,
        renewed: Renewed,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<Passed, Error> {
        let (readers, recipients) = self.readers_of(path)?;
        refuse_documents(self.vault, path, path.as_str())?;
        let recipients: Result<Vec<_>, Error> = recipients
            .iter()
            .map(|recipient| (self.to_recipient)(recipient))
            .collect();
        let (tree, world) = (self.vault.tree(), self.vault.world());
        let mut staged = self.folders.stage(tree, &path.to_file(), world)?;
        let recipients = recipients?;
        let each = recipients.iter().map(Sealing::age);
        let place = FilePlace::new(self.vault.id(), path.as_str());
        let passed = place
            .seal(each, &mut new.input, staged.file()?)
            .map_err(|error| {
                not_to_server(path.as_str(), &recipients)
                    .unwrap_or_else(|| explain(path, error.into()))
            })?;
        let sealed = SealedFile {
            sha256: staged.finish()?,
            staged,
            mode: new.mode,
            passed,
            is_read_back: false,
        };
        self.push(path, Some(sealed), readers, renewed, afresh(policy))?;
        Ok(passed)
    }

    /// The names of those who may read a file that this author may write, and their recipients.
    pub(super) fn readers_of(
        &self,
        path: &FilePath,
    ) -> Result<(Vec<String>, Vec<PublicRecipient>), Error> {
        let rights = self.writable(path.as_str(), Purpose::Write)?;
        let mut recipients = Vec::new();
        for reader in &rights.readers {
            recipients.extend_from_slice(&self.vault.party(reader)?.recipients);
        }
        let readers = rights.readers.iter().map(ToString::to_string).collect();
        let mine = |recipient: &PublicRecipient| is_mine(self.openers, recipient.key.as_str());
        if recipients.iter().any(mine) {
            return Ok((readers, recipients));
        }
        Err(VaultError::NoKey {
            name: path.to_string(),
            tried: labels(self.openers),
            readers,
        }
        .into())
    }

    /// Seals a file anew to the readers of its rule; the content and what is known about it stay.
    ///
    /// # Errors
    /// [`VaultError`], [`crate::fs::FsError`].
    pub fn reseal_file(&mut self, path: &FilePath) -> Result<(), Error> {
        self.rekey_file(path, self.vault, &[])
    }

    /// Removes a sealed file; its sidecar stays as a tombstone.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError`].
    pub fn remove_file(&mut self, path: &FilePath, moved_to: Option<String>) -> Result<(), Error> {
        self.writable(path.as_str(), Purpose::Write)?;
        let renewed = Renewed::Content(self.origin());
        self.push(path, None, Vec::new(), renewed, |kept| {
            *kept = Policy::default();
            kept.set(PolicyKey::MovedTo, moved_to);
        })?;
        self.drop_pending_file(path)
    }

    pub(super) fn push(
        &mut self,
        path: &FilePath,
        new: Option<SealedFile>,
        readers: Vec<String>,
        renewed: Renewed,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<(), Error> {
        let there = There::at(self.vault, path)?;
        let live = there.sidecar.as_ref().is_some_and(|s| s.content.is_some());
        // One that is gone without a tombstone, as after `git revert` of what added it, gets one.
        let is_gone = || -> Result<bool, Error> {
            let pins = &self.vault.trust().pins;
            Ok(there.sidecar.is_none() && !pins.ids_at(path.as_str(), SeenKind::File)?.is_empty())
        };
        if let (None, Some(sidecar), false) = (&new, &there.sidecar, live) {
            let name = path.to_string();
            return Err(VaultError::removed(name, &sidecar.signed, &sidecar.policy).into());
        }
        if new.is_none() && !live && !is_gone()? {
            return Err(self.vault.missing(path).into());
        }
        let news = News {
            readers,
            renewed,
            policy,
        };
        let draft = FileDraft::over((self.vault, self.author.signer), path, there, new, news)?;
        self.with_file(draft);
        Ok(())
    }

    /// Changes what is known about a sealed file, not the file.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError`].
    pub fn set_file_policy(
        &mut self,
        path: &FilePath,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<(), Error> {
        let there = self.counting(path, self.vault)?;
        self.sign_sidecar_again(there, policy)
    }

    /// Signs a sidecar that counts.
    pub(super) fn sign_sidecar_again(
        &mut self,
        (old, before, seq): (Vec<u8>, Sidecar, u64),
        policy: impl FnOnce(&mut Policy),
    ) -> Result<(), Error> {
        let seq = seq + 1;
        let mut after = Sidecar { seq, ..before };
        policy(&mut after.policy);
        let sidecar = after.sign(self.vault.id(), self.author.signer)?;
        self.with_file(FileDraft::of_sidecar(sidecar, old));
        Ok(())
    }

    /// The sidecar of a file that is there, if it counts by the rules of `judge` and is not older than
    /// seen: its text, itself, and the greatest number that is known of it.
    pub(super) fn counting(
        &self,
        path: &FilePath,
        judge: &Vault,
    ) -> Result<(Vec<u8>, Sidecar, u64), Error> {
        let there = self.counting_or_removed(path, judge)?;
        if there.1.content.is_none() {
            return Err(self.vault.missing(path).into());
        }
        Ok(there)
    }

    /// The same of one that is there or was removed.
    pub(super) fn counting_or_removed(
        &self,
        path: &FilePath,
        judge: &Vault,
    ) -> Result<(Vec<u8>, Sidecar, u64), Error> {
        let vault = self.vault;
        self.writable(path.as_str(), Purpose::Write)?;
        let rights = judge.rights(path.as_str())?;
        let missing = || self.vault.missing(path);
        let text = vault.tree().read(&path.to_sidecar(), MAX_FILE)?;
        let text = text.ok_or_else(missing)?;
        let sidecar = Sidecar::parse(&text, path)?;
        let pins = &vault.trust().pins;
        let pin = pins.file(&sidecar.id, path.as_str())?.unwrap_or_default();
        let known = pin.values.get(FILE_RECORD);
        let judged = judge.judge_sidecar(&sidecar, &rights, known)?;
        judge.demand_newest(path, &judged, known)?;
        let seq = sidecar.seq.max(known.map_or(0, |mark| mark.seq));
        Ok((text, sidecar, seq))
    }

    /// Takes a file along. Of its signatures no more is kept than is looked at.
    pub(super) fn with_file(&mut self, mut file: FileDraft) {
        if self.files.len() >= LOOKED_AT {
            file.forget_claims();
        }
        self.files.push(file);
    }
}

/// What a new content waited for is over, and then what the caller says.
pub(super) fn afresh(policy: impl FnOnce(&mut Policy)) -> impl FnOnce(&mut Policy) {
    |kept| {
        kept.set(PolicyKey::Exposed, None);
        kept.set(PolicyKey::MovedTo, None);
        policy(kept);
    }
}
