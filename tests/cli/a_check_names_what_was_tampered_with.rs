//! `clws check` names the very record, file or rule that somebody changed, and exits with 1.

use crate::checking::{found, lab, pairs, read, write};

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
    // Made out to its own path, it takes nothing from the original, on either side of it.
    for thief in ["copy", "zopy"] {
        let file = format!("secrets/dev/{thief}.toml");
        write(
            &lab,
            &file,
            db.replace("\"dev/db\"", &format!("\"dev/{thief}\"")),
        );
        let findings = found(&lab, "", 1);
        let named = |kind: &str| {
            let all = findings.iter().filter(|(found, _)| found == kind);
            all.map(|(_, path)| path.clone()).collect::<Vec<_>>()
        };
        assert_eq!(named("duplicate-id"), [format!("dev/{thief}")]);
        assert_eq!(named("absent"), [""; 0]);
        // Whoever has seen neither cannot tell them apart.
        let stranger = lab.clws("check").by("zed").exits(1).text();
        for path in ["dev/db", &format!("dev/{thief}")] {
            let said = format!("duplicate-id: {path}: it has one id with ");
            assert!(stranger.contains(&said), "{stranger}");
        }
        std::fs::remove_file(lab.vault().join(file)).unwrap();
    }
    std::fs::remove_file(lab.vault().join("secrets/dev/copy.toml")).ok();
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
    // What nobody signed has no number that could be older.
    let newer = read(&lab, "secrets/dev/web.toml");
    let forged = newer.replace("rev = 2", "rev = 1");
    assert_ne!(forged, newer);
    write(&lab, "secrets/dev/web.toml", forged);
    assert_eq!(found(&lab, "", 1), pairs(&[("signature", "dev/web/TOKEN")]));
    write(&lab, "secrets/dev/web.toml", newer);
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
fn files_that_do_not_belong_there_are_found() {
    let lab = lab();
    let age = "secrets/dev/tls/web.key.age";
    let sealed = std::fs::read(lab.vault().join(age)).unwrap();
    let mut bad = sealed.clone();
    *bad.last_mut().unwrap() ^= 1;
    write(&lab, age, &bad);
    assert_eq!(found(&lab, "", 1), pairs(&[("content", "dev/tls/web.key")]));
    let refused = lab.clws("secret get dev/tls/web.key").exits(12);
    assert!(refused.err.contains("is not the one that was signed"));
    std::fs::remove_file(lab.vault().join(age)).unwrap();
    assert_eq!(found(&lab, "", 1), pairs(&[("content", "dev/tls/web.key")]));
    let refused = lab.clws("secret get dev/tls/web.key").exits(12);
    for said in ["is missing", &format!("`git checkout -- {age}`")] {
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    write(&lab, age, &sealed);
    // Of a file without a sidecar git has the sidecar, if anybody has.
    let sidecar = read(&lab, &format!("{age}.toml"));
    std::fs::remove_file(lab.vault().join(format!("{age}.toml"))).unwrap();
    let shown = lab.clws("check").exits(1).text();
    for said in [
        "absent: dev/tls/web.key: ",
        &format!("content: dev/tls/web.key: {age} has no sidecar, so nobody vouches for it\n"),
        &format!("next: git log -- {age}.toml\n"),
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    write(&lab, &format!("{age}.toml"), sidecar);
    write(&lab, "secrets/dev/tls/lone.age", "x");
    write(&lab, "secrets/dev/plain.env", "TOKEN=hunter2");
    write(&lab, "secrets/dev/.clws-0123456789abcdef.tmp", "x");
    // No name that clws gives.
    write(&lab, "secrets/dev/.clws-zz.tmp", "x");
    write(&lab, "secrets/dev/.gitkeep", "");
    write(&lab, "secrets/dev/deep/er.toml", "x");
    write(&lab, "secrets/dev/tls/Web.key.age.toml", "x");
    write(
        &lab,
        "hooks/web/id",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n",
    );
    let key = format!("AGE-SECRET-KEY-1{}", "Q".repeat(58));
    write(&lab, "recipients/eve.key", key);
    std::os::unix::fs::symlink("/etc/passwd", lab.vault().join("secrets/dev/link.toml")).unwrap();
    assert_eq!(
        found(&lab, "", 1),
        pairs(&[
            ("form", "dev/tls/Web.key"),
            ("clash", "dev/tls/Web.key"),
            ("content", "dev/tls/lone"),
            ("private-key", "hooks/web/id"),
            ("private-key", "recipients/eve.key"),
            ("stale", "secrets/dev/.clws-0123456789abcdef.tmp"),
            ("stray", "secrets/dev/.clws-zz.tmp"),
            ("stray", "secrets/dev/deep/er.toml"),
            ("stray", "secrets/dev/link.toml"),
            ("stray", "secrets/dev/plain.env"),
        ])
    );
    let ran = lab.clws("check").exits(1);
    assert!(!ran.text().contains("hunter2"), "{}", ran.text());
}

#[test]
fn a_record_with_a_bad_signature_is_no_other_branchs() {
    let lab = lab();
    let web = read(&lab, "secrets/dev/web.toml");
    let at = web.find("[secret.URL]").unwrap();
    let (before, url) = web.split_at(at);
    let earlier = url.replacen("changed = \"20", "changed = \"19", 1);
    assert_ne!(earlier, url);
    write(&lab, "secrets/dev/web.toml", format!("{before}{earlier}"));
    assert_eq!(found(&lab, "", 1), pairs(&[("signature", "dev/web/URL")]));
}

#[test]
fn a_name_from_outside_is_one_word_of_what_is_advised() {
    let lab = lab();
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n";
    write(&lab, "recipients/x; touch ran #", key);
    write(&lab, "secrets/dev/$(touch ran).env", "x");
    let shown = lab.clws("check").exits(1).text();
    for said in [
        "next: rm 'recipients/x; touch ran #'; whoever",
        "--from-file 'secrets/dev/$(touch ran).env', then",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
}
