//! A person's folders for one test, and the programs that judge.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clws::identity::Ask;
use clws::name::IdentityName;
use clws::secret::Plain;
use clws::world::{Clock, World};

/// A home folder and nothing else of a person.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    variables: Vec<(OsString, OsString)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = World::of_process().variable("PATH").unwrap().to_owned();
        let home = folder.path().into();
        Self {
            folder,
            variables: vec![("HOME".into(), home), ("PATH".into(), path)],
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// The folder of a bundle.
    pub(crate) fn bundle(&self, name: &str) -> PathBuf {
        self.path(".config/clws/identities").join(name)
    }

    pub(crate) fn write(&self, below: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        set_mode(&path, mode);
        path
    }

    pub(crate) fn world(&self) -> World {
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        let variables = self.variables.iter().cloned();
        World::new(Clock::Fixed(now), variables, self.folder.path().into())
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(crate) fn name(text: &str) -> IdentityName {
    text.parse().unwrap()
}

/// A program that judges. It is a part of the test: without it the test fails.
pub(crate) fn real(program: &str) -> Command {
    let path = World::of_process().variable("PATH").unwrap().to_owned();
    let there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    assert!(there, "{program} is not installed; .ci/install installs it");
    Command::new(program)
}

/// Runs a command with `input`; gives its output, and fails with what it said if it failed.
pub(crate) fn output(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let (success, out, error) = run(command, input);
    assert!(success, "{command:?}: {error}");
    out
}

/// Runs a command; gives whether it succeeded, its output and its messages.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> (bool, Vec<u8>, String) {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
    // A program that fails at once reads nothing; what it says then is in its messages.
    drop(child.stdin.take().unwrap().write_all(input));
    let done = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    (done.status.success(), done.stdout, error)
}

/// Runs a command on a terminal of its own and types `answer` at each prompt; gives what it showed.
pub(crate) fn on_terminal(command: &[&str], answer: &str) -> String {
    const SCRIPT: &str = "
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b''
while True:
    try:
        part = os.read(terminal, 1000)
    except OSError:
        break
    if not part:
        break
    shown += part
    if part.endswith(b': '):
        os.write(terminal, sys.argv[1].encode() + b'\\n')
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";
    let mut python = real("python3");
    python.args(["-c", SCRIPT, answer]).args(command);
    String::from_utf8(output(&mut python, b"")).unwrap()
}

/// A child that is ended, by its own id, when the test is over.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits for something to become true, a minute at most.
pub(crate) fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if is() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{what} did not come");
}

/// Somebody who gives the same passphrase each time, and remembers what was asked and told.
#[derive(Default)]
pub(crate) struct Person {
    pub(crate) passphrase: Option<&'static str>,
    pub(crate) confirms: Option<bool>,
    pub(crate) answers: Option<&'static str>,
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) told: RefCell<Vec<String>>,
}

impl Person {
    pub(crate) fn knows(passphrase: &'static str) -> Self {
        Self {
            passphrase: Some(passphrase),
            ..Self::default()
        }
    }
}

impl Ask for Person {
    fn passphrase(&self, what: &str) -> std::io::Result<Option<Plain>> {
        self.asked.borrow_mut().push(what.to_owned());
        Ok(self.passphrase.map(Plain::from))
    }

    fn message(&self, text: &str) {
        self.told.borrow_mut().push(text.to_owned());
    }

    fn confirm(&self, text: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.asked
            .borrow_mut()
            .push(format!("{text} [{yes}|{}]", no.unwrap_or("-")));
        self.confirms
    }

    fn answer(&self, text: &str) -> Option<String> {
        self.asked.borrow_mut().push(text.to_owned());
        self.answers.map(str::to_owned)
    }
}
