//! Hosts over SSH: real servers on loopback, each on a machine of its own.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::a_container_gets_its_secrets_and_nobody_else_sees_them::Harbour;
use crate::one_deploy_at_a_time::waits;
use crate::site::{
    SERVE, Site, ada_may_log_in, host, needs_root, opened, random, rows, server_hook, sha256,
    way_to,
};
use crate::support::lab::Run;
use crate::support::sshd::Sshd;

/// What this person's login shell does by itself is no part of the test, and must not be killed in
/// the middle of it.
const NO_HOME: &str = "SetEnv HOME=/nonexistent";

/// A site whose `box` is reached over SSH; clws runs on this machine.
pub(crate) struct Far {
    pub(crate) site: Site,
    pub(crate) server: Sshd,
}

impl Far {
    pub(crate) fn new() -> Self {
        needs_root();
        let site = Site::new();
        let starts = |program: &str| site.machine.program(program);
        let server = Sshd::start_by(starts, &["ed25519"], NO_HOME);
        let far = Self { site, server };
        far.reached(&far.server.user, far.server.host_key_line());
        ada_may_log_in(&far.site.lab, &far.server);
        far.site.server("web");
        far
    }

    /// Says how the host is reached.
    fn reached(&self, user: &str, key: &str) {
        self.site
            .host("box", "prod", "server", &way_to(&self.server, user, key));
        self.site.trusts();
    }

    pub(crate) fn deploy(&self) -> Run<'_> {
        self.site.lab.clws("deploy --on prod --yes --json")
    }

    fn opened(&self) -> usize {
        opened(&self.site.lab)
    }
}

#[test]
fn processes_files_and_steps_are_brought_over_ssh_and_stopped() {
    let far = Far::new();
    let site = &far.site;
    let steps = "[file.\"conf/token\"]\nsecret = \"web/TOKEN\"\n\
                 [[before]]\nrun = [\"sh\", \"-c\", 'echo \"on the host: $TOKEN\"']\nneeds = [\"TOKEN\"]\n\
                 [[before]]\nin = \"local\"\nrun = [\"sh\", \"-c\", 'echo \"here: $PWD\"']\n";
    site.hook("web", &server_hook("web", steps), &[("serve.sh", SERVE)]);
    let ran = far.deploy().succeeds();
    assert_eq!(rows(&ran), ["web started"]);
    assert!(
        ran.err.contains("box web | on the host: [redacted]"),
        "{}",
        ran.err
    );
    let home = site.lab.home("ada");
    assert!(
        ran.err
            .contains(&format!("box web | here: {}", home.display())),
        "{}",
        ran.err
    );
    assert!(site.runs_with("web", "token-of-the-first-day"));
    assert_eq!(site.file("web", "conf/token"), "token-of-the-first-day");
    let pid = site.pid("web");
    assert_eq!(rows(&far.deploy().succeeds()), ["web unchanged"]);
    assert_eq!(site.pid("web"), pid);

    site.set("prod/web/TOKEN", "another");
    let ran = far.deploy().exits(22);
    assert!(ran.err.contains("| here with [redacted]"), "{}", ran.err);
    assert!(ran.err.contains("the old one runs again"), "{}", ran.err);
    assert!(site.runs_with("web", "token-of-the-first-day"));
    site.set("prod/web/CHECK", "another");
    assert_eq!(rows(&far.deploy().succeeds()), ["web changed"]);
    assert!(site.runs_with("web", "another"));

    site.lab.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!(site.remains(), Vec::<String>::new());
    assert!(!site.processes().iter().any(|args| args.contains("sleep")));
    assert!(!far.server.log().contains("token-of-the-first-day"));
}

#[test]
fn a_wrong_host_key_or_login_over_ssh_opens_nothing() {
    let far = Far::new();
    let (_, other) = far.server.new_key("other", "ed25519");
    far.reached(&far.server.user, &other);
    let ran = far.deploy().exits(21);
    assert!(ran.err.contains("box"), "{}", ran.err);
    // Which key is the old one is said as the next command takes it.
    let drop = ran.err.split("recipient update box").nth(1).unwrap();
    let drop = drop.split('`').next().unwrap();
    assert!(drop.starts_with(" --drop SHA256:"), "{}", ran.err);
    let words = format!("recipient update box{drop} --dry-run");
    far.site.lab.clws(&words).succeeds();
    assert_eq!((far.opened(), far.site.remains()), (0, Vec::new()));
    assert!(!far.server.log().contains("Accepted publickey"));
    far.reached("nobody-of-this-name", far.server.host_key_line());
    let ran = far.deploy().exits(20);
    assert!(ran.err.contains("nobody-of-this-name"), "{}", ran.err);
    assert_eq!((far.opened(), far.site.remains()), (0, Vec::new()));
    far.reached(&far.server.user, far.server.host_key_line());
    assert_eq!(rows(&far.deploy().succeeds()), ["web started"]);
}

