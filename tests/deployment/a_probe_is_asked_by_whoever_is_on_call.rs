//! `clws status --probe`: what runs is asked now, what is shown over TLS is looked at, and no value is said.

use std::path::Path;

use serde_json::Value;

use crate::site::{Site, random, server_hook};
use crate::support::lab::Ran;
use crate::support::tool::tool;
use crate::support::web::{Nginx, Pair, pair};

const NAME: &str = "worksheets.codalab.example";

/// The findings as `kind path`, notes as well.
fn found(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let findings = report["findings"].as_array().expect("findings");
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings
        .iter()
        .map(|finding| format!("{} {}", word(finding, "kind"), word(finding, "path")))
        .collect()
}

fn finding(ran: &Ran, kind: &str) -> Value {
    let report = ran.json();
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["kind"] == kind);
    found
        .unwrap_or_else(|| panic!("no {kind} in {findings:?}"))
        .clone()
}

/// The answers of the only component, as `probe: answer`.
fn answers(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let probes = report["hosts"][0]["components"][0]["probes"].as_array();
    let probes = probes.expect("probes").iter();
    probes
        .map(|probe| {
            let word = |key: &str| probe[key].as_str().unwrap().to_owned();
            format!("{}: {}", word("probe"), word("answer"))
        })
        .collect()
}

#[test]
fn what_runs_answers_and_what_is_wrong_is_said_without_a_value() {
    let site = Site::new();
    let token = random();
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().display();
    for name in ["TOKEN", "CHECK"] {
        site.set(&format!("prod/web/{name}"), &token);
    }
    let more = format!(
        r#"[[probe]]
run = ["sh", "-c", "cat word; test -e well"]
within = "1s"
on_call = true
next = "clws ssh {{{{ host.name }}}} -- touch well"
[[probe]]
file = {{ path = "{backups}/*.gz", younger = "26h", larger = 100 }}
on_call = true
"#
    );
    let serve = crate::site::SERVE.replace(
        "mv answer.new",
        "echo \"it is $TOKEN\" >word\nmv answer.new",
    );
    site.hook("web", &server_hook("web", &more), &[("serve.sh", &serve)]);
    // A deploy asks neither of the two.
    site.deploy().succeeds();
    site.clws("status prod --json").succeeds();
    let before = site.opened();

    let ran = site.clws("status prod --probe --json").exits(1);
    assert_eq!(found(&ran), ["probe box/web", "probe box/web"]);
    let all = answers(&ran);
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(
        all[0].ends_with(": right") && all[1].ends_with(": wrong"),
        "{all:?}"
    );
    assert_eq!(all[2], format!("the age of {backups}/*.gz: wrong"));
    let text = String::from_utf8(ran.out.clone()).unwrap();
    assert!(text.contains("clws ssh box -- touch well"), "{text}");
    assert!(
        text.contains("exit 1: it is ") && !text.contains(&token),
        "{text}"
    );
    assert!(text.contains("there is no file"), "{text}");
    let ran = site.clws("status prod --probe").exits(1);
    let text = ran.text();
    assert!(
        text.contains("2 of 3 wrong") && !text.contains(&token),
        "{text}"
    );
    assert!(text.contains("next: clws ssh box -- touch well"), "{text}");
    // Each opening was logged, as of a status.
    assert_eq!(site.opened(), before);
    let log = site.clws("audit show --json").succeeds().json();
    let uses = log["uses"].as_array().unwrap().iter();
    let of_status = uses.filter(|entry| entry["what"] == "status").count();
    assert!(of_status > 0, "{log}");

    site.machine
        .sh("for folder in /run/clws/*/web/*/; do touch \"$folder/well\"; done");
    for (name, bytes) in [("old.gz", 200), ("new.gz", 200)] {
        std::fs::write(folder.path().join(name), vec![0; bytes]).unwrap();
    }
    let old = folder.path().join("old.gz").display().to_string();
    site.machine.sh(&format!("touch -d '3 days ago' {old}"));
    let ran = site.clws("status prod --probe --json").succeeds();
    assert_eq!(found(&ran), Vec::<String>::new());
    assert!(
        answers(&ran)
            .iter()
            .all(|answer| answer.ends_with(": right"))
    );
    let text = site.clws("status prod --probe").succeeds().text();
    assert!(text.contains("3 right"), "{text}");
    std::fs::write(folder.path().join("new.gz"), b"").unwrap();
    let ran = site.clws("status prod --probe --json").exits(1);
    assert!(
        finding(&ran, "probe")["why"]
            .to_string()
            .contains("0 bytes, and 100 are")
    );
    std::fs::remove_file(folder.path().join("new.gz")).unwrap();
    let ran = site.clws("status prod --probe --json").exits(1);
    assert!(
        finding(&ran, "probe")["why"]
            .to_string()
            .contains("72 h old, and at most 26 h")
    );

    // Newer values would be refused by what has the older ones: that is no wrong answer.
    site.set("prod/web/CHECK", "another");
    let ran = site.clws("status prod --probe --json").exits(1);
    assert!(
        answers(&ran)[0].ends_with(": unasked"),
        "{:?}",
        answers(&ran)
    );
    assert_eq!(
        finding(&ran, "probe-unasked")["next"],
        "clws deploy web --on box"
    );
    assert_eq!(finding(&ran, "old-rev")["next"], "clws deploy web --on box");
    // Another clone has newer ones deployed: a deploy of this one would be refused.
    let clone = site.lab.copy();
    site.set("prod/web/CHECK", &token);
    site.clws("deploy --on prod --yes").succeeds();
    let status = clone.clws("status prod --probe --json").on(&site.machine);
    let unasked = finding(&status.exits(1), "probe-unasked");
    assert_eq!(unasked["next"], "git pull", "{unasked}");
}

