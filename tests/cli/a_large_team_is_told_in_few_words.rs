//! A fleet of hosts, many readers and many notes: a person is told what there is in lines that can be read,
//! and how to have each; nothing is done once for each host that is done once for all.

use std::fmt::Write as _;

use serde_json::json;

use crate::lab::{Lab, Ran, Run};
use crate::support::tool::tool;

const HOSTS: usize = 60;

/// A vault of ada's with hosts of prod, all of one machine type.
fn fleet() -> Lab {
    let lab = Lab::new();
    let machine = |number: usize| {
        json!({ "name": format!("vm-clws-prod-web-{number}"), "powerState": "VM running",
                "privateIps": format!("10.0.0.{number}"), "publicIps": "" })
    };
    let machines: Vec<_> = (0..HOSTS).map(machine).collect();
    std::fs::write(lab.root().join("vms.json"), json!(machines).to_string()).unwrap();
    lab
}

fn import(lab: &Lab) -> Run<'_> {
    lab.clws("host import")
        .word(lab.root().join("vms.json").to_str().unwrap())
}

/// The calls of these names that a run makes, a line each.
fn calls(run: &Run<'_>, lab: &Lab, names: &str) -> String {
    let traced = lab.root().join("traced");
    let mut strace = std::process::Command::new(tool("strace"));
    let words = ["-f", "-qq", "-e", &format!("trace={names}"), "-o"];
    strace.args(words).arg(&traced);
    let ran = run.under(strace).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{}: {said}", run.words());
    std::fs::read_to_string(traced).unwrap()
}

fn rewrite(lab: &Lab, file: &str, from: &str, to: &str) {
    let path = lab.vault().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file}: {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn hosts_that_come_or_move_together_are_counted_and_a_key_among_them_is_not() {
    let lab = fleet();
    let dry = import(&lab).word("--dry-run").succeeds();
    assert!(
        dry.err
            .contains("vm-clws-prod-web-7 is new, a host at 10.0.0.7\n"),
        "{}",
        dry.err
    );
    let ran = import(&lab).word("--yes").succeeds();
    let said = "60 hosts are new, which `--dry-run` lists one by one: vm-clws-prod-web-[0-59]\n";
    assert!(ran.err.contains(said), "{}", ran.err);
    assert!(!ran.err.contains("vm-clws-prod-web-7 "), "{}", ran.err);
    let rows = |ran: &Ran| ran.text().lines().skip(1).map(words).collect::<Vec<_>>();
    let one = ["vm-clws-prod-web-[0-59] new 60 hosts lacks host keys"];
    assert_eq!(rows(&ran), one);
    assert_eq!(rows(&dry).len(), HOSTS);
    let again = rows(&import(&lab).word("--yes").succeeds());
    assert_eq!(
        again,
        ["vm-clws-prod-web-[0-59] same 60 hosts lacks host keys"]
    );
    assert_eq!(
        rows(&import(&lab).word("--verbose").succeeds()).len(),
        HOSTS
    );
    // Where each of them moves to is decided by whoever reads it.
    let list = lab.root().join("vms.json");
    let before = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, before.replace("10.0.0.", "10.8.0.")).unwrap();
    let moved = rows(&import(&lab).exits(15));
    std::fs::write(&list, before).unwrap();
    assert_eq!(moved.len(), HOSTS);
    assert!(moved[7].contains("10.8.0.7"), "{}", moved[7]);
    for number in 0..HOSTS {
        let file = format!("recipients/vm-clws-prod-web-{number}.toml");
        rewrite(&lab, &file, "address = \"10.0.0.", "address = \"10.9.0.");
    }
    // In the midst of them somebody is let in: one of the hosts, to what is sealed to it.
    let key = lab.clws("identity show").succeeds().text();
    let key = key.lines().find(|line| line.starts_with("age = ")).unwrap();
    let file = "recipients/vm-clws-prod-web-30.toml";
    rewrite(
        &lab,
        file,
        "[end]",
        &format!("[recipient.boot]\n{key}\n\n[end]"),
    );
    let ran = lab.clws("trust sign --yes").succeeds();
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(
        lines[0],
        "59 hosts are reached or prove themselves in another way, which `--dry-run` lists one by one: \
         vm-clws-prod-web-[0-29,31-59]"
    );
    assert!(
        lines[1].starts_with("vm-clws-prod-web-30 is also sealed to as age1"),
        "{lines:?}"
    );
    assert_eq!(
        lines[2],
        "vm-clws-prod-web-30 is reached in another way, at 10.9.0.30"
    );
    assert_eq!(lines[3..], ["signed trust version 3"]);
}

