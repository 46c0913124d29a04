//! A disk here that takes seconds for a sync: hosts whose lines of the log come at the same moment wait for it
//! together, none is given up for that, and none gets a value before.

use std::process::Command;

use crate::crowd::{Crowd, Manner};
use crate::site::{hook, set};
use crate::support::lab::Lab;
use crate::support::tool::tool;

const HOSTS: usize = 16;

/// How long a sync takes: all of them one after the other would be longer than any clock of a login.
const SYNC: f64 = 4.0;

/// A value, and a step that says when it began.
const HOOK: &str = r#"runs_on = { machine_type = "server" }
[file.blob]
secret = "web/BLOB"
[[before]]
run = ["sh", "-c", 'date +%s.%N >"$SHARED/$1-began"', "sh", "{{ host.name }}"]
"#;

#[test]
fn hosts_wait_for_the_log_together_and_get_nothing_before() {
    let lab = Lab::new();
    set(&lab, "prod/web/BLOB", "it");
    hook(&lab, "web", HOOK, &[]);
    let names: Vec<String> = (0..HOSTS).map(|number| format!("h{number:02}")).collect();
    let hosts = names
        .iter()
        .map(|name| (name.clone(), "server", Manner::Well));
    let crowd = Crowd::new(&lab, hosts);
    let log = lab.root().join("strace");
    let mut strace = Command::new(tool("strace"));
    strace
        .args(["-f", "-ttt", "-qq", "-e", "trace=fdatasync"])
        .arg(format!(
            "--inject=fdatasync:delay_enter={}",
            (SYNC * 1e6) as u64
        ))
        .arg("-o")
        .arg(&log);
    let deploy = lab.clws("deploy --on prod --yes --json --parallel 16");
    let deployed = deploy.under(strace).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&deployed.stdout).unwrap();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), HOSTS);
    assert!(
        rows.iter().all(|row| row["result"] == "started"),
        "{report}"
    );
    // `PID TIME fdatasync(…) = 0 (DELAYED)`, which another thread's may stand in the middle of.
    let log = std::fs::read_to_string(&log).unwrap();
    let begun: Vec<f64> = log
        .lines()
        .filter(|line| line.contains(" fdatasync("))
        .map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap())
        .collect();
    println!("{} syncs for {HOSTS} hosts", begun.len());
    assert!(!begun.is_empty() && begun.len() <= HOSTS / 2, "{log}");
    // Each step began after a sync that took its time.
    for name in &names {
        let time = std::fs::read_to_string(crowd.shared().join(format!("{name}-began"))).unwrap();
        let time: f64 = time.trim().parse().unwrap();
        assert!(time >= begun[0] + SYNC, "{name}: {time}, {begun:?}");
    }
}
