//! Input and output that fail, each said in one way.

use std::io;

use crate::error::{Code, Error, Problem};

/// Output that nobody reads any more went where it was wanted.
pub(super) fn read_or_not(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// The error of an output that cannot be written.
pub(super) fn written(error: io::Error) -> Error {
    Problem::new(Code::IoErr, format!("cannot write the output: {error}")).into()
}

/// The error of an input that cannot be read.
pub(super) fn read(error: io::Error) -> Error {
    Problem::new(Code::IoErr, format!("cannot read the input: {error}")).into()
}
