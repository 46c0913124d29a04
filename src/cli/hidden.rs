//! A line typed on the terminal without echo.
//!
//! The terminal hands each key over at once, ^C too: so it is in order again before that signal ends
//! the program, and no line is cut at the 4,096 bytes of a terminal's own line.

use std::io::{self, Write as _};

use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use super::streams::{read, written};
use crate::error::{Code, Error, Problem};
use crate::secret::Plain;
use crate::text::clean_line;

/// Asks with the echo off. Backspace, ^U, ^D and ^C do what they do elsewhere.
///
/// # Errors
/// INTERRUPT for ^C; IOERR if the terminal cannot be read.
pub(super) fn ask(prompt: &str) -> Result<Plain, Error> {
    // Before the prompt: what is typed as soon as it shows is neither echoed nor thrown away.
    let quiet = Quiet::begin()?;
    let mut err = io::stderr().lock();
    err.write_all(clean_line(prompt).as_bytes())
        .and_then(|()| err.flush())
        .map_err(written)?;
    let line = quiet.line();
    drop(quiet);
    err.write_all(b"\n").map_err(written)?;
    line?.ok_or_else(|| {
        // What the terminal would have sent: whoever watches for it does the rest.
        let sent = kill_process(getpid(), Signal::INT);
        sent.map_or_else(
            |errno| read(errno.into()),
            |()| Problem::new(Code::Interrupt, "interrupted").into(),
        )
    })
}

/// A terminal without echo; it is as it was when this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> Result<Self, Error> {
        let before = tcgetattr(io::stdin()).map_err(|errno| read(errno.into()))?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        let quiet = Self(before);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)
            .map_err(|errno| read(errno.into()))?;
        Ok(quiet)
    }

    /// The line; none for ^C.
    fn line(&self) -> Result<Option<Plain>, Error> {
        let special = |index| self.0.special_codes[index];
        let mut line = Zeroizing::new(Vec::with_capacity(256));
        // A byte at a time, past the buffer of `std`, which is not wiped.
        let mut byte = [0];
        loop {
            let length = match rustix::io::read(io::stdin(), &mut byte) {
                Err(Errno::INTR) => continue,
                other => other.map_err(|errno| read(errno.into()))?,
            };
            match byte[0] {
                _ if length == 0 => break,
                b'\n' | b'\r' => break,
                key if key == special(SpecialCodeIndex::VEOF) => break,
                key if key == special(SpecialCodeIndex::VINTR)
                    || key == special(SpecialCodeIndex::VQUIT) =>
                {
                    return Ok(None);
                }
                key if key == special(SpecialCodeIndex::VKILL) => line.clear(),
                key if key == special(SpecialCodeIndex::VERASE) || key == 8 || key == 0x7f => {
                    // All bytes of one character.
                    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
                }
                key => line.push(key),
            }
        }
        Ok(Some(Plain::new(std::mem::take(&mut *line))))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Where there is no terminal any more, there is nothing to put in order.
        tcsetattr(io::stdin(), OptionalActions::Flush, &self.0).unwrap_or_default();
    }
}
