//! A session bus of a test's own, with a real, unlocked keyring on it; ended when dropped.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::tool::{run_by, tool};

/// The bus and the keyring.
pub(crate) struct Keyring {
    folder: TempDir,
    running: Vec<Child>,
}

impl Keyring {
    pub(crate) fn start() -> Self {
        let folder = TempDir::with_prefix("clws-keyring-").unwrap();
        let mut keyring = Self {
            folder,
            running: Vec::new(),
        };
        let config = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\
             <busconfig><type>session</type><listen>{}</listen><policy context=\"default\">\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
             <allow own=\"*\"/></policy></busconfig>",
            keyring.bus()
        );
        let path = keyring.folder.path().join("bus.conf");
        std::fs::write(&path, config).unwrap();
        let daemon = Command::new(tool("dbus-daemon"))
            .arg("--nofork")
            .arg("--config-file")
            .arg(path)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        keyring.running.push(daemon);
        let socket = keyring.socket();
        wait("the bus", || socket.exists());
        let mut daemon = Command::new(tool("gnome-keyring-daemon"))
            .args(["--foreground", "--components=secrets", "--unlock"])
            .arg("--control-directory")
            .arg(keyring.folder.path().join("control"))
            .env_clear()
            .env("HOME", keyring.folder.path())
            .env("DBUS_SESSION_BUS_ADDRESS", keyring.bus())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        daemon.stdin.take().unwrap().write_all(b"password").unwrap();
        keyring.running.push(daemon);
        wait("the keyring", || {
            let mut ask = Command::new(tool("dbus-send"));
            ask.env("DBUS_SESSION_BUS_ADDRESS", keyring.bus());
            let words = [
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.DBus",
                "/",
                "org.freedesktop.DBus.NameHasOwner",
                "string:org.freedesktop.secrets",
            ];
            let answer = run_by(ask, words, b"").stdout;
            String::from_utf8_lossy(&answer).contains("boolean true")
        });
        keyring
    }

    /// What DBUS_SESSION_BUS_ADDRESS is set to.
    pub(crate) fn bus(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    /// Stops the bus, as on a machine that has too much to do, or lets it go on.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.running[0]), signal).unwrap();
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("bus")
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        for child in self.running.iter_mut().rev() {
            child.kill().unwrap_or_default();
            child.wait().map(drop).unwrap_or_default();
        }
    }
}

fn wait(what: &str, is_there: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_there() {
        assert!(Instant::now() < until, "{what} does not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
}
