//! Where a child's output goes: straight out, or through a redactor.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionread, retry_on_intr};
use zeroize::Zeroizing;

use super::given::Given;
use crate::secret::Redactor;

/// A pipe holds 64 KiB.
const CHUNK: usize = 64 * 1024;

/// A pipe that has room takes this much without a wait (pipe(7), PIPE_BUF).
const PIECE: usize = 4096;

/// What happens to the output of a child.
pub enum Output<'a> {
    /// It is the child's own business.
    Direct,
    /// The values that the child was given are taken out of it.
    Redacted {
        /// Where its standard output goes.
        out: BorrowedFd<'a>,
        /// Where its standard error goes.
        err: BorrowedFd<'a>,
    },
}

/// A stream of the child's, and what it passes through. Each has a redactor of its own, since a value
/// is split over packets of one stream.
pub(super) struct Stream<'a> {
    to: BorrowedFd<'a>,
    redactor: Redactor,
}

/// Standard output and standard error.
pub(super) struct Streams<'a> {
    pub(super) out: Stream<'a>,
    pub(super) err: Stream<'a>,
}

impl<'a> Output<'a> {
    pub(super) fn streams(self, given: &Given) -> Option<Streams<'a>> {
        let Self::Redacted { out, err } = self else {
            return None;
        };
        let redactor = Redactor::of(given.small());
        let stream = |to, redactor| Stream { to, redactor };
        Some(Streams {
            out: stream(out, redactor.clone()),
            err: stream(err, redactor),
        })
    }
}

impl Stream<'_> {
    /// Passes the child's output on as it comes, without what the redactor knows.
    ///
    /// Ends at its end, or when nobody reads any more: the child then finds its pipe closed, as if it
    /// had written there itself. Where the other end of `stop` is closed it ends with what was printed
    /// until then, as far as that can be written without a wait.
    pub(super) fn pass(
        mut self,
        mut from: impl Read + AsFd,
        stop: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let mut buffer = Zeroizing::new(vec![0; CHUNK]);
        loop {
            let [_, stopped] = wait(from.as_fd(), PollFlags::IN, stop)?;
            if stopped || !self.pass_some(&mut from, &mut buffer, stop)? {
                break;
            }
        }
        // Whatever still holds the pipe may print for ever; the child's own last words lie in it by now.
        let printed = ioctl_fionread(&from)?;
        let mut rest = from.take(printed);
        while self.pass_some(&mut rest, &mut buffer, stop)? {}
        write(self.to, &self.redactor.finish(), stop)
    }

    /// Passes on what one read gives; `false` at the end.
    fn pass_some(
        &mut self,
        from: &mut impl Read,
        buffer: &mut [u8],
        stop: BorrowedFd<'_>,
    ) -> io::Result<bool> {
        let length = match from.read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error),
        };
        let shown = self.redactor.push(buffer.get(..length).unwrap_or_default());
        write(self.to, &shown, stop)?;
        Ok(length > 0)
    }
}

/// Writes all of it. Gives up where that would need a wait and an end is wanted.
///
/// Never more at once than goes without a wait, since nothing ends a write that waits for a reader.
fn write(to: BorrowedFd<'_>, mut bytes: &[u8], stop: BorrowedFd<'_>) -> io::Result<()> {
    while !bytes.is_empty() {
        let [ready, _] = wait(to, PollFlags::OUT, stop)?;
        if !ready {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match rustix::io::write(to, bytes.get(..PIECE).unwrap_or(bytes)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            // Whoever shares it with us may have set it to O_NONBLOCK.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Waits until a stream is ready or an end is wanted, and says of each whether it is the case.
fn wait(stream: BorrowedFd<'_>, ready: PollFlags, stop: BorrowedFd<'_>) -> io::Result<[bool; 2]> {
    let mut both = [
        PollFd::from_borrowed_fd(stream, ready),
        PollFd::from_borrowed_fd(stop, PollFlags::IN),
    ];
    retry_on_intr(|| poll(&mut both, None))?;
    Ok(both.each_ref().map(|fd| !fd.revents().is_empty()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::secret::Plain;

    #[test]
    fn what_was_printed_before_an_end_was_wanted_is_passed_on() {
        let (from, mut child) = io::pipe().unwrap();
        let (mut shown, to) = io::pipe().unwrap();
        let (stop, stopper) = io::pipe().unwrap();
        let mut redactor = Redactor::new();
        redactor.learn(&Plain::from("hunter2!"));
        child.write_all(b"a hunter2! b hunt").unwrap();
        drop(stopper);
        // Nobody closes the child's end.
        let stream = Stream {
            to: to.as_fd(),
            redactor,
        };
        stream.pass(from, stop.as_fd()).unwrap();
        drop(to);
        let mut text = String::new();
        shown.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a [redacted] b hunt");
        drop(child);
    }
}