#[test]
fn a_connection_over_ssh_that_breaks_is_made_again_to_put_the_old_one_back() {
    put_back_when(Sshd::kill_sessions);
}

/// The host believes in the old connection, which holds the lock.
#[test]
fn a_connection_over_ssh_that_falls_silent_is_made_again_to_put_the_old_one_back() {
    put_back_when(Sshd::stop_sessions);
}

fn put_back_when(it_breaks: impl Fn(&Sshd)) {
    let far = Far::new();
    let site = &far.site;
    far.deploy().succeeds();
    let probe = "[[probe]]\nrun = [\"sh\", \"-c\", \"touch /run/waits; until [ -e /run/go ]; do sleep 0.05; done\"]\n";
    site.hook("web", &server_hook("web", probe), &[("serve.sh", SERVE)]);
    site.set("prod/web/TOKEN", "another");
    site.set("prod/web/CHECK", "another");
    let mut command = far.deploy().command();
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    waits(site, "[ -e /run/waits ]");
    it_breaks(&far.server);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(20), "{said}");
    assert!(
        said.contains("the connection to host `box` ended"),
        "{said}"
    );
    assert!(
        said.contains("connected again: the old one runs, with its old secrets"),
        "{said}"
    );
    assert!(site.runs_with("web", "token-of-the-first-day"));
    site.machine.sh("touch /run/go");
    assert_eq!(rows(&far.deploy().succeeds()), ["web changed"]);
    assert!(site.runs_with("web", "another"));
    assert_eq!(site.machine.sh("ls -d /run/clws/*/web/* | wc -l"), "1");
    assert_eq!(
        site.processes()
            .iter()
            .filter(|args| *args == "sleep 1000")
            .count(),
        1
    );
}

