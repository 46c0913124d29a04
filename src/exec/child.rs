//! The child: started beside this process, or in its place.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

use super::environment;
use super::error::ExecError;
use super::variable::VariableName;
use crate::secret::Plain;
use crate::world::World;

/// What this process was started with and gave up for its own safety. A child runs with it again, as
/// if clws had not been there.
///
/// That a process cannot be traced is not inherited: executing a program ends it (prctl(2),
/// PR_SET_DUMPABLE).
#[derive(Clone, Debug)]
pub struct Inherited {
    umask: Mode,
    core: Rlimit,
}

impl Inherited {
    /// Gives up core dumps and files for others, and remembers what there was.
    ///
    /// Only the soft limit of core dumps goes down: the hard one could not be raised again for a
    /// child. What the system refuses is passed over: it is a second line, and a container may
    /// forbid it.
    #[must_use]
    pub fn give_up() -> Self {
        let inherited = Self {
            umask: umask(Mode::from_raw_mode(0o077)),
            core: getrlimit(Resource::Core),
        };
        inherited.forbid_core();
        inherited
    }

    fn forbid_core(&self) {
        let none = Rlimit {
            current: Some(0),
            ..self.core
        };
        setrlimit(Resource::Core, none).unwrap_or_default();
    }

    /// Takes it back, for a program that replaces this one.
    fn restore(&self) {
        umask(self.umask);
        setrlimit(Resource::Core, self.core).unwrap_or_default();
    }
}

/// The command with its environment.
pub(super) fn command(
    world: &World,
    words: &[OsString],
    given: &[(VariableName, Plain)],
) -> Result<Command, ExecError> {
    let (program, arguments) = words.split_first().ok_or(ExecError::Nothing)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment::variables(world, given));
    Ok(command)
}

/// Runs the program in the place of this process; comes back only if that cannot be.
pub(super) fn replace(
    mut command: Command,
    words: &[OsString],
    inherited: &Inherited,
) -> ExecError {
    inherited.restore();
    refused(words, command.exec())
}

/// Starts the program beside this process.
pub(super) fn start(
    command: &mut Command,
    words: &[OsString],
    inherited: &Inherited,
) -> Result<Child, ExecError> {
    inherited.restore();
    let started = command.spawn();
    umask(Mode::from_raw_mode(0o077));
    inherited.forbid_core();
    started.map_err(|error| refused(words, error))
}

/// 127 if there is no such program, else 126, as env(1) has it.
fn refused(words: &[OsString], source: io::Error) -> ExecError {
    let program = words
        .first()
        .map(|word| word.to_string_lossy().into_owned());
    let program = program.unwrap_or_default();
    if source.kind() == io::ErrorKind::NotFound {
        ExecError::NoCommand { program }
    } else {
        ExecError::CannotRun { program, source }
    }
}
