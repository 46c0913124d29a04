//! `clws status` against real hosts and a real daemon: each thing that goes wrong shows in the table and
//! in JSON, with a command that mends it.

use std::process::Command;

use serde_json::Value;

use crate::a_container_gets_its_secrets_and_nobody_else_sees_them::Harbour;
use crate::site::{Site, ada_may_log_in, host, random, rows, server_hook, way_to, write};
use crate::support::docker_image::told;
use crate::support::lab::{Lab, Ran};
use crate::support::sshd::Sshd;

/// What clws has on the machine, with the times of its files.
const TRACES: &str = "find /run/clws /var/lib/clws -printf '%p %T@\\n' | sort";

fn findings(ran: &Ran) -> Vec<Value> {
    let findings = ran.json()["findings"].as_array().cloned();
    findings.expect("findings")
}

/// The findings that are more than notes, as `kind path`.
fn wrong(ran: &Ran) -> Vec<String> {
    let wrong = findings(ran).into_iter();
    wrong
        .filter(|finding| finding["note"] == false)
        .map(|finding| {
            let word = |key: &str| finding[key].as_str().unwrap().to_owned();
            format!("{} {}", word("kind"), word("path"))
        })
        .collect()
}

/// What mends a finding of this kind.
fn next(ran: &Ran, kind: &str) -> String {
    let findings = findings(ran);
    let found = findings.iter().find(|finding| finding["kind"] == kind);
    let found = found.unwrap_or_else(|| panic!("no {kind} in {findings:?}"));
    found["next"].as_str().unwrap().to_owned()
}

fn component<'a>(report: &'a Value, host: &str, component: &str) -> &'a Value {
    let hosts = report["hosts"].as_array().unwrap();
    let host = hosts.iter().find(|one| one["name"] == host).unwrap();
    let components = host["components"].as_array().unwrap();
    components
        .iter()
        .find(|one| one["component"] == component)
        .unwrap()
}

/// Carries out what a finding says.
fn mend(site: &Site, next: &str) {
    let words = next.strip_prefix("clws ").expect("a command of clws");
    site.clws(&format!("{words} --yes")).succeeds();
}

/// The table says it, too, with the same command.
fn shows(ran: &Ran, word: &str, next: &str) {
    let text = ran.text();
    assert!(text.contains(word), "{text}");
    assert!(text.contains(&format!("next: {next}")), "{text}");
}

#[test]
fn what_is_well_is_a_line_and_looking_leaves_no_trace() {
    let site = Site::new();
    site.server("web");
    let ran = site.clws("status --json").exits(1);
    assert_eq!(wrong(&ran), ["not-deployed box/web"]);
    assert_eq!(component(&ran.json(), "box", "web")["state"], "absent");
    assert_eq!(next(&ran, "not-deployed"), "clws deploy web --on box");
    assert_eq!(
        site.machine
            .sh("find /run/clws /var/lib/clws -mindepth 1 2>/dev/null | wc -l"),
        "0"
    );
    site.deploy().succeeds();
    let before = site.machine.sh(TRACES);
    // Somebody deploys meanwhile, as far as the lock says.
    let locked = "for lock in /var/lib/clws/*/lock; do flock \"$lock\" sleep 60 & done";
    site.machine
        .sh(&format!("({locked}) >/dev/null 2>&1; true"));
    let ran = site.clws("status prod --json").succeeds();
    assert_eq!(wrong(&ran), Vec::<String>::new());
    let report = ran.json();
    let web = component(&report, "box", "web");
    assert_eq!(
        (&web["state"], &web["drifts"]),
        (&"runs".into(), &false.into())
    );
    assert_eq!(
        web["secrets"]["prod/web/TOKEN"],
        serde_json::json!({ "there": 1, "here": 1 })
    );
    assert!(web["since"].as_str().unwrap().ends_with('Z'), "{web}");
    assert_eq!(report["hosts"][0]["reachable"], true);
    assert_eq!(report["hosts"][0]["space"][0]["kind"], "memory");
    let text = site.clws("status box").succeeds().text();
    assert!(text.contains("2 newest"), "{text}");
    assert_eq!(site.machine.sh(TRACES), before);
    // Nothing was opened for it.
    let log = site.clws("audit show --json").succeeds().json();
    let uses = log["uses"].as_array().unwrap();
    assert!(!uses.iter().any(|entry| entry["what"] == "status"), "{log}");
}

