//! A real OpenSSH server on loopback, for tests.
//!
//! It is a process of the test's own, on a free port, with host keys and login keys made for it, in
//! a folder that goes with it. It logs in the person who runs the test, by key alone.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary includes it and uses a part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = "/usr/sbin/sshd";

/// A running server. It and its sessions end when it is dropped.
pub struct Sshd {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// The account that can log in: the one that runs the test.
    pub user: String,
    /// Its host keys, each as `TYPE BASE64`, in the order that was asked for.
    pub host_key_lines: Vec<String>,
    /// The private key that can log in, in OpenSSH's format without a passphrase.
    pub login_key_pem: Vec<u8>,
    /// The file of that key.
    pub login_key_file: PathBuf,
    folder: TempDir,
    child: Child,
    /// Its own process, which `child` may have led to.
    listener: u32,
}

impl Sshd {
    /// A server with an ed25519 host key.
    pub fn start() -> Self {
        Self::start_with(&["ed25519"], "")
    }

    /// A server with host keys of these types (as `ssh-keygen -t` names them; `ecdsa-521` for a
    /// size) and some more lines of configuration, which win over the usual ones.
    pub fn start_with(host_keys: &[&str], configuration: &str) -> Self {
        Self::start_by(|program| Command::new(program), host_keys, configuration)
    }

    /// As [`Sshd::start_with`], with the program started in a way of the caller's.
    pub fn start_by(
        starts: impl Fn(&str) -> Command,
        host_keys: &[&str],
        configuration: &str,
    ) -> Self {
        assert!(
            Path::new(PROGRAM).exists(),
            "{PROGRAM} is missing: run .ci/install, which installs openssh-server"
        );
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let user = output(Command::new("id").arg("-un"));
        if output(Command::new("id").arg("-u")) == "0" {
            // sshd wants it for its unprivileged half; the init system makes it otherwise.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let (login_key_file, login_line) = new_key(&at("login"), "ed25519");
        fs::write(at("authorized_keys"), login_line + "\n").unwrap();
        let (files, host_key_lines): (Vec<_>, Vec<_>) = host_keys
            .iter()
            .map(|kind| new_key(&at(&format!("host_{kind}")), kind))
            .unzip();
        let mut usual = String::new();
        for file in files {
            usual += &format!("HostKey {}\n", file.display());
        }
        usual += &format!(
            "ListenAddress 127.0.0.1\nPidFile none\nStrictModes no\nUsePAM no\nUseDNS no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile {}\nLogLevel DEBUG1\nMaxStartups 100\n",
            at("authorized_keys").display()
        );
        // Between the test's look for a free port and sshd's use of it somebody may take it.
        for _ in 0..20 {
            let port = free_port();
            let text = format!("Port {port}\n{configuration}\n{usual}");
            fs::write(at("sshd_config"), text).unwrap();
            fs::write(at("log"), "").unwrap();
            let mut child = starts(PROGRAM)
                .arg("-D")
                .arg("-f")
                .arg(at("sshd_config"))
                .arg("-E")
                .arg(at("log"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                let log = fs::read_to_string(at("log")).unwrap();
                if log.contains("Server listening on") {
                    let below = descendants(child.id());
                    return Self {
                        listener: below.into_iter().find(is_sshd).unwrap_or(child.id()),
                        port,
                        user,
                        host_key_lines,
                        login_key_pem: fs::read(&login_key_file).unwrap(),
                        login_key_file,
                        folder,
                        child,
                    };
                }
                if child.try_wait().unwrap().is_some() {
                    assert!(log.contains("Address already in use"), "sshd: {log}");
                    break;
                }
                assert!(Instant::now() < until, "sshd does not listen: {log}");
                sleep(Duration::from_millis(10));
            }
        }
        panic!("no port was free in twenty attempts");
    }

    /// Its first host key, as `TYPE BASE64`.
    pub fn host_key_line(&self) -> &str {
        &self.host_key_lines[0]
    }

    /// Lets one more key log in, as `TYPE BASE64`.
    pub fn authorize(&self, line: &str) {
        let file = self.folder.path().join("authorized_keys");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{text}{line}\n")).unwrap();
    }

    /// The folder that goes with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged so far, at level DEBUG1.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Makes a key pair in its folder; gives the private key and the public one as `TYPE BASE64`.
    pub fn new_key(&self, name: &str, kind: &str) -> (Vec<u8>, String) {
        let (file, line) = new_key(&self.folder.path().join(name), kind);
        (fs::read(file).unwrap(), line)
    }

    /// Stops listening, as a host that is down.
    pub fn kill_listener(&self) {
        let mut command = Command::new("kill");
        let _output = command.arg("-KILL").arg(self.listener.to_string()).output();
    }

    /// Listens again on its port, as a host that comes back.
    pub fn comes_back(&mut self) {
        let _waited = self.child.wait();
        let at = |name: &str| self.folder.path().join(name);
        let listens = |log: &str| log.matches("Server listening on").count();
        let before = listens(&self.log());
        let mut command = Command::new(PROGRAM);
        command.arg("-D").arg("-f").arg(at("sshd_config"));
        command.arg("-E").arg(at("log")).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = child.unwrap();
        self.listener = self.child.id();
        let until = Instant::now() + Duration::from_secs(20);
        while listens(&self.log()) == before {
            assert!(
                Instant::now() < until,
                "sshd does not listen: {}",
                self.log()
            );
            sleep(Duration::from_millis(10));
        }
    }

    /// Kills its sessions, as a host that goes down does; it goes on listening.
    pub fn kill_sessions(&self) {
        self.signal_sessions("-KILL");
    }

    /// Stops its sessions, as a network that swallows everything does.
    pub fn stop_sessions(&self) {
        self.signal_sessions("-STOP");
    }

    fn signal_sessions(&self, signal: &str) {
        for pid in descendants(self.listener) {
            // What a session runs is no sshd; it finds its pipes closed.
            if is_sshd(&pid) {
                // It may have ended since it was looked for.
                let mut command = Command::new("kill");
                let _output = command.arg(signal).arg(pid.to_string()).output();
            }
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "sshd logged:
{}",
                self.log()
            );
        }
        self.kill_sessions();
        // Both fail only if it has ended by itself.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// Makes a key pair without a passphrase; gives the private file and the public `TYPE BASE64`.
fn new_key(file: &Path, kind: &str) -> (PathBuf, String) {
    let (kind, bits) = kind.split_once('-').unwrap_or((kind, ""));
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-C", "test", "-t", kind, "-f"]);
    command.arg(file);
    if !bits.is_empty() {
        command.args(["-b", bits]);
    }
    output(&mut command);
    let line = fs::read_to_string(file.with_extension("pub")).unwrap();
    let line = line.trim().rsplit_once(' ').unwrap().0.to_owned();
    (file.to_owned(), line)
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| {
        panic!("{command:?} does not start ({error}): run .ci/install");
    });
    assert!(done.status.success(), "{command:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn is_sshd(pid: &u32) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim() == "sshd"
}

/// The children of a process, and theirs.
fn descendants(of: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // After the name, which is in brackets and may hold anything: state, parent.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        parents.extend(parent.map(|parent: u32| (pid, parent)));
    }
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(
            parents
                .iter()
                .filter(|(_, p)| *p == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.split_off(1)
}
