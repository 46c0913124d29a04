//! What many hosts have in common is said once: in a scan, a deploy, a plan, and when they are stopped.

use crate::crowd::{Crowd, Manner};
use crate::many_hosts_are_deployed_to_at_a_time::lab;
use crate::site::set;

#[test]
fn what_many_hosts_have_in_common_is_said_once() {
    let lab = lab();
    let name = |number: usize| format!("h{number:02}");
    let manner = |number| match number {
        23 => Manner::Drops,
        _ => Manner::Well,
    };
    let crowd = Crowd::new(
        &lab,
        (0..24).map(|number| (name(number), "server", manner(number))),
    );
    let scanned = lab.clws("host scan prod").succeeds().text();
    assert_eq!(
        scanned.trim(),
        "and 24 keys on record: `--verbose` shows them"
    );
    // What went well is counted, and what failed stands alone.
    let ran = lab.clws("deploy --on prod --yes").exits(23);
    let (out, err) = (ran.text(), ran.err);
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines.len() == 4 && lines[1].starts_with("h23   web        failed (HOST)"),
        "{out}"
    );
    let counted = "and 23 started: `--verbose` shows each";
    assert_eq!(lines[2..], [counted, "23 hosts done, 1 not"]);
    assert!(
        err.contains("`clws deploy --on prod --resume` goes on"),
        "{err}"
    );
    // Where a network breaks, all hosts say the same.
    for number in 0..24 {
        crowd.behaves(&name(number), Manner::Drops);
    }
    set(&lab, "prod/web/TOKEN", "another-token-of-many-hosts");
    let ran = lab.clws("deploy --on prod --yes").exits(20);
    assert_eq!(
        ran.text(),
        "and 24 failed (HOST): h[00-23]\n0 hosts done, 24 not\n"
    );
    let told = |err: &str| {
        err.lines()
            .filter(|line| line.starts_with("error: "))
            .count()
    };
    assert_eq!(told(&ran.err), 20, "{}", ran.err);
    let counted = "more errors of the kind HOST are counted below; `--verbose` shows each\n";
    assert_eq!(ran.err.matches(counted).count(), 1, "{}", ran.err);
    let ran = lab.clws("deploy --on prod --yes --verbose").exits(20);
    assert_eq!((told(&ran.err), ran.text().lines().count()), (24, 26));
    // What is stopped is told in the same way.
    for number in 0..24 {
        crowd.behaves(&name(number), Manner::Well);
    }
    lab.clws("deploy --on h23 --yes").succeeds();
    let planned = lab.clws("deploy --on prod --stop --dry-run").succeeds();
    assert_eq!(
        planned.err,
        "stops all that was deployed on 24 hosts, h[00-23]\n"
    );
    let stopped = lab.clws("deploy --on h00 --stop --yes --json").succeeds();
    assert_eq!(
        stopped.json()["rows"],
        serde_json::json!([{ "host": "h00", "component": "web", "result": "stopped", "error": null }])
    );
    let stopped = lab.clws("deploy --on prod --stop --yes").succeeds();
    let lines: Vec<&str> = stopped.err.lines().collect();
    assert_eq!(
        lines,
        ["absent on 1 host: h00", "stopped web on 23 hosts: h[01-23]"]
    );
}
