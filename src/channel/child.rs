//! A child process with all that it started, from its start to its end.

use std::io;
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt as _;
use std::pin::pin;
use std::process::Stdio;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::conversation::Ask;
use super::way::{AfterInput, GRACE, LINGER, Sink, piece};
use super::{Ended, Source};
use crate::secret::Plain;

pub(crate) struct Running {
    pub(crate) group: Group,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

impl Running {
    /// Starts a child with three pipes in a process group of its own.
    pub(crate) fn start(mut command: tokio::process::Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let leader = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self {
            group: Group { child, leader },
            stdin: Some(stdin),
            stdout,
            stderr,
        })
    }

    /// Writes the input while it hands on the output, until the end of both and of the command, or
    /// until the sink asks to stop. `ended` is set as soon as the command has ended.
    pub(crate) async fn follow(
        &mut self,
        input: &Plain,
        after: AfterInput,
        sink: Sink<'_>,
        ended: &mut Option<Ended>,
    ) -> io::Result<()> {
        let Self {
            group,
            stdin,
            stdout,
            stderr,
        } = self;
        let mut feeding = pin!(feed(stdin, input, after));
        let mut fed = false;
        let (mut out_open, mut err_open) = (true, true);
        let (mut out, mut err) = (vec![0; 32 << 10], vec![0; 8 << 10]);
        while ended.is_none() || out_open || err_open {
            let (source, bytes) = tokio::select! {
                () = &mut feeding, if !fed => {
                    fed = true;
                    continue;
                }
                count = stdout.read(&mut out), if out_open => {
                    let count = count.unwrap_or(0);
                    out_open = count > 0;
                    (Source::Out, out.get(..count))
                }
                count = stderr.read(&mut err), if err_open => {
                    let count = count.unwrap_or(0);
                    err_open = count > 0;
                    (Source::Err, err.get(..count))
                }
                how = group.wait(), if ended.is_none() => {
                    *ended = Some(how?);
                    continue;
                }
                () = sleep(LINGER), if ended.is_some() => break,
            };
            if let ControlFlow::Break(()) = sink(source, bytes.unwrap_or_default()) {
                break;
            }
        }
        Ok(())
    }

    /// Passes on what is asked until nobody can ask any more, then ends the input, and sees to it that
    /// the command ends.
    pub(crate) async fn watch(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut nowhere = |_, _: &[u8]| ControlFlow::Continue(());
        let nothing = Plain::new(Vec::new());
        let mut ended = None;
        loop {
            let asked = tokio::select! {
                asked = asks.recv() => asked,
                _ = self.follow(&nothing, AfterInput::KeepOpen, &mut nowhere, &mut ended) => break,
            };
            let Some(mut ask) = asked else {
                drop(self.stdin.take());
                let rest = self.follow(&nothing, AfterInput::End, &mut nowhere, &mut ended);
                drop(timeout(GRACE, rest).await);
                break;
            };
            let mut sink = |source, bytes: &[u8]| ask.answer.push(source, bytes);
            let following = self.follow(&ask.input, AfterInput::KeepOpen, &mut sink, &mut ended);
            let followed = timeout(ask.within, following).await;
            if ask.finish(&followed).is_break() {
                break;
            }
        }
        if ended.is_none() {
            self.group.end().await;
        }
    }
}

/// Writes the input. A command that stops reading says by its end whether that is an error, so a
/// broken pipe is none of its own.
async fn feed(stdin: &mut Option<ChildStdin>, input: &Plain, after: AfterInput) {
    if let Some(pipe) = stdin {
        let mut written = 0;
        while let Some(piece) = piece(input, written) {
            if pipe.write_all(&piece).await.is_err() {
                break;
            }
            written += piece.len();
        }
    }
    if after == AfterInput::End {
        drop(stdin.take());
    }
}

/// A child and the process group that it leads.
pub(crate) struct Group {
    child: Child,
    /// Known until the leader was waited for; after that its number may be somebody else's.
    leader: Option<Pid>,
}

impl Group {
    async fn wait(&mut self) -> io::Result<Ended> {
        let status = self.child.wait().await?;
        self.leader = None;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Exit(code),
            (None, signal) => Ended::Signal(signal.map_or_else(String::new, signal_name)),
        })
    }

    /// Asks the group to end, and ends it.
    pub(crate) async fn end(&mut self) {
        let Some(leader) = self.leader else { return };
        self.signal(Signal::TERM);
        let until = Instant::now() + GRACE;
        // The leader is looked at and left unreaped, so that KILL reaches its group and no other.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while matches!(rustix::process::waitid(WaitId::Pid(leader), look), Ok(None))
            && Instant::now() < until
        {
            sleep(Duration::from_millis(10)).await;
        }
        self.signal(Signal::KILL);
        drop(self.wait().await);
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // An error says that the group is gone already.
            rustix::process::kill_process_group(leader, signal).unwrap_or_default();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// The name that SSH gives a signal (RFC 4254, 6.10); its number if it gives none.
fn signal_name(number: i32) -> String {
    let name = match Signal::from_named_raw(number) {
        Some(Signal::ABORT) => "ABRT",
        Some(Signal::ALARM) => "ALRM",
        Some(Signal::FPE) => "FPE",
        Some(Signal::HUP) => "HUP",
        Some(Signal::ILL) => "ILL",
        Some(Signal::INT) => "INT",
        Some(Signal::KILL) => "KILL",
        Some(Signal::PIPE) => "PIPE",
        Some(Signal::QUIT) => "QUIT",
        Some(Signal::SEGV) => "SEGV",
        Some(Signal::TERM) => "TERM",
        Some(Signal::USR1) => "USR1",
        Some(Signal::USR2) => "USR2",
        _ => return number.to_string(),
    };
    name.to_owned()
}
