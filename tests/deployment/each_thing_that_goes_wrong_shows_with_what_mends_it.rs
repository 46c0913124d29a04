//! A small fleet in which much goes wrong at once: each thing shows in the table, in JSON, on the page and in
//! an alarm, with the command that mends it; and what those commands mend shows no more.
//!
//! The hosts are reached over a real sshd; one has a real dockerd and two real nginxes of its own.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::computer::Computer;
use crate::site::{SERVE, ada_may_log_in, hook, host, random, server_hook, set, way_to, write};
use crate::support::docker_image::busybox;
use crate::support::lab::{Lab, Ran, contains};
use crate::support::sshd::Sshd;
use crate::support::tool::tool;
use crate::support::web::{Nginx, Pair, pair};

const NAME: &str = "worksheets.codalab.example";

/// The memory-backed folder, small enough to be filled.
const MEMORY: &str = "mkdir -p /run/sshd; mkdir -p -m 0700 /run/clws && mount -t tmpfs -o size=4m,mode=0700,nosuid,nodev clws /run/clws";

struct Fleet {
    lab: Lab,
    computer: Computer,
    server: Sshd,
    value: String,
}

impl Fleet {
    fn new() -> Self {
        let (lab, computer) = (Lab::new(), Computer::start(&[]));
        computer.machine.sh(MEMORY);
        let starts = |program: &str| computer.machine.program(program);
        let server = Sshd::start_by(starts, &["ed25519"], "SetEnv HOME=/nonexistent");
        let way = way_to(&server, &server.user, server.host_key_line());
        host(&lab, "box", "prod", "server", &way);
        ada_may_log_in(&lab, &server);
        lab.clws("trust sign --yes").succeeds();
        Self {
            lab,
            computer,
            server,
            value: random(),
        }
    }

    fn clws(&self, words: &str) -> crate::support::lab::Run<'_> {
        self.computer.clws(&self.lab, words)
    }

    /// A process that answers to the value it was given.
    fn serves(&self, component: &str) {
        for name in ["TOKEN", "CHECK"] {
            set(&self.lab, &format!("prod/{component}/{name}"), &self.value);
        }
        hook(
            &self.lab,
            component,
            &server_hook(component, ""),
            &[("serve.sh", SERVE)],
        );
    }

    /// A container.
    fn contains(&self, component: &str) {
        let image = busybox();
        let text = format!(
            "runs_on = {{ machine_type = \"server\" }}\n[container]\nimage = \"{image}\"\n\
             command = [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep 100000 & wait\"]\n"
        );
        hook(&self.lab, component, &text, &[]);
    }

    /// An nginx of the host, and the component whose files it shows.
    fn shows(&self, component: &str, pair: &Pair, probe: &str) -> Nginx {
        let nginx = Nginx::start_by(
            |program| self.computer.machine.program(program),
            pair,
            "location / { return 200 \"<html>Worksheets</html>\"; }",
        );
        for (kind, text) in [("key", &pair.key), ("crt", &pair.chain)] {
            let path = format!("prod/tls/{component}.{kind}");
            self.lab
                .clws(&format!("secret set {path} --type file"))
                .stdin(text.as_bytes())
                .succeeds();
        }
        let (at, reload) = (nginx.folder.path().display(), reload(&nginx));
        let text = format!(
            r#"runs_on = {{ machine_type = "server" }}
file."site.key" = {{ secret = "tls/{component}.key" }}
file."site.crt" = {{ secret = "tls/{component}.crt" }}
[[before]]
run = ["sh", "-c", "ln -sfn {{{{ place }}}}/site.crt {at}/crt && ln -sfn {{{{ place }}}}/site.key {at}/key && {reload}"]
[[probe]]
http = "https://{NAME}/"
at = "127.0.0.1:{port}"
within = "10s"
{probe}
"#,
            port = nginx.secure
        );
        hook(&self.lab, component, &text, &[]);
        nginx
    }

    /// The status in its three forms, and all that was told by now.
    fn status(&self) -> Shown {
        let json = self.clws("status prod --probe --json").run();
        let told = self.lab.root().join("told");
        let text = self
            .clws("status prod --probe --html page.html --notify")
            .word(format!("sh -c 'cat >>{}'", told.display()))
            .run();
        assert_eq!(json.code, text.code, "{}", json.err);
        let page = fs::read_to_string(self.lab.vault().join("page.html")).unwrap();
        let told = fs::read_to_string(told).unwrap_or_default();
        let told = told.lines().map(|line| {
            let message: Value = serde_json::from_str(line).unwrap();
            word(&message, "text")
        });
        let told = told.collect();
        Shown {
            json,
            text,
            page,
            told,
        }
    }

    /// Carries out what mends: commands of clws and of the host, one after the other.
    fn mends(&self, next: &str) {
        for command in next.split("; then ") {
            let words = command.strip_prefix("clws ").expect("a command of clws");
            match words.strip_prefix("deploy ") {
                Some(_) => drop(self.clws(&format!("{words} --yes")).succeeds()),
                None => drop(self.clws(words).succeeds()),
            }
        }
    }
}