/// A row of a table with one blank between its words.
fn words(row: &str) -> String {
    row.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn hosts_are_in_the_order_of_their_numbers_wherever_they_stand() {
    let lab = fleet();
    let dry = import(&lab).word("--dry-run").succeeds();
    import(&lab).word("--yes").succeeds();
    let sorted: Vec<String> = (0..HOSTS)
        .map(|number| format!("vm-clws-prod-web-{number}"))
        .collect();
    let named = |text: &str| -> Vec<String> {
        let first = text
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        let hosts = first.filter(|word| word.starts_with("vm-"));
        hosts.map(str::to_owned).collect()
    };
    assert_eq!(named(&dry.err), sorted);
    for list in ["host list", "recipient list --verbose"] {
        assert_eq!(named(&lab.clws(list).run().text()), sorted, "{list}");
    }
    let told = lab.clws("ansible inventory --list").succeeds().json();
    assert_eq!(told["prod_web"]["hosts"], json!(sorted));
    let found = lab.clws("status prod --json").run().json();
    let found = found["findings"].as_array().unwrap().iter();
    let unreached = found.filter(|finding| finding["kind"] == "unreachable");
    let unreached: Vec<_> = unreached.map(|finding| finding["path"].clone()).collect();
    assert_eq!(json!(unreached), json!(sorted));
}

#[test]
fn a_list_of_hosts_is_as_long_as_what_is_asked_for() {
    let lab = fleet();
    import(&lab).word("--yes").succeeds();
    let listed = |words: &str| lab.clws(words).succeeds().text().lines().count() - 1;
    assert_eq!(listed("host list"), HOSTS);
    assert_eq!(listed("host list prod_web"), HOSTS);
    assert_eq!(listed("host list vm-clws-prod-web-5?"), 10);
    assert_eq!(
        listed("host list vm-clws-prod-web-7,vm-clws-prod-web-5?"),
        11
    );
    let one = lab.clws("host list vm-clws-prod-web-7 --json").succeeds();
    assert_eq!(one.json()["hosts"].as_array().unwrap().len(), 1);
    let none = lab.clws("host list prod_wbe").exits(18);
    assert!(
        none.err.contains("hint: is `prod_web` meant?"),
        "{}",
        none.err
    );
    // Of parties those are shown that open or sign something.
    let parties = lab.clws("recipient list").succeeds().text();
    let parties: Vec<&str> = parties.lines().skip(1).collect();
    assert!(parties[0].starts_with("ada "), "{parties:?}");
    assert_eq!(
        parties[1..],
        ["and 60 hosts that open and sign nothing: `clws host list` shows them"]
    );
    assert_eq!(listed("recipient list --verbose"), HOSTS + 1);
    let all = lab.clws("recipient list --json").succeeds().json();
    assert_eq!(all["parties"].as_array().unwrap().len(), HOSTS + 1);
}

#[test]
fn what_is_the_same_for_all_hosts_is_done_once() {
    let lab = fleet();
    import(&lab).word("--yes").succeeds();
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    for (component, machine_type) in [("front", "web"), ("data", "mysql")] {
        let text = format!(
            "runs_on = {{ machine_type = \"{machine_type}\" }}\nprocess = {{ command = [\"true\"] }}\n"
        );
        let file = format!("hooks/{component}.toml");
        std::fs::write(lab.vault().join(file), text).unwrap();
    }
    lab.clws("hook sign --yes").succeeds();
    let run = lab.clws("deploy --on prod --dry-run");
    let opened = calls(&run, &lab, "open,openat,openat2");
    // A hook that runs on none of them is looked at, and not once for each.
    let looks = opened.matches("data.sig.toml").count();
    assert!((1..HOSTS).contains(&looks), "{looks}");
    // A change of the rules is about one of sixty files, and waits for that one.
    let run = lab.clws("access grant ada prod/web --submit --yes");
    let waits = calls(&run, &lab, "fsync,fdatasync,syncfs").lines().count();
    assert!((1..HOSTS).contains(&waits), "{waits}");
}

#[test]
fn many_readers_and_many_notes_are_counted() {
    let lab = Lab::new();
    let people = ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"];
    for name in people {
        lab.clws(&format!("identity new {name} --keep file"))
            .by(name)
            .succeeds();
        let party = lab.clws("identity show").by(name).succeeds().out;
        std::fs::write(lab.vault().join(format!("recipients/{name}.toml")), party).unwrap();
    }
    let rules = "recipients/access.toml";
    let group = format!("[group.team]\nmembers = {people:?}\n\n[rule.dev]");
    rewrite(&lab, rules, "[rule.dev]", &group);
    rewrite(
        &lab,
        rules,
        "readers = [\"ada\"]",
        "readers = [\"ada\", \"team\"]",
    );
    lab.clws("trust sign --yes").succeeds();
    let tree = tempfile::tempdir().unwrap();
    std::fs::create_dir(tree.path().join("dev")).unwrap();
    let mut values = String::new();
    for number in 0..25 {
        writeln!(values, "NAME_{number}=a-value-of-number-{number}").unwrap();
    }
    std::fs::write(tree.path().join("dev/web.env"), values).unwrap();
    lab.clws("import --yes")
        .word(tree.path().to_str().unwrap())
        .succeeds();
    let listed = lab.clws("secret list dev/web/NAME_1").succeeds().text();
    assert!(
        listed
            .lines()
            .nth(1)
            .unwrap()
            .contains("ada, p1, p2, p3, p4, p5 and 3 more  ada"),
        "{listed}"
    );
    let all = lab
        .clws("secret list dev/web/NAME_1 --json")
        .succeeds()
        .json();
    assert_eq!(all["secrets"][0]["readers"].as_array().unwrap().len(), 9);
    let checked = lab.clws("check").succeeds();
    let line = "note: 25 exposed: `clws check --verbose` shows each\n";
    assert_eq!(checked.text(), line);
    assert!(
        checked.err.ends_with("0 findings, 25 notes\n"),
        "{}",
        checked.err
    );
    let each = lab.clws("check --verbose").succeeds().text();
    assert_eq!(each.matches("note: dev/web/NAME_").count(), 25, "{each}");
    let json = lab.clws("check --json").succeeds().json();
    assert_eq!(json["findings"].as_array().unwrap().len(), 25);
}

#[test]
fn a_question_about_many_hooks_can_be_read() {
    let lab = Lab::new();
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    for number in 10..22 {
        let file = lab.vault().join(format!("hooks/c{number}.toml"));
        std::fs::write(file, "runs_on = { machine_type = \"web\" }\n").unwrap();
    }
    let asked = lab.clws("hook sign").exits(15);
    assert!(
        asked
            .err
            .contains("sign the hooks of 12 components, c[10-21] as ada?"),
        "{}",
        asked.err
    );
}

#[test]
fn many_sources_of_which_nothing_is_to_be_said_are_counted_above_the_question() {
    let lab = Lab::new();
    let tree = tempfile::tempdir().unwrap();
    std::fs::create_dir(tree.path().join("dev")).unwrap();
    for number in 0..130 {
        let file = tree.path().join(format!("dev/f{number}.bin"));
        std::fs::write(file, [0, 1, 2, number]).unwrap();
    }
    let tree = tree.path().to_str().unwrap();
    let plan = lab.clws("import --plan").word(tree).succeeds().text();
    assert_eq!(plan.matches(".bin  ").count(), 130, "{plan}");
    let ran = lab.clws("import --yes").word(tree).succeeds();
    let more = "and 30 more with nothing to say of, which `--plan` lists\n";
    assert!(ran.err.contains(more), "{}", ran.err);
    assert_eq!(ran.err.matches(".bin  ").count(), 100, "{}", ran.err);
}
