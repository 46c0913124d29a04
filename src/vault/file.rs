//! Sealing a whole file: the age file and its sidecar, as one change.

use std::io::Read;

use crate::crypto::sshsig::PublicKey;
use crate::crypto::stream::{self, Passed};
use crate::error::Error;
use crate::fs::{Edit, FsError, New, Staged};
use crate::lines::MAX_FILE;
use crate::name::FilePath;
use crate::trust::{DocumentPin, FILE_RECORD, SeenKind};

use super::VaultError;
use super::change::{Change, Purpose};
use super::judge::demand_no_jump;
use super::open::Vault;
use super::policy::{Policy, PolicyKey};
use super::read::Opener;
use super::sidecar::{Content, Sidecar, Unsigned};
use super::transfer::Origin;
use super::unseal::{hash_of, with_each};

/// A file to be sealed.
pub struct NewFile<R> {
    /// Its permission bits.
    pub mode: u32,
    /// Its content.
    pub input: R,
}

/// What is new about a file that is sealed.
pub(super) enum Renewed {
    /// Its content, given by somebody.
    Content(Origin),
    /// Its content, given before, and lying elsewhere under these numbers.
    Again {
        /// The file's own id there.
        id: [u8; 16],
        /// rev and seq.
        numbers: (u64, u64),
        /// Who gave it, and when.
        origin: Origin,
    },
    /// Only its seal: number and author stay.
    Seal {
        /// The number of the content.
        rev: u64,
        /// Who gave it, and when.
        origin: Origin,
    },
}

/// A sealed file that is written beside its place, and its signed sidecar.
pub(super) struct FileDraft {
    pub(super) sidecar: Sidecar,
    staged: Option<Staged>,
    passed: Option<Passed>,
    old_age: Option<[u8; 32]>,
    old_sidecar: Option<Vec<u8>>,
}

