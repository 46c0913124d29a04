//! `clws check` compares who can open with who may, the rules with what was signed, and tells notes
//! from faults.

use crate::checking::{found, lab, pairs, read, write};
use crate::lab::Ran;

#[test]
fn readers_are_held_against_the_rules() {
    let lab = lab();
    let web = read(&lab, "secrets/dev/web.toml");
    // A wrap too few …
    let tables: Vec<&str> = web.split("\n\n").collect();
    let ben: Vec<&&str> = tables
        .iter()
        .filter(|table| table.starts_with("[reader.\"ben"))
        .collect();
    let without = web.replace(&format!("{}\n\n", ben[0]), "");
    write(&lab, "secrets/dev/web.toml", &without);
    let ran = lab.clws("check").exits(1);
    assert!(
        ran.text().contains("ben lacks a wrap in dev/web"),
        "{}",
        ran.text()
    );
    let next = next_of(&ran, "clws access grant ben dev/web --read");
    lab.clws(&next).succeeds();
    assert_eq!(found(&lab, "", 0), []);
    // … one too many, and one for another key.
    let extra = web.replace("[reader.\"ben/", "[reader.\"eve/");
    write(&lab, "secrets/dev/web.toml", extra);
    let findings = found(&lab, "", 1);
    assert_eq!(
        findings,
        pairs(&[("extra-reader", "dev/web"), ("missing-wrap", "dev/web")])
    );
    let copy = lab.copy();
    let next = copy.clws("check").exits(1).text();
    assert!(next.contains("next: clws rekey dev/web; or"), "{next}");
    copy.clws("rekey dev/web --yes").succeeds();
    let waits = found(&copy, "", 0);
    assert!(waits.iter().all(|(kind, _)| kind == "exposed"), "{waits:?}");
    let eve = read(&lab, "recipients/eve.toml");
    let eve = eve.lines().find_map(|line| line.strip_prefix("age = "));
    let ben = read(&lab, "recipients/ben.toml");
    let ben = ben.lines().find_map(|line| line.strip_prefix("age = "));
    write(
        &lab,
        "secrets/dev/web.toml",
        web.replace(ben.unwrap(), eve.unwrap()),
    );
    let findings = found(&lab, "", 1);
    assert_eq!(
        findings,
        pairs(&[("missing-wrap", "dev/web"), ("recipient", "dev/web")])
    );
    write(&lab, "secrets/dev/web.toml", web);
    // Somebody whom the rules list since, for a file.
    let files = [
        "secrets/dev/tls/web.key.age",
        "secrets/dev/tls/web.key.age.toml",
    ];
    let before = files.map(|file| std::fs::read(lab.vault().join(file)).unwrap());
    lab.clws("access grant eve dev/tls --read --yes").succeeds();
    assert_eq!(found(&lab, "--full", 0), []);
    for (file, bytes) in files.iter().zip(before) {
        write(&lab, file, bytes);
    }
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[
            ("missing-wrap", "dev/tls/web.key"),
            ("older", "dev/tls/web.key")
        ])
    );
}

fn next_of(ran: &Ran, wanted: &str) -> String {
    let text = ran.text();
    let next = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("next: "));
    assert_eq!(next, Some(wanted));
    wanted.strip_prefix("clws ").unwrap().to_owned()
}

#[test]
fn unsigned_rules_are_found() {
    let lab = lab();
    let access = read(&lab, "recipients/access.toml");
    write(
        &lab,
        "recipients/access.toml",
        access.replace("readers = [\"ada\"]", "readers = [\"ada\", \"eve\"]"),
    );
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[("rules", "recipients/access.toml")])
    );
    write(&lab, "recipients/access.toml", "nonsense");
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[
            ("form", "recipients/access.toml"),
            ("rules", "recipients/access.toml")
        ])
    );
    write(&lab, "recipients/access.toml", access);
    let party = read(&lab, "recipients/eve.toml").replace("\"eve\"", "\"mallory\"");
    write(&lab, "recipients/mallory.toml", party);
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[("rules", "recipients/mallory.toml")])
    );
    std::fs::remove_file(lab.vault().join("recipients/mallory.toml")).unwrap();
    // A party that does not read hides nothing else.
    let ada = read(&lab, "recipients/ada.toml");
    write(&lab, "recipients/ada.toml", "nonsense");
    let web = read(&lab, "secrets/dev/web.toml");
    write(
        &lab,
        "secrets/dev/web.toml",
        web.replace("rev = 1", "rev = 2"),
    );
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[
            ("signature", "dev/web/TOKEN"),
            ("signature", "dev/web/URL"),
            ("form", "recipients/ada.toml"),
            ("rules", "recipients/ada.toml"),
        ])
    );
    write(&lab, "recipients/ada.toml", ada);
    write(&lab, "secrets/dev/web.toml", web);
    // An earlier version of the history.
    let second = read(&lab, "recipients/trust/2.toml");
    write(
        &lab,
        "recipients/trust/2.toml",
        second.replace("prev = \"", "prev = \"0"),
    );
    let findings = found(&lab, "", 1);
    assert!(
        findings.iter().all(|(kind, _)| kind == "trust"),
        "{findings:?}"
    );
    assert!(findings.contains(&("trust".into(), "recipients/trust/2.toml".into())));
}