fn reload(nginx: &Nginx) -> String {
    let (program, at) = (tool("nginx"), nginx.folder.path().display());
    format!("{} -e {at}/log -c {at}/conf -s reload", program.display())
}

/// A status as it was shown.
struct Shown {
    json: Ran,
    text: Ran,
    page: String,
    told: String,
}

impl Shown {
    /// What is wrong, as `kind path`.
    fn wrong(&self) -> Vec<String> {
        let report = self.json.json();
        let findings = report["findings"].as_array().expect("findings").iter();
        findings
            .filter(|finding| finding["note"] == false)
            .map(|finding| format!("{} {}", word(finding, "kind"), word(finding, "path")))
            .collect()
    }

    /// What mends a finding; the table and the page say it, too.
    fn next(&self, kind: &str, path: &str) -> String {
        let report = self.json.json();
        let findings = report["findings"].as_array().unwrap();
        let is_it = |finding: &&Value| finding["kind"] == kind && finding["path"] == path;
        let found = findings.iter().find(is_it);
        let found = found.unwrap_or_else(|| panic!("no {kind} {path} in {findings:#?}"));
        let (why, next) = (word(found, "why"), word(found, "next"));
        let text = self.text.text();
        assert!(
            text.contains(&format!("{kind}: {path}: {why}\n  next: {next}\n")),
            "no {kind} {path} in {text}"
        );
        for part in [format!("  {kind}: {path}: "), format!("    next: {next}\n")] {
            assert!(self.told.contains(&part), "no {part} in {}", self.told);
        }
        let escaped = |text: &str| {
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            text.replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;")
        };
        for part in [kind, path, &why, &next] {
            assert!(self.page.contains(&escaped(part)), "no {part} on the page");
        }
        next
    }

    fn has_no(&self, value: &str) {
        let all = [
            self.json.out.as_slice(),
            &self.text.out,
            self.page.as_bytes(),
        ]
        .concat();
        let said = [self.json.err.as_bytes(), self.text.err.as_bytes()].concat();
        assert!(!contains(&[all, said].concat(), value.as_bytes()));
    }
}

fn word(finding: &Value, key: &str) -> String {
    finding[key].as_str().expect("a text").to_owned()
}

/// Has an nginx show another pair than the one that was deployed.
fn shows_another(fleet: &Fleet, nginx: &Nginx, pair: &Pair) {
    let at: &Path = nginx.folder.path();
    for (name, text) in [("crt", &pair.chain), ("key", &pair.key)] {
        fs::remove_file(at.join(name)).unwrap();
        fs::write(at.join(name), text).unwrap();
    }
    fleet.computer.machine.sh(&reload(nginx));
    // Workers that began before end within a moment.
    std::thread::sleep(std::time::Duration::from_secs(1));
}

