//! A machine with a dockerd of its own and a disk that outlives it, so that its power can be cut.
//!
//! Everything that ran ends at once with its namespaces: the daemon, containerd, the containers. What
//! comes up after that finds the disk and an empty `/run`, as after a reboot.

use std::process::{Command, Output, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::docker_image::busybox;
use crate::support::lab::{Lab, Run};
use crate::support::machine::Machine;

/// The account whose subordinate numbers containers get where users are mapped.
pub(crate) const MAPPED: u32 = 200_000;

/// What a disk holds of a host is bound into place; `/etc` gets what a test writes there.
const FIRST: &str = r#"
mount -t tmpfs -o mode=0755 run /run && mount -t tmpfs -o mode=0755 lib /var/lib &&
mount -t tmpfs -o mode=1777 shm /dev/shm && ip link set lo up || exit 1
for folder in clws docker units; do mkdir -p -m 0711 "$1/$folder" || exit 1; done
mkdir -p /run/host /var/lib/clws /var/lib/docker /etc/systemd/system &&
mount --bind "$1/clws" /var/lib/clws && mount --bind "$1/docker" /var/lib/docker &&
mount --bind "$1/units" /etc/systemd/system || exit 1
(cat /etc/passwd; echo 'boxmap:x:990:990::/nonexistent:/bin/false') >/run/host/passwd
(cat /etc/group; echo 'boxmap:x:990:') >/run/host/group
echo 'boxmap:200000:65536' | tee /run/host/subuid >/run/host/subgid
for file in passwd group subuid subgid; do
    [ -e "/etc/$file" ] || continue
    mount --bind "/run/host/$file" "/etc/$file" || exit 1
done
echo '{}' >/run/host/daemon.json
echo ready && exec cat
"#;

const DAEMON: &str = r#"
setsid dockerd --config-file /run/host/daemon.json --storage-driver vfs --cgroup-parent "$0" "$@" \
    </dev/null >/run/host/log 2>&1 &
for _ in $(seq 600); do
    if [ -S /run/docker.sock ] && docker version >/dev/null 2>&1; then exit 0; fi
    sleep 0.1
done
tail -n 5 /run/host/log >&2
exit 1
"#;

/// A host that can lose its power.
pub(crate) struct Computer {
    pub(crate) machine: Machine,
    disk: Rc<tempfile::TempDir>,
    cgroup: String,
    daemon: Vec<&'static str>,
}

impl Computer {
    /// A host with a daemon that has these words more, and the image of the tests.
    pub(crate) fn start(daemon: &[&'static str]) -> Self {
        crate::site::needs_root();
        let image = busybox();
        let disk = Rc::new(tempfile::tempdir().unwrap());
        let name = disk.path().file_name().unwrap().to_string_lossy();
        let computer = Self {
            machine: Machine::boot(Rc::clone(&disk), FIRST, &["net"]),
            cgroup: format!("/clws-test-boot-{}", name.trim_start_matches('.')),
            daemon: daemon.to_vec(),
            disk,
        };
        computer.starts_docker();
        let mut saved = Command::new("docker")
            .args(["save", image])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut load = computer.machine.program("docker");
        let loaded = load.arg("load").stdin(saved.stdout.take().unwrap());
        let loaded = loaded.output().unwrap();
        assert!(saved.wait().unwrap().success() && loaded.status.success());
        computer
    }

    /// Cuts its power, and lets it come up as far as the place where Docker would be started.
    pub(crate) fn loses_power(&mut self) {
        self.machine.end();
        self.machine = Machine::boot(Rc::clone(&self.disk), FIRST, &["net"]);
    }

    /// What the unit runs at a boot; what it printed.
    pub(crate) fn opens_bundles(&self) -> String {
        let script =
            "exec 2>&1; for open in /var/lib/clws/boot/*/open; do sh \"$open\" || exit 1; done";
        self.machine.sh(script)
    }

    pub(crate) fn starts_docker(&self) {
        let mut start = self.machine.program("sh");
        let started = start.args(["-c", DAEMON, &self.cgroup]).args(&self.daemon);
        let started = started.output().unwrap();
        assert!(
            started.status.success(),
            "dockerd: {}",
            String::from_utf8_lossy(&started.stderr)
        );
    }

    /// Ends the daemon, as its update would, and waits until it is gone.
    pub(crate) fn stops_docker(&self) {
        self.machine.sh(
            "kill $(cat /run/docker.pid) && for _ in $(seq 300); do [ -e /run/docker.pid ] || exit 0; sleep 0.1; done; exit 1",
        );
    }

    /// Runs the docker client there.
    pub(crate) fn docker(&self, words: &[&str]) -> Output {
        let mut client = self.machine.program("docker");
        client.args(words).output().unwrap()
    }

    /// What of a container `docker inspect` shows.
    pub(crate) fn shown(&self, container: &str, format: &str) -> String {
        let shown = self.docker(&["inspect", "--format", format, container]);
        let text = [shown.stdout, shown.stderr].concat();
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// Waits until a container runs again, or is settled not to.
    pub(crate) fn comes_up(&self, container: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        while self.shown(container, "{{.State.Running}}") != "true" {
            assert!(
                Instant::now() < until,
                "{container} does not come up: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the daemon printed.
    pub(crate) fn log(&self) -> String {
        self.machine.sh("tail -n 20 /run/host/log")
    }

    /// The variables of a container's first process.
    pub(crate) fn variables(&self, container: &str) -> Vec<String> {
        let pid = self.shown(container, "{{.State.Pid}}");
        let text = self
            .machine
            .sh(&format!("tr '\\0' '\\n' </proc/{pid}/environ"));
        text.lines().map(str::to_owned).collect()
    }

    /// A run of `clws` on it.
    pub(crate) fn clws<'a>(&'a self, lab: &'a Lab, words: &str) -> Run<'a> {
        lab.clws(words).on(&self.machine)
    }

    /// All below the vault's memory-backed folder: path, mode, owner, and the sum of each file.
    pub(crate) fn secrets(&self) -> String {
        self.machine.sh(
            "cd /run/clws/*/ && find . -mindepth 2 -printf '%P %m %U %G\\n' | sort && \
             find . -type f | sort | xargs sha256sum",
        )
    }

    /// The bundles that lie on its disk.
    pub(crate) fn bundles(&self) -> Vec<String> {
        let found = self
            .machine
            .sh("find /var/lib/clws/boot -name '*.age' 2>/dev/null | sort; true");
        found.lines().map(str::to_owned).collect()
    }
}

impl Drop for Computer {
    fn drop(&mut self) {
        // Its containers must have ended before their cgroups can go.
        self.machine.end();
        let script =
            r#"find /sys/fs/cgroup -depth -type d -path "*$0*" -exec rmdir {} + 2>/dev/null"#;
        let _gone = Command::new("sh")
            .args(["-c", script, &self.cgroup])
            .status();
    }
}