#[test]
fn notes_do_not_fail_a_check() {
    let lab = lab();
    let web = read(&lab, "secrets/dev/web.toml");
    write(
        &lab,
        "secrets/dev/web.toml",
        web.replace("\n[end]", "\n\n[end]"),
    );
    assert_eq!(found(&lab, "--full", 0), pairs(&[("untidy", "dev/web")]));
    let ran = lab.clws("check").succeeds();
    assert!(
        ran.text().contains("next: clws fmt dev/web"),
        "{}",
        ran.text()
    );
    lab.clws("fmt dev/web").succeeds();
    assert_eq!(found(&lab, "", 0), []);
    // Public on purpose, said by the party that the administrators signed.
    let eve = read(&lab, "recipients/eve.toml");
    write(
        &lab,
        "recipients/eve.toml",
        eve.replace("name = \"eve\"\n", "name = \"eve\"\npublic = true\n"),
    );
    lab.clws("trust sign --yes").succeeds();
    write(&lab, "recipients/demo/eve/age.txt", "AGE-SECRET-KEY-1QQQQ");
    assert_eq!(
        found(&lab, "", 0),
        pairs(&[("public-party", "recipients/eve.toml")])
    );
    // Somebody new looks at it before accepting anything.
    let ran = lab.clws("check --json").by("ben").succeeds();
    assert!(ran.text().contains("first-use"), "{}", ran.text());
    lab.clws("check --full").by("ben").exits(13);
}

#[test]
fn a_full_check_opens_what_it_may_and_says_what_it_may_not() {
    let lab = lab();
    let ran = lab
        .clws("check --full --expect")
        .word(lab.head())
        .by("ben")
        .succeeds();
    // dev/db and dev/tls/web.key are ada's alone.
    assert!(
        ran.err.contains("2 of them are not sealed to you"),
        "{}",
        ran.err
    );
    let log = lab.clws("audit show --json").by("ben").succeeds().json();
    let uses = log["uses"].as_array().unwrap();
    assert!(uses.iter().any(|entry| {
        entry["what"] == "check --full"
            && entry["secrets"]
                .as_array()
                .unwrap()
                .contains(&"dev/web/TOKEN".into())
    }));
}

#[test]
fn what_a_setting_names_must_be_there() {
    let lab = lab();
    let settings = read(&lab, "clws.toml");
    let names = |key: &str, password: &str| {
        let tables = format!(
            "[scope.prod]\nssh_key = \"{key}\"\n\n[ansible.default]\nsecret = \"{password}\"\n\n[end]"
        );
        write(&lab, "clws.toml", settings.replace("[end]", &tables));
        lab.clws("trust sign --yes").succeeds().err
    };
    let said = names("dev/tls/web.key", "dev/db/PASSWORD");
    assert!(
        said.contains("Ansible's vault id `default` opens with `dev/db/PASSWORD`"),
        "{said}"
    );
    assert_eq!(found(&lab, "", 0), []);
    // One that was removed, a document, and one that never was.
    for (key, password) in [
        ("dev/tls/web.key", "dev/db/OLD"),
        ("dev/web", "dev/db/PASSWORD"),
        ("dev/tls/other.key", "dev/db/PASSWORD"),
    ] {
        names(key, password);
        let findings = found(&lab, "", 1);
        assert_eq!(
            findings,
            pairs(&[("missing", "clws.toml")]),
            "{key} {password}"
        );
    }
    let ran = lab.clws("check").exits(1);
    assert!(
        ran.text()
            .contains("the SSH key of `prod` is `dev/tls/other.key`"),
        "{}",
        ran.text()
    );
}