#[test]
fn who_can_open_nothing_asks_what_needs_no_value_and_is_shown_no_answer() {
    let site = Site::new();
    let more =
        "[[probe]]\nrun = [\"sh\", \"-c\", \"echo no; exit 1\"]\non_call = true\nwithin = \"1s\"\n";
    site.server("web");
    site.hook("web", &server_hook("web", more), &[]);
    site.deploy().succeeds();
    site.lab.clws("identity new ben").by("ben").succeeds();
    let head = format!("--expect {}", site.lab.head());
    let ran = site
        .clws(&format!("status --probe --json {head}"))
        .by("ben")
        .exits(1);
    let all = answers(&ran);
    assert!(
        all[0].ends_with(": unasked") && all[1].ends_with(": wrong"),
        "{all:?}"
    );
    let next = finding(&ran, "probe")["next"].to_string();
    assert!(next.starts_with("\"tail -n 50 /run/clws/"), "{next}");
    let next = finding(&ran, "probe-unasked")["next"].to_string();
    assert!(!next.is_empty() && !next.contains("clws deploy"), "{next}");
    let why = finding(&ran, "probe")["why"].to_string();
    assert!(
        why.contains("it is not shown, since it may hold a value"),
        "{why}"
    );
}

/// A site with nginx on its machine, which shows what the component `front` placed.
struct Shown {
    site: Site,
    nginx: Nginx,
}

impl Shown {
    fn new(first: &Pair, probe: &str) -> Self {
        let site = Site::new();
        let nginx = Nginx::start_by(
            |program| site.machine.program(program),
            first,
            "location / { return 200 \"<html>Worksheets</html>\"; }",
        );
        let shown = Self { site, nginx };
        shown.keeps(first);
        let at = shown.nginx.folder.path().display();
        let hook = format!(
            r#"runs_on = {{ machine_type = "server" }}
file."site.key" = {{ secret = "tls/site.key" }}
file."site.crt" = {{ secret = "tls/site.crt" }}
[[before]]
run = ["sh", "-c", "ln -sfn {{{{ place }}}}/site.crt {at}/crt && ln -sfn {{{{ place }}}}/site.key {at}/key && {reload}"]
[[probe]]
http = "https://{NAME}/"
at = "127.0.0.1:{port}"
within = "10s"
{probe}
"#,
            reload = shown.reload(),
            port = shown.nginx.secure,
        );
        shown.site.hook("front", &hook, &[]);
        shown.site.deploy().succeeds();
        shown
    }

    fn reload(&self) -> String {
        let (nginx, at) = (tool("nginx"), self.nginx.folder.path().display());
        format!("{} -e {at}/log -c {at}/conf -s reload", nginx.display())
    }

    fn keeps(&self, pair: &Pair) {
        for (path, text) in [("site.key", &pair.key), ("site.crt", &pair.chain)] {
            let set = self
                .site
                .clws(&format!("secret set prod/tls/{path} --type file"));
            set.stdin(text.as_bytes()).succeeds();
        }
    }

