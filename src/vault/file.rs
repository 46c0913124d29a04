//! Sealing a whole file: the age file and its sidecar, as one change.

use std::io::Read;

use crate::crypto::stream::{self, Passed};
use crate::error::Error;
use crate::fs::{Edit, FsError, New, Staged};
use crate::lines::{self, MAX_FILE};
use crate::name::FilePath;
use crate::recipients::PublicRecipient;
use crate::secret::Plain;
use crate::trust::{DocumentPin, FILE_RECORD, SeenKind};

use super::VaultError;
use super::change::{Change, Purpose};
use super::claim::Claim;
use super::judge::demand_no_jump;
use super::open::Vault;
use super::pending_file::PendingFile;
use super::policy::{Policy, PolicyKey};
use super::read::Opener;
use super::sealing::{SealedFile, SealingError};
use super::sidecar::{Content, SIDECAR_SCHEMA, Sidecar, Unsigned};
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
    /// What becomes of the other content of a rotation; none where nothing does.
    pub(super) beside: Option<Beside>,
    sealed: Option<SealedFile>,
    old_age: Option<[u8; 32]>,
    old_sidecar: Option<Vec<u8>>,
}

/// What lies at the path of a sealed file.
pub(super) struct There {
    pub(super) sidecar: Option<Sidecar>,
    /// The sidecar as it lies there.
    pub(super) text: Option<Vec<u8>>,
    /// SHA-256 of the age file.
    pub(super) age: Option<[u8; 32]>,
    /// What was seen of it, if that is known already.
    pub(super) pin: Option<DocumentPin>,
}

