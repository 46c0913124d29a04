//! Each field of a record that people are shown or that decides anything is edited, one by one.

use crate::forge::{table, with_table};
use crate::lab::Lab;
use crate::scene::{accept, deployable, plant, read, refused};

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben", "cleo"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("secret policy prod/web/TOKEN --no-print --rotate-every 90d --expires 2030-01-01 --owner ada --note for-the-web --rotator mysql")
        .succeeds();
    lab.clws("secret policy prod/web/TOKEN --clear no-print")
        .succeeds();
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"the-key")
        .succeeds();
    lab.clws("secret policy prod/keys/web.key --owner ada --note for-the-web")
        .succeeds();
    for name in ["ben", "cleo"] {
        lab.clws(&format!("access grant {name} prod --read --write --yes"))
            .succeeds();
    }
    deployable(&lab);
    // An old data key is listed in the document's own line.
    lab.clws("recipient remove cleo --yes").succeeds();
    accept(&lab, &["ben"]);
    for by in ["ada", "ben"] {
        for path in ["web/TOKEN", "keys/web.key"] {
            lab.clws(&format!("secret get prod/{path}"))
                .by(by)
                .succeeds();
        }
    }
    lab
}

/// Other values of a key that read as well as the one that is there.
fn others(key: &str, value: &str) -> Vec<String> {
    let quoted = |texts: &[&str]| texts.iter().map(|text| format!("\"{text}\"")).collect();
    match key {
        "rev" | "seq" | "size" => {
            let number: u64 = value.parse().unwrap();
            vec![
                (number + 1).to_string(),
                (number - 1).to_string(),
                "0".into(),
            ]
        }
        "changed" | "until" => quoted(&["2019-01-01T00:00:00Z", "2099-01-01T00:00:00Z"]),
        "type" => quoted(&["bytes", "integer"]),
        "author" | "owner" => quoted(&["ben", "mallory"]),
        "mode" => quoted(&["0644", "4755"]),
        "readers" => vec![
            "[]".into(),
            "[\"ada\"]".into(),
            "[\"ada\", \"ben\", \"eve\"]".into(),
        ],
        "left" => vec!["[]".into(), "[\"ada\"]".into()],
        "rotate_every" => quoted(&["9999d", "1d"]),
        "expires" => quoted(&["2099-01-01", "2020-01-01"]),
        "exposed" => quoted(&["cleo left 2019-01-01"]),
        "path" => quoted(&["prod/other", "prod/keys/other.key", "dev/web"]),
        "note" | "rotator" | "moved_to" => quoted(&["planted", ""]),
        // A digit of hexadecimal or base64 in the middle, another at the end, and both halves changed.
        _ => {
            let text = value.trim_matches('"');
            let at = text.len() / 2;
            let digit = if &text[at..=at] == "a" { "b" } else { "a" };
            let other = format!("{}{digit}{}", &text[..at], &text[at + 1..]);
            quoted(&[&other])
        }
    }
}

/// Edits each line of a table; gives the key and the text each time.
fn edited(text: &str, header: &str, mut tried: impl FnMut(&str, &str)) -> Vec<String> {
    let table = table(text, header);
    let mut keys = Vec::new();
    for line in table.lines().skip(1) {
        let (key, value) = line.split_once(" = ").unwrap();
        if key == "format" {
            continue;
        }
        let others = others(key, value);
        for other in others.iter().filter(|other| *other != value) {
            let bad = table.replace(line, &format!("{key} = {other}"));
            tried(key, &with_table(text, header, &bad));
        }
        // Taken out it is missed, or it is another record.
        tried(
            key,
            &with_table(text, header, &table.replace(&format!("\n{line}"), "")),
        );
        keys.push(key.to_owned());
    }
    keys
}

/// Refused as not read (10), not verified (12) or not from whom it says (13); never opened.
fn stays_closed(lab: &Lab, key: &str, path: &str) {
    for by in ["ada", "ben"] {
        let words = format!("secret get {path}");
        let code = lab.clws(&words).by(by).run().code;
        assert!(matches!(code, 10 | 12 | 13), "{key}: {code}");
        refused(lab, by, &words, code);
    }
    let words = format!("rekey {path} --yes").replace("/TOKEN", "");
    let code = lab.clws(&words).run().code;
    assert!(matches!(code, 10 | 12 | 13), "{key}: {words}: {code}");
    refused(lab, "ada", &words, code);
    refused(lab, "ben", "check", 1);
}

#[test]
fn of_a_value_and_of_its_document() {
    let lab = lab();
    let file = "secrets/prod/web.toml";
    let good = read(&lab, file);
    let keys = edited(&good, "[secret.TOKEN]", |key, bad| {
        plant(&lab, file, bad);
        stays_closed(&lab, key, "prod/web/TOKEN");
    });
    let expected = [
        "value",
        "type",
        "rev",
        "seq",
        "changed",
        "author",
        "expires",
        "exposed",
        "note",
        "owner",
        "rotate_every",
        "rotator",
        "sig",
    ];
    assert_eq!(keys, expected);
    let keys = edited(&good, "[document]", |key, bad| {
        plant(&lab, file, bad);
        stays_closed(&lab, key, "prod/web/TOKEN");
    });
    assert_eq!(keys, ["id", "path", "seq", "key_id", "sig"]);
    let retired = good.lines().find(|line| line.starts_with("[retired."));
    let keys = edited(&good, retired.unwrap(), |key, bad| {
        // The old key and its whole commitment are compared by whoever opens it; the table's name is
        // the first 16 digits of it, and signed, and so is what is said about it.
        if !matches!(key, "key" | "key_id") {
            plant(&lab, file, bad);
            stays_closed(&lab, key, "prod/web/TOKEN");
        }
    });
    assert_eq!(keys, ["key", "key_id", "until", "left"]);
    plant(&lab, file, good);
    lab.clws("secret get prod/web/TOKEN").by("ben").succeeds();
}

#[test]
fn of_a_sidecar() {
    let lab = lab();
    let file = "secrets/prod/keys/web.key.age.toml";
    let good = read(&lab, file);
    let keys = edited(&good, "[file]", |key, bad| {
        plant(&lab, file, bad);
        stays_closed(&lab, key, "prod/keys/web.key");
    });
    let expected = [
        "id", "path", "mode", "size", "sha256", "readers", "rev", "seq", "changed", "author",
        "exposed", "note", "owner", "sig",
    ];
    assert_eq!(keys, expected);
    plant(&lab, file, good);
    lab.clws("secret get prod/keys/web.key")
        .by("ben")
        .succeeds();
}

#[test]
fn of_a_hooks_signature() {
    let lab = lab();
    let file = "hooks/web.sig.toml";
    let good = read(&lab, file);
    lab.clws("deploy --on prod --dry-run").succeeds();
    for header in ["[hook]", "[file.\"web.toml\"]", "[sig.ada]"] {
        edited(&good, header, |key, bad| {
            plant(&lab, file, bad);
            let words = "deploy --on prod --dry-run";
            let code = lab.clws(words).run().code;
            assert!(matches!(code, 10 | 12 | 13 | 14), "{key}: {code}");
            refused(&lab, "ada", words, code);
        });
    }
    plant(&lab, file, good);
    lab.clws("deploy --on prod --dry-run").succeeds();
}