    /// Has nginx show another pair, whatever was deployed.
    fn shows(&self, pair: &Pair) {
        let at: &Path = self.nginx.folder.path();
        for (name, text) in [("crt", &pair.chain), ("key", &pair.key)] {
            std::fs::remove_file(at.join(name)).unwrap();
            std::fs::write(at.join(name), text).unwrap();
        }
        self.site.machine.sh(&self.reload());
    }

    /// Asks until something is found, since a reload takes a moment, or nothing is.
    fn comes_to(&self, wanted: &[&str]) -> Ran {
        let mut seen = Vec::new();
        for _ in 0..20 {
            let ran = self.site.clws("status prod --probe --json").run();
            seen = found(&ran);
            if seen == wanted {
                return ran;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{seen:?} and not {wanted:?}");
    }
}

#[test]
fn a_certificate_is_looked_at_where_it_is_shown() {
    let (first, other) = (pair(NAME, 90), pair(NAME, 60));
    let shown = Shown::new(&first, "insecure = true");
    let ran = shown.comes_to(&[]);
    let front = ran.json()["hosts"][0]["components"][0].clone();
    let served = &front["served"][0];
    assert_eq!(
        (&served["name"], &served["is_placed"]),
        (&NAME.into(), &true.into())
    );
    assert_eq!(served["secret"], "prod/tls/site.crt");
    let left = served["days_left"].as_i64().unwrap();
    assert!((89..=91).contains(&left), "{left}");

    // Its key would not have been read for it: nothing of it leaves the host.
    shown.shows(&other);
    let ran = shown.comes_to(&["cert-served-other box/front"]);
    let wrong = finding(&ran, "cert-served-other");
    assert!(
        wrong["why"]
            .to_string()
            .contains("than `prod/tls/site.crt`: one for"),
        "{wrong}"
    );
    // No probe asks for it, so a deploy alone would change nothing.
    let next = "clws deploy front --on box --stop; then clws deploy front --on box";
    assert_eq!(wrong["next"], next);
    for words in next.split("; then clws ") {
        let words = words.trim_start_matches("clws ");
        shown.site.clws(&format!("{words} --yes")).succeeds();
    }
    shown.comes_to(&[]);
}

#[test]
fn an_end_that_is_near_is_a_note_and_one_that_has_come_is_wrong() {
    let near = pair(NAME, 20);
    let shown = Shown::new(&near, "insecure = true");
    let ran = shown.comes_to(&[
        "cert-served-expiring box/front",
        "expiring prod/tls/site.crt",
    ]);
    assert_eq!(ran.code, 0);
    let next = finding(&ran, "cert-served-expiring")["next"].to_string();
    let renews = "clws secret set prod/tls/site.crt";
    assert!(
        next.contains(renews) && next.contains("then clws deploy front --on box"),
        "{next}"
    );
    let text = shown.site.clws("status prod --probe").succeeds().text();
    assert!(
        text.contains(&format!("what box/front shows for {NAME}")),
        "{text}"
    );

    let past = pair(NAME, 0);
    shown.shows(&past);
    let ran = shown.comes_to(&[
        "cert-served-expired box/front",
        "cert-served-other box/front",
        "expiring prod/tls/site.crt",
    ]);
    // A deploy shows again what was placed.
    assert_eq!(
        finding(&ran, "cert-served-expired")["next"],
        "clws deploy front --on box"
    );
}

#[test]
fn a_probe_for_those_on_call_that_could_not_be_meant_is_refused() {
    let site = Site::new();
    for (probe, why) in [
        (
            "file = { path = \"backup/*.gz\", younger = \"26h\" }",
            "is no absolute path",
        ),
        (
            "file = { path = \"/b/*.gz\", younger = \"soon\" }",
            "is no time like",
        ),
        ("file = { path = \"/b/*.gz\" }", "younger"),
        (
            "tcp = \"x:1\"\nfile = { path = \"/b\", younger = \"1h\" }",
            "one of run, http",
        ),
    ] {
        let text = format!("runs_on = {{ machine_type = \"server\" }}\n[[probe]]\n{probe}\n");
        crate::site::write(&site.lab, "hooks/web.toml", &text);
        let ran = site.lab.clws("hook sign web --yes").run();
        assert!(
            ran.code != 0 && ran.err.contains(why),
            "{probe}: {}",
            ran.err
        );
    }
}
