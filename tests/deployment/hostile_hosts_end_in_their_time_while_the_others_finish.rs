//! Hosts that misbehave in every stage, among others that do not: each ends in its time with its code, in
//! little memory, and the others get what they were to get.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::crowd::{Crowd, Manner};
use crate::many_hosts_are_deployed_to_at_a_time::measured;
use crate::site::{hook, set};
use crate::support::lab::Lab;

/// A file, and a step that is given a value and has two seconds.
const HOOK: &str = r#"runs_on = { machine_type = "server" }
[env]
TOKEN = { secret = "web/TOKEN" }
[file.blob]
secret = "web/BLOB"
[[before]]
run = ["sh", "-c", "echo a-step-of $TOKEN"]
needs = ["TOKEN"]
within = "2s"
"#;

#[test]
fn each_stage_has_its_clock_and_nobody_waits_for_another() {
    let lab = Lab::new();
    set(&lab, "prod/web/TOKEN", "a-token-that-is-not-shown");
    set(&lab, "prod/web/BLOB", &"x".repeat(1024));
    hook(&lab, "web", HOOK, &[]);
    let hosts = [
        ("a-good-one", Manner::Well, "started", ""),
        (
            "cuts",
            Manner::Cuts,
            "failed (HOST)",
            "ended before the step did",
        ),
        (
            "drops",
            Manner::Drops,
            "failed (HOST)",
            "ended before the step did",
        ),
        (
            "floods",
            Manner::Floods,
            "failed (REMOTE)",
            "sh did not end in time",
        ),
        (
            "forges",
            Manner::Forges,
            "failed (REMOTE)",
            "sh exited with 3",
        ),
        ("good-too", Manner::Well, "started", ""),
        ("preludes", Manner::Preludes, "failed (HOST)", ""),
        ("shuts", Manner::Shuts, "failed (HOST)", ""),
        (
            "silent",
            Manner::Silent,
            "failed (HOST)",
            "longer than 15 s for the key exchange",
        ),
        ("slow", Manner::Slow, "started", ""),
        (
            "sticks",
            Manner::Sticks,
            "failed (REMOTE)",
            "sh did not end in time",
        ),
        ("the-last-one", Manner::Well, "started", ""),
    ];
    let all = hosts
        .iter()
        .map(|(name, manner, ..)| ((*name).to_owned(), "server", *manner));
    let _crowd = Crowd::new(&lab, all);
    let run = lab.clws("deploy --on prod --yes --json --parallel 12");
    let (code, out, err, memory) = measured(&run);
    assert_eq!(code, Some(23), "{err}");
    assert!(memory < 128 * 1024, "{memory} KiB");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), hosts.len());
    for ((name, _, result, said), row) in hosts.iter().zip(rows) {
        assert_eq!(row["host"], *name);
        assert!(row["result"].as_str().unwrap().starts_with(result), "{row}");
        let message = row["error"]["error"]["message"]
            .as_str()
            .unwrap_or_default();
        assert!(message.contains(said), "{row}");
        // The longest clock of a stage is 30 s; then there is one more look at what can be put back.
        let limit = if *result == "started" { 20.0 } else { 75.0 };
        let seconds = row["seconds"].as_f64().unwrap();
        println!("{name}: {result}, {seconds:.1} s: {message}");
        assert!(seconds < limit, "{row}");
    }
    // What flooded is cut at 1 MiB, and no value is in anything that was said.
    assert!(err.len() < 3 << 20, "{} bytes", err.len());
    assert!(!err.contains("a-token-that-is-not-shown"));
}

/// Waits until a file is there.
fn comes(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "{path:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_step_of_which_nothing_was_heard_does_not_begin_when_its_deploy_is_interrupted() {
    let lab = Lab::new();
    set(&lab, "prod/web/BLOB", "it");
    let step = r#"run = ["sh", "-c", "echo a-step-of web; echo >$SHARED/begun"]"#;
    let text = format!("runs_on = {{ machine_type = \"server\" }}\n[[before]]\n{step}\n");
    hook(&lab, "web", &text, &[]);
    for manner in [Manner::Well, Manner::Mutes] {
        let crowd = Crowd::new(&lab, [("box".to_owned(), "server", manner)].into_iter());
        let begun = crowd.shared().join("begun");
        if manner == Manner::Well {
            lab.clws("deploy --on prod --yes").succeeds();
            assert!(begun.exists());
            continue;
        }
        let mut deploy = lab.clws("deploy --on prod --yes").command();
        let mut deploy = deploy
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        comes(&crowd.note("box", "asked"));
        let mut kill = Command::new("kill");
        kill.args(["-s", "INT", &deploy.id().to_string()]);
        assert!(kill.status().unwrap().success());
        assert_eq!(deploy.wait().unwrap().code(), Some(130));
        comes(&crowd.note("box", "ended"));
        assert!(!begun.exists());
    }
}

#[test]
fn what_a_host_calls_its_folders_is_no_command_for_the_machine_that_deploys() {
    let lab = Lab::new();
    set(&lab, "prod/web/BLOB", "it");
    let step = r#"in = "local"
run = ["sh", "-c", "echo from box:{{ run }} >>told"]"#;
    let text = format!("runs_on = {{ machine_type = \"server\" }}\n[[before]]\n{step}\n");
    hook(&lab, "web", &text, &[]);
    let crowd = Crowd::new(
        &lab,
        [("box".to_owned(), "server", Manner::Names)].into_iter(),
    );
    let ran = lab.clws("deploy --on prod --yes").exits(22);
    assert!(ran.err.contains("is no plain path"), "{}", ran.err);
    assert!(!lab.home("ada").join("led").exists());
    crowd.behaves("box", Manner::Well);
    lab.clws("deploy --on prod --yes").succeeds();
    assert!(lab.home("ada").join("told").exists());
}
