//! Where a rotation stands, for whoever goes on with it after a kill: `rotations/….json` in the vault's
//! state folder. Names, numbers and the step, never a value; the values lie sealed in the vault.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RotateError;
use super::rotators::is_tls;
use crate::crypto::{List, hex, sha256};
use crate::error::Error;
use crate::fs::{self, FsError, Lock, Sync};
use crate::secret::Alphabet;
use crate::vault::Given;

/// 10,000 values are 3 MB.
const MAX_RECORD: usize = 16 * 1024 * 1024;

/// What is done of a rotation. What is between two steps was begun, and is looked at in the vault.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Written down, and nothing else.
    Begun,
    /// The new value lies beside the old one.
    Made,
    /// The new value is accepted outside of the vault as well as the old one.
    Accepted,
    /// The new value is the one that is given out, and the old one beside it.
    Swapped,
    /// It is to be undone.
    Returning,
    /// The old value is the one that is given out again.
    Returned,
    /// Everything uses the new value.
    Used,
    /// Everything uses the old value again.
    UsedAgain,
    /// The old value alone is accepted outside; what lies beside it, and this record, are left to be removed.
    LedBack,
}

impl Step {
    /// Whether it leads back to the old value.
    #[must_use]
    pub fn is_back(self) -> bool {
        matches!(
            self,
            Self::Returning | Self::Returned | Self::UsedAgain | Self::LedBack
        )
    }
}

/// A value by its numbers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Numbers {
    rev: u64,
    changed: String,
}

impl Numbers {
    pub(super) fn of(given: &Given) -> Self {
        Self {
            rev: given.rev,
            changed: given.changed.to_string(),
        }
    }

    /// Whether `self` is what `old` becomes when it is issued again behind `new`.
    pub(super) fn is_again(&self, old: &Self, new: &Self) -> bool {
        self.changed == old.changed && self.rev == new.rev + 1
    }
}

/// What a value that is made at random is to be.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Shape {
    /// What it is made of.
    pub alphabet: Alphabet,
    /// How many characters, or words.
    pub length: usize,
}

/// One value of a rotation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Turning {
    /// Its full path.
    pub path: String,
    /// The rotator.
    pub rotator: String,
    /// The path of the value that it shares; that one's new value is this one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// What the new value is to be; as the old one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// The old value and the new one, once that is made.
    pub(super) numbers: Option<(Numbers, Numbers)>,
}

impl Turning {
    /// A value that is to be rotated.
    #[must_use]
    pub fn new(path: String, rotator: String) -> Self {
        Self {
            path,
            rotator,
            like: None,
            shape: None,
            numbers: None,
        }
    }
}

/// A rotation: values that get new ones together.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Rotation {
    /// What is done.
    pub step: Step,
    /// The values.
    pub values: Vec<Turning>,
}

impl Turning {
    /// What the values of one rotator have in common: those of a pair their rotator, others nothing.
    pub(super) fn shares(&self) -> &str {
        match is_tls(&self.rotator) {
            true => &self.rotator,
            false => &self.path,
        }
    }
}

impl Rotation {
    /// The full paths of its values.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.values.iter().map(|value| value.path.clone()).collect()
    }
}

/// Where they lie in the vault's state folder.
const FOLDER: &str = "rotations";

/// The records of this machine for one vault, held by one run at a time.
#[derive(Debug)]
pub struct Records {
    folder: PathBuf,
    _lock: Lock,
}

impl Records {
    /// Takes the records below the vault's state folder.
    ///
    /// # Errors
    /// [`RotateError::Busy`], [`FsError`].
    pub fn take(state: &Path) -> Result<Self, Error> {
        let folder = state.join(FOLDER);
        let lock = Lock::try_take(&folder.join("lock"), "rotate")?;
        let _lock = lock.ok_or(RotateError::Busy)?;
        Ok(Self { folder, _lock })
    }

    /// All rotations that are not done.
    ///
    /// # Errors
    /// [`RotateError::Record`], [`FsError`].
    pub fn all(&self) -> Result<Vec<Rotation>, Error> {
        read_all(&self.folder)
    }

    /// The same without taking them, for who only looks.
    ///
    /// # Errors
    /// [`RotateError::Record`], [`FsError`].
    pub fn look(state: &Path) -> Result<Vec<Rotation>, Error> {
        read_all(&state.join(FOLDER))
    }

    pub(super) fn write(&self, rotation: &Rotation) -> Result<(), Error> {
        // Plain texts and numbers always print.
        let bytes = serde_json::to_vec(rotation).unwrap_or_default();
        Ok(fs::write_private(&self.file(rotation), &bytes, Sync::Disk)?)
    }

    pub(super) fn forget(&self, rotation: &Rotation) -> Result<(), Error> {
        Ok(fs::remove_private(&self.file(rotation))?)
    }

    fn file(&self, rotation: &Rotation) -> PathBuf {
        let mut key = List::new("clws.v1.rotation-record");
        for value in &rotation.values {
            key = key.text(&value.path);
        }
        let name: String = hex(&sha256(&key.encode())).chars().take(16).collect();
        self.folder.join(format!("{name}.json"))
    }
}

fn read_all(folder: &Path) -> Result<Vec<Rotation>, Error> {
    let names = fs::names(folder).map_err(FsError::io("read", folder))?;
    let mut all = Vec::new();
    for name in names {
        let path = folder.join(&name);
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let Some(bytes) = fs::read_private(&path, MAX_RECORD)? else {
            continue;
        };
        let read = serde_json::from_slice(&bytes);
        all.push(read.map_err(|_| RotateError::Record {
            file: path.display().to_string(),
        })?);
    }
    Ok(all)
}
