//! Many hosts, of which some are silent, slow or drop the connection: each gets its own result.
//!
//! `CLWS_HOSTS=1000` plays it with as many hosts as that.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};

use crate::crowd::{Crowd, Manner};
use crate::site::{hook, host, rows, set};
use crate::support::lab::{Lab, Run};

/// Of a host that is never reached.
const SOME_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// A kibibyte in a file, and a step that prints lines with a value in them.
const FILES: &str = r#"runs_on = { machine_type = "server" }
[env]
TOKEN = { secret = "web/TOKEN" }
[file.blob]
secret = "web/BLOB"
[[before]]
run = ["sh", "-c", 'n=0; while [ $n -lt 20 ]; do printf "a-step-of %s with" "$1"; printf " %s %s\n" "$TOKEN" "$n"; n=$((n + 1)); done', "sh", "{{ host.name }}"]
needs = ["TOKEN"]
"#;

pub(crate) fn lab() -> Lab {
    let lab = Lab::new();
    set(&lab, "prod/web/TOKEN", "a-token-of-many-hosts");
    set(&lab, "prod/web/BLOB", &"x".repeat(1024));
    hook(&lab, "web", FILES, &[]);
    lab
}

fn manner(number: usize) -> Manner {
    match number {
        n if n % 20 == 7 => Manner::Silent,
        n if n % 50 == 11 => Manner::Slow,
        n if n % 100 == 23 => Manner::Drops,
        _ => Manner::Well,
    }
}

/// Runs it to its end with 256 descriptors; its code, stdout, stderr, and the most memory that it had,
/// in KiB.
pub(crate) fn measured(run: &Run<'_>) -> (Option<i32>, String, String, u64) {
    let clws = run.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 256; exec \"$0\" \"$@\""])
        .arg(clws.get_program())
        .args(clws.get_args())
        .current_dir(clws.get_current_dir().unwrap())
        .env_clear();
    for (name, value) in clws.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watching = std::thread::spawn(move || {
        let mut most = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find(|line| line.starts_with("VmHWM:"));
            let Some(line) = line else { break };
            let number = line.split_whitespace().nth(1).unwrap();
            most = most.max(number.parse().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        most
    });
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
        watching.join().unwrap(),
    )
}

#[test]
fn each_of_many_hosts_gets_its_own_result_with_few_descriptors_and_little_memory() {
    let count: usize = std::env::var("CLWS_HOSTS").map_or(60, |text| text.parse().unwrap());
    let lab = lab();
    let name = |number: usize| format!("h{number:04}");
    let hosts = (0..count).map(|number| (name(number), "server", manner(number)));
    let _crowd = Crowd::new(&lab, hosts);
    let began = Instant::now();
    let run = lab.clws("deploy --on prod --yes --json --parallel 64");
    let (code, out, err, memory) = measured(&run);
    println!(
        "{count} hosts, 64 at a time: {:.1} s, {:.1} MiB at most",
        began.elapsed().as_secs_f64(),
        memory as f64 / 1024.0
    );
    assert_eq!(code, Some(23), "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), count);
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row["host"], name(number));
        let (component, result, said) = match manner(number) {
            Manner::Silent => (
                "-",
                "failed (HOST)",
                "longer than 15 s for the key exchange",
            ),
            Manner::Drops => ("web", "failed (HOST)", "ended"),
            _ => ("web", "started", ""),
        };
        assert_eq!(row["component"], component, "{row}");
        assert_eq!(row["result"], result, "{row}");
        let message = row["error"]["error"]["message"]
            .as_str()
            .unwrap_or_default();
        assert!(message.contains(said), "{row}");
    }
    // The plan says once what is the same for all.
    let planned = format!(
        "web on {count} hosts, h[0000-{:04}]: files and steps",
        count - 1
    );
    assert!(
        err.lines()
            .filter(|line| line.starts_with("web on "))
            .count()
            == 1,
        "{err}"
    );
    assert!(err.contains(&planned), "{err}");
    assert!(err.contains(" sh {{ host.name }}\n"), "{err}");
    // Each line is one host's and whole, and the value is in none.
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for line in err.lines().filter(|line| line.contains("a-step-of")) {
        if line.starts_with("    before:") {
            continue;
        }
        let (host, rest) = line
            .split_once(" web | ")
            .unwrap_or_else(|| panic!("{line}"));
        let number = lines.entry(host).or_default();
        assert_eq!(rest, format!("a-step-of {host} with [redacted] {number}"));
        *number += 1;
    }
    let well = (0..count).filter(|n| !matches!(manner(*n), Manner::Silent | Manner::Drops));
    assert_eq!(lines.len(), well.count());
    assert!(lines.values().all(|count| *count == 20));
    assert!(!err.contains("a-token-of-many-hosts"));
    assert!(memory < 128 * 1024, "{memory} KiB");
}

