//! What a change makes of one sealed file: a new age file, a new sidecar, or both.

use crate::crypto::stream;
use crate::error::Error;
use crate::fs::{Edit, New, Staged, Was};
use crate::lines::{self, MAX_FILE};
use crate::name::FilePath;
use crate::secret::Plain;
use crate::trust::{DocumentPin, FILE_RECORD, RecordMark, SeenKind};

use super::VaultError;
use super::claim::Claim;
use super::judge::demand_no_jump;
use super::open::Vault;
use super::opener::Opener;
use super::origin::Origin;
use super::pending_file::PendingFile;
use super::policy::Policy;
use super::sealing::{SealedFile, SealingError, explain};
use super::sidecar::{Content, SIDECAR_SCHEMA, Sidecar};
use super::signer::Signs;
use super::unseal::{hash_of, with_each};

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
    /// What a thread did of the commit's work; of no use once something is put beside the content.
    ready: Option<Ready>,
}

/// A sidecar that was read back and lies beside its place.
struct Ready {
    claims: Vec<Claim>,
    pin: DocumentPin,
    staged: Staged,
}

/// What is new about a file.
pub(super) struct News<P> {
    /// The names of its readers.
    pub(super) readers: Vec<String>,
    pub(super) renewed: Renewed,
    /// Changes what is known about it.
    pub(super) policy: P,
}

/// What lies at the path of a sealed file.
#[derive(Default)]
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
    Is(Box<PendingFile>, Plain),
    /// It goes.
    Goes,
}

impl There {
    /// What lies at a path now.
    pub(super) fn at(vault: &Vault, path: &FilePath) -> Result<Self, Error> {
        let tree = vault.tree();
        let text = tree.read(&path.to_sidecar(), MAX_FILE)?;
        let sidecar = text.as_deref().map(|bytes| Sidecar::parse(bytes, path));
        let age = match tree.file(&path.to_file())? {
            Some(mut file) => Some(hash_of(&mut file, path)?),
            None => None,
        };
        Ok(Self {
            sidecar: sidecar.transpose()?,
            text,
            age,
            pin: None,
        })
    }
}