#[test]
fn who_can_open_nothing_sees_the_same() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    site.lab.clws("identity new ben").by("ben").succeeds();
    let head = format!("--expect {}", site.lab.head());
    let ran = site.clws(&format!("status --json {head}")).by("ben");
    // No party or rule knows ben; what he can do is log in.
    assert_eq!(wrong(&ran.succeeds()), Vec::<String>::new());
}

#[test]
fn an_old_rev_a_dead_process_and_a_hand_edited_hook_show_and_are_mended() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    let status = || site.clws("status prod --json");

    site.set("prod/web/TOKEN", "another");
    site.set("prod/web/CHECK", "another");
    let ran = status().exits(1);
    assert_eq!(wrong(&ran), ["old-rev box/web"]);
    let web = component(&ran.json(), "box", "web").clone();
    assert_eq!(
        web["secrets"]["prod/web/TOKEN"],
        serde_json::json!({ "there": 1, "here": 2 })
    );
    let mending = next(&ran, "old-rev");
    shows(
        &site.clws("status prod").exits(1),
        "2 of 2 differ",
        &mending,
    );
    mend(&site, &mending);
    assert_eq!(wrong(&status().succeeds()), Vec::<String>::new());

    let pid = site.pid("web");
    site.machine.sh(&format!(
        "kill -KILL {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.05; done"
    ));
    let ran = status().exits(1);
    assert_eq!(wrong(&ran), ["stopped box/web"]);
    let mending = next(&ran, "stopped");
    shows(&site.clws("status prod").exits(1), "stopped", &mending);
    mend(&site, &mending);
    assert_eq!(wrong(&status().succeeds()), Vec::<String>::new());

    // A hook that nobody signed is believed in nothing, not even that it runs elsewhere now.
    let text = server_hook("web", "").replace("\"server\"", "\"worker\"");
    write(&site.lab, "hooks/web.toml", &text);
    let ran = status().exits(1);
    assert_eq!(wrong(&ran), ["hook hooks/web.toml"]);
    assert!(next(&ran, "hook").contains("clws hook sign web"));
    let web = component(&ran.json(), "box", "web").clone();
    assert_eq!(
        (&web["state"], &web["drifts"]),
        (&"runs".into(), &Value::Null)
    );
    shows(
        &site.clws("status prod").exits(1),
        "hook: hooks/web.toml",
        "clws hook diff web",
    );

    // Signed, it is a drift of what is elsewhere: nothing says any more that it runs here.
    site.lab.clws("hook sign web --yes").succeeds();
    let ran = status().exits(1);
    assert_eq!(wrong(&ran), ["left-over box/web"]);
    let mending = next(&ran, "left-over");
    mend(&site, &mending);
    assert_eq!(wrong(&status().succeeds()), Vec::<String>::new());
}

#[test]
fn another_hook_and_a_reboot_show_and_are_mended() {
    let site = Site::new();
    site.server("web");
    site.deploy().succeeds();
    let status = || site.clws("status prod --json");
    let more = "[settings]\nworkers = \"4\"\n";
    site.hook("web", &server_hook("web", more), &[]);
    let ran = status().exits(1);
    assert_eq!(wrong(&ran), ["drift box/web"]);
    let why = findings(&ran)[0]["why"].to_string();
    assert!(why.contains("number 1 of its hook, this vault 2"), "{why}");
    assert!(why.contains("its settings workers"), "{why}");
    site.deploy().succeeds();
    assert_eq!(wrong(&status().succeeds()), Vec::<String>::new());
    site.machine.sh("rm -rf /run/clws/*/web");
    let ran = status().exits(1);
    assert_eq!(wrong(&ran), ["emptied box/web"]);
    assert_eq!(next(&ran, "emptied"), "clws deploy web --on box");
}

