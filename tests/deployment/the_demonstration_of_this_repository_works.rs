//! What the README's first command deploys: the vault of this very repository, in a copy.

use std::process::Command;

use crate::site::{rows, sha256};
use crate::support::lab::{Lab, Run};
use crate::support::machine::Machine;

struct Demo {
    lab: Lab,
    machine: Machine,
}

impl Demo {
    fn new() -> Self {
        let lab = Lab::empty();
        for part in ["clws.toml", "secrets", "recipients", "hooks"] {
            let copied = Command::new("cp")
                .arg("-a")
                .arg(part)
                .arg(lab.vault())
                .status();
            assert!(copied.unwrap().success());
        }
        let machine = Machine::start();
        Self { lab, machine }
    }

    /// The words of `cargo demo`, as they stand in cargo's configuration.
    fn words() -> String {
        let text = std::fs::read_to_string(".cargo/config.toml").unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("demo = "))
            .unwrap();
        let (_, words) = line.trim_end_matches('"').split_once(" -- ").unwrap();
        words.to_owned()
    }

    fn deploy(&self) -> Run<'_> {
        self.lab
            .clws(&format!("{} --json", Self::words()))
            .on(&self.machine)
    }

    /// A command by the newcomer.
    fn clws(&self, words: &str) -> Run<'_> {
        let words = format!("{words} --identity recipients/demo/newcomer");
        self.lab.clws(&words).on(&self.machine)
    }

    fn set(&self, name: &str, value: &str) {
        let set = self.clws(&format!("secret set demo/greeter/{name}"));
        set.stdin(value.as_bytes()).succeeds();
    }
}

#[test]
fn it_starts_both_changes_what_was_edited_and_stops_without_a_trace() {
    let demo = Demo::new();
    let sum = |file: &str| sha256(&std::fs::read(demo.lab.vault().join(file)).unwrap());
    let signed = sum("hooks/greeter.sig.toml");
    assert_eq!(
        rows(&demo.deploy().succeeds()),
        ["greeter started", "caller started"]
    );
    let ran = demo.deploy().succeeds();
    assert_eq!(rows(&ran), ["greeter unchanged", "caller unchanged"]);
    let well = demo.clws("status demo --json").succeeds().json();
    assert_eq!(well["findings"], serde_json::json!([]));
    demo.set("GREETING", "good evening");
    let ran = demo.clws("status demo").exits(1);
    let old = "old-rev: demo/greeter: `demo/greeter/GREETING` is rev 1, this vault has 2\n  \
               next: clws deploy greeter --on demo\n";
    assert!(ran.text().contains(old), "{}", ran.text());
    assert_eq!(
        rows(&demo.deploy().succeeds()),
        ["greeter changed", "caller unchanged"]
    );
    let text = demo.machine.sh("cat /run/clws/*/greeter/*/greeting.ini");
    assert!(text.contains("good evening"), "{text}");
    demo.set("TOKEN", "another-token-of-the-demonstration");
    assert_eq!(
        rows(&demo.deploy().succeeds()),
        ["greeter changed", "caller changed"]
    );
    let stop = demo.clws("deploy --on demo --stop --yes").succeeds();
    assert!(stop.err.contains("stopped caller on demo"), "{}", stop.err);
    let left = "find /run/clws/*/ /var/lib/clws/*/ -mindepth 1 ! -name 'lock*'";
    assert_eq!(demo.machine.sh(left), "");
    assert_eq!(
        demo.machine
            .sh("pgrep -f '[s]erve.sh|[c]all.sh' || echo none"),
        "none"
    );
    assert_eq!(sum("hooks/greeter.sig.toml"), signed);
}