#[test]
fn a_deploy_that_some_hosts_failed_is_resumed_without_touching_the_others() {
    let lab = lab();
    let names = ["a", "b", "c", "d"];
    let hosts = names.iter().map(|name| {
        let manner = match *name {
            "c" => Manner::Drops,
            _ => Manner::Well,
        };
        ((*name).to_owned(), "server", manner)
    });
    let crowd = Crowd::new(&lab, hosts);
    let count = |crowd: &Crowd| names.map(|name| crowd.connections(name));
    let nothing = lab.clws("deploy --on prod --yes --resume").exits(18);
    assert!(
        nothing.err.contains("`clws deploy --on prod`"),
        "{}",
        nothing.err
    );
    let ran = lab
        .clws("deploy --on prod --yes --json --parallel 2")
        .exits(23);
    assert_eq!(
        rows(&ran),
        [
            "web started",
            "web started",
            "web failed (HOST)",
            "web started"
        ]
    );
    assert!(
        ran.err.contains("connected again: nothing of it runs"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("--resume"), "{}", ran.err);
    let before = count(&crowd);
    crowd.behaves("c", Manner::Well);
    let ran = lab
        .clws("deploy --on prod --yes --json --resume")
        .succeeds();
    assert_eq!(rows(&ran), ["web started"]);
    assert!(
        ran.err.contains("3 components done before; 1 host left"),
        "{}",
        ran.err
    );
    let after = count(&crowd);
    assert_eq!(after, [before[0], before[1], before[2] + 1, before[3]]);
    // All is done: there is nothing to go on with.
    lab.clws("deploy --on prod --yes --resume").exits(18);
    // What is to be brought otherwise by now counts as not done.
    crowd.behaves("c", Manner::Silent);
    set(&lab, "prod/web/TOKEN", "another-token-of-many-hosts");
    lab.clws("deploy --on prod --yes").exits(23);
    crowd.behaves("c", Manner::Well);
    set(&lab, "prod/web/TOKEN", "a-third-token-of-many-hosts");
    let ran = lab
        .clws("deploy --on prod --yes --json --resume")
        .succeeds();
    assert_eq!(
        rows(&ran),
        ["web changed", "web changed", "web started", "web changed"].map(|row| {
            if row == "web started" {
                "web changed"
            } else {
                row
            }
        })
    );
    let state = lab.home("ada").join(".local/state/clws");
    let found = Command::new("find")
        .arg(state)
        .args(["-path", "*deploys*", "-name", "*.jsonl"])
        .output();
    assert!(
        found.unwrap().stdout.is_empty(),
        "the record of what is done goes"
    );
}

#[test]
fn a_component_waits_for_one_on_another_host_and_is_left_if_that_one_fails() {
    let lab = Lab::new();
    set(&lab, "prod/mysql/GOOD", "no");
    let step = |run: &str| format!("[[before]]\nrun = [\"sh\", \"-c\", '{run}']\n");
    let mysql = format!(
        "runs_on = {{ machine_type = \"mysql\" }}\nenv.GOOD = {{ secret = \"mysql/GOOD\" }}\n{}needs = [\"GOOD\"]\n",
        step("echo a-step-of mysql; sleep 1; [ \"$GOOD\" = yes ] && touch $SHARED/mysql-runs")
    );
    hook(&lab, "mysql", &mysql, &[]);
    let server = "runs_on = { machine_type = \"server\" }\n";
    let rest = step("[ -e $SHARED/mysql-runs ] && touch $SHARED/rest-runs");
    hook(
        &lab,
        "rest",
        &format!("{server}after = [\"mysql\"]\n{rest}"),
        &[],
    );
    let page = step("[ -e $SHARED/rest-runs ]");
    hook(
        &lab,
        "page",
        &format!("{server}after = [\"rest\"]\n{page}"),
        &[],
    );
    hook(&lab, "log", &format!("{server}{}", step("true")), &[]);
    let hosts = [("app", "server"), ("db", "mysql")];
    let hosts = hosts.map(|(name, machine_type)| (name.to_owned(), machine_type, Manner::Well));
    let crowd = Crowd::new(&lab, hosts.into_iter());
    for at_a_time in [1, 8] {
        let words = format!("deploy --on prod --yes --parallel {at_a_time}");
        let ran = lab.clws(&words).exits(22);
        let line = |component: &str| {
            let text = ran.text();
            let mut lines = text.lines().filter(|line| line.contains(component));
            lines
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert!(
            line(" rest ").contains("left: waits for mysql on db, which failed"),
            "{}",
            ran.text()
        );
        assert!(
            line(" page ").contains("left: waits for rest on app, which was left"),
            "{}",
            ran.text()
        );
        let log = if at_a_time == 1 {
            "started"
        } else {
            "unchanged"
        };
        assert!(line(" log ").contains(log), "{}", ran.text());
    }
    set(&lab, "prod/mysql/GOOD", "yes");
    for at_a_time in [1, 8] {
        let words = format!("deploy --on prod --yes --json --parallel {at_a_time}");
        let ran = lab.clws(&words).succeeds();
        let word = if at_a_time == 1 {
            "started"
        } else {
            "unchanged"
        };
        let expected = [
            "log unchanged".to_owned(),
            format!("rest {word}"),
            format!("page {word}"),
            format!("mysql {word}"),
        ];
        let mut found = rows(&ran);
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }
    assert!(crowd.shared().join("rest-runs").exists());
}

/// A port of loopback at which nobody listens, kept from everybody else for as long as the socket is.
fn dead_port() -> (OwnedFd, u16) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap();
    let port = SocketAddrV4::try_from(address).unwrap().port();
    (socket, port)
}

#[test]
fn hosts_that_fail_in_different_ways_are_told_with_their_own_and_resumed() {
    let lab = lab();
    let steps = "case $1 in \
                 b) touch $SHARED/b/stuck; until [ -e $SHARED/go ]; do sleep 0.05; done;; \
                 c) [ -e $SHARED/go ] || { echo the-disk-is-full >&2; exit 7; };; esac; n=0;";
    hook(&lab, "web", &FILES.replace("n=0;", steps), &[]);
    let (_socket, port) = dead_port();
    let way = |port| {
        format!(
            "address = \"127.0.0.1\"\nport = {port}\nuser = \"ada\"\n\n[hostkey.main]\nkey = \"{SOME_KEY}\"\n\n"
        )
    };
    host(&lab, "a", "prod", "server", &way(port));
    let names = ["b", "c"];
    let hosts = names.map(|name| (name.to_owned(), "server", Manner::Well));
    let crowd = Crowd::new(&lab, hosts.into_iter());
    // Somebody else is in the middle of a deploy to b.
    let other = spawn(&lab.clws("deploy --on b --yes --json"));
    stuck(&crowd, &names, 1);
    let ran = lab.clws("deploy --on prod --yes --json").exits(20);
    assert_eq!(
        rows(&ran),
        [
            "- failed (HOST)",
            "- failed (TEMPFAIL)",
            "web failed (REMOTE)"
        ]
    );
    let report = ran.json();
    let said = |at: usize| report["rows"][at]["error"]["error"]["message"].to_string();
    for (at, name, words) in [
        (0, "a", format!("127.0.0.1:{port}")),
        (1, "b", "somebody else deploys to b right now".to_owned()),
        (2, "c", "sh exited with 7".to_owned()),
    ] {
        assert_eq!(report["rows"][at]["host"], name);
        assert!(said(at).contains(&words), "{}", said(at));
    }
    let line = "c web | the-disk-is-full";
    assert!(ran.err.lines().any(|one| one == line), "{}", ran.err);
    // The reason is gone on two of them: what the other deploy did on b is not done again.
    std::fs::write(crowd.shared().join("go"), "").unwrap();
    let output = other.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let ran = lab.clws("deploy --on prod --yes --json --resume").exits(23);
    assert_eq!(
        rows(&ran),
        ["- failed (HOST)", "web unchanged", "web started"]
    );
}

/// Waits until as many hosts as that are in the middle of a step.
fn stuck(crowd: &Crowd, names: &[&str], count: usize) {
    let until = Instant::now() + Duration::from_secs(60);
    let is_stuck = |name: &&&str| crowd.shared().join(name).join("stuck").exists();
    while names.iter().filter(is_stuck).count() < count {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn interrupt(child: &Child) {
    let id = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
}

fn spawn(run: &Run<'_>) -> Child {
    let mut command = run.command();
    let command = command.stdin(Stdio::null()).stderr(Stdio::piped());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_first_interruption_drains_and_a_second_one_ends_it_at_once() {
    let lab = lab();
    let waits = FILES.replace(
        "n=0;",
        "touch $SHARED/$1/stuck; until [ -e $SHARED/go ]; do sleep 0.05; done; n=0;",
    );
    hook(&lab, "web", &waits, &[]);
    let names = ["a", "b", "c", "d", "e"];
    let hosts = names
        .iter()
        .map(|name| ((*name).to_owned(), "server", Manner::Well));
    let crowd = Crowd::new(&lab, hosts);
    let run = lab.clws("deploy --on prod --yes --json --parallel 2");
    let child = spawn(&run);
    stuck(&crowd, &names, 2);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let results: Vec<&str> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["result"].as_str().unwrap())
        .collect();
    assert_eq!(
        results,
        [
            "failed (INTERRUPT)",
            "failed (INTERRUPT)",
            "left",
            "left",
            "left"
        ]
    );
    assert_eq!(names.map(|name| crowd.connections(name)), [1, 1, 0, 0, 0]);
    // Hosts that answer nothing keep it from putting anything back.
    for name in names {
        drop(std::fs::remove_file(
            crowd.shared().join(name).join("stuck"),
        ));
        crowd.behaves(name, Manner::Sticks);
    }
    let mut child = spawn(&run);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    stuck(&crowd, &names, 2);
    interrupt(&child);
    // Two that come at once would be one.
    let heard = said.find(|line| line.as_ref().unwrap().contains("once more ends at once"));
    assert!(heard.is_some());
    interrupt(&child);
    // A host that sticks is waited for by nobody any more.
    let rest: Vec<String> = said.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let ended = |line: &String| line.contains("ended in the middle");
    assert!(rest.iter().any(ended), "{rest:?}");
}
