//! Who may see values, and who may give them.
//!
//! Nobody sees one on a terminal unasked. An agent sees none at all, and gives none: a program that acts for a
//! person keeps what it knows, and sends it on.

use std::io::{self, BufRead, BufReader, IsTerminal as _, Read, Write as _};

use rustix::fs::FileType;
use zeroize::Zeroizing;

use super::{Ui, hidden, input, too_large};
use crate::cli::streams::{read, read_or_not};
use crate::error::{Code, Error, Problem};
use crate::secret::Plain;
use crate::text::clean_for_eyes;

/// A line that a terminal is shown goes there in pieces of no more than this many bytes.
const MAX_SHOWN: u64 = 64 * 1024;

/// No key is longer than this many bytes.
const MAX_LINE: usize = 64 * 1024;

/// Whether somebody asked for values on a terminal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Show {
    /// With `--show`.
    Asked,
    /// Not.
    Unasked,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    /// Standard input: a terminal or a pipe.
    Input,
    /// A file.
    File,
}

impl From<bool> for Show {
    fn from(show: bool) -> Self {
        if show { Self::Asked } else { Self::Unasked }
    }
}

impl Ui {
    /// Prints a value: its very bytes, but on a terminal what would draw there. Whoever may write it, or has its data key
    /// where nobody vouches for it, is somebody else than who looks.
    pub(crate) fn value_out(&self, from: &mut dyn Read) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if !out.is_terminal() {
            return read_or_not(io::copy(from, &mut out).and_then(|_| out.flush()));
        }
        let mut from = BufReader::new(from);
        let (mut is_changed, mut has_ended) = (false, true);
        let mut line = Zeroizing::new(Vec::new());
        loop {
            let read = (&mut from).take(MAX_SHOWN).read_until(b'\n', &mut line)?;
            if read == 0 && line.is_empty() {
                break;
            }
            // A piece may end within a character.
            let whole = match std::str::from_utf8(&line) {
                Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
                _ => line.len(),
            };
            let rest = Zeroizing::new(line.split_off(whole));
            let shown = Zeroizing::new(clean_for_eyes(&String::from_utf8_lossy(&line)));
            is_changed |= shown.as_bytes() != line.as_slice();
            has_ended = line.ends_with(b"\n");
            read_or_not(out.write_all(shown.as_bytes()))?;
            line = rest;
        }
        if is_changed && !has_ended {
            read_or_not(out.write_all(b"\n"))?;
        }
        read_or_not(out.flush())?;
        if is_changed {
            self.warn("what a terminal would obey is shown escaped; into a pipe or a file go its very bytes");
        }
        Ok(())
    }

    /// Refuses to print values: for an agent always, on a terminal without `--show`. `instead` is the
    /// way out for an agent.
    ///
    /// # Errors
    /// DENIED.
    pub(crate) fn demand_eyes(&self, show: Show, instead: &str) -> Result<(), Error> {
        self.demand_no_agent(instead)?;
        if show == Show::Asked || !self.shows_to_terminal() {
            return Ok(());
        }
        Err(Problem::new(
            Code::Denied,
            "stdout is a terminal, where others may look on",
        )
        .hint("`--show` prints values all the same")
        .into())
    }

    /// Refuses to show values to an agent.
    ///
    /// # Errors
    /// DENIED.
    pub(crate) fn demand_no_agent(&self, instead: &str) -> Result<(), Error> {
        if !self.agent {
            return Ok(());
        }
        Err(Problem::new(Code::Denied, "an agent is shown no value")
            .note("CLWS_AGENT or `--agent` says that one is at work")
            .hint(instead)
            .into())
    }

    /// Refuses a value that an agent could give: it would know it, and whoever it sends on what it knows.
    ///
    /// # Errors
    /// DENIED.
    pub(crate) fn demand_typed(&self, what: &str, from: Source) -> Result<(), Error> {
        if !self.agent || from == Source::Input && self.can_ask() {
            return Ok(());
        }
        Err(Problem::new(Code::Denied, "an agent gives no value")
            .note("CLWS_AGENT or `--agent` says that one is at work")
            .hint(format!(
                "`clws secret generate {what}` makes a value that nobody sees"
            ))
            .hint(format!(
                "a person types one on a terminal: `clws secret set {what}`"
            ))
            .into())
    }

    /// Takes a value from stdin, or asks for it without echo.
    ///
    /// # Errors
    /// DENIED where stdin is a terminal and nobody may be asked; IOERR; DATAERR above `most` bytes.
    pub(crate) fn value(&self, what: &str, most: usize) -> Result<Plain, Error> {
        self.demand_typed(what, Source::Input)?;
        if io::stdin().is_terminal() {
            if !self.ask {
                return Err(
                    Problem::new(Code::Denied, format!("no value for {what} on stdin"))
                        .hint("pipe it in, or leave out `--no-input`")
                        .into(),
                );
            }
            let value = hidden::ask(&format!("value for {what}: "))?;
            let again = hidden::ask("once more: ")?;
            if !value.same_as(&again) {
                return Err(Problem::new(Code::Usage, "the two are not the same").into());
            }
            return Ok(value);
        }
        self.demand_input(what)?;
        let given = input(most)?;
        Ok(given.ok_or_else(|| {
            too_large(what, most).hint("`--type file` seals it as a file of its own")
        })?)
    }

    /// Demands that somebody gives something on stdin. That it is closed, or the null device, says that
    /// nobody does: what a job without one reads there must not become an empty value.
    ///
    /// # Errors
    /// USAGE.
    pub(crate) fn demand_input(&self, what: &str) -> Result<(), Error> {
        // The standard library opens the null device where stdin is closed.
        let (null, input) = (
            rustix::fs::stat("/dev/null"),
            rustix::fs::fstat(io::stdin()),
        );
        let (Ok(null), Ok(input)) = (null, input) else {
            return Ok(());
        };
        let is_device = FileType::from_raw_mode(input.st_mode) == FileType::CharacterDevice;
        if !is_device || null.st_rdev != input.st_rdev {
            return Ok(());
        }
        let what = crate::text::clean_line(what);
        let problem = Problem::new(
            Code::Usage,
            format!("no value for {what}: stdin is closed or /dev/null"),
        );
        Err(problem
            .hint("pipe it in; `printf '' |` gives an empty one")
            .into())
    }

    /// Takes a value that is there already: without echo, or the next line of stdin.
    ///
    /// # Errors
    /// As [`Self::value`]; DATAERR if stdin has no such line.
    pub(crate) fn line_of(&self, path: &str, what: &str) -> Result<Plain, Error> {
        self.demand_typed(path, Source::Input)?;
        if io::stdin().is_terminal() {
            if !self.ask {
                let problem = Problem::new(Code::Denied, format!("{what}: nobody can be asked"));
                return Err(problem.into());
            }
            return hidden::ask(&format!("{what}: "));
        }
        next_line(io::stdin().lock(), what)
    }
}

