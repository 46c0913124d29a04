//! A deploy that is interrupted puts the old one back; one that is killed is healed by the next.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::a_container_gets_its_secrets_and_nobody_else_sees_them::Harbour;
use crate::one_deploy_at_a_time::waits;
use crate::site::{SERVE, Site, hook, rows, server_hook};

/// Waits for a file to appear, in a step or in a probe.
const FOREVER: &str =
    "[\"sh\", \"-c\", \"touch /run/waits; until [ -e /run/go ]; do sleep 0.05; done\"]";

fn before(component: &str) -> String {
    server_hook(component, &format!("[[before]]\nrun = {FOREVER}\n"))
}

fn probing(component: &str) -> String {
    server_hook(
        component,
        &format!("[[probe]]\nrun = {FOREVER}\nwithin = \"60s\"\n"),
    )
}

/// Begins a deploy and waits until it waits.
fn begin(site: &Site) -> Child {
    site.machine.sh("rm -f /run/waits /run/go");
    let mut command: Command = site.deploy().command();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    waits(site, "[ -e /run/waits ]");
    child
}

/// Sends a signal to the deploy alone; what it said, and the code that it ended with.
fn ends(site: &Site, child: Child, signal: &str) -> (Option<i32>, String) {
    site.machine.sh(&format!("kill -s {signal} $(pidof clws)"));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn a_signal_while_it_is_asked_puts_the_old_one_back() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    let place = site.machine.sh("ls -d /run/clws/*/web/*");
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        site.set("prod/web/TOKEN", "another");
        site.set("prod/web/CHECK", "another");
        site.hook("web", &probing("web"), &[("serve.sh", SERVE)]);
        let (ended, said) = ends(&site, begin(&site), signal);
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains("the deploy to box was interrupted"), "{said}");
        assert!(
            said.contains("the old one runs again, with its old secrets"),
            "{said}"
        );
        assert!(site.runs_with("web", "token-of-the-first-day"));
        assert_eq!(site.machine.sh("ls -d /run/clws/*/web/*"), place);
        assert_eq!(
            site.processes().len(),
            site.processes()
                .iter()
                .filter(|a| !a.contains("/run/go"))
                .count()
        );
    }
    site.machine.sh("touch /run/go");
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert!(site.runs_with("web", "another"));
}

