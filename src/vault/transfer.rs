//! A secret under another name: opened, and sealed anew where it goes.
//!
//! A value is bound to its document, scope and name, so its sealed bytes cannot be taken along.
//! Everything else goes with it: type, mode, policy, and who gave the plaintext when.

use crate::error::Error;
use crate::fs::Sync;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, SecretName, ValueName};
use crate::trust::FILE_RECORD;

use super::change::Change;
use super::file_draft::Renewed;
use super::read::Reader;
use super::sealing::NewFile;
use super::{Document, Notice, Sidecar, State, Vault, VaultError};

/// What becomes of the secret under its old name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transfer {
    /// It stays.
    Copy,
    /// A tombstone stays that says where it went.
    Move,
}

impl Change<'_> {
    /// Seals a secret under another name as well, or instead. Gives what the person should know.
    ///
    /// # Errors
    /// [`VaultError::SameName`] if it is called so; [`VaultError::Exists`] if something lives there; [`VaultError::OtherShape`] for a value that
    /// should become a file or the other way; what keeps it closed.
    pub fn transfer(
        &mut self,
        from: &SecretName,
        to: &SecretName,
        how: Transfer,
    ) -> Result<Vec<Notice>, Error> {
        // Whoever took it out of its own way would lose it.
        if from == to {
            return Err(VaultError::SameName(to.to_string()).into());
        }
        if self.vault.is_live(to)? {
            return Err(VaultError::Exists(to.to_string()).into());
        }
        let what = match how {
            Transfer::Copy => "secret copy",
            Transfer::Move => "secret move",
        };
        let reader =
            Reader::new(self.vault, self.openers.to_vec(), what, Sync::Disk)?.holding_lock();
        let left = (how == Transfer::Move).then(|| to.to_string());
        match (from, to) {
            (SecretName::Value(document, name), SecretName::Value(to, as_name)) => {
                self.place_value(&reader, (document, name), (to, as_name))?;
                if left.is_some() {
                    self.remove(document, name, left)?;
                }
            }
            (SecretName::File(path), SecretName::File(to)) => {
                self.place_file(&reader, path, to)?;
                if left.is_some() {
                    self.remove_file(path, left)?;
                }
            }
            _ => {
                return Err(VaultError::OtherShape {
                    from: from.to_string(),
                    to: to.to_string(),
                }
                .into());
            }
        }
        Ok(reader.take_notices())
    }

    fn place_value(
        &mut self,
        reader: &Reader<'_>,
        (document, name): (&DocumentPath, &ValueName),
        (to, as_name): (&DocumentPath, &ValueName),
    ) -> Result<(), Error> {
        let opened = reader.value(document, name)?;
        self.set_opened(to, as_name, opened).map(drop)
    }

    fn place_file(
        &mut self,
        reader: &Reader<'_>,
        path: &FilePath,
        to: &FilePath,
    ) -> Result<(), Error> {
        let opened = reader.open_file(path)?;
        let new = NewFile {
            mode: opened.content.mode,
            input: opened.reader,
        };
        let policy = opened.policy;
        self.seal_file(to, new, Renewed::Content(opened.origin), |kept| {
            *kept = policy
        })?;
        Ok(())
    }
}

/// What there is of a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lies {
    Here,
    /// Its tombstone, which counts.
    Removed,
    Nowhere,
}

impl Vault {
    /// Whether there is a secret of this name, and not only the tombstone of one. A tombstone that does not count takes
    /// nothing away: whoever puts something in its place would lose what it hides.
    ///
    /// # Errors
    /// [`VaultError::Line`], [`crate::fs::FsError`]; what speaks against a tombstone.
    pub fn is_live(&self, secret: &SecretName) -> Result<bool, Error> {
        Ok(match secret {
            SecretName::Value(path, name) => {
                let lie = self.values_lie(path, std::slice::from_ref(name))?;
                lie == [Lies::Here]
            }
            SecretName::File(path) => self.file_lies(path)? == Lies::Here,
        })
    }

    /// Refuses to take for removed what only is not here: whoever takes values out of a repository removes nothing.
    /// Reads their document once.
    ///
    /// # Errors
    /// [`VaultError::NoTombstone`]; what speaks against a tombstone.
    pub fn demand_values_removed(
        &self,
        path: &DocumentPath,
        names: &[ValueName],
    ) -> Result<(), Error> {
        let lie = self.values_lie(path, names)?;
        match names
            .iter()
            .zip(lie)
            .find(|(_, lies)| *lies != Lies::Removed)
        {
            Some((name, _)) => Err(no_tombstone(format!("{path}/{name}"))),
            None => Ok(()),
        }
    }

    /// The same for a sealed file.
    ///
    /// # Errors
    /// As [`Self::demand_values_removed`].
    pub fn demand_file_removed(&self, path: &FilePath) -> Result<(), Error> {
        match self.file_lies(path)? {
            Lies::Removed => Ok(()),
            Lies::Here | Lies::Nowhere => Err(no_tombstone(path.to_string())),
        }
    }

    /// What there is of each of these values, in their order.
    fn values_lie(&self, path: &DocumentPath, names: &[ValueName]) -> Result<Vec<Lies>, Error> {
        let mut lie = vec![Lies::Nowhere; names.len()];
        let Some(bytes) = self.tree().read(&path.to_file(), MAX_FILE)? else {
            return Ok(lie);
        };
        let document = Document::parse(&bytes, path, self.id())?;
        let seen = self.trust().pins.draft(&document.head.id, path.as_str())?;
        for (name, lies) in names.iter().zip(&mut lie) {
            let Some(record) = document.record(name)? else {
                continue;
            };
            if record.state != State::Removed {
                *lies = Lies::Here;
                continue;
            }
            let known = seen.mark(name.as_str())?;
            let rights = self.rights(path.as_str())?;
            let judged = self.judge_record(&document, &record, &rights, known.as_ref())?;
            self.demand_newest(&format!("{path}/{name}"), &judged, known.as_ref())?;
            *lies = Lies::Removed;
        }
        Ok(lie)
    }

    fn file_lies(&self, path: &FilePath) -> Result<Lies, Error> {
        let Some(bytes) = self.tree().read(&path.to_sidecar(), MAX_FILE)? else {
            return Ok(Lies::Nowhere);
        };
        let sidecar = Sidecar::parse(&bytes, path)?;
        if sidecar.content.is_some() {
            return Ok(Lies::Here);
        }
        let pin = self.trust().pins.file(&sidecar.id, path.as_str())?;
        let known = pin.as_ref().and_then(|pin| pin.values.get(FILE_RECORD));
        let rights = self.rights(path.as_str())?;
        let judged = self.judge_sidecar(&sidecar, &rights, known)?;
        self.demand_newest(path, &judged, known)?;
        Ok(Lies::Removed)
    }
}

fn no_tombstone(name: String) -> Error {
    VaultError::NoTombstone { name }.into()
}