/// The next line, without its end alone: blanks may belong to a value.
fn next_line(input: impl BufRead, what: &str) -> Result<Plain, Error> {
    let mut line = zeroize::Zeroizing::new(Vec::new());
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    // The line end, and one more: the rest of a longer line would be the next answer.
    let mut input = input.take(limit.saturating_add(2));
    input.read_until(b'\n', &mut line).map_err(read)?;
    if line.is_empty() {
        let problem = Problem::new(Code::DataErr, format!("{what} is not on stdin"));
        return Err(problem
            .hint("a line each, in the order of the steps")
            .into());
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
    if line.len() > MAX_LINE {
        let message = format!("{what}: the line on stdin is longer than {MAX_LINE} bytes");
        return Err(Problem::new(Code::DataErr, message).into());
    }
    Ok(Plain::new(std::mem::take(&mut *line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_as_it_is_or_not_at_all() {
        let mut input: &[u8] = b" a b \r\n\t\n\nlast ";
        for wanted in [" a b ", "\t", "", "last "] {
            let line = next_line(&mut input, "the key").unwrap();
            line.with(|line| assert_eq!(line, wanted.as_bytes()));
        }
        let none = next_line(&mut input, "the key").unwrap_err();
        assert_eq!(none.code(), Code::DataErr);
        let longest = [b"x".repeat(MAX_LINE), b"\r\n".to_vec()].concat();
        assert!(next_line(longest.as_slice(), "the key").is_ok());
        let longer = [b"x".as_slice(), &longest].concat();
        let refused = next_line(longer.as_slice(), "the key").unwrap_err();
        assert!(refused.message().contains("longer"), "{refused:?}");
    }
}