impl Change<'_> {
    /// Seals a file, in constant memory.
    ///
    /// # Errors
    /// [`VaultError`], [`FsError`].
    pub fn set_file<R: Read>(
        &mut self,
        path: &FilePath,
        new: NewFile<R>,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<Passed, Error> {
        let renewed = Renewed::Content(Origin::here(self));
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
        let rights = self.writable(path.as_str(), Purpose::Write)?;
        self.refuse_documents(path)?;
        let mut recipients = Vec::new();
        let mut readers = Vec::new();
        for reader in &rights.readers {
            let party = self.vault.party(reader)?;
            for recipient in &party.recipients {
                recipients.push((
                    recipient.key.as_str().to_owned(),
                    (self.to_recipient)(recipient)?,
                ));
            }
            readers.push(reader.to_string());
        }
        let mine = |key: &str| {
            self.openers
                .iter()
                .any(|opener| opener.recipient() == Some(key))
        };
        if !recipients.iter().any(|(key, _)| mine(key)) {
            return Err(VaultError::NoKey {
                name: path.to_string(),
                tried: self.openers.iter().map(|opener| opener.label()).collect(),
                readers,
            }
            .into());
        }
        let mut staged = Staged::new(self.vault.tree(), &path.to_file(), self.vault.world())?;
        let each = recipients.iter().map(|(_, recipient)| &**recipient);
        let passed = stream::seal_file(each, &mut new.input, staged.file()?)
            .map_err(|error| explain(path, error))?;
        let content = Content {
            mode: new.mode & 0o777,
            size: passed.size,
            sha256: staged.finish()?,
        };
        self.push(
            path,
            Some(content),
            readers,
            Some((staged, passed)),
            renewed,
            |kept| {
                kept.set(PolicyKey::Exposed, None);
                kept.set(PolicyKey::MovedTo, None);
                policy(kept);
            },
        )?;
        Ok(passed)
    }

    /// Seals a file anew to the readers of its rule; the content and what is known about it stay.
    ///
    /// # Errors
    /// [`VaultError`], [`FsError`].
    pub fn reseal_file(&mut self, path: &FilePath) -> Result<(), Error> {
        self.rekey_file(path, self.vault, &[])
    }

    /// A document and a folder or file may not share a name.
    fn refuse_documents(&self, path: &FilePath) -> Result<(), Error> {
        let mut name = path.as_str();
        while name.contains('/') {
            if self.vault.tree().exists(&format!("secrets/{name}.toml"))? {
                return Err(VaultError::Clash {
                    path: path.to_string(),
                    why: format!("`{name}` is a document"),
                }
                .into());
            }
            name = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        }
        Ok(())
    }

    /// Removes a sealed file; its sidecar stays as a tombstone.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError`].
    pub fn remove_file(&mut self, path: &FilePath, moved_to: Option<String>) -> Result<(), Error> {
        self.writable(path.as_str(), Purpose::Write)?;
        let renewed = Renewed::Content(Origin::here(self));
        self.push(path, None, Vec::new(), None, renewed, |kept| {
            *kept = Policy::default();
            kept.set(PolicyKey::MovedTo, moved_to);
        })
    }

    fn push(
        &mut self,
        path: &FilePath,
        content: Option<Content>,
        readers: Vec<String>,
        sealed: Option<(Staged, Passed)>,
        renewed: Renewed,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<(), Error> {
        let vault = self.vault;
        let old_sidecar = vault.tree().read(&path.to_sidecar(), MAX_FILE)?;
        let before = old_sidecar
            .as_deref()
            .map(|bytes| Sidecar::parse(bytes, path))
            .transpose()?;
        let live = before
            .as_ref()
            .is_some_and(|sidecar| sidecar.content.is_some());
        // One that is gone without a tombstone, as after `git revert` of what added it, gets one.
        let is_gone = || -> Result<bool, Error> {
            let pins = &vault.trust().pins;
            Ok(before.is_none() && !pins.ids_at(path.as_str(), SeenKind::File)?.is_empty())
        };
        if content.is_none() && !live && !is_gone()? {
            return Err(VaultError::NotFound {
                name: path.to_string(),
                nearest: None,
            }
            .into());
        }
        let old_age = match vault.tree().file(&path.to_file())? {
            Some(mut file) => Some(hash_of(&mut file, path)?),
            None => None,
        };
        let id = match (&before, &renewed) {
            (Some(sidecar), _) => sidecar.id,
            (None, Renewed::Again { id, .. }) => *id,
            (None, _) => self.id_for(path.as_str(), SeenKind::File)?.0,
        };
        let pins = &vault.trust().pins;
        let pin = pins.file(&id, path.as_str())?.unwrap_or_default();
        let pinned = pin.values.get(FILE_RECORD);
        // What a sidecar says is signed on, its numbers too, only if somebody who may write had
        // signed it: a forged number could be so high that no next one is left.
        let rights = vault.rights(path.as_str())?;
        let vouched = before.filter(|sidecar| vault.judge_sidecar(sidecar, &rights, None).is_ok());
        if let Some(sidecar) = &vouched {
            let key = self.author.signer.public();
            let mark = sidecar.mark(&sidecar.message(vault.id(), key));
            demand_no_jump(path.as_str(), &mark, pinned)?;
        }
        let (rev, seq) = vouched.as_ref().map_or((0, 0), |s| (s.rev, s.seq));
        let rev = rev.max(pinned.map_or(0, |mark| mark.rev));
        let (rev, origin, elsewhere) = match renewed {
            Renewed::Content(origin) => (rev + 1, origin, 0),
            Renewed::Again {
                numbers, origin, ..
            } => (rev.max(numbers.0) + 1, origin, numbers.1),
            Renewed::Seal { rev, origin } => (rev, origin, 0),
        };
        let seq = seq.max(elsewhere).max(pinned.map_or(0, |mark| mark.seq));
        let mut kept = vouched.map(|sidecar| sidecar.policy).unwrap_or_default();
        policy(&mut kept);
        let unsigned = Unsigned {
            id,
            path: path.clone(),
            content,
            readers,
            rev,
            seq: seq + 1,
            changed: origin.changed,
            author: origin.author,
            policy: kept,
        };
        let sidecar = unsigned.sign(vault.id(), self.author.signer)?;
        let (staged, passed) = sealed.unzip();
        self.files.push(FileDraft {
            sidecar,
            staged,
            passed,
            old_age,
            old_sidecar,
        });
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
        self.sign_sidecar_again(path, self.vault, policy)
    }

    /// Signs a sidecar that counts by the rules of `judge`.
    pub(super) fn sign_sidecar_again(
        &mut self,
        path: &FilePath,
        judge: &Vault,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<(), Error> {
        let vault = self.vault;
        self.writable(path.as_str(), Purpose::Write)?;
        let rights = judge.rights(path.as_str())?;
        let missing = || VaultError::NotFound {
            name: path.to_string(),
            nearest: None,
        };
        let old = vault
            .tree()
            .read(&path.to_sidecar(), MAX_FILE)?
            .ok_or_else(missing)?;
        let before = Sidecar::parse(&old, path)?;
        let pins = &vault.trust().pins;
        let pin = pins.file(&before.id, path.as_str())?.unwrap_or_default();
        let known = pin.values.get(FILE_RECORD);
        let judged = judge.judge_sidecar(&before, &rights, known)?;
        judge.demand_newest(path.as_str(), &judged, known)?;
        let mut kept = before.policy;
        policy(&mut kept);
        let unsigned = Unsigned {
            id: before.id,
            path: path.clone(),
            content: Some(before.content.ok_or_else(missing)?),
            readers: before.readers,
            rev: before.rev,
            seq: before.seq.max(known.map_or(0, |mark| mark.seq)) + 1,
            changed: before.changed,
            author: before.author,
            policy: kept,
        };
        let sidecar = unsigned.sign(vault.id(), self.author.signer)?;
        let old_sidecar = Some(old);
        self.files.push(FileDraft {
            sidecar,
            staged: None,
            passed: None,
            old_age: None,
            old_sidecar,
        });
        Ok(())
    }
}

impl FileDraft {
    /// Opens the staged file with the writer's own identity and compares it with what went in.
    pub(super) fn verify(&mut self, vault: &Vault, openers: &[&dyn Opener]) -> Result<(), Error> {
        let path = self.sidecar.path.clone();
        let printed = self.sidecar.print();
        if Sidecar::parse(printed.as_bytes(), &path)? != self.sidecar {
            return Err(VaultError::NotVerified(path.to_string()).into());
        }
        let rights = vault.rights(path.as_str())?;
        vault.judge_sidecar(&self.sidecar, &rights, None)?;
        let (Some(staged), Some(passed)) = (&mut self.staged, self.passed) else {
            return Ok(());
        };
        let file = staged.file()?;
        let read = with_each(openers, |identities| {
            stream::verify_file(file, identities.iter().map(|identity| &**identity))
        })?
        .map_err(|error| explain(&path, error))?;
        staged.finish()?;
        if read == passed {
            Ok(())
        } else {
            Err(VaultError::NotVerified(path.to_string()).into())
        }
    }

    pub(super) fn pin(&self, vault: &Vault, signer: &PublicKey) -> DocumentPin {
        let message = self.sidecar.message(vault.id(), signer);
        DocumentPin {
            path: self.sidecar.path.to_string(),
            values: [(FILE_RECORD.to_owned(), self.sidecar.mark(&message))].into(),
            ..DocumentPin::default()
        }
    }

    pub(super) fn into_edits(self) -> Vec<Edit> {
        let path = &self.sidecar.path;
        let printed = New::Bytes(self.sidecar.print().into_bytes());
        let mut edits = vec![Edit::of(
            path.to_sidecar(),
            self.old_sidecar.as_deref(),
            printed,
        )];
        let age = match (self.staged, self.sidecar.content) {
            (Some(staged), _) => Some(New::Staged(staged)),
            (None, None) => Some(New::Gone),
            // Policy alone: the age file stays.
            (None, Some(_)) => None,
        };
        edits.extend(age.map(|new| Edit {
            path: path.to_file(),
            was: self.old_age,
            new,
        }));
        edits
    }
}

fn explain(path: &FilePath, error: stream::StreamError) -> Error {
    match error {
        stream::StreamError::Io(source) => {
            FsError::io("seal", std::path::Path::new(path.as_str()))(source).into()
        }
        other => VaultError::BadFile {
            name: path.to_string(),
            why: other.to_string(),
        }
        .into(),
    }
}