#[test]
fn a_deploy_under_nohup_outlives_its_terminal() {
    let site = Site::new();
    site.server("web");
    site.hook("web", &probing("web"), &[("serve.sh", SERVE)]);
    let run = site.lab.clws("deploy --on prod --yes").command();
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"trap '' HUP; exec "$0" "$@""#])
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(run.get_current_dir().unwrap())
        .envs(
            run.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let mut child = site
        .machine
        .runs(&command)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    waits(&site, "[ -e /run/waits ]");
    site.machine
        .sh("kill -s HUP $(pidof clws); sleep 0.3; touch /run/go");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(site.runs_with("web", "token-of-the-first-day"));
}

#[test]
fn a_signal_during_a_first_deploy_leaves_nothing() {
    let site = Site::new();
    site.server("web");
    site.server("zoo");
    for hook in [before("web"), probing("web")] {
        site.hook("web", &hook, &[("serve.sh", SERVE)]);
        let (ended, said) = ends(&site, begin(&site), "INT");
        assert_eq!(ended, Some(130), "{said}");
        assert_eq!((site.remains(), site.processes()), (Vec::new(), Vec::new()));
    }
    // The lock is free.
    site.machine.sh("touch /run/go");
    assert_eq!(
        rows(&site.deploy().succeeds()),
        ["web started", "zoo started"]
    );
}

#[test]
fn what_a_killed_deploy_left_is_healed_by_the_next() {
    let site = Site::new();
    site.server("web");
    // In a step of the first one.
    site.hook("web", &before("web"), &[("serve.sh", SERVE)]);
    let (ended, _) = ends(&site, begin(&site), "KILL");
    assert_eq!(ended, None);
    assert!(!site.remains().is_empty() && !site.processes().is_empty());
    site.hook("web", &server_hook("web", ""), &[("serve.sh", SERVE)]);
    assert_eq!(rows(&site.deploy().succeeds()), ["web started"]);
    let alone = || {
        assert_eq!(site.machine.sh("ls -d /run/clws/*/web/* | wc -l"), "1");
        let processes = site.processes();
        let known = |args: &&String| !args.contains("sleep 1000") && !args.contains("dd bs=1");
        let others: Vec<&String> = processes.iter().filter(known).collect();
        assert!(
            others
                .iter()
                .all(|args| args.starts_with("sh -c { sh") || args.starts_with("sh /run/clws")),
            "{others:?}"
        );
        assert_eq!(
            processes
                .iter()
                .filter(|args| *args == "sleep 1000")
                .count(),
            1
        );
    };
    alone();
    // When the new one runs and has no receipt yet; then the vault goes back to what ran before.
    site.hook("web", &probing("web"), &[("serve.sh", SERVE)]);
    site.set("prod/web/TOKEN", "another");
    site.set("prod/web/CHECK", "another");
    let (ended, _) = ends(&site, begin(&site), "KILL");
    assert_eq!(ended, None);
    site.hook("web", &server_hook("web", ""), &[("serve.sh", SERVE)]);
    assert_eq!(rows(&site.deploy().succeeds()), ["web changed"]);
    assert!(site.runs_with("web", "another"));
    alone();
    // `--stop` after a killed first deploy knows of no receipt, and leaves nothing all the same.
    site.clws("deploy --on prod --stop --yes").succeeds();
    site.hook("web", &probing("web"), &[("serve.sh", SERVE)]);
    ends(&site, begin(&site), "KILL");
    let seen = site.clws("status prod --json").exits(1).json();
    assert_eq!(seen["findings"][0]["kind"], "left-over", "{seen:#}");
    let stopped = site.clws("deploy --on prod --stop --yes").succeeds();
    assert!(!stopped.err.contains("nothing of it"), "{}", stopped.err);
    assert_eq!((site.remains(), site.processes()), (Vec::new(), Vec::new()));
}

/// A container that waits before it is what its probe wants, in a harbour.
fn slow(harbour: &Harbour) {
    harbour.serves("[[probe]]\nrun = [\"sh\", \"-c\", \"touch $0.waits; until [ -e $0.go ]; do sleep 0.05; done\", \"{{ run }}/flag\"]\nwithin = \"60s\"\n");
}

/// Begins a deploy and waits until it has made this file.
fn begin_slow(harbour: &Harbour, waits: &str) -> Child {
    drop(std::fs::remove_file(waits));
    let mut command = harbour.deploy().command();
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while !std::path::Path::new(waits).exists() {
        assert!(Instant::now() < until, "no {waits}");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn a_container_that_no_receipt_speaks_of_goes_with_the_next_deploy_or_stop() {
    let harbour = Harbour::new("first");
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    let kill = |waits: &str| {
        let mut child = begin_slow(&harbour, waits);
        child.kill().unwrap();
        child.wait().unwrap();
    };
    // In a step of its image, which is a container of its own.
    let shared = tempfile::tempdir_in("/dev/shm").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(shared.path(), open).unwrap();
    let folder = shared.path().display();
    let step = "[[before]]\nin = \"container\"\nrun = [\"sh\", \"-c\", \"touch /shared/in-step; sleep 1000\"]\n";
    harbour.serves(step);
    let path = harbour.lab.vault().join("hooks/web.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let mounted = format!("mounts = [\"{folder}:/shared\"]\nports = ");
    hook(
        &harbour.lab,
        "web",
        &text.replacen("ports = ", &mounted, 1),
        &[],
    );
    kill(&format!("{folder}/in-step"));
    assert_eq!(harbour.container.containers(), ["NAME.clws-step"]);
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!(harbour.container.containers(), Vec::<String>::new());
    // While it is asked; the component then becomes a process.
    slow(&harbour);
    let run = harbour.folders()[0].clone();
    kill(&format!("{run}/flag.waits"));
    assert_eq!(harbour.container.containers(), ["NAME"]);
    std::fs::remove_dir_all(harbour.lab.vault().join("hooks/web")).unwrap();
    let process =
        "runs_on = { machine_type = \"server\" }\nprocess = { command = [\"sleep\", \"1000\"] }\n";
    hook(&harbour.lab, "web", process, &[]);
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web started"]);
    assert_eq!(harbour.container.containers(), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(format!("{run}/web")).unwrap().count(), 1);
    slow(&harbour);
    kill(&format!("{run}/flag.waits"));
    harbour.lab.clws("deploy --on prod --stop --yes").succeeds();
    assert_eq!(harbour.container.containers(), Vec::<String>::new());
}

#[test]
fn a_container_whose_deploy_is_ended_or_killed_is_put_back_or_healed() {
    let harbour = Harbour::new("ended");
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    harbour.serves("");
    harbour.deploy().succeeds();
    let (first, answer) = (harbour.id(), harbour.answer("nonce"));
    slow(&harbour);
    harbour.set("SEALED", "another");
    let run = harbour.folders()[0].clone();
    let flag = |name: &str| format!("{run}/flag.{name}");
    for signal in ["-INT", "-KILL"] {
        let mut child = begin_slow(&harbour, &flag("waits"));
        let sent = Command::new("kill")
            .arg(signal)
            .arg(child.id().to_string())
            .status();
        assert!(sent.unwrap().success());
        let ended = child.wait().unwrap();
        if signal == "-INT" {
            assert_eq!(ended.code(), Some(130));
            assert_eq!(
                (harbour.id(), harbour.answer("nonce")),
                (first.clone(), answer.clone())
            );
            assert_eq!(harbour.container.containers(), ["NAME"]);
        } else {
            assert_eq!(harbour.container.containers(), ["NAME", "NAME.clws-old"]);
        }
    }
    std::fs::write(flag("go"), "").unwrap();
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web changed"]);
    assert_eq!(harbour.container.containers(), ["NAME"]);
    assert!(harbour.id() != first && harbour.answer("nonce") != answer);
    let folders = std::fs::read_dir(format!("{run}/web")).unwrap().count();
    assert_eq!(folders, 1);
}

#[test]
fn a_step_in_a_container_ends_with_the_deploy_that_is_interrupted() {
    let harbour = Harbour::new("step");
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, "of-the-first-day");
    }
    for (when, left) in [("before", vec![]), ("afterwards", vec!["NAME"])] {
        let step = format!("[[{when}]]\nin = \"container\"\nrun = [\"sleep\", \"1000\"]\n");
        harbour.serves(&step);
        let mut command = harbour.deploy().command();
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while !harbour
            .container
            .containers()
            .contains(&"NAME.clws-step".to_owned())
        {
            assert!(Instant::now() < until, "no step");
            std::thread::sleep(Duration::from_millis(20));
        }
        let number = child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &number]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(harbour.container.containers(), left, "{when}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_next_deploy_heals_it() {
    let site = Site::new();
    // It takes the full ten seconds to be stopped.
    site.server("web");
    let stubborn = SERVE.replace("exec sleep", "trap '' TERM\nexec sleep");
    site.hook("web", &probing("web"), &[("serve.sh", &stubborn)]);
    let child = begin(&site);
    site.machine.sh("kill -s INT $(pidof clws)");
    waits(&site, "! pgrep -f 'run/[g]o'");
    let (ended, said) = ends(&site, child, "INT");
    assert_eq!(ended, Some(130), "{said}");
    assert!(
        said.contains("ended in the middle; the next deploy tidies up"),
        "{said}"
    );
    site.machine.sh("touch /run/go");
    assert_eq!(rows(&site.deploy().succeeds()), ["web started"]);
    assert_eq!(site.machine.sh("ls -d /run/clws/*/web/* | wc -l"), "1");
    // Its probe asks for nothing of it.
    waits(&site, "pgrep -fx 'sleep 1000'");
    let asleep = site.processes();
    let asleep = asleep.iter().filter(|args| *args == "sleep 1000");
    assert_eq!(asleep.count(), 1);
}
