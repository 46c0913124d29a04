//! This machine as a target: the same scripts, run by a child process.
//!
//! The child gets a handful of variables and nothing else of our environment, which may hold a
//! password, an agent's socket or a library to load. It leads a process group of its own, so that
//! what it started can be ended with it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use tokio::time::timeout;

use super::bound::bound;
use super::child::Running;
use super::way::{AfterInput, Kept, Sink};
use super::{ChannelError, Command, Ended, Held, Holding, quoting};
use crate::world::World;

/// What a child sees of our environment, besides `LC_*`.
const VARIABLES: [&str; 8] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TZ",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "TERM",
];

/// POSIX asks for a look in PATH; but every Linux has it here, and a PATH of somebody's own does
/// not decide which program gets the secrets.
const SHELL: &str = "/bin/sh";

/// This machine.
#[derive(Debug)]
pub struct Local {
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
    /// Whether its shells end with clws.
    bound: bool,
}

impl Local {
    pub(crate) const NAME: &str = "this machine";

    /// This machine, with what of the environment a script may see. Scripts start in the person's
    /// home folder, as they would over SSH.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let environment = world
            .environment()
            .filter(|(name, _)| {
                let name = name.to_string_lossy();
                VARIABLES.contains(&name.as_ref()) || name.starts_with("LC_")
            })
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let folder = world
            .variable("HOME")
            .map(PathBuf::from)
            .filter(|home| home.is_dir())
            .unwrap_or_else(|| PathBuf::from("/"));
        Self {
            environment,
            folder,
            bound: false,
        }
    }

    /// This machine, for commands that nobody could find any more if clws ended before them: they end with it.
    #[must_use]
    pub fn bound(world: &World) -> Self {
        Self {
            bound: true,
            ..Self::new(world)
        }
    }

    pub(crate) async fn run(
        &self,
        command: &Command,
        sink: Sink<'_>,
    ) -> Result<Ended, ChannelError> {
        let mut running = self.start(command).map_err(unusable)?;
        let mut ended = None;
        let following = running.follow(&command.input, AfterInput::End, sink, &mut ended);
        let followed = timeout(command.within, following).await;
        match (followed, ended) {
            (Ok(Err(error)), None) => Err(unusable(error)),
            (_, Some(ended)) => Ok(ended),
            (_, None) => {
                running.group.end().await;
                Err(too_slow(command))
            }
        }
    }

    pub(crate) async fn hold(&self, command: &Command) -> Result<Holding, ChannelError> {
        let mut running = self.start(command).map_err(unusable)?;
        let mut kept = Kept::default();
        let mut ended = None;
        let mut sink =
            |source, bytes: &[u8]| kept.push_until_line(source, bytes, command.output_cap);
        let following = running.follow(&command.input, AfterInput::KeepOpen, &mut sink, &mut ended);
        let followed = timeout(command.within, following).await;
        match (followed, ended, kept.line()) {
            (Ok(Ok(_)), None, Some(line)) => {
                let held = Held::new(Self::NAME, |asks| running.watch(asks));
                Ok(Holding::Held(line, held))
            }
            (_, Some(ended), _) => Ok(Holding::Ended(kept.ended(ended))),
            (Ok(Err(error)), None, _) => Err(unusable(error)),
            (_, None, _) => {
                running.group.end().await;
                Err(too_slow(command))
            }
        }
    }

    fn start(&self, command: &Command) -> io::Result<Running> {
        let mut shell = tokio::process::Command::from(match self.bound {
            true => bound(SHELL),
            false => std::process::Command::new(SHELL),
        });
        shell
            .arg("-c")
            .arg(format!("{}\n{}", command.before, command.script))
            .arg(quoting::NAME)
            .args(&command.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder);
        Running::start(shell)
    }
}

fn unusable(source: io::Error) -> ChannelError {
    ChannelError::Shell {
        target: Local::NAME.to_owned(),
        source,
    }
}

fn too_slow(command: &Command) -> ChannelError {
    ChannelError::Slow {
        target: Local::NAME.to_owned(),
        within: command.within,
    }
}
