//! One host: namespaces with an sshd and a Docker daemon of its own (`host.sh`).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::engine::Engine;
use crate::support::tool::tool;
use crate::town::HERE;

/// A host; it and all that runs there end when it is dropped.
pub(crate) struct Host {
    pub(crate) name: &'static str,
    /// What holds its namespaces.
    pub(crate) holder: Child,
    says: BufReader<ChildStdout>,
    /// Its first process, as this machine numbers it.
    pub(crate) first: u32,
    cgroup: String,
}

impl Host {
    /// Its namespaces are there; its servers start.
    pub(crate) fn start(name: &'static str, kept: &Path) -> Self {
        let cgroup = format!("/clws-test-{}-{name}", std::process::id());
        let mut holder = Command::new(tool("unshare"))
            .args(["--pid", "--mount", "--net", "--uts", "--ipc", "--fork"])
            .args(["--mount-proc", "--kill-child", "--propagation", "private"])
            .args(["sh", &format!("{HERE}/host.sh"), name])
            .arg(kept)
            .arg(&cgroup)
            .env("PATH", path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(holder.stdout.take().unwrap());
        hears(&mut says, "made");
        let id = holder.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        Self {
            name,
            first: children.trim().parse().unwrap(),
            holder,
            says,
            cgroup,
        }
    }

    /// Waits for its servers.
    pub(crate) fn is_ready(&mut self) {
        hears(&mut self.says, "ready");
    }

    /// A path of the host as this machine reaches it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.first))
    }

    /// Its Docker daemon.
    pub(crate) fn engine(&self) -> Engine {
        Engine {
            socket: self.path("/run/docker.sock"),
        }
    }

    /// What a script prints that runs on the host as root.
    pub(crate) fn sh(&self, script: &str) -> String {
        let output = Command::new(tool("nsenter"))
            .args(["--target", &self.first.to_string()])
            .args(["--mount", "--pid", "--net", "--uts", "sh", "-c", script])
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in ["/var/log/sshd.log", "/var/log/dockerd.log"] {
                let text = std::fs::read(self.path(log)).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                let last: Vec<&str> = text.lines().rev().take(5).collect();
                eprintln!("{} {log}: {last:#?}", self.name);
            }
        }
        // Its first process is killed with it, and with that one all that runs there.
        let _killed = self.holder.kill();
        let _waited = self.holder.wait();
        let left = format!(
            "for i in $(seq 50); do find /sys/fs/cgroup -depth -type d -path '*{}*' -exec rmdir {{}} + 2>/dev/null && break; sleep 0.1; done",
            self.cgroup
        );
        let _emptied = Command::new("sh").args(["-c", &left]).status();
    }
}

/// Waits for a line of a process that makes namespaces.
pub(crate) fn hears(says: &mut impl BufRead, word: &str) {
    let mut line = String::new();
    says.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), word, "a host of the test's own did not start");
}

/// With the folders of servers, which a person's may lack.
pub(crate) fn path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")
}
