//! The small parent: passes signals on, waits, and tells how the child ended.
//!
//! The child stays in the terminal's foreground group with us, so what the terminal sends (Ctrl-C,
//! Ctrl-\, a new size, Ctrl-Z) reaches it without our doing. Only what somebody sent to this process
//! alone is passed on: a second Ctrl-C means "at once" to many programs, so none is made up.
//!
//! Where output is redacted we stay behind the child until whoever else holds its output is gone. A
//! signal ends that.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::resume_unwind;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use super::child::{Inherited, start};
use super::error::ExecError;
use super::output::Streams;

/// What is passed on. Stopping and continuing are left as they are: both of us stop together.
const PASSED: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH];

/// What ends a program that is not there yet.
const ENDS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The signals of this process, from now on ours to deal with.
pub(super) struct Watch {
    signals: RefCell<SignalsInfo<WithOrigin>>,
}

impl Watch {
    /// Takes the signals over. Those that this process was started to ignore (`nohup`) stay ignored,
    /// here and in the child.
    pub(super) fn begin() -> Result<Self, ExecError> {
        let ignored = ignored();
        let taken = PASSED
            .iter()
            .filter(|signal| ignored >> (**signal - 1) & 1 == 0);
        let signals = SignalsInfo::new(taken.chain([&SIGCHLD])).map_err(ExecError::Wait)?;
        Ok(Self {
            signals: RefCell::new(signals),
        })
    }

    /// Refuses to go on if somebody wants an end already.
    pub(super) fn demand_unstopped(&self) -> Result<(), ExecError> {
        let mut signals = self.signals.borrow_mut();
        let stop = signals
            .pending()
            .find(|origin| ENDS.contains(&origin.signal));
        match stop {
            Some(Origin { signal, .. }) => Err(ExecError::Stopped { signal }),
            None => Ok(()),
        }
    }

    /// Starts the program, waits for its end and that of its output, and gives its exit code: 128 + n if
    /// signal n ended it, or the wait for the rest of its output.
    pub(super) fn run(
        self,
        mut command: Command,
        words: &[OsString],
        streams: Option<Streams<'_>>,
        inherited: &Inherited,
    ) -> Result<u8, ExecError> {
        self.demand_unstopped()?;
        if streams.is_some() {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let (stop, stopper) = io::pipe().map_err(ExecError::Wait)?;
        let mut child = start(&mut command, words, inherited)?;
        // It holds the values once more, as the words of an environment.
        drop(command);
        let mut signals = self.signals.into_inner();
        match streams {
            None => wait(&mut child, &mut signals).map(|(status, _)| code(status)),
            Some(streams) => wait_for_all(&mut child, &mut signals, streams, &stop, stopper),
        }
    }
}

/// Waits for the child, and then until nobody holds its output any more. What the child left running may
/// print for ever; the child is gone, so a signal means us then, whoever sent it.
fn wait_for_all(
    child: &mut Child,
    signals: &mut SignalsInfo<WithOrigin>,
    Streams { out, err }: Streams<'_>,
    stop: &PipeReader,
    stopper: PipeWriter,
) -> Result<u8, ExecError> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let stop = stop.as_fd();
    std::thread::scope(|threads| {
        // A reader of ours that went away is the child's to notice; it gets no signal from us.
        let out = threads.spawn(move || stdout.map_or(Ok(()), |from| out.pass(from, stop)));
        let err = threads.spawn(move || stderr.map_or(Ok(()), |from| err.pass(from, stop)));
        let (status, end) = wait(child, signals)?;
        let handle = signals.handle();
        let readers = threads.spawn(move || {
            let both = [out.join(), err.join()];
            handle.close();
            both.map(joined)
        });
        let mut later = signals.forever().map(|origin| origin.signal);
        let end = end.or_else(|| later.find(|signal| ENDS.contains(signal)));
        drop(stopper);
        let [out, err] = joined(readers.join());
        if let Some(signal) = end {
            return Ok(signalled(signal));
        }
        // A program that failed says more with its own code.
        if status.success() {
            demand_whole("standard output", out)?;
            demand_whole("standard error", err)?;
        }
        Ok(code(status))
    })
}

/// Waits for the child. Where it was told to end, and is gone before it can be told once more, the second signal is given
/// back with its status: it means us.
fn wait(
    child: &mut Child,
    signals: &mut SignalsInfo<WithOrigin>,
) -> Result<(ExitStatus, Option<i32>), ExecError> {
    let mut is_told = false;
    // The child may have ended before this; its SIGCHLD then waits for us.
    for origin in signals.forever() {
        let signal = origin.signal;
        let is_end = ENDS.contains(&signal);
        if let Some(status) = child.try_wait().map_err(ExecError::Wait)? {
            return Ok((status, (is_told && is_end).then_some(signal)));
        }
        is_told |= is_end;
        if signal != SIGCHLD && !is_of_terminal(&origin) {
            pass_on(child, signal);
        }
    }
    let status = child.wait().map_err(ExecError::Wait)?;
    Ok((status, None))
}

fn joined<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Refuses output that was lost, unless its reader had seen enough.
fn demand_whole(stream: &'static str, passed: io::Result<()>) -> Result<(), ExecError> {
    match passed {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(ExecError::Unwritten { stream, source })
        }
        _ => Ok(()),
    }
}

/// What a terminal sends, it sends to the whole group.
fn is_of_terminal(origin: &Origin) -> bool {
    origin.cause == Cause::Kernel
}

fn pass_on(child: &Child, signal: i32) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let signal = Signal::from_named_raw(signal);
    if let (Some(pid), Some(signal)) = (pid, signal) {
        // It was not waited for yet, so the number is still its own. A child that took another
        // user's rights may refuse us.
        kill_process(pid, signal).unwrap_or_default();
    }
}

fn code(status: ExitStatus) -> u8 {
    match status.code() {
        Some(code) => u8::try_from(code).unwrap_or(u8::MAX),
        None => signalled(status.signal().unwrap_or(0)),
    }
}

fn signalled(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Whether this process was started to ignore a signal, as `nohup` does.
#[must_use]
pub fn ignores(signal: i32) -> bool {
    ignored() >> (signal - 1) & 1 == 1
}

/// The signals that this process ignores, a bit each (proc(5), SigIgn).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .map(str::trim);
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .unwrap_or(0)
}
