//! Hosts that misbehave in every stage, among others that do not: each ends in its time with its code, in
//! little memory, and the others get what they were to get.

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
