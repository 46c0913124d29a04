//! `clws check` names the very record, file or rule that somebody changed, and exits with 1.

use serde_json::Value;

use crate::lab::{Lab, Ran};

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben", "eve"])
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/web/URL", "https://example.invalid")
        .secret("dev/db/PASSWORD", "s3cret")
        .secret("dev/db/OLD", "gone");
    lab.clws("secret remove dev/db/OLD --yes").succeeds();
    lab.clws("secret policy dev/web/TOKEN --rotate-every 90d --owner ada")
        .succeeds();
    lab.clws("secret set dev/tls/web.key --type file")
        .stdin(b"a key\n")
        .succeeds();
    lab.clws("access grant ben dev/web --read --yes").succeeds();
    for flag in ["", "--full"] {
        let clean = found(&lab, flag, 0);
        assert_eq!(clean, [], "{clean:?}");
    }
    lab
}

/// Kinds and paths of what a check finds.
fn found(lab: &Lab, flags: &str, code: i32) -> Vec<(String, String)> {
    let ran = lab.clws(&format!("check --json {flags}")).exits(code);
    let json = ran.json();
    let findings = json["findings"].as_array().unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    for finding in findings {
        assert!(finding["since"].is_null() || finding["since"].is_string());
        assert!(!text(finding, "why").is_empty());
        text(finding, "next");
    }
    findings
        .iter()
        .map(|finding| (text(finding, "kind"), text(finding, "path")))
        .collect()
}

fn read(lab: &Lab, file: &str) -> String {
    std::fs::read_to_string(lab.vault().join(file)).unwrap()
}

fn write(lab: &Lab, file: &str, bytes: impl AsRef<[u8]>) {
    let path = lab.vault().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(kind, path): &(&str, &str)| ((*kind).to_owned(), (*path).to_owned());
    expected.iter().map(own).collect()
}

#[test]
fn one_field_of_any_record_altered_names_that_record() {
    let lab = lab();
    let files = [
        ("secrets/dev/web.toml", "dev/web"),
        ("secrets/dev/db.toml", "dev/db"),
        ("secrets/dev/tls/web.key.age.toml", "dev/tls/web.key"),
    ];
    let mut altered = 0;
    for (file, path) in files {
        let good = read(&lab, file);
        let mut record = path.to_owned();
        let mut at = 0;
        for line in good.lines() {
            let start = at;
            at += line.len() + 1;
            if let Some(name) = line.strip_prefix("[secret.") {
                record = format!("{path}/{}", name.trim_end_matches(']'));
            } else if line.starts_with('[') {
                record = path.to_owned();
            }
            let Some((key, value)) = line.split_once(" = ") else {
                continue;
            };
            // The wrap of another reader is nobody's signature.
            if key == "key" && good[..start].rfind("[reader.\"ben").is_some() {
                continue;
            }
            let other = other_value(key, value);
            let bad = format!("{}{key} = {other}{}", &good[..start], &good[at - 1..]);
            write(&lab, file, &bad);
            // A key's own wrap is told by opening it.
            let flags = if key == "key" { "--full" } else { "" };
            let findings = found(&lab, flags, 1);
            let named = |(_, path): &(String, String)| *path == record;
            assert!(
                findings.iter().any(named),
                "{file}: {key} = {other} of {record}: {findings:?}"
            );
            altered += 1;
        }
        write(&lab, file, &good);
    }
    assert!(altered > 40, "{altered}");
    found(&lab, "--full", 0);
}

/// Another value that could stand there as well.
fn other_value(key: &str, value: &str) -> String {
    if let Ok(number) = value.parse::<u64>() {
        return (number + 1).to_string();
    }
    match key {
        "changed" => value.replace("20", "19"),
        "type" => "\"bytes\"".to_owned(),
        "state" => "\"live\"".to_owned(),
        "readers" => "[\"ada\", \"eve\"]".to_owned(),
        "rotate_every" => "\"91d\"".to_owned(),
        "author" | "owner" => "\"ben\"".to_owned(),
        "mode" => "\"0644\"".to_owned(),
        "path" => "\"dev/other/name\"".to_owned(),
        // A character in the middle of base64, hexadecimal or a key.
        _ => {
            let at = value.len() / 2;
            let new = if &value[at..=at] == "a" { "e" } else { "a" };
            format!("{}{new}{}", &value[..at], &value[at + 1..])
        }
    }
}

