//! The one door to what lies outside: the clock, randomness, the environment, the home folder.
//!
//! The library prints nothing and reads no variable by itself; it is given a [`World`]. Tests build
//! one with a fixed clock and their own folders, so the shipped program needs no switch for them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::rand::SecureRandom as _;

use crate::env;
use crate::error::{Code, Explain};
use crate::time::Moment;

/// What the world could not give.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The system's random generator failed.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// Neither HOME nor the XDG or CLWS variables say where this person's files lie.
    #[error("there is no home folder to keep {what} in")]
    NoHome {
        /// What was to be kept.
        what: &'static str,
        /// The variable that would say where.
        variable: &'static str,
    },
}

impl Explain for WorldError {
    fn code(&self) -> Code {
        match self {
            Self::NoRandomness => Code::IoErr,
            Self::NoHome { .. } => Code::Config,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoRandomness => Vec::new(),
            Self::NoHome { variable, .. } => vec![format!("set HOME or {variable}")],
        }
    }
}

/// Where the time comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that stands still, for tests.
    Fixed(Moment),
}

/// The clock, randomness, environment and folders that the library works with.
///
/// Its `Debug` does not show the environment, where tokens lie.
#[derive(Clone)]
pub struct World {
    clock: Clock,
    environment: Arc<BTreeMap<OsString, OsString>>,
    folder: PathBuf,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("clock", &self.clock)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl World {
    /// A world with the given clock, environment and working folder.
    #[must_use]
    pub fn new(
        clock: Clock,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        folder: PathBuf,
    ) -> Self {
        Self {
            clock,
            environment: Arc::new(environment.into_iter().collect()),
            folder,
        }
    }

    /// The world of this process.
    ///
    /// Its working folder is relative where the system does not say which it is, as in one that was
    /// removed: any other folder would be a wrong one to read and write in.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    #[must_use]
    pub fn of_process() -> Self {
        let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        Self::new(Clock::System, std::env::vars_os(), folder)
    }

    /// The same world with one variable set: a flag wins over what the environment says.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        Arc::make_mut(&mut self.environment).insert(name.into(), value.into());
        self
    }

    /// Now, to the second, in UTC.
    #[must_use]
    pub fn now(&self) -> Moment {
        match self.clock {
            Clock::System => Moment::of_system_clock(),
            Clock::Fixed(moment) => moment,
        }
    }

    /// Fresh bytes of the system's generator.
    ///
    /// # Errors
    /// [`WorldError::NoRandomness`] if the generator fails.
    pub fn random<const N: usize>(&self) -> Result<[u8; N], WorldError> {
        let mut bytes = [0; N];
        ring::rand::SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| WorldError::NoRandomness)?;
        Ok(bytes)
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|v| !v.is_empty())
    }

    /// The program of a name: as a path if it has a slash, else in the absolute folders of `PATH`. A relative
    /// one would be looked up where the person happens to be: in a repository.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let runs = |path: &PathBuf| {
            std::fs::metadata(path)
                .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
        };
        if name.contains('/') {
            return Some(self.folder().join(name)).filter(runs);
        }
        if name.is_empty() {
            return None;
        }
        std::env::split_paths(self.variable("PATH")?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(runs)
    }

    /// Whether an agent is at work: a program that acts for a person, and keeps or sends on what it sees.
    #[must_use]
    pub fn is_for_agent(&self) -> bool {
        self.variable(env::AGENT).is_some_and(|says| says != "0")
    }

    /// All variables, for children that get them.
    pub fn environment(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The working folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The person's configuration folder: identities and `config.toml`.
    ///
    /// # Errors
    /// [`WorldError::NoHome`] if nothing says where it is.
    pub fn config_dir(&self) -> Result<PathBuf, WorldError> {
        self.own_dir(env::CONFIG_DIR, "XDG_CONFIG_HOME", ".config", "identities")
    }

    /// The person's state folder: pins, locks, journals, the audit log.
    ///
    /// # Errors
    /// [`WorldError::NoHome`] if nothing says where it is.
    pub fn state_dir(&self) -> Result<PathBuf, WorldError> {
        self.own_dir(env::STATE_DIR, "XDG_STATE_HOME", ".local/state", "pins")
    }

    fn own_dir(
        &self,
        ours: &'static str,
        xdg: &str,
        under_home: &str,
        what: &'static str,
    ) -> Result<PathBuf, WorldError> {
        if let Some(dir) = self.variable(ours) {
            return Ok(self.folder.join(dir));
        }
        // The XDG specification: a relative path is invalid and to be ignored.
        let base = self
            .variable(xdg)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| {
                self.variable("HOME")
                    .map(|home| Path::new(home).join(under_home))
            })
            .ok_or(WorldError::NoHome {
                what,
                variable: ours,
            })?;
        Ok(base.join("clws"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_variable() {
        let variables = [("VAULT_TOKEN".into(), "hunter2".into())];
        let world = World::new(Clock::System, variables, PathBuf::from("/w"));
        let shown = format!("{world:?}");
        assert!(
            shown.contains("/w") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
