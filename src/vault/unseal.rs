//! Opening sealed files: all of a file is verified before one byte of it is released.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::iter::once;

use crate::crypto::stream::{self, Passed, StreamError};
use crate::crypto::{FilePlace, SealedFor};
use crate::error::Error;
use crate::fs::FsError;
use crate::lines::MAX_FILE;
use crate::name::FilePath;
use crate::trust::{DocumentPin, FILE_RECORD, Order, RecordMark};

use super::VaultError;
use super::judge::Judged;
use super::open::Vault;
use super::opener::{Opener, labels};
use super::origin::Origin;
use super::policy::Policy;
use super::read::{Reader, Seen, is_news};
use super::sidecar::{Content, Sidecar};

/// An opened sealed file: all of it was verified, and it is read piece by piece.
pub struct OpenedFile {
    /// Its mode, size and hash.
    pub content: Content,
    /// Its number.
    pub rev: u64,
    /// The party whose signature on it counts.
    pub signer: String,
    /// Who gave it, and when.
    pub(super) origin: Origin,
    /// What is known about it.
    pub policy: Policy,
    /// Its plaintext.
    pub reader: Box<dyn Read>,
}

impl OpenedFile {
    pub(super) fn of(sidecar: Sidecar, content: Content, reader: Box<dyn Read>) -> Self {
        Self {
            content,
            rev: sidecar.rev,
            origin: Origin::of(&sidecar),
            signer: sidecar.signed.party,
            policy: sidecar.policy,
            reader,
        }
    }
}

/// A sealed file whose sidecar counts.
pub(super) struct JudgedFile {
    pub(super) sidecar: Sidecar,
    /// The sidecar as it lies there.
    pub(super) text: Vec<u8>,
    /// What the sidecar says of the age file.
    pub(super) content: Content,
    /// Whether something lies beside the content, for a rotation.
    pub(super) has_pending: bool,
    pub(super) pin: Option<DocumentPin>,
    pub(super) seen: (RecordMark, Order),
}

impl JudgedFile {
    /// Refuses what is older than seen, in every scope: sealed anew it would be carried on as the newest.
    ///
    /// # Errors
    /// [`VaultError::Older`], [`VaultError::Jump`].
    pub(super) fn demand_newest(&self, vault: &Vault, path: &FilePath) -> Result<(), VaultError> {
        let pinned = self
            .pin
            .as_ref()
            .and_then(|pin| pin.values.get(FILE_RECORD));
        let (mark, order) = self.seen;
        vault.demand_newest(path, &Judged { order, mark }, pinned)
    }
}

/// What of a sealed file's record its pin is to have.
pub(super) fn news((mark, order): (RecordMark, Order)) -> Seen {
    Seen::from_iter(is_news(order).then(|| (FILE_RECORD.to_owned(), mark)))
}

/// The age file that a sidecar speaks of, open.
///
/// # Errors
/// [`VaultError::OtherFile`] if another one lies there, or none; [`VaultError::OtherPlace`] if it was not sealed for there.
pub(super) fn intact(vault: &Vault, path: &FilePath, content: &Content) -> Result<File, Error> {
    let file = vault.tree().file(&path.to_file())?;
    let mut file = file.ok_or_else(|| other(path, false))?;
    if hash_of(&mut file, path)? != content.sha256 {
        return Err(other(path, true).into());
    }
    vault.demand_place(path, &mut file)?;
    Ok(file)
}

impl Vault {
    /// Refuses an age file that was not sealed for this path of this vault: whoever may sign here need not be able to
    /// open it, and who can would give them what is in it.
    ///
    /// # Errors
    /// [`VaultError::OtherPlace`], [`VaultError::BadFile`], [`FsError`].
    pub fn demand_place<F: Read + Seek>(&self, path: &FilePath, file: &mut F) -> Result<(), Error> {
        let name = path.to_string();
        let place = FilePlace::new(self.id(), path.as_str());
        match place.look(file) {
            Ok(SealedFor::This) => Ok(()),
            Ok(other) => {
                let is_said = other == SealedFor::Another;
                Err(VaultError::OtherPlace { name, is_said }.into())
            }
            Err(StreamError::Io(source)) => {
                Err(FsError::io("read", std::path::Path::new(path.as_str()))(source).into())
            }
            Err(error) => {
                let why = error.to_string();
                Err(VaultError::BadFile { name, why }.into())
            }
        }
    }
}