#[test]
fn seven_things_go_wrong_and_each_is_mended_by_the_command_that_is_shown() {
    let fleet = Fleet::new();
    fleet.contains("shop");
    fleet.serves("api");
    fleet.serves("edited");
    let pinned = "certificate = { secret = \"tls/front.crt\" }";
    let front = fleet.shows("front", &pair(NAME, 90), pinned);
    let past = pair(NAME, 0);
    let _legacy = fleet.shows("legacy", &past, "insecure = true");
    fleet.clws("deploy --on prod --yes").succeeds();
    let before = fleet.status();
    // It was brought as it was: nothing but its end is wrong.
    let ended = [
        "expired prod/tls/legacy.crt",
        "cert-served-expired box/legacy",
    ];
    let mut wrong = before.wrong();
    wrong.sort();
    assert_eq!(wrong, [ended[1], ended[0]]);

    fleet.computer.docker(&["stop", "--time", "5", "shop"]);
    shows_another(&fleet, &front, &pair(NAME, 30));
    set(&fleet.lab, "prod/api/TOKEN", "of-the-second-day");
    set(&fleet.lab, "prod/api/CHECK", "of-the-second-day");
    let machine = &fleet.computer.machine;
    machine.sh("dd if=/dev/zero of=/run/clws/filler bs=64k count=60 2>/dev/null");
    let away = way_to(
        &fleet.server,
        &fleet.server.user,
        fleet.server.host_key_line(),
    );
    let away = away.replace(&format!("port = {}", fleet.server.port), "port = 1");
    host(&fleet.lab, "gone", "prod", "worker", &away);
    let edited = fleet.lab.vault().join("hooks/edited.toml");
    let signed = fs::read_to_string(&edited).unwrap();
    write(
        &fleet.lab,
        "hooks/edited.toml",
        &format!("{signed}# quickly\n"),
    );

    let shown = fleet.status();
    assert_eq!(shown.json.code, 1);
    let mut wrong = shown.wrong();
    wrong.sort();
    assert_eq!(
        wrong,
        [
            "cert-served-expired box/legacy",
            "cert-served-other box/front",
            "expired prod/tls/legacy.crt",
            "full box",
            "hook hooks/edited.toml",
            "old-rev box/api",
            "probe box/front",
            "stopped box/shop",
            "unreachable gone",
        ]
    );
    shown.has_no(&fleet.value);
    shown.has_no("of-the-second-day");

    // What is full is looked at, and what is too large there goes.
    let full = shown.next("full", "box");
    let words = full.strip_prefix("clws ").unwrap().split(" |").next();
    let listed = fleet.clws(words.unwrap()).succeeds().text();
    assert!(listed.contains("/run/clws/filler"), "{listed}");
    machine.sh("rm /run/clws/filler");

    assert_eq!(
        shown.next("stopped", "box/shop"),
        "clws deploy shop --on box"
    );
    fleet.mends(&shown.next("stopped", "box/shop"));
    assert_eq!(shown.next("old-rev", "box/api"), "clws deploy api --on box");
    fleet.mends(&shown.next("old-rev", "box/api"));
    assert_eq!(
        shown.next("cert-served-other", "box/front"),
        "clws deploy front --on box"
    );
    shown.next("probe", "box/front");
    fleet.mends(&shown.next("cert-served-other", "box/front"));

    let hook = shown.next("hook", "hooks/edited.toml");
    assert_eq!(
        hook,
        "clws hook diff edited; if it is meant, clws hook sign edited"
    );
    let diff = fleet.clws("hook diff edited").exits(1);
    let diff = format!("{}{}", diff.text(), diff.err);
    assert!(diff.contains("edited.toml"), "{diff}");
    fs::write(&edited, signed).unwrap();

    let away = shown.next("unreachable", "gone");
    assert!(
        away.contains("gone") || away.contains("127.0.0.1"),
        "{away}"
    );
    fs::remove_file(fleet.lab.vault().join("recipients/gone.toml")).unwrap();
    fleet.lab.clws("trust sign --yes").succeeds();

    // A new pair, as the end in the vault asks for it, then the deploy.
    let expired = shown.next("cert-served-expired", "box/legacy");
    assert_eq!(
        expired,
        format!(
            "{}; then clws deploy legacy --on box",
            shown.next("expired", "prod/tls/legacy.crt")
        )
    );
    assert!(
        expired.starts_with("clws secret set prod/tls/legacy.crt"),
        "{expired}"
    );
    let new = pair(NAME, 90);
    for (kind, text) in [("key", &new.key), ("crt", &new.chain)] {
        let path = format!("prod/tls/legacy.{kind}");
        let set = fleet.lab.clws(&format!("secret set {path} --type file"));
        set.stdin(text.as_bytes()).succeeds();
    }
    fleet.mends("clws deploy legacy --on box");
    std::thread::sleep(std::time::Duration::from_secs(1));

    let after = fleet.status();
    assert_eq!(after.wrong(), Vec::<String>::new());
    assert_eq!(after.json.code, 0);
    assert!(after.page.contains("class=\"well\""), "{}", after.page);
}
