//! What can be done on a target: run a script, follow its output, hold a lock.
//!
//! A script is text of ours and is seen by everybody on the target (`ps`); what must not be seen
//! goes in through standard input. A target may answer anything, so each command has a clock and a
//! cap on its output, and counts as done only when the target said how it ended.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{ChannelError, Command, Ended, Held, Local, Outcome, Source, Streamed, ssh};
use crate::error::Error;
use crate::fleet::{Endpoint, Host, Reach};
use crate::secret::Plain;
use crate::world::World;

/// How long output may stay silent after the command has ended. What it left running in the
/// background can hold the pipe open for ever.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// How long a command has from TERM to KILL.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// The piece in which input is written: a packet of SSH, half a pipe of Linux.
const PIECE: usize = 32 << 10;

/// What became of [`Channel::hold`].
#[derive(Debug)]
pub enum Holding {
    /// The script printed this line (foreign text) and waits for its input to end.
    Held(String, Held),
    /// The script ended before it printed a line.
    Ended(Outcome),
}

/// The way to a target.
#[derive(Debug)]
pub enum Channel {
    /// This machine.
    Local(Local),
    /// A host over SSH.
    Ssh(Arc<ssh::Session>),
}

impl Channel {
    /// Connects to a host that is worked on: as root, where its account becomes that.
    ///
    /// # Errors
    /// [`ssh::SshError`], [`ssh::RootError`], and what keeps the way from being found.
    pub async fn open<'h>(
        host: &Host,
        world: &World,
        way: impl FnOnce(&Endpoint) -> Result<Vec<ssh::Hop<'h>>, Error>,
        limits: &ssh::Limits,
    ) -> Result<Self, Error> {
        let endpoint = match &host.reach {
            Reach::Local => return Ok(Self::Local(Local::new(world))),
            Reach::Ssh(endpoint) => endpoint,
        };
        let mut session = ssh::connect_through(&way(endpoint)?, limits).await?;
        if let Some(how) = endpoint.becomes {
            session.become_root(how).await?;
        }
        Ok(Self::Ssh(Arc::new(session)))
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// [`ChannelError`] if the target did not run it, or did not say in time how it ended. A command
    /// that fails is no error, see [`Outcome::ended`].
    pub async fn run(&self, command: &Command) -> Result<Outcome, ChannelError> {
        let mut kept = Kept::default();
        let mut sink = |source, bytes: &[u8]| kept.push(source, bytes, usize::MAX);
        let Streamed { ended, truncated } = self.run_streaming(command, &mut sink).await?;
        Ok(Outcome {
            ended,
            out: kept.out,
            err: kept.err,
            truncated,
        })
    }

    /// Runs a command to its end and hands its output on as it comes, up to the cap.
    ///
    /// # Errors
    /// As for [`Channel::run`].
    pub async fn run_streaming(
        &self,
        command: &Command,
        sink: &mut (dyn FnMut(Source, &[u8]) + Send),
    ) -> Result<Streamed, ChannelError> {
        command.check(self.target())?;
        let (mut out_left, mut err_left) = (command.output_cap, command.output_cap);
        let mut truncated = false;
        let mut capped = |source, bytes: &[u8]| {
            let left = match source {
                Source::Out => &mut out_left,
                Source::Err => &mut err_left,
            };
            // Output beyond the cap is read all the same: a command must not hang on a full pipe.
            let fits = bytes.get(..*left).unwrap_or(bytes);
            *left -= fits.len();
            truncated |= fits.len() < bytes.len();
            if !fits.is_empty() {
                sink(source, fits);
            }
            ControlFlow::Continue(())
        };
        let ended = match self {
            Self::Local(local) => local.run(command, &mut capped).await?,
            Self::Ssh(session) => session.run(command, &mut capped).await?,
        };
        Ok(Streamed { ended, truncated })
    }

    /// Starts a script that prints one line when it holds something, a `flock` say, and then waits
    /// for its standard input to end. Its `within` counts until the line.
    ///
    /// # Errors
    /// As for [`Channel::run`]. A script that ends before it printed a line is no error.
    pub async fn hold(&self, command: &Command) -> Result<Holding, ChannelError> {
        command.check(self.target())?;
        match self {
            Self::Local(local) => local.hold(command).await,
            Self::Ssh(session) => session.hold(command).await,
        }
    }

    /// The target, as messages name it.
    #[must_use]
    pub fn target(&self) -> &str {
        match self {
            Self::Local(_) => Local::NAME,
            Self::Ssh(session) => session.target(),
        }
    }

    /// Takes leave of the target. Dropping a channel ends it as well, only less politely.
    pub async fn close(self) {
        match self {
            Self::Local(_) => {}
            // Whoever still holds it, an engine's connection for instance, ends it by dropping.
            Self::Ssh(session) => {
                if let Some(session) = Arc::into_inner(session) {
                    session.close().await;
                }
            }
        }
    }
}

/// Takes output as it comes, and can ask to stop following it.
pub(super) type Sink<'a> = &'a mut (dyn FnMut(Source, &[u8]) -> ControlFlow<()> + Send);

/// What becomes of standard input after the command's input was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AfterInput {
    End,
    KeepOpen,
}

/// Output that was kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
    pub(crate) truncated: bool,
}

impl Kept {
    pub(crate) fn push(&mut self, source: Source, bytes: &[u8], cap: usize) {
        let kept = match source {
            Source::Out => &mut self.out,
            Source::Err => &mut self.err,
        };
        let fits = bytes.get(..cap - kept.len()).unwrap_or(bytes);
        kept.extend_from_slice(fits);
        self.truncated |= fits.len() < bytes.len();
    }

    /// Keeps output until standard output has a whole line; then asks to stop.
    pub(super) fn push_until_line(
        &mut self,
        source: Source,
        bytes: &[u8],
        cap: usize,
    ) -> ControlFlow<()> {
        self.push(source, bytes, cap);
        match self.line() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    pub(crate) fn line(&self) -> Option<String> {
        let end = memchr::memchr(b'\n', &self.out)?;
        let line = self.out.get(..end)?;
        Some(String::from_utf8_lossy(line).into_owned())
    }

    pub(crate) fn ended(self, ended: Ended) -> Outcome {
        Outcome {
            ended,
            out: self.out,
            err: self.err,
            truncated: self.truncated,
        }
    }
}

/// The piece of the input that begins at `at`; none at its end.
pub(crate) fn piece(input: &Plain, at: usize) -> Option<Zeroizing<Vec<u8>>> {
    input.with(|bytes| {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let piece = rest.get(..PIECE).unwrap_or(rest);
        Some(Zeroizing::new(piece.to_vec()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_cut_into_pieces_that_join_again() {
        let bytes: Vec<u8> = (0..PIECE * 2 + 5).map(|n| n.to_le_bytes()[0]).collect();
        let input = Plain::new(bytes.clone());
        let mut joined = Vec::new();
        while let Some(piece) = piece(&input, joined.len()) {
            joined.extend_from_slice(&piece);
        }
        assert_eq!(joined, bytes);
        assert!(piece(&Plain::new(Vec::new()), 0).is_none());
    }

    #[test]
    fn output_beyond_the_cap_is_dropped_and_said() {
        let mut kept = Kept::default();
        kept.push(Source::Out, b"abc", 5);
        assert!(!kept.truncated);
        kept.push(Source::Out, b"defg", 5);
        assert_eq!((kept.out.as_slice(), kept.truncated), (&b"abcde"[..], true));
    }
}