fn other(path: &FilePath, is_there: bool) -> VaultError {
    VaultError::OtherFile {
        name: path.to_string(),
        is_there,
    }
}

impl Reader<'_> {
    /// Opens a sealed file into `output`: nothing is written before all of it is verified. Gives its
    /// mode and number.
    ///
    /// # Errors
    /// [`VaultError`], [`FsError`].
    pub fn file(&self, path: &FilePath, mut output: impl Write) -> Result<(Content, u64), Error> {
        let mut opened = self.open_file(path)?;
        let sink = std::path::Path::new(path.as_str());
        std::io::copy(&mut opened.reader, &mut output).map_err(FsError::io("write out", sink))?;
        Ok((opened.content, opened.rev))
    }

    /// Opens a sealed file for reading: all of it is verified before this returns.
    ///
    /// # Errors
    /// [`VaultError`], [`FsError`].
    pub fn open_file(&self, path: &FilePath) -> Result<OpenedFile, Error> {
        self.settled(|| self.open_file_now(path))
    }

    /// Goes through a sealed file once, as [`Self::open_file`] does before it gives anything out: for
    /// who compares. Gives its number, its mode and the rest of what was signed, and the size and hash of its
    /// plaintext.
    ///
    /// # Errors
    /// As [`Self::open_file`].
    pub fn file_sum(&self, path: &FilePath) -> Result<(u64, Content, Passed), Error> {
        self.settled(|| {
            let (sidecar, content, passed) = self.open_file_by(path, |mut file, identity| {
                let passed = stream::verify_file(&mut file, once(identity))?;
                Ok((passed.size, passed))
            })?;
            Ok((sidecar.rev, content, passed))
        })
    }

    /// The age file itself: all of it is verified before this returns, and it is the one that was.
    ///
    /// # Errors
    /// As [`Self::open_file`].
    pub fn age_file(&self, path: &FilePath) -> Result<File, Error> {
        self.settled(|| {
            let (.., file) = self.open_file_by(path, |mut file, identity| {
                let passed = stream::verify_file(&mut file, once(identity))?;
                file.rewind()?;
                Ok((passed.size, file))
            })?;
            Ok(file)
        })
    }

    fn open_file_now(&self, path: &FilePath) -> Result<OpenedFile, Error> {
        let (sidecar, content, reader) = self.open_file_by(path, |file, identity| {
            let (passed, reader) = stream::verified_reader(file, once(identity))?;
            Ok((passed.size, reader))
        })?;
        Ok(OpenedFile::of(sidecar, content, reader))
    }

    /// Judges a sealed file, logs its use, and opens it by `open`, which also says how large it is.
    fn open_file_by<R>(
        &self,
        path: &FilePath,
        open: impl Fn(File, &dyn age::Identity) -> Result<(u64, R), StreamError>,
    ) -> Result<(Sidecar, Content, R), Error> {
        let judged = self.judge_file(path)?;
        let (sidecar, content) = (judged.sidecar, judged.content);
        let file = intact(self.vault, path, &content)?;
        self.log(&[path.to_string()])?;
        let (size, opened) = with_each(&self.openers, path.as_str(), |identity| {
            open(file.try_clone()?, identity)
        })?
        .map_err(|error| explain(&self.openers, path, &sidecar, error))?;
        if size != content.size {
            return Err(other(path, true).into());
        }
        self.move_pin(
            &sidecar.id,
            path.as_str(),
            judged.pin.as_ref(),
            None,
            news(judged.seen),
        )?;
        Ok((sidecar, content, opened))
    }

    /// Judges a sealed file by its sidecar.
    pub(super) fn judge_file(&self, path: &FilePath) -> Result<JudgedFile, Error> {
        let (sidecar, text, pin) = self.sidecar(path)?;
        let has_pending = memchr::memmem::find(&text, b"\n[pending]\n").is_some();
        let known = pin.as_ref().and_then(|pin| pin.values.get(FILE_RECORD));
        let rights = self.vault.rights(path.as_str())?;
        let judged = self.vault.judge_sidecar(&sidecar, &rights, known)?;
        self.notices
            .borrow_mut()
            .extend(self.vault.judge_order(path, &judged, known)?);
        let seen = (judged.mark, judged.order);
        let Some(content) = sidecar.content else {
            // Else the content that it took away would count again where the sidecar of before lies here.
            self.move_pin(&sidecar.id, path.as_str(), pin.as_ref(), None, news(seen))?;
            let name = path.to_string();
            return Err(VaultError::removed(name, &sidecar.signed, &sidecar.policy).into());
        };
        Ok(JudgedFile {
            sidecar,
            text,
            content,
            has_pending,
            pin,
            seen,
        })
    }

    fn sidecar(&self, path: &FilePath) -> Result<(Sidecar, Vec<u8>, Option<DocumentPin>), Error> {
        let bytes = self.vault.tree().read(&path.to_sidecar(), MAX_FILE)?;
        let Some(bytes) = bytes else {
            let missing = self.vault.missing_file(path.as_str(), FILE_RECORD)?;
            return Err(missing.into());
        };
        let sidecar = Sidecar::parse(&bytes, path)?;
        let pin = self.vault.trust().pins.file(&sidecar.id, path.as_str())?;
        Ok((sidecar, bytes, pin))
    }
}

