//! The process of a plugin: bytes to it and lines from it, with a limit on silence and on size.

use std::io::{self, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::{PluginFault, Program};
use crate::identity::ask::Ask;

/// A touch or a PIN entered elsewhere takes a person some seconds; hardware gives up after 15 to 30.
/// While the plugin asks through us its clock stands.
const SILENCE: Duration = Duration::from_secs(120);

/// After this the person is told what is being waited for.
const TELL_AFTER: Duration = Duration::from_secs(10);

/// A plugin that is done ends by itself; one that does not is ended.
const END_WITHIN: Duration = Duration::from_secs(1);

/// The longest line: post-quantum recipients' arguments are about 2 KiB.
const LINE: usize = 16 * 1024;

/// A started plugin.
pub(super) struct Process<'a> {
    program: &'a Program,
    ask: &'a dyn Ask,
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    buffer: Zeroizing<Vec<u8>>,
}

impl<'a> Process<'a> {
    /// Starts the plugin in one of its state machines.
    pub(super) fn start(
        program: &'a Program,
        machine: &str,
        ask: &'a dyn Ask,
    ) -> Result<Self, PluginFault> {
        let failed = |source| PluginFault::Io {
            name: program.name.clone(),
            source,
        };
        let mut child = Command::new(&program.path)
            .arg(format!("--age-plugin={machine}"))
            .env_clear()
            .envs(
                program
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            // Not where the person is: that may be somebody else's repository.
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What it says there is not made safe to print.
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let process = Self {
            program,
            ask,
            child,
            input: Some(input),
            output,
            buffer: Zeroizing::new(Vec::with_capacity(LINE)),
        };
        // Neither side may wait for the other for ever.
        let unblock = rustix::fs::fcntl_setfl(&process.output, OFlags::NONBLOCK);
        let unblock = unblock.and_then(|()| match &process.input {
            Some(input) => rustix::fs::fcntl_setfl(input, OFlags::NONBLOCK),
            None => Ok(()),
        });
        unblock.map_err(|errno| process.failed(errno.into()))?;
        Ok(process)
    }

    /// Sends bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), PluginFault> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(input) = &mut self.input else {
                return Err(self.failed(io::ErrorKind::BrokenPipe.into()));
            };
            match input.write(rest) {
                Ok(length) => rest = rest.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(Direction::Send)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Reads one line, without its end.
    pub(super) fn line(&mut self) -> Result<Zeroizing<Vec<u8>>, PluginFault> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let line = Zeroizing::new(self.buffer.get(..end).unwrap_or_default().to_vec());
                let rest = self.buffer.get(end + 1..).unwrap_or_default().to_vec();
                self.buffer = Zeroizing::new(rest);
                return Ok(line);
            }
            if self.buffer.len() > LINE {
                return Err(self.odd("a line without an end"));
            }
            let mut chunk = Zeroizing::new([0; 4096]);
            match self.output.read(chunk.as_mut_slice()) {
                Ok(0) => return Err(self.odd("it broke off")),
                Ok(length) => {
                    let read = chunk.get(..length).unwrap_or_default();
                    self.buffer.extend_from_slice(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(Direction::Receive)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    fn wait(&self, direction: Direction) -> Result<(), PluginFault> {
        let started = Instant::now();
        let mut told = false;
        loop {
            let waited = started.elapsed();
            if waited >= SILENCE {
                return Err(PluginFault::Silent {
                    name: self.program.name.clone(),
                    seconds: SILENCE.as_secs(),
                });
            }
            let until = if told { SILENCE } else { TELL_AFTER };
            let left = Timespec::try_from(until.saturating_sub(waited)).ok();
            let fd = match (direction, &self.input) {
                (Direction::Send, Some(input)) => PollFd::new(input, PollFlags::OUT),
                _ => PollFd::new(&self.output, PollFlags::IN),
            };
            match rustix::event::poll(&mut [fd], left.as_ref()) {
                Ok(0) if !told => {
                    let name = &self.program.name;
                    self.ask.message(&format!("waiting for age-plugin-{name}"));
                    told = true;
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(self.failed(errno.into())),
            }
        }
    }

    /// A reply that breaks the protocol.
    pub(super) fn odd(&self, what: &'static str) -> PluginFault {
        PluginFault::Odd {
            name: self.program.name.clone(),
            what,
        }
    }

    fn failed(&self, source: io::Error) -> PluginFault {
        PluginFault::Io {
            name: self.program.name.clone(),
            source,
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Send,
    Receive,
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        // The end of its input tells a plugin to end.
        self.input = None;
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Both fail only for a child that is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