/// What becomes of the other content of a rotation.
pub(super) enum Beside {
    /// This is it, and its plaintext.
    Is(PendingFile, Plain),
    /// It goes.
    Goes,
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
        let (readers, recipients) = self.readers_of(path)?;
        let recipients: Result<Vec<_>, Error> = recipients
            .iter()
            .map(|recipient| (self.to_recipient)(recipient))
            .collect();
        let mut staged = Staged::new(self.vault.tree(), &path.to_file(), self.vault.world())?;
        let recipients = recipients?;
        let each = recipients.iter().map(|recipient| &**recipient);
        let passed = stream::seal_file(each, &mut new.input, staged.file()?)
            .map_err(|error| explain(path, error.into()))?;
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
        self.refuse_documents(path)?;
        let mut recipients = Vec::new();
        for reader in &rights.readers {
            recipients.extend_from_slice(&self.vault.party(reader)?.recipients);
        }
        let readers = rights.readers.iter().map(ToString::to_string).collect();
        let mine = |recipient: &PublicRecipient| {
            let key = Some(recipient.key.as_str());
            self.openers.iter().any(|opener| opener.recipient() == key)
        };
        if recipients.iter().any(mine) {
            return Ok((readers, recipients));
        }
        Err(VaultError::NoKey {
            name: path.to_string(),
            tried: self.openers.iter().map(|opener| opener.label()).collect(),
            readers,
        }
        .into())
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
        let there = self.there(path)?;
        let live = there.sidecar.as_ref().is_some_and(|s| s.content.is_some());
        // One that is gone without a tombstone, as after `git revert` of what added it, gets one.
        let is_gone = || -> Result<bool, Error> {
            let pins = &self.vault.trust().pins;
            Ok(there.sidecar.is_none() && !pins.ids_at(path.as_str(), SeenKind::File)?.is_empty())
        };
        if new.is_none() && !live && !is_gone()? {
            return Err(VaultError::NotFound {
                name: path.to_string(),
                nearest: None,
            }
            .into());
        }
        self.push_over(path, there, new, readers, renewed, policy)
    }

    /// What lies at a path now.
    fn there(&self, path: &FilePath) -> Result<There, Error> {
        let tree = self.vault.tree();
        let text = tree.read(&path.to_sidecar(), MAX_FILE)?;
        let sidecar = text.as_deref().map(|bytes| Sidecar::parse(bytes, path));
        let age = match tree.file(&path.to_file())? {
            Some(mut file) => Some(hash_of(&mut file, path)?),
            None => None,
        };
        Ok(There {
            sidecar: sidecar.transpose()?,
            text,
            age,
            pin: None,
        })
    }

    /// Signs what is new about a file, and takes it along in the place of what was `there`.
    pub(super) fn push_over(
        &mut self,
        path: &FilePath,
        there: There,
        new: Option<SealedFile>,
        readers: Vec<String>,
        renewed: Renewed,
        policy: impl FnOnce(&mut Policy),
    ) -> Result<(), Error> {
        let vault = self.vault;
        let seen = |id: &[u8; 16]| vault.trust().pins.file(id, path.as_str());
        let (id, pin) = match (&there.sidecar, &renewed) {
            (Some(sidecar), _) => match there.pin {
                Some(pin) => (sidecar.id, Some(pin)),
                None => (sidecar.id, seen(&sidecar.id)?),
            },
            (None, Renewed::Again { id, .. }) => (*id, seen(id)?),
            (None, _) => {
                let (id, pin) = self.id_for(path.as_str(), SeenKind::File)?;
                (id, Some(pin))
            }
        };
        let pin = pin.unwrap_or_default();
        let pinned = pin.values.get(FILE_RECORD);
        // What a sidecar says is signed on, its numbers too, only if somebody who may write had
        // signed it: a forged number could be so high that no next one is left.
        let rights = vault.rights(path.as_str())?;
        let counts = |sidecar: &Sidecar| vault.judge_sidecar(sidecar, &rights, pinned).is_ok();
        let vouched = there.sidecar.filter(counts);
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
        let content = new.as_ref().map(|sealed| Content {
            mode: sealed.mode & 0o777,
            size: sealed.passed.size,
            sha256: sealed.sha256,
        });
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
        self.files.push(FileDraft {
            sidecar,
            beside: None,
            sealed: new,
            old_age: there.age,
            old_sidecar: there.text,
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
        let (old, before, seq) = self.counting(path, judge)?;
        let mut kept = before.policy;
        policy(&mut kept);
        let unsigned = Unsigned {
            id: before.id,
            path: path.clone(),
            content: before.content,
            readers: before.readers,
            rev: before.rev,
            seq: seq + 1,
            changed: before.changed,
            author: before.author,
            policy: kept,
        };
        let sidecar = unsigned.sign(self.vault.id(), self.author.signer)?;
        self.files.push(FileDraft::of_sidecar(sidecar, old));
        Ok(())
    }

    /// The sidecar of a file that is there, if it counts by the rules of `judge` and is not older than
    /// seen: its text, itself, and the greatest number that is known of it.
    pub(super) fn counting(
        &self,
        path: &FilePath,
        judge: &Vault,
    ) -> Result<(Vec<u8>, Sidecar, u64), Error> {
        let vault = self.vault;
        self.writable(path.as_str(), Purpose::Write)?;
        let rights = judge.rights(path.as_str())?;
        let missing = || VaultError::NotFound {
            name: path.to_string(),
            nearest: None,
        };
        let text = vault.tree().read(&path.to_sidecar(), MAX_FILE)?;
        let text = text.ok_or_else(missing)?;
        let sidecar = Sidecar::parse(&text, path)?;
        let pins = &vault.trust().pins;
        let pin = pins.file(&sidecar.id, path.as_str())?.unwrap_or_default();
        let known = pin.values.get(FILE_RECORD);
        let judged = judge.judge_sidecar(&sidecar, &rights, known)?;
        judge.demand_newest(path.as_str(), &judged, known)?;
        if sidecar.content.is_none() {
            return Err(missing().into());
        }
        let seq = sidecar.seq.max(known.map_or(0, |mark| mark.seq));
        Ok((text, sidecar, seq))
    }
}

impl FileDraft {
    /// Another sidecar beside the same age file.
    pub(super) fn of_sidecar(sidecar: Sidecar, old: Vec<u8>) -> Self {
        Self {
            sidecar,
            beside: None,
            sealed: None,
            old_age: None,
            old_sidecar: Some(old),
        }
    }

    /// Opens the staged file with the writer's own identity and compares it with what went in. Adds what
    /// is then to be verified, and gives the pin.
    pub(super) fn verify(
        &mut self,
        vault: &Vault,
        openers: &[&dyn Opener],
        claims: &mut Vec<Claim>,
    ) -> Result<DocumentPin, Error> {
        let path = self.sidecar.path.clone();
        let not_verified = || VaultError::NotVerified(path.to_string());
        let printed = self.print()?;
        if Sidecar::parse(printed.as_bytes(), &path)? != self.sidecar {
            return Err(not_verified().into());
        }
        let rights = vault.rights(path.as_str())?;
        let (claim, mark) = vault.claim_of_sidecar(&self.sidecar, &rights)?;
        claims.push(claim);
        let pin = DocumentPin {
            path: path.to_string(),
            values: [(FILE_RECORD.to_owned(), mark)].into(),
            ..DocumentPin::default()
        };
        if let Some(Beside::Is(pending, plain)) = &self.beside {
            let read = PendingFile::of(printed.as_bytes(), &self.sidecar)?;
            if read.as_ref() != Some(pending) || !pending.open(openers)?.same_as(plain) {
                return Err(not_verified().into());
            }
            claims.push(vault.claim_of_pending_file(pending, &rights)?);
        }
        let Some(sealed) = self.sealed.as_mut().filter(|sealed| !sealed.is_read_back) else {
            return Ok(pin);
        };
        let file = sealed.staged.file()?;
        let read = with_each(openers, |identities| {
            stream::verify_file(file, identities.iter().map(|identity| &**identity))
        })?
        .map_err(|error| explain(&path, error.into()))?;
        sealed.staged.finish()?;
        sealed.is_read_back = read == sealed.passed;
        if sealed.is_read_back {
            Ok(pin)
        } else {
            Err(explain(&path, SealingError::Differs))
        }
    }

    /// The sidecar's text; what is beside the content stays where nothing becomes of it.
    fn print(&self) -> Result<String, VaultError> {
        let beside = self.beside.as_ref().map(|beside| match beside {
            Beside::Is(pending, _) => Some(pending.print()),
            Beside::Goes => None,
        });
        let mut tables = lines::Changes::new();
        tables.insert(("file", None), Some(self.sidecar.table()));
        tables.extend(beside.map(|beside| (("pending", None), beside)));
        let Some(old) = &self.old_sidecar else {
            let tables: Vec<String> = tables.into_values().flatten().collect();
            return Ok(lines::render("", &tables));
        };
        let parsed = lines::scan(old, &SIDECAR_SCHEMA).map_err(|error| VaultError::Line {
            file: self.sidecar.path.to_sidecar(),
            error,
        })?;
        Ok(lines::apply(&parsed, &tables))
    }

    pub(super) fn into_edits(self) -> Result<Vec<Edit>, VaultError> {
        let path = &self.sidecar.path;
        let printed = New::Bytes(self.print()?.into_bytes());
        let mut edits = vec![Edit::of(
            path.to_sidecar(),
            self.old_sidecar.as_deref(),
            printed,
        )];
        let age = match (self.sealed, self.sidecar.content) {
            (Some(sealed), _) => Some(New::Staged(sealed.staged)),
            (None, None) => Some(New::Gone),
            // Policy alone: the age file stays.
            (None, Some(_)) => None,
        };
        edits.extend(age.map(|new| Edit {
            path: path.to_file(),
            was: self.old_age,
            new,
        }));
        Ok(edits)
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

pub(super) fn explain(path: &FilePath, error: SealingError) -> Error {
    match error {
        SealingError::Closed(error) => error,
        SealingError::Fs(error) => error.into(),
        SealingError::Differs => VaultError::NotVerified(path.to_string()).into(),
        SealingError::Stream(stream::StreamError::Io(source)) => {
            FsError::io("seal", std::path::Path::new(path.as_str()))(source).into()
        }
        SealingError::Stream(other) => VaultError::BadFile {
            name: path.to_string(),
            why: other.to_string(),
        }
        .into(),
    }
}
