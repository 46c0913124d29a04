//! This side of a session: the terminal, standard input and output, the signals.

use std::io;

use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::escape::Escape;
use crate::channel::Source;
use crate::channel::ssh::{Piece, Size};
use crate::cli::streams::read;
use crate::error::Error;
use crate::exec::ignores;
use crate::secret::{Plain, Redactor};

/// The piece in which input is read.
const PIECE: usize = 16 << 10;

/// A terminal that passes every key on; it is as it was when this is dropped.
pub(super) struct Raw(Termios);

impl Raw {
    /// Begins, where standard input is a terminal.
    pub(super) fn begin() -> Result<Self, Error> {
        let before = tcgetattr(io::stdin()).map_err(|errno| read(errno.into()))?;
        let raw = Self(before);
        raw.again();
        Ok(raw)
    }

    /// Begins again: a shell that had stopped us has put its own order in place.
    pub(super) fn again(&self) {
        let mut raw = self.0.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).unwrap_or_default();
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Where there is no terminal any more, there is nothing to put in order.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).unwrap_or_default();
    }
}

/// Whether somebody sits in front of this.
pub(super) fn is_terminal() -> bool {
    isatty(io::stdin())
}

/// The size of the terminal; that of the first ones where it does not say.
pub(super) fn size() -> Size {
    let size = tcgetwinsize(io::stdin()).ok();
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    size.map_or(
        Size {
            columns: 80,
            rows: 24,
        },
        |size| Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        },
    )
}

/// Reads standard input in a thread of its own, which ends with this process: a read cannot be
/// called off. With an [`Escape`], `~.` is told over `out`.
pub(super) fn read_input(
    mut escape: Option<(Escape, mpsc::Sender<()>)>,
) -> mpsc::Receiver<Zeroizing<Vec<u8>>> {
    // What a person types is kept while a host takes nothing, so that `~.` behind it is still read.
    let most = if escape.is_some() { 1 << 16 } else { 1 };
    let (sender, receiver) = mpsc::channel(most);
    let reading = move || {
        let mut buffer = Zeroizing::new(vec![0; PIECE]);
        loop {
            // Past the buffer of `std`, which is not wiped.
            let length = match rustix::io::read(io::stdin(), &mut **buffer) {
                Ok(0) => return,
                Ok(length) => length,
                Err(Errno::INTR) => continue,
                Err(_) => return,
            };
            let typed = buffer.get(..length).unwrap_or_default();
            let piece = match &mut escape {
                None => typed.to_vec(),
                Some((escape, out)) => match escape.pass(typed) {
                    Some(piece) => piece,
                    None => {
                        // Somebody who is not there any more needs no way out.
                        out.blocking_send(()).unwrap_or_default();
                        return;
                    }
                },
            };
            if sender.blocking_send(Zeroizing::new(piece)).is_err() {
                return;
            }
        }
    };
    drop(std::thread::spawn(reading));
    receiver
}

/// Writes output in a thread of its own, so that a reader who is slow holds nothing up but the
/// output. The second of what is given back comes when all is written.
pub(super) fn write_output(
    hidden: Option<Vec<Plain>>,
) -> (mpsc::Sender<Piece>, oneshot::Receiver<()>) {
    let (sender, mut receiver) = mpsc::channel::<Piece>(4);
    let (written, all) = oneshot::channel();
    let writing = move || {
        // A value is split over pieces of one stream, so each has a redactor of its own.
        let redactor = || {
            let mut redactor = Redactor::new();
            hidden
                .iter()
                .flatten()
                .for_each(|value| redactor.learn(value));
            hidden.is_some().then_some(redactor)
        };
        let (mut out, mut err) = (redactor(), redactor());
        let mut pass = || -> io::Result<()> {
            while let Some((source, piece)) = receiver.blocking_recv() {
                let redactor = match source {
                    Source::Out => &mut out,
                    Source::Err => &mut err,
                };
                match redactor {
                    None => write(source, &piece)?,
                    Some(redactor) => write(source, &redactor.push(&piece))?,
                }
            }
            for (source, redactor) in [(Source::Out, out.as_mut()), (Source::Err, err.as_mut())] {
                if let Some(redactor) = redactor {
                    write(source, &redactor.finish())?;
                }
            }
            Ok(())
        };
        // Who reads no more is noticed by the receiver, which goes now.
        pass().unwrap_or_default();
        drop(receiver);
        written.send(()).unwrap_or_default();
    };
    drop(std::thread::spawn(writing));
    (sender, all)
}

fn write(source: Source, bytes: &[u8]) -> io::Result<()> {
    fn all(mut to: impl io::Write, bytes: &[u8]) -> io::Result<()> {
        to.write_all(bytes)?;
        to.flush()
    }
    match source {
        Source::Out => all(io::stdout().lock(), bytes),
        Source::Err => all(io::stderr().lock(), bytes),
    }
}

/// What somebody tells this process by a signal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Told {
    /// The terminal has another size.
    Resized,
    /// It was stopped, and goes on.
    GoesOn,
    /// One that asks for an end, or that the command is to deal with: number and name.
    Signal(u8, &'static str),
}

/// The signals of this process. What it was started to ignore stays ignored.
pub(super) struct Signals(Vec<(Signal, Told)>);

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let all = [
            (SignalKind::window_change(), Told::Resized),
            (
                SignalKind::from_raw(signal_hook::consts::SIGCONT),
                Told::GoesOn,
            ),
            (SignalKind::hangup(), Told::Signal(1, "HUP")),
            (SignalKind::interrupt(), Told::Signal(2, "INT")),
            (SignalKind::quit(), Told::Signal(3, "QUIT")),
            (SignalKind::user_defined1(), Told::Signal(10, "USR1")),
            (SignalKind::user_defined2(), Told::Signal(12, "USR2")),
            (SignalKind::terminate(), Told::Signal(15, "TERM")),
        ];
        let heard = all
            .into_iter()
            .filter(|(kind, _)| !ignores(kind.as_raw_value()));
        let signals: io::Result<_> = heard
            .map(|(kind, told)| Ok((signal(kind)?, told)))
            .collect();
        Ok(Self(signals?))
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Told {
        std::future::poll_fn(|cx| {
            for (signal, told) in &mut self.0 {
                if signal.poll_recv(cx).is_ready() {
                    return std::task::Poll::Ready(*told);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }

    /// The next one that asks for an end: its number.
    pub(super) async fn end(&mut self) -> u8 {
        loop {
            if let Told::Signal(number, _) = self.next().await {
                return number;
            }
        }
    }
}