/// Why a sealed file stayed closed.
pub(super) fn explain(
    openers: &[&dyn Opener],
    path: &FilePath,
    sidecar: &Sidecar,
    error: StreamError,
) -> Error {
    let name = path.to_string();
    match error {
        StreamError::NoIdentity | StreamError::PostQuantum(_) if openers.is_empty() => {
            VaultError::NoIdentity { name }.into()
        }
        StreamError::NoIdentity | StreamError::PostQuantum(_) => VaultError::NoKey {
            name,
            tried: labels(openers),
            readers: sidecar.readers.clone(),
        }
        .into(),
        other => failed(&name, other),
    }
}

/// Why an age file did not go through.
pub(super) fn failed(name: &str, error: StreamError) -> Error {
    match error {
        StreamError::Io(source) => FsError::io("write", std::path::Path::new(name))(source).into(),
        other => VaultError::BadFile {
            name: name.to_owned(),
            why: other.to_string(),
        }
        .into(),
    }
}

/// Tries what a person can open a sealed file with, one after the other. Its stanzas are anonymous, so all are
/// tried: first those whose public half is known, those that ask for a passphrase behind the others, since opening
/// one of the rest may ask too; and a server, which is the last of them, for its login. What stays closed keeps no
/// other from opening it.
///
/// # Errors
/// What keeps an identity closed, if none opens it; inside, what `open` says of the last try.
pub(super) fn with_each<T>(
    openers: &[&dyn Opener],
    name: &str,
    mut open: impl FnMut(&dyn age::Identity) -> Result<T, StreamError>,
) -> Result<Result<T, StreamError>, Error> {
    let mut openers = openers.to_vec();
    openers.sort_by_key(|opener| {
        let is_known = opener.recipient().is_some();
        (opener.login().is_some(), !is_known, opener.asks())
    });
    let mut last = Err(StreamError::NoIdentity);
    let mut closed = None;
    for opener in openers {
        match opener.age() {
            Ok(identity) => {
                last = open(&*identity);
                let fault = opener.login().filter(|_| last.is_err());
                let error = fault.and_then(|login| login.fault());
                closed = closed.or(error.map(|error| {
                    let name = name.to_owned();
                    VaultError::NotByServer { name, error }.into()
                }));
            }
            Err(error) => closed = closed.or(Some(error)),
        }
        if !matches!(
            last,
            Err(StreamError::NoIdentity | StreamError::PostQuantum(_))
        ) {
            break;
        }
    }
    match (last, closed) {
        (Err(StreamError::NoIdentity), Some(closed)) => Err(closed),
        (last, _) => Ok(last),
    }
}

/// SHA-256 of the open age file.
pub(super) fn hash_of(file: &mut std::fs::File, path: &FilePath) -> Result<[u8; 32], FsError> {
    crate::fs::hash_file(file).map_err(FsError::io("read", std::path::Path::new(path.as_str())))
}
