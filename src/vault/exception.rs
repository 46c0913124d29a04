//! `clws deploy --allow-rollback`: what is older than seen is used once, in an emergency.
//!
//! First everything that is older is gathered and named to the person. Once confirmed, that and nothing
//! else passes. No pin moves in such a run, neither back nor forward, as none does in one that only looks
//! (`clws check`).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use crate::audit::Event;
use crate::cores::lock;
use crate::error::Error;
use crate::fs::Sync;

use super::open::Vault;

/// How far an exception is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    /// There is none: what is older is refused.
    #[default]
    None,
    /// There is none, and what is seen is not remembered either.
    Looking,
    /// What is older passes, and is written down.
    Gathering,
    /// What was written down passes.
    Confirmed,
}

/// The exception of one run.
#[derive(Debug, Default)]
pub(super) struct Exception(Mutex<Older>);

#[derive(Debug, Default)]
struct Older {
    stage: Stage,
    /// By name: a secret, or a document whose own record is older. With how it is older.
    named: BTreeMap<String, String>,
}

impl Exception {
    fn older(&self) -> MutexGuard<'_, Older> {
        lock(&self.0)
    }
}

impl Vault {
    /// Begins the exception: what is older than seen is no error from now on, and is written down.
    pub fn gather_older(&self) {
        self.exception.older().stage = Stage::Gathering;
    }

    /// Ends the gathering: what was not written down until now is refused again.
    ///
    /// The log has it before anything is opened, with the reason.
    ///
    /// # Errors
    /// [`crate::audit::AuditError`].
    pub fn confirm_older(&self, reason: &str) -> Result<(), Error> {
        let names: Vec<String> = self.older().into_keys().collect();
        let mut more = serde_json::Map::new();
        more.insert("allow_rollback".to_owned(), reason.into());
        let event = Event {
            what: "deploy",
            vault: self.id(),
            secrets: &names,
            more,
        };
        self.log().record(self.world(), &event, Sync::Disk)?;
        self.exception.older().stage = Stage::Confirmed;
        Ok(())
    }

    /// What is older than seen and passes, by name, with how it is older.
    #[must_use]
    pub fn older(&self) -> BTreeMap<String, String> {
        self.exception.older().named.clone()
    }

    /// From now on what is seen is not remembered: who checks a vault is not who uses it.
    pub fn only_look(&self) {
        self.exception.older().stage = Stage::Looking;
    }

    /// Whether pins may move.
    pub(crate) fn moves_pins(&self) -> bool {
        self.exception.older().stage == Stage::None
    }

    /// Whether what is older passes all the same.
    pub(super) fn passes(&self, name: &str, how: impl FnOnce() -> String) -> bool {
        let mut older = self.exception.older();
        match older.stage {
            Stage::None | Stage::Looking => false,
            Stage::Gathering => {
                older.named.insert(name.to_owned(), how());
                true
            }
            Stage::Confirmed => older.named.contains_key(name),
        }
    }
}
