//! What a session was given is seen by nobody else, and gone however it ends.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::a_session_on_a_host_has_its_secrets::Remote;
use crate::one_deploy_at_a_time::waits;
use crate::support::lab::{contains, find_below, forms};

/// Says that it runs, and waits.
const WAITS: &str = "touch /run/waits; until [ -e /run/go ]; do sleep 0.1; done";

impl Remote {
    /// Begins a session that waits, with a file and with variables.
    fn begin(&self, script: &str) -> Child {
        self.site.machine.sh("rm -f /run/waits /run/go");
        let words = "box prod/web --file KEY=prod/web/TOKEN --map T2=prod/web/TOKEN";
        let mut command = self.ssh(words, &["sh", "-c", script]).command();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        waits(&self.site, "[ -e /run/waits ]");
        child
    }

    /// Waits until nothing lies there any more.
    fn is_cleared(&self) {
        let begun = Instant::now();
        while !self.lies_there().is_empty() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{}",
                self.lies_there()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The places that show the token to anybody but the session: argument lists, environments of
    /// other processes, files of the host (disk and memory), the server's log, this side's folders.
    fn showing(&self) -> Vec<String> {
        let token = &self.token;
        let shows = |bytes: &[u8]| forms(token).iter().any(|form| contains(bytes, form));
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let at = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let words = at("cmdline");
            if shows(&words) {
                found.push("arguments".to_owned());
            }
            // The session's own processes: its shell, and what that waits with.
            let own = contains(&words, b"/run/waits") || contains(&words, b"sleep\x000.1");
            if shows(&at("environ")) && !own {
                found.push(format!("variables of {}", String::from_utf8_lossy(&words)));
            }
        }
        let needles = [token.clone()];
        found.extend(find_below(self.site.machine.disk(), &needles));
        found.extend(find_below(self.server.folder(), &needles));
        found.extend(find_below(self.site.lab.root(), &needles));
        let listed = self.site.machine.sh(&format!(
            "grep -rlF {token} /run /dev/shm /var/lib /tmp/clws-* 2>/dev/null; true"
        ));
        found.extend(listed.lines().map(str::to_owned));
        found
    }
}

#[test]
fn nobody_else_sees_what_a_session_is_given() {
    let remote = Remote::new("LogLevel DEBUG3\nAcceptEnv LANG\n");
    let child = remote.begin(WAITS);
    let shown = remote.showing();
    // The file that was asked for, in a folder that is its own.
    assert!(
        matches!(shown.as_slice(), [file] if file.starts_with("/run/clws/sessions/") && file.ends_with("/KEY/TOKEN")),
        "{shown:?}"
    );
    let modes = remote
        .site
        .machine
        .sh("stat -c '%a %F' /run/clws /run/clws/sessions /run/clws/sessions/*; stat -f -c %T /run/clws");
    assert_eq!(modes, "700 directory\n700 directory\n700 directory\ntmpfs");
    remote.site.machine.sh("touch /run/go");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(remote.lies_there(), "");
    assert_eq!(remote.showing(), Vec::<String>::new());
}

#[test]
fn the_watcher_finds_what_a_careless_session_shows() {
    let remote = Remote::new("");
    let careless = format!(
        "cp \"$KEY\" /var/lib/clws/copy; cp \"$KEY\" /run/copy; \
         sh -c 'sleep 30; :' \"$T2\" & T2=$T2 sleep 31 & {WAITS}; kill %1 %2"
    );
    let child = remote.begin(&careless);
    let shown = remote.showing();
    let has = |what: &str| shown.iter().any(|place| place.contains(what));
    assert!(
        has("arguments") && has("variables of sleep\x0031"),
        "{shown:?}"
    );
    assert!(has("/copy") && has("/run/copy"), "{shown:?}");
    remote.site.machine.sh("touch /run/go");
    drop(child.wait_with_output().unwrap());
}

#[test]
fn it_is_gone_when_the_connection_breaks_or_clws_is_killed() {
    let remote = Remote::new("");
    let child = remote.begin(WAITS);
    assert!(remote.lies_there().contains("/KEY/TOKEN"));
    remote.server.kill_sessions();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(20), "{output:?}");
    remote.is_cleared();

    let mut child = remote.begin(WAITS);
    assert!(remote.lies_there().contains("/KEY/TOKEN"));
    child.kill().unwrap();
    drop(child.wait_with_output().unwrap());
    remote.is_cleared();

    // A holder that was killed leaves its folder, and the next session clears it.
    let child = remote.begin(WAITS);
    remote
        .site
        .machine
        .sh("kill -KILL \"$(ls /run/clws/sessions)\"");
    assert!(remote.lies_there().contains("/KEY/TOKEN"));
    remote.site.machine.sh("touch /run/go");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    remote.ssh("box prod/web", &["true"]).succeeds();
    assert_eq!(remote.lies_there(), "");
}

#[test]
fn a_signal_is_passed_on_and_the_second_one_ends_it() {
    let remote = Remote::new("");
    let script = format!("trap 'exit 5' USR1; trap 'exit 6' INT; {WAITS}");
    for (signal, code) in [("-USR1", 5), ("-INT", 6)] {
        let child = remote.begin(&script);
        kill(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(remote.lies_there(), "");
    }
    let stubborn = format!("trap 'touch /run/told' INT; trap '' TERM; {WAITS}");
    let child = remote.begin(&stubborn);
    kill("-INT", &child);
    waits(&remote.site, "[ -e /run/told ]");
    kill("-TERM", &child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{output:?}");
    assert_eq!(remote.lies_there(), "");
    let left = remote.site.processes();
    assert!(
        !left.iter().any(|args| args.contains("/run/waits")),
        "{left:?}"
    );
}

fn kill(signal: &str, child: &Child) {
    let number = child.id().to_string();
    let done = std::process::Command::new("kill")
        .args([signal, &number])
        .status();
    assert!(done.unwrap().success());
}
