//! A child that has its time. What it says is kept up to a limit, and when its time is over it is ended with
//! all that it started in its process group. It ends with clws: what it would go on doing outside is what
//! whoever goes on with the rotation relies on.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::channel;
use crate::secret::End;

/// Between two looks at whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// How long what it started in the background may hold its output open.
const LINGER: Duration = Duration::from_secs(1);

/// So much of each stream is kept.
const MOST_SAID: usize = 64 << 10;

/// How a child ended, and what it said.
pub(super) struct Ran {
    /// None if it was ended when its time was over.
    pub(super) status: Option<ExitStatus>,
    /// Standard output, if it is a pipe.
    pub(super) out: Vec<u8>,
    /// Standard error, in the same way.
    pub(super) err: Vec<u8>,
}

impl Ran {
    /// How standard error ends.
    pub(super) fn err_ends(&self) -> End {
        End::of(self.status.is_none() || self.err.len() >= MOST_SAID)
    }
}

/// A program in a process group of its own that ends with clws.
pub(super) fn bound(program: impl AsRef<OsStr>) -> Command {
    let mut command = channel::bound(program);
    command.process_group(0);
    command
}

/// Waits for the end of a child that leads a process group of its own, and ends that when its time is over.
pub(super) fn end(mut child: Child, within: Duration) -> std::io::Result<Ran> {
    let out = child.stdout.take().map(hear);
    let err = child.stderr.take().map(hear);
    let until = Instant::now() + within;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Some(status),
            None if Instant::now() < until => thread::sleep(PAUSE),
            None => {
                let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                // One that has just ended needs no end.
                let _ended = group.map(|group| kill_process_group(group, Signal::KILL));
                child.wait()?;
                break None;
            }
        }
    };
    let until = Instant::now() + LINGER;
    Ok(Ran {
        status,
        out: out.map(|heard| gather(&heard, until)).unwrap_or_default(),
        err: err.map(|heard| gather(&heard, until)).unwrap_or_default(),
    })
}

/// Reads a stream in a thread that nobody waits for: what the child leaves running may hold it open. It is read to
/// its end, since nobody is to hang on a full pipe.
fn hear(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    drop(thread::spawn(move || {
        let (mut piece, mut room) = (vec![0; 4096], MOST_SAID);
        while let Ok(length @ 1..) = retried(|| stream.read(&mut piece)) {
            let said = piece.get(..length.min(room)).unwrap_or_default();
            room -= said.len();
            // What is said later is heard by nobody.
            sender.send(said.to_vec()).unwrap_or_default();
        }
    }));
    receiver
}

fn gather(heard: &Receiver<Vec<u8>>, until: Instant) -> Vec<u8> {
    let left = || until.saturating_duration_since(Instant::now());
    let mut said = Vec::new();
    while let Ok(piece) = heard.recv_timeout(left()) {
        said.extend(piece);
    }
    said
}

fn retried<T>(mut call: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn run(script: &str, within: u64) -> Ran {
        let child = bound("/bin/sh")
            .args(["-c", script])
            .stderr(Stdio::piped())
            .spawn();
        end(child.unwrap(), Duration::from_millis(within)).unwrap()
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_that_it_started() {
        let mark = tempfile::tempdir().unwrap();
        let file = mark.path().join("pid");
        let script = format!(
            "sleep 1000 & echo $! >{}; echo waits >&2; wait",
            file.display()
        );
        let ran = run(&script, 500);
        assert!(ran.status.is_none());
        assert_eq!((ran.err_ends(), ran.err), (End::Cut, b"waits\n".to_vec()));
        let pid = std::fs::read_to_string(file).unwrap();
        // The signal is there; the process goes as soon as it is given a core.
        let path = format!("/proc/{}/stat", pid.trim());
        let still_there =
            || std::fs::read_to_string(&path).is_ok_and(|stat| !stat.contains(") Z "));
        let until = Instant::now() + Duration::from_secs(30);
        while still_there() {
            assert!(Instant::now() < until, "it still sleeps");
            thread::sleep(PAUSE);
        }
    }

    #[test]
    fn what_goes_on_in_the_background_holds_nothing_up() {
        let ran = run("sleep 1000 & echo $! >&2; exit 3", 60_000);
        assert_eq!(ran.status.unwrap().code(), Some(3));
        let pid = String::from_utf8(ran.err).unwrap();
        let ended = Command::new("kill").arg(pid.trim()).status();
        assert!(ended.unwrap().success(), "it still runs");
    }

    #[test]
    fn any_amount_may_be_said() {
        let ran = run("head -c 1000000 /dev/zero >&2", 60_000);
        assert!(ran.status.unwrap().success());
        assert_eq!((ran.err.len(), ran.err_ends()), (64 << 10, End::Cut));
    }
}