#[test]
fn documents_and_files_that_changed_places_are_found() {
    let lab = lab();
    let (web, db) = (
        read(&lab, "secrets/dev/web.toml"),
        read(&lab, "secrets/dev/db.toml"),
    );
    write(&lab, "secrets/dev/web.toml", &db);
    write(&lab, "secrets/dev/db.toml", &web);
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[("path", "dev/db"), ("path", "dev/web")])
    );
    write(&lab, "secrets/dev/web.toml", &web);
    write(&lab, "secrets/dev/db.toml", &db);
    // A copy has the id of the original, and its path.
    write(&lab, "secrets/dev/copy.toml", &db);
    assert_eq!(found(&lab, "", 1), pairs(&[("path", "dev/copy")]));
    std::fs::remove_file(lab.vault().join("secrets/dev/copy.toml")).unwrap();
    // A value that goes along with its signature to the neighbour's name or document.
    let renamed = web.replace("[secret.URL]", "[secret.UROL]");
    write(&lab, "secrets/dev/web.toml", renamed);
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[("absent", "dev/web/URL"), ("signature", "dev/web/UROL")])
    );
    let table = db
        .split("\n\n")
        .find(|table| table.starts_with("[secret.PASSWORD]"));
    let moved = web.replace("[end]", &format!("{}\n\n[end]", table.unwrap()));
    write(&lab, "secrets/dev/web.toml", moved);
    let findings = found(&lab, "", 1);
    assert!(
        findings.contains(&("signature".into(), "dev/web/PASSWORD".into())),
        "{findings:?}"
    );
    assert!(
        findings.contains(&("other-key".into(), "dev/web/PASSWORD".into())),
        "{findings:?}"
    );
}

#[test]
fn what_was_seen_and_is_older_or_gone_is_found() {
    let lab = lab();
    lab.commit("one");
    lab.clws("secret set dev/web/TOKEN")
        .stdin(b"newer")
        .succeeds();
    lab.commit("two");
    lab.git(&["checkout", "-q", "HEAD~1", "--", "secrets"]);
    assert_eq!(found(&lab, "", 1), pairs(&[("older", "dev/web/TOKEN")]));
    lab.git(&["checkout", "-q", "HEAD", "--", "secrets"]);
    let web = read(&lab, "secrets/dev/web.toml");
    let tables = web.split("\n\n");
    let cut: Vec<&str> = tables
        .filter(|table| !table.starts_with("[secret.URL]"))
        .collect();
    write(&lab, "secrets/dev/web.toml", cut.join("\n\n"));
    assert_eq!(found(&lab, "", 1), pairs(&[("absent", "dev/web/URL")]));
    write(&lab, "secrets/dev/web.toml", web);
    std::fs::remove_file(lab.vault().join("secrets/dev/db.toml")).unwrap();
    std::fs::remove_file(lab.vault().join("secrets/dev/tls/web.key.age.toml")).unwrap();
    std::fs::remove_file(lab.vault().join("secrets/dev/tls/web.key.age")).unwrap();
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[("absent", "dev/db"), ("absent", "dev/tls/web.key")])
    );
}

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
    lab.clws("access grant eve dev/tls --read --yes").succeeds();
    assert_eq!(found(&lab, "--full", 0), []);
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
fn files_that_do_not_belong_there_are_found() {
    let lab = lab();
    let age = "secrets/dev/tls/web.key.age";
    let sealed = std::fs::read(lab.vault().join(age)).unwrap();
    let mut bad = sealed.clone();
    *bad.last_mut().unwrap() ^= 1;
    write(&lab, age, &bad);
    assert_eq!(found(&lab, "", 1), pairs(&[("content", "dev/tls/web.key")]));
    std::fs::remove_file(lab.vault().join(age)).unwrap();
    assert_eq!(found(&lab, "", 1), pairs(&[("content", "dev/tls/web.key")]));
    write(&lab, age, &sealed);
    write(&lab, "secrets/dev/tls/lone.age", "x");
    write(&lab, "secrets/dev/plain.env", "TOKEN=hunter2");
    write(&lab, "secrets/dev/.clws-0123.tmp", "x");
    write(&lab, "secrets/dev/.gitkeep", "");
    write(&lab, "secrets/dev/deep/er.toml", "x");
    write(&lab, "secrets/dev/tls/Web.key.age.toml", "x");
    write(
        &lab,
        "hooks/web/id",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    );
    write(&lab, "recipients/eve.key", "AGE-SECRET-KEY-1QQQQ");
    std::os::unix::fs::symlink("/etc/passwd", lab.vault().join("secrets/dev/link.toml")).unwrap();
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[
            ("form", "dev/tls/Web.key"),
            ("clash", "dev/tls/Web.key"),
            ("content", "dev/tls/lone"),
            ("private-key", "hooks/web/id"),
            ("private-key", "recipients/eve.key"),
            ("stale", "secrets/dev/.clws-0123.tmp"),
            ("stray", "secrets/dev/deep/er.toml"),
            ("stray", "secrets/dev/link.toml"),
            ("stray", "secrets/dev/plain.env"),
        ])
    );
    let ran = lab.clws("check").exits(1);
    assert!(!ran.text().contains("hunter2"), "{}", ran.text());
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
    let head = lab.clws("trust show --json").succeeds().json()["head"].clone();
    let ran = lab
        .clws("check --full --expect")
        .word(head.as_str().unwrap())
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
