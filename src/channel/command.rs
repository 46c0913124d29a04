//! What is asked of a target, and what comes back.

use std::time::Duration;

use super::ChannelError;
use super::quoting::{self, As};
use crate::secret::Plain;

/// What a target may print before the rest is dropped: 1 MiB, as promised in docs/security.md.
pub const OUTPUT_CAP: usize = 1 << 20;

/// The longest line for a login shell, in bytes: Linux takes 128 KiB as one argument
/// (`MAX_ARG_STRLEN`), NUL included.
const LINE_CAP: usize = (128 << 10) - 1;

/// One thing to run on a target.
#[derive(Debug)]
pub struct Command {
    /// A POSIX `sh` script. It never contains a secret: anybody on the target sees it.
    pub script: String,
    /// What it begins with, before a host says that it runs. Until it says so nothing goes in: a script that
    /// waits for its input has then done this, or does nothing.
    pub before: String,
    /// Its arguments, `$1` and on; as visible as the script.
    pub arguments: Vec<String>,
    /// What it reads on standard input; may be secret.
    pub input: Plain,
    /// How long it may take, from asking for it to its end. Ending one that is slow can take some
    /// seconds more.
    pub within: Duration,
    /// How many bytes of each output are kept.
    pub output_cap: usize,
}

impl Command {
    /// A script without arguments and input, that has a minute and [`OUTPUT_CAP`].
    #[must_use]
    pub fn new(script: impl Into<String>) -> Self {
        Self {
            script: script.into(),
            before: String::new(),
            arguments: Vec::new(),
            input: Plain::new(Vec::new()),
            within: Duration::from_secs(60),
            output_cap: OUTPUT_CAP,
        }
    }

    /// Sets what it begins with.
    #[must_use]
    pub fn before(mut self, before: impl Into<String>) -> Self {
        self.before = before.into();
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets what it reads on standard input.
    #[must_use]
    pub fn input(mut self, input: Plain) -> Self {
        self.input = input;
        self
    }

    /// Sets how long it may take.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Sets how many bytes of each output are kept.
    #[must_use]
    pub fn output_cap(mut self, bytes: usize) -> Self {
        self.output_cap = bytes;
        self
    }

    /// Whether any target could take it; this machine refuses what a host would.
    pub(crate) fn check(&self, target: &str) -> Result<(), ChannelError> {
        let unfit = |why| ChannelError::Unfit {
            target: target.to_owned(),
            why,
        };
        let mut words = [&self.script, &self.before]
            .into_iter()
            .chain(&self.arguments);
        if words.any(|word| word.contains('\0')) {
            return Err(unfit("it has a NUL byte in it"));
        }
        if quoting::line(self, As::Root).len() > LINE_CAP {
            return Err(unfit(
                "it is longer than 128 KiB; data belongs on standard input",
            ));
        }
        Ok(())
    }
}

/// Which of its two outputs a command wrote to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How a command ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    /// By itself, with this exit code.
    Exit(i32),
    /// By a signal, named as in RFC 4254, 6.10: `KILL`, `SEGV`.
    Signal(String),
}

impl Ended {
    /// Whether it exited with 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Exit(0)
    }
}

/// How a command ended, and what it printed. The output is foreign text.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// What it wrote to standard output, up to the cap.
    pub out: Vec<u8>,
    /// What it wrote to standard error, up to the cap.
    pub err: Vec<u8>,
    /// Whether more was written than the cap let through.
    pub truncated: bool,
}

/// How a command ended whose output was handed on as it came.
#[derive(Debug)]
pub struct Streamed {
    /// How it ended.
    pub ended: Ended,
    /// Whether more was written than the cap let through.
    pub truncated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_no_target_can_take_is_refused() {
        let nul = Command::new("true").argument("a\0b");
        assert!(matches!(nul.check("x"), Err(ChannelError::Unfit { .. })));
        let long = Command::new("#".repeat(LINE_CAP));
        assert!(matches!(long.check("x"), Err(ChannelError::Unfit { .. })));
    }
}