/// Does a deploy and ends the sessions as soon as it waits; what it said.
fn cut(far: &Far) -> String {
    let mut command = far.deploy().command();
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    waits(&far.site, "[ -e /run/waits ]");
    far.server.kill_sessions();
    let output = child.wait_with_output().unwrap();
    far.site.machine.sh("rm /run/waits; touch /run/go");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const WAITS: &str = "run = [\"sh\", \"-c\", \"[ -e /run/go ] || { touch /run/waits; until [ -e /run/go ]; do sleep 0.05; done; }\"]\n";

#[test]
fn a_connection_over_ssh_that_breaks_after_the_new_one_runs_says_so() {
    let far = Far::new();
    let after = format!("[[afterwards]]\n{WAITS}");
    let hook = server_hook("web", &after);
    far.site.hook("web", &hook, &[("serve.sh", SERVE)]);
    let said = cut(&far);
    assert!(said.contains("connected again: the new one runs"), "{said}");
    assert!(said.contains("`afterwards`"), "{said}");
    assert!(far.site.runs_with("web", "token-of-the-first-day"));
    assert_eq!(rows(&far.deploy().succeeds()), ["web changed"]);
}

#[test]
fn a_link_leads_to_the_old_files_after_a_connection_over_ssh_broke() {
    let far = Far::new();
    let site = &far.site;
    let hook = |more: &str| {
        format!(
            "runs_on = {{ machine_type = \"server\" }}\nfile.\"token\" = {{ secret = \"web/TOKEN\" }}\n\
             [[before]]\nrun = [\"sh\", \"-c\", \"ln -sfn {{{{ place }}}} /run/front\"]\n{more}"
        )
    };
    site.hook("web", &hook(""), &[]);
    far.deploy().succeeds();
    site.set("prod/web/TOKEN", "another");
    site.hook(
        "web",
        &hook(&format!("[[probe]]\n{WAITS}within = \"60s\"\n")),
        &[],
    );
    let said = cut(&far);
    assert!(
        said.contains("connected again: the old files are in their place"),
        "{said}"
    );
    assert!(!said.contains("could not be put back"), "{said}");
    assert_eq!(
        site.machine.sh("cat /run/front/token"),
        "token-of-the-first-day"
    );
    far.deploy().succeeds();
    assert_eq!(site.machine.sh("cat /run/front/token"), "another");
}

#[test]
fn of_two_hosts_over_ssh_one_that_is_down_is_partial() {
    let far = Far::new();
    let down = Sshd::start_by(
        |program| far.site.machine.program(program),
        &["ed25519"],
        "",
    );
    let way = way_to(&down, &down.user, down.host_key_line());
    drop(down);
    far.site.host("cage", "prod", "server", &way);
    far.site.trusts();
    let ran = far.deploy().exits(23);
    assert_eq!(rows(&ran), ["web started", "- failed (HOST)"]);
    let stop = far.site.lab.clws("deploy --on prod --stop --yes").exits(23);
    assert!(stop.err.contains("stopped web on box"), "{}", stop.err);
    assert_eq!(far.site.remains(), Vec::<String>::new());
}

/// A step on the machine that deploys is known to nobody once clws is gone.
#[test]
fn a_local_step_ends_with_a_killed_deploy() {
    let far = Far::new();
    let step = "[[before]]\nin = \"local\"\nrun = [\"sh\", \"-c\", 'echo $$ >pid.new; mv pid.new pid; exec sleep 1000']\nneeds = [\"TOKEN\"]\n";
    far.site
        .hook("web", &server_hook("web", step), &[("serve.sh", SERVE)]);
    let mut command = far.deploy().command();
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.unwrap();
    let path = far.site.lab.home("ada").join("pid");
    let until = Instant::now() + Duration::from_secs(60);
    let soon = || {
        assert!(Instant::now() < until, "it takes too long");
        std::thread::sleep(Duration::from_millis(20));
    };
    while !path.exists() {
        soon();
    }
    let pid = std::fs::read_to_string(path).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(runs());
    child.kill().unwrap();
    child.wait().unwrap();
    while runs() {
        soon();
    }
}

#[test]
fn a_connection_over_ssh_that_breaks_is_no_fault_of_the_daemon() {
    let harbour = Harbour::new("cut");
    let server = Sshd::start_with(&["ed25519"], NO_HOME);
    let way = way_to(&server, &server.user, server.host_key_line());
    host(&harbour.lab, "box", "prod", "server", &way);
    ada_may_log_in(&harbour.lab, &server);
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    let step = "NAME.clws-step".to_owned();
    for (when, left) in [("before", vec![]), ("afterwards", vec!["NAME"])] {
        let steps = format!("[[{when}]]\nin = \"container\"\nrun = [\"sleep\", \"1000\"]\n");
        harbour.serves(&steps);
        let mut command = harbour.deploy().command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while !harbour.container.containers().contains(&step) {
            assert!(Instant::now() < until, "no step");
            std::thread::sleep(Duration::from_millis(20));
        }
        server.kill_sessions();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(20), "{said}");
        assert!(said.contains("the connection to box ended"), "{said}");
        assert_eq!(harbour.container.containers(), left, "{when}");
    }
}

#[test]
fn a_container_is_deployed_over_ssh_through_the_hosts_own_daemon() {
    let harbour = Harbour::new("far");
    // The daemon's folders are those of this machine, so the host is this one too.
    let server = Sshd::start_with(&["ed25519"], NO_HOME);
    let way = way_to(&server, &server.user, server.host_key_line());
    host(&harbour.lab, "box", "prod", "server", &way);
    ada_may_log_in(&harbour.lab, &server);
    let value = random();
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, &value);
    }
    harbour.serves("[[before]]\nin = \"container\"\nrun = [\"sh\", \"-c\", 'echo \"step: $TOKEN\"']\nneeds = [\"TOKEN\"]\n[[probe]]\ntcp = \"{{ container.address }}:8080\"\nwithin = \"20s\"\n");
    let ran = harbour.deploy().succeeds();
    assert_eq!(rows(&ran), ["web started"]);
    assert!(
        ran.err.contains("box web | step: [redacted]"),
        "{}",
        ran.err
    );
    let given = format!("{{\"password\": \"{value}\"}}\n{value}{value}nonce");
    assert_eq!(harbour.answer("nonce"), sha256(given.as_bytes()));
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web unchanged"]);
    harbour.set("TOKEN", "not-what-it-checks");
    let ran = harbour.deploy().exits(22);
    assert!(ran.err.contains("the old one runs again"), "{}", ran.err);
    assert_eq!(harbour.answer("nonce"), sha256(given.as_bytes()));
    assert!(!server.log().contains(&value));
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!(harbour.container.containers(), Vec::<String>::new());
}
