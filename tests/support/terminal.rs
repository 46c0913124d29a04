//! A terminal of its own for a program under test, and somebody who reads it and types.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// After this a test that waits for words has failed; on a busy machine they come within a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal. Ended when dropped, if it has not ended.
pub(crate) struct Terminal {
    ours: File,
    child: Child,
    seen: String,
    /// Up to where the words were already waited for.
    read_to: usize,
}

impl Terminal {
    /// Starts a program with a fresh terminal as its stdin, stdout and stderr.
    pub(crate) fn start(mut command: Command) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        let end = || Stdio::from(theirs.try_clone().unwrap());
        // Words are waited for as they read; who sets it, empty say, wants to see colours.
        if command.get_envs().all(|(name, _)| name != "NO_COLOR") {
            command.env("NO_COLOR", "1");
        }
        let child = command
            .env("TERM", "xterm")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        Self {
            ours: File::from(ours),
            child,
            seen: String::new(),
            read_to: 0,
        }
    }

    /// The same, as the terminal that ^C and a hang-up come from.
    pub(crate) fn controlling(command: &Command) -> Self {
        let mut session = Command::new("setsid");
        session
            .args(["--ctty", "--wait"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(command.get_current_dir().unwrap())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        Self::start(session)
    }

    /// The process id.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits until these words are on the terminal, behind those that were waited for before.
    pub(crate) fn shows(&mut self, words: &str) -> &mut Self {
        let begun = Instant::now();
        loop {
            if let Some(at) = self.seen[self.read_to..].find(words) {
                self.read_to += at + words.len();
                return self;
            }
            let more = begun.elapsed() < PATIENCE && self.read();
            assert!(
                more,
                "`{words}` did not come; the terminal shows:\n{}",
                self.seen
            );
        }
    }

    /// Types.
    pub(crate) fn types(&mut self, text: &str) -> &mut Self {
        self.ours.write_all(text.as_bytes()).unwrap();
        self
    }

    /// Makes the terminal this large, as somebody does who draws on a window's corner.
    pub(crate) fn sized(&mut self, columns: u16, rows: u16) -> &mut Self {
        let size = rustix::termios::Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&self.ours, size).unwrap();
        self
    }

    /// Pulls the plug.
    pub(crate) fn hangs_up(&mut self) {
        self.ours = File::open("/dev/null").unwrap();
    }

    /// Waits for the end; the exit code and all that was on the terminal.
    pub(crate) fn ends(mut self) -> (i32, String) {
        let begun = Instant::now();
        while self.read() {
            assert!(
                begun.elapsed() < PATIENCE,
                "no end; the terminal shows:\n{}",
                self.seen
            );
        }
        let status = self.child.wait().unwrap();
        (status.code().unwrap_or(-1), std::mem::take(&mut self.seen))
    }

    /// Takes in what is there; `false` once the program has ended and nothing is left.
    fn read(&mut self) -> bool {
        let ended = self.child.try_wait().unwrap().is_some();
        let mut wanted = [PollFd::from_borrowed_fd(self.ours.as_fd(), PollFlags::IN)];
        let pause = Timespec {
            tv_sec: 0,
            tv_nsec: if ended { 0 } else { 50_000_000 },
        };
        if poll(&mut wanted, Some(&pause)).unwrap() == 0 {
            return !ended;
        }
        let mut piece = [0; 4096];
        match self.ours.read(&mut piece) {
            Ok(length) if length > 0 => {
                self.seen
                    .push_str(&String::from_utf8_lossy(&piece[..length]));
                true
            }
            // Nobody has the other end open any more.
            _ => {
                std::thread::sleep(Duration::from_millis(10));
                !ended
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
