//! The folder in memory that plaintext is edited in, gone on every way out.
//!
//! An ordinary end, an error and a panic drop the [`Guard`], and with it the folder. For signals
//! there is a thread that does nothing but wait for them, so that they count at any moment: while the
//! editor runs, while a question is on the terminal, while the vault's lock is awaited. While the
//! editor runs, TERM and HUP are passed on to it, and INT and QUIT, which a terminal sends to it as
//! well, are its own business. At any other moment the folder is wiped and the process ends. After a
//! `kill -9` the next run finds the folder by its lock, which nobody holds.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::EditError;
use crate::cores::lock;
use crate::error::Error;
use crate::fs::RamDir;
use crate::world::World;

/// How long an editor that was told to stop may take to put its terminal in order.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// A folder in memory, and the thread that removes it when a signal ends this process.
pub(super) struct Guard {
    folder: PathBuf,
    shared: Arc<Shared>,
    signals: Handle,
    watcher: Option<JoinHandle<()>>,
}

struct Shared {
    ram: Mutex<Option<RamDir>>,
    /// The editor, while it runs. Set and cleared under the lock that its signals are sent under, so
    /// that none goes to another process of the same number.
    editor: Mutex<Option<Pid>>,
    /// The signal that ends the session; 0 for none.
    stopped: AtomicI32,
    terminal: Terminal,
}

impl Guard {
    /// Makes the folder, and watches from now on.
    ///
    /// # Errors
    /// [`crate::fs::FsError::NoMemoryFolder`], [`EditError::CannotWatch`].
    pub(super) fn new(world: &World) -> Result<Self, Error> {
        let watched = [SIGTERM, SIGHUP, SIGINT, SIGQUIT];
        let mut signals = Signals::new(watched).map_err(EditError::CannotWatch)?;
        let shared = Arc::new(Shared {
            ram: Mutex::new(None),
            editor: Mutex::new(None),
            stopped: AtomicI32::new(0),
            terminal: Terminal::now(),
        });
        let handle = signals.handle();
        let watched = Arc::clone(&shared);
        let watcher = std::thread::spawn(move || {
            for signal in signals.forever() {
                watched.on(signal);
            }
        });
        let mut guard = Self {
            folder: PathBuf::new(),
            shared,
            signals: handle,
            watcher: Some(watcher),
        };
        // Under the lock: a signal in between waits, and then finds the folder.
        let ram = lock(&guard.shared.ram)
            .insert(RamDir::new(world)?)
            .path()
            .to_owned();
        guard.folder = ram;
        Ok(guard)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs the editor to its end.
    ///
    /// # Errors
    /// [`EditError::NotStarted`]; [`EditError::Stopped`] if a signal came that ends the session.
    pub(super) fn run(&self, mut command: Command, name: &str) -> Result<ExitStatus, EditError> {
        let not_started = |source| EditError::NotStarted {
            program: name.to_owned(),
            source,
        };
        let (mut child, pid) = {
            let mut editor = lock(&self.shared.editor);
            let child = command.spawn().map_err(not_started)?;
            let pid = Pid::from_child(&child);
            *editor = Some(pid);
            (child, pid)
        };
        // Waits and leaves the number taken, until no signal can be sent to it any more.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        *lock(&self.shared.editor) = None;
        let status = child.wait().map_err(EditError::CannotWatch)?;
        if status.signal().is_some() {
            self.shared.terminal.restore();
        }
        match self.shared.stopped.load(Ordering::SeqCst) {
            0 => Ok(status),
            signal => Err(EditError::Stopped { signal }),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(lock(&self.shared.ram).take());
        self.signals.close();
        if let Some(watcher) = self.watcher.take() {
            // A watcher that panicked has nothing more to do.
            watcher.join().unwrap_or_default();
        }
    }
}

impl Shared {
    fn on(&self, signal: i32) {
        let editor = *lock(&self.editor);
        match editor {
            Some(_) if matches!(signal, SIGINT | SIGQUIT) => {}
            Some(pid) => {
                self.stopped.store(signal, Ordering::SeqCst);
                self.stop(
                    pid,
                    if signal == SIGHUP {
                        Signal::HUP
                    } else {
                        Signal::TERM
                    },
                );
            }
            None => self.exit(signal),
        }
    }

    /// Tells the editor to stop, and ends it if it does not.
    fn stop(&self, pid: Pid, signal: Signal) {
        self.send(pid, signal);
        let mut waited = Duration::ZERO;
        while lock(&self.editor).is_some() {
            if waited >= PATIENCE {
                self.send(pid, Signal::KILL);
                return;
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
    }

    fn send(&self, pid: Pid, signal: Signal) {
        let editor = lock(&self.editor);
        if *editor == Some(pid) {
            // It has ended by itself this moment, or belongs to somebody else by now (setuid): then
            // there is nothing to be done.
            kill_process(pid, signal).unwrap_or_default();
        }
    }

    /// Wipes the folder and ends the process: the main thread may be waiting for anything.
    fn exit(&self, signal: i32) {
        drop(lock(&self.ram).take());
        self.terminal.restore();
        std::process::exit(128 + signal);
    }
}

/// The terminal as it was, for when somebody else left it in disorder.
struct Terminal(Option<Termios>);

impl Terminal {
    fn now() -> Self {
        Self(tcgetattr(std::io::stdin()).ok())
    }

    fn restore(&self) {
        if let Some(before) = &self.0 {
            // Where there is no terminal any more, there is nothing to put in order.
            tcsetattr(std::io::stdin(), OptionalActions::Now, before).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Plain;
    use crate::world::Clock;

    fn world() -> World {
        World::new(Clock::System, [], "/".into())
    }

    #[test]
    fn a_panic_leaves_no_folder() {
        let folder = std::sync::Mutex::new(PathBuf::new());
        let result = std::panic::catch_unwind(|| {
            let guard = Guard::new(&world()).unwrap();
            let file = guard.folder().join("X");
            std::fs::write(file, Plain::from("hunter2").with(Vec::clone)).unwrap();
            *folder.lock().unwrap() = guard.folder().to_owned();
            panic!("on purpose");
        });
        assert!(result.is_err());
        let folder = lock(&folder);
        assert!(folder.is_absolute() && !folder.exists());
    }

    #[test]
    fn an_editor_that_does_not_start_is_said() {
        let guard = Guard::new(&world()).unwrap();
        let none = guard.run(Command::new("/nowhere/x"), "x");
        assert!(matches!(none, Err(EditError::NotStarted { .. })));
        let status = guard.run(Command::new("/bin/true"), "true").unwrap();
        assert!(status.success());
    }
}
