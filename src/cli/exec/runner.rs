//! The CI runner that reads what a step prints.
//!
//! It reads standard output and standard error, one beside the other. Told on both, it knows the masks
//! before anything else comes on either. Each is a pipe of its own: what is a file or a terminal is read
//! by somebody else.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

use rustix::fs::{FileType, fstat};

use crate::cli::streams::written;
use crate::error::{Code, Error, Problem};
use crate::secret::Plain;
use crate::world::World;

/// Refuses where no runner of GitHub's reads the output: the masks hold the values.
///
/// # Errors
/// DENIED.
pub(super) fn demand(world: &World) -> Result<(), Error> {
    let why = if world
        .variable("GITHUB_ACTIONS")
        .is_none_or(|is| is != "true")
    {
        "GITHUB_ACTIONS is not `true` here"
    } else if streams()?.is_empty() {
        "neither stdout nor stderr is a pipe"
    } else {
        return Ok(());
    };
    Err(
        Problem::new(Code::Denied, "no runner of GitHub reads the output")
            .note(why)
            .note("masks hold the values, for it alone")
            .hint("`--redact` takes values out of the output anywhere")
            .into(),
    )
}

/// Tells the runner.
///
/// # Errors
/// IOERR.
pub(super) fn tell(masks: &Plain) -> Result<(), Error> {
    for mut stream in streams()? {
        masks.with(|text| stream.write_all(text)).map_err(written)?;
    }
    Ok(())
}

/// The pipes that this process prints to; one of both streams is one.
fn streams() -> Result<Vec<File>, Error> {
    let (out, err) = (io::stdout(), io::stderr());
    let mut found = Vec::<(u64, u64)>::new();
    let mut pipes = Vec::new();
    for stream in [out.as_fd(), err.as_fd()] {
        let about = fstat(stream).map_err(|errno| written(errno.into()))?;
        let kind = FileType::from_raw_mode(about.st_mode);
        let one = (about.st_dev, about.st_ino);
        if matches!(kind, FileType::Fifo | FileType::Socket) && !found.contains(&one) {
            found.push(one);
            pipes.push(File::from(stream.try_clone_to_owned().map_err(written)?));
        }
    }
    Ok(pipes)
}