#[test]
fn a_certificate_that_ended_and_one_that_will_show_with_their_days() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let openssl = "openssl req -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=web.invalid -keyout k -out r 2>&1
        openssl x509 -req -in r -key k -days 10 -out near.crt 2>&1
        openssl x509 -req -in r -key k -days 0 -out past.crt 2>&1";
    let made = Command::new("sh")
        .args(["-ec", openssl])
        .current_dir(folder.path())
        .output();
    let made = made.unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stdout)
    );
    for name in ["near", "past"] {
        let pem = std::fs::read(folder.path().join(format!("{name}.crt"))).unwrap();
        let set = lab.clws(&format!("secret set prod/tls/{name}.crt --type file"));
        set.stdin(&pem).succeeds();
    }
    let ran = lab.clws("status --json").exits(1);
    assert_eq!(wrong(&ran), ["expired prod/tls/past.crt"]);
    let report = ran.json();
    let ends = report["ends"].as_array().unwrap();
    assert_eq!(ends[0]["path"], "prod/tls/past.crt");
    assert_eq!(ends[0]["days_left"], 0);
    assert_eq!(ends[1]["path"], "prod/tls/near.crt");
    let left = ends[1]["days_left"].as_i64().unwrap();
    assert!((9..=11).contains(&left), "{left}");
    let mending = next(&ran, "expired");
    assert!(
        mending.starts_with("clws secret set prod/tls/past.crt"),
        "{mending}"
    );
    let ran = lab.clws("status").exits(1);
    shows(&ran, "has ended: prod/tls/past.crt", &mending);
    assert!(
        ran.text().contains("note: expiring: prod/tls/near.crt"),
        "{}",
        ran.text()
    );
}

#[test]
fn a_stopped_container_and_a_host_that_is_down_show_and_the_others_are_seen() {
    let harbour = Harbour::new("oncall");
    let server = Sshd::start_with(&["ed25519"], "SetEnv HOME=/nonexistent");
    let way = way_to(&server, &server.user, server.host_key_line());
    host(&harbour.lab, "box", "prod", "server", &way);
    ada_may_log_in(&harbour.lab, &server);
    let value = random();
    for name in ["TOKEN", "CHECK", "SEALED", "PASSWORD"] {
        harbour.set(name, &value);
    }
    harbour.serves("");
    assert_eq!(rows(&harbour.deploy().succeeds()), ["web started"]);
    let status = |words: &str| harbour.lab.clws(&format!("status {words}"));
    let ran = status("prod --json").succeeds();
    let report = ran.json();
    let web = component(&report, "box", "web");
    assert_eq!(
        (&web["state"], &web["restarts"]),
        (&"runs".into(), &0.into())
    );
    assert_eq!(web["container"], harbour.container.name.as_str());
    assert!(
        web["image"].as_str().unwrap().starts_with("sha256:"),
        "{web}"
    );

    // A second host, which nobody answers for.
    let down = Sshd::start_with(&["ed25519"], "");
    let away = way_to(&down, &down.user, down.host_key_line());
    host(&harbour.lab, "gone", "prod", "server", &away);
    drop(down);
    told(&["stop", "--time", "5", &harbour.container.name]);
    let ran = status("prod --json").exits(1);
    assert_eq!(wrong(&ran), ["stopped box/web", "unreachable gone"]);
    let report = ran.json();
    assert_eq!(component(&report, "gone", "web")["state"], "unseen");
    assert_eq!(next(&ran, "stopped"), "clws deploy web --on box");
    let text = status("prod").exits(1);
    shows(&text, "unreachable", &next(&ran, "unreachable"));
    shows(
        &text,
        "its container ended with exit code",
        "clws deploy web --on box",
    );
    harbour.lab.clws("deploy web --on box --yes").succeeds();
    assert_eq!(
        wrong(&status("box --json").succeeds()),
        Vec::<String>::new()
    );
    for ran in [ran, text] {
        assert!(!String::from_utf8_lossy(&ran.out).contains(&value));
    }
}

#[test]
fn words_that_mean_nothing_and_pipes_that_are_watched_are_refused() {
    let site = Site::new();
    let ran = site.clws("status nowhere").exits(18);
    assert!(ran.err.contains("nowhere"), "{}", ran.err);
    let ran = site.clws("status --watch").exits(2);
    assert!(ran.err.contains("a terminal"), "{}", ran.err);
}