impl FileDraft {
    /// Signs what is new about a file, in the place of what is `there`.
    pub(super) fn over(
        (vault, signer): (&Vault, &dyn Signs),
        path: &FilePath,
        there: There,
        sealed: Option<SealedFile>,
        news: News<impl FnOnce(&mut Policy)>,
    ) -> Result<Self, Error> {
        let seen = |id: &[u8; 16]| vault.trust().pins.file(id, path.as_str());
        let (id, pin) = match (&there.sidecar, &news.renewed) {
            (Some(sidecar), _) => match there.pin {
                Some(pin) => (sidecar.id, Some(pin)),
                None => (sidecar.id, seen(&sidecar.id)?),
            },
            (None, Renewed::Again { id, .. }) => (*id, seen(id)?),
            (None, _) => {
                let (id, pin) = vault.id_for(path.as_str(), SeenKind::File)?;
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
            let mark = sidecar.mark(&sidecar.message(vault.id(), signer.public()));
            demand_no_jump(path, &mark, pinned)?;
        }
        if let Renewed::Again {
            numbers: (rev, seq),
            origin,
            ..
        } = &news.renewed
        {
            let elsewhere = RecordMark {
                rev: *rev,
                seq: *seq,
                changed: origin.changed,
                hash: [0; 32],
            };
            demand_no_jump(path, &elsewhere, pinned)?;
        }
        let (rev, seq) = vouched.as_ref().map_or((0, 0), |s| (s.rev, s.seq));
        let rev = rev.max(pinned.map_or(0, |mark| mark.rev));
        let (rev, origin, elsewhere) = match news.renewed {
            Renewed::Content(origin) => (rev + 1, origin, 0),
            Renewed::Again {
                numbers, origin, ..
            } => (rev.max(numbers.0) + 1, origin, numbers.1),
            Renewed::Seal { rev, origin } => (rev, origin, 0),
        };
        let seq = seq.max(elsewhere).max(pinned.map_or(0, |mark| mark.seq));
        let mut kept = vouched.map(|sidecar| sidecar.policy).unwrap_or_default();
        (news.policy)(&mut kept);
        let content = sealed.as_ref().map(|sealed| Content {
            mode: sealed.mode & 0o777,
            size: sealed.passed.size,
            sha256: sealed.sha256,
        });
        let unsigned = Sidecar {
            id,
            path: path.clone(),
            content,
            readers: news.readers,
            rev,
            seq: seq + 1,
            changed: origin.changed,
            author: origin.author,
            policy: kept,
            signed: (),
        };
        let sidecar = unsigned.sign(vault.id(), signer)?;
        Ok(Self {
            sidecar,
            beside: None,
            sealed,
            old_age: there.age,
            old_sidecar: there.text,
            ready: None,
        })
    }

    /// Another sidecar beside the same age file.
    pub(super) fn of_sidecar(sidecar: Sidecar, old: Vec<u8>) -> Self {
        Self {
            sidecar,
            beside: None,
            sealed: None,
            old_age: None,
            old_sidecar: Some(old),
            ready: None,
        }
    }

    /// Reads its sidecar back and writes it to `staged`, for a commit that then need not: all of it is
    /// plain data, so that any thread can. The age file was read back when it was sealed.
    pub(super) fn made_ready(mut self, vault: &Vault, mut staged: Staged) -> Result<Self, Error> {
        let mut claims = Vec::new();
        let text = self.print()?;
        let pin = self.verify_as(&text, vault, &[], &mut claims)?;
        staged.write(text.as_bytes())?;
        self.ready = Some(Ready {
            claims,
            pin,
            staged,
        });
        Ok(self)
    }

    /// Lets go of the signatures that a thread read back, for whoever has seen enough of them.
    pub(super) fn forget_claims(&mut self) {
        if let Some(ready) = &mut self.ready {
            ready.claims = Vec::new();
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
        if let (Some(ready), None) = (&mut self.ready, &self.beside) {
            claims.append(&mut ready.claims);
            return Ok(std::mem::take(&mut ready.pin));
        }
        let printed = self.print()?;
        self.verify_as(&printed, vault, openers, claims)
    }

    /// As [`Self::verify`], by what was printed of the sidecar.
    fn verify_as(
        &mut self,
        printed: &str,
        vault: &Vault,
        openers: &[&dyn Opener],
        claims: &mut Vec<Claim>,
    ) -> Result<DocumentPin, Error> {
        let path = self.sidecar.path.clone();
        let not_verified = || VaultError::NotVerified(path.to_string());
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
            if read.as_ref() != Some(&**pending) || !pending.open(vault, openers)?.same_as(plain) {
                return Err(not_verified().into());
            }
            claims.push(vault.claim_of_pending_file(pending, &rights)?);
        }
        let Some(sealed) = self.sealed.as_mut().filter(|sealed| !sealed.is_read_back) else {
            return Ok(pin);
        };
        let file = sealed.staged.file()?;
        let read = with_each(openers, path.as_str(), |identity| {
            stream::verify_file(file, std::iter::once(identity))
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

    /// What is to be written.
    pub(super) fn into_edits(mut self) -> Result<Vec<Edit>, VaultError> {
        let sidecar = match self.ready.take().filter(|_| self.beside.is_none()) {
            Some(ready) => New::Staged(ready.staged),
            None => New::Bytes(self.print()?.into_bytes()),
        };
        let path = &self.sidecar.path;
        let mut edits = vec![Edit::of(
            path.to_sidecar(),
            self.old_sidecar.as_deref(),
            sidecar,
        )];
        let age = match (self.sealed, self.sidecar.content) {
            (Some(sealed), _) => Some(New::Staged(sealed.staged)),
            (None, None) => Some(New::Gone),
            // Policy alone: the age file stays.
            (None, Some(_)) => None,
        };
        edits.extend(age.map(|new| Edit {
            path: path.to_file(),
            was: self.old_age.map_or(Was::Nothing, Was::Hash),
            new,
        }));
        Ok(edits)
    }
}
