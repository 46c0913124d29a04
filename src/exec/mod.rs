//! A child process with secrets: values as variables, files in a private folder in memory.
//!
//! First a [`Plan`]: which value goes under which name, from names and types alone, so that a wrong
//! use opens nothing. Then the values are opened ([`Given`]), and the program runs. Without files and
//! without redaction it takes the place of this process: no parent is left to hold a secret, and
//! signals, terminal and exit code are the program's own. Else a small parent stays, passes signals
//! on, and takes the files away.

mod child;
mod environment;
mod error;
mod files;
mod given;
mod mask;
mod output;
mod plan;
mod request;
mod shelf;
mod supervise;
mod variable;

pub use child::Inherited;
pub use error::ExecError;
pub use given::Given;
pub use mask::for_github;
pub use output::Output;
pub use plan::Plan;
pub use request::{FileRequest, Rename, Request, ValueRef};
pub use supervise::ignores;
pub use variable::VariableName;

use std::ffi::OsString;

use crate::error::Error;
use crate::world::World;

/// Runs a program with what it is given; comes back only where a parent has to stay, with the
/// program's exit code (128 + n if signal n ended it, or us when it was gone and its output was not over).
///
/// # Errors
/// [`ExecError::NoCommand`], [`ExecError::CannotRun`]; [`crate::fs::FsError`] if there is no place for
/// files; [`ExecError::Unwritten`] if output of a program that succeeded was lost. Nothing is left behind.
pub fn run(
    world: &World,
    words: &[OsString],
    given: Given,
    output: Output<'_>,
    inherited: &Inherited,
) -> Result<u8, Error> {
    if given.files.is_empty() && matches!(output, Output::Direct) {
        let command = child::command(world, words, &given.variables)?;
        return Err(child::replace(command, words, inherited).into());
    }
    let streams = output.streams(&given);
    let Given {
        variables, files, ..
    } = given;
    // From here on a signal asks for an orderly end, so that no file stays.
    let watch = supervise::Watch::begin()?;
    let placed = files::place(world, files, &watch)?;
    let mut command = child::command(world, words, &variables)?;
    let paths = placed.paths.iter();
    command.envs(paths.map(|(name, path)| (name.as_str(), path)));
    drop(variables);
    let code = watch.run(command, words, streams, inherited);
    drop(placed);
    Ok(code?)
}
