//! A machine of a test's own: its processes, its `/run`, `/dev/shm` and `/var/lib`, on the kernel and
//! the disk of this one.
//!
//! It is a mount and a process namespace (util-linux), so a deploy to it as root finds an empty
//! memory-backed `/run/clws` and touches no other. All that runs in it ends with it. Who is not root
//! is root there by a user namespace.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;

/// Prepares the machine, then stays as its first process, which takes over orphans and waits for them.
const FIRST: &str = r#"
mount -t tmpfs -o mode=0755 run /run && mount -t tmpfs -o mode=0755 lib /var/lib &&
mount -t tmpfs -o mode=1777 shm /dev/shm && mkdir -p /run/sshd /var/lib/clws &&
mount --bind "$1" /var/lib/clws && echo ready && cat
"#;

/// A machine; it ends when it is dropped, or with the test.
pub(crate) struct Machine {
    holder: Child,
    disk: Rc<tempfile::TempDir>,
    /// Its namespaces besides those of its mounts and processes.
    more: Vec<&'static str>,
}

impl Machine {
    pub(crate) fn start() -> Self {
        let disk = Rc::new(tempfile::tempdir().unwrap());
        Self::boot(disk, FIRST, &[])
    }

    /// A machine with a disk that others may have used before, its first process (`$1` is the disk; it
    /// says `ready` and waits for the end of its input), and more namespaces: `net`.
    pub(crate) fn boot(disk: Rc<tempfile::TempDir>, first: &str, more: &[&'static str]) -> Self {
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command
            .args(["--mount", "--pid", "--fork", "--mount-proc"])
            .args(["--kill-child", "--propagation", "private"])
            .args(more.iter().map(|name| format!("--{name}")))
            .args(["sh", "-c", first, "first"])
            .arg(disk.path());
        let mut holder = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux: run `bash .ci/install`");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n", "a machine of the test's own did not start");
        let more = more.to_vec();
        Self { holder, disk, more }
    }

    /// What lies on the machine in `/var/lib/clws`.
    pub(crate) fn disk(&self) -> &std::path::Path {
        self.disk.path()
    }

    /// The same command, run on this machine.
    pub(crate) fn runs(&self, command: &Command) -> Command {
        let of = format!("/proc/{}/ns", self.holder.id());
        let mut inside = Command::new("nsenter");
        inside.env_clear();
        if !rustix::process::geteuid().is_root() {
            inside.arg(format!("--user={of}/user"));
            inside.arg("--preserve-credentials");
        }
        // Entering leads to the root folder.
        let folder = command.get_current_dir();
        inside
            .arg(format!("--mount={of}/mnt"))
            .arg(format!("--pid={of}/pid_for_children"))
            .args(self.more.iter().map(|name| format!("--{name}={of}/{name}")))
            .args(["sh", "-c", r#"cd "$0" && exec "$@""#])
            .arg(folder.unwrap_or(std::path::Path::new("/")))
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            inside.env(name, value.unwrap_or_default());
        }
        inside
    }

    /// A program that is to be run on this machine; arguments are still to come.
    pub(crate) fn program(&self, path: &str) -> Command {
        let mut command = Command::new(path);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        self.runs(&command)
    }

    /// Runs a script on this machine as root.
    pub(crate) fn run(&self, script: &str) -> Output {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        self.runs(&command).output().expect("nsenter runs")
    }

    /// What a script prints; it must succeed.
    pub(crate) fn sh(&self, script: &str) -> String {
        let output = self.run(script);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{script}: {out}{err}");
        out.trim_end().to_owned()
    }
}

impl Machine {
    /// Ends it, and waits until nothing of it runs any more.
    pub(crate) fn end(&mut self) {
        // Its first process ends when its input does, and everything else with it.
        drop(self.holder.stdin.take());
        let _killed = self.holder.kill();
        let _waited = self.holder.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}
