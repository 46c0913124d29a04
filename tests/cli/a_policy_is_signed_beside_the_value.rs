//! What is known about a secret changes without the value, its age or its author.

use crate::lab::Lab;

#[test]
fn entries_are_set_shown_and_cleared() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    lab.clws("secret set dev/tls/web.key --type file")
        .stdin(b"a key")
        .succeeds();
    for path in ["dev/web/TOKEN", "dev/tls/web.key"] {
        let list = || {
            let listed = lab.clws(&format!("secret list {path} --json")).succeeds();
            listed.json()["secrets"][0].clone()
        };
        let before = list();
        let empty = lab.clws(&format!("secret policy {path}")).succeeds();
        assert_eq!(
            empty.err,
            format!("nothing is said of {path}: its policy is empty\n")
        );
        let words = "--rotate-every 90d --expires 2031-05-01 --rotator random --owner ben";
        lab.clws(&format!("secret policy {path} {words} --no-print --note"))
            .word("shared with the \"other\" team")
            .succeeds();
        let shown = lab.clws(&format!("secret policy {path} --json")).succeeds();
        assert_eq!(
            shown.json()["policy"],
            serde_json::json!({
                "expires": "2031-05-01", "no_print": "true", "owner": "ben", "rotate_every": "90d",
                "note": "shared with the \"other\" team", "rotator": "random",
            })
        );
        let after = list();
        for key in ["rev", "changed", "author"] {
            assert_eq!(after[key], before[key], "{key}");
        }
        assert_eq!(after["mark"], "");
        lab.clws(&format!(
            "secret policy {path} --clear no-print --clear note --clear expires --rotate-every 30d"
        ))
        .succeeds();
        let shown = lab.clws(&format!("secret policy {path} --json")).succeeds();
        assert_eq!(
            shown.json()["policy"],
            serde_json::json!({ "owner": "ben", "rotate_every": "30d", "rotator": "random" })
        );
    }
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN").succeeds().text(),
        "hunter2"
    );
    assert_eq!(
        lab.clws("secret get dev/tls/web.key").succeeds().text(),
        "a key"
    );
}

#[test]
fn no_print_keeps_a_value_off_the_screen_and_gives_it_to_programs() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    lab.clws("secret policy dev/web/TOKEN --no-print")
        .succeeds();
    let refused = lab.clws("secret get dev/web/TOKEN").exits(15);
    assert!(refused.err.contains("clws exec dev/web"), "{}", refused.err);
    let program = r#"[ "$TOKEN" = hunter2 ] && printf "has $TOKEN""#;
    let ran = lab.clws("exec dev/web -- sh -c").word(program);
    assert_eq!(ran.succeeds().text(), "has [redacted]");
    // A sealed file is one's own eyes' no more than a value.
    let lab = lab.secret("dev/web/OPEN", "for-everybody");
    lab.clws("secret set dev/keys/api.key --type file")
        .stdin(b"the-key-of-the-api")
        .succeeds();
    let shows = |wanted: &str| {
        let ran = lab
            .clws("exec dev/web/OPEN --file KEY=dev/keys/api.key -- sh -c")
            .word("printf '%s ' $OPEN; cat $KEY");
        assert_eq!(ran.succeeds().text(), wanted);
    };
    shows("for-everybody the-key-of-the-api");
    lab.clws("secret policy dev/keys/api.key --no-print")
        .succeeds();
    shows("[redacted] [redacted]");
    for path in ["dev/web/TOKEN", "dev/keys/api.key"] {
        let edit = lab.clws(&format!("secret edit {path}"));
        let refused = edit.env("EDITOR", "cat").exits(15);
        assert_eq!(refused.text(), "", "{path}");
    }
}

#[test]
fn each_change_of_a_documents_policy_is_the_next_one() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    let number = || {
        let text = std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("seq = "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let before = number();
    lab.clws("secret policy dev/web --owner ben").succeeds();
    lab.clws("secret policy dev/web --clear owner").succeeds();
    assert_eq!(number(), before + 2);
}

#[test]
fn what_is_no_day_or_number_of_days_is_refused() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    let before = std::fs::read(lab.vault().join("secrets/dev/web.toml")).unwrap();
    for wrong in [
        "--rotate-every 90",
        "--rotate-every 3m",
        "--expires 2027-02-30",
        "--expires tomorrow",
        "--rotator ../x",
        "--clear exposed",
        "--clear moved-to",
        "--expires 2030-01-01 --clear expires",
    ] {
        lab.clws(&format!("secret policy dev/web/TOKEN {wrong}"))
            .exits(2);
    }
    lab.clws("secret policy dev/web --no-print").exits(2);
    lab.clws("secret policy dev/web/NONE --no-print").exits(18);
    let after = std::fs::read(lab.vault().join("secrets/dev/web.toml")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn what_is_set_for_a_document_counts_for_its_values() {
    let lab = Lab::new()
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/web/OWN", "hunter3");
    let due = |name: &str| {
        let listed = lab.clws(&format!("secret list dev/web/{name} --json"));
        listed.succeeds().json()["secrets"][0]["due"].clone()
    };
    lab.clws("secret policy dev/web/OWN --expires 2031-05-01 --owner cleo")
        .succeeds();
    assert!(due("TOKEN").is_null());
    lab.clws("secret policy dev/web --expires 2001-01-01 --owner ben --rotator random")
        .succeeds();
    assert_eq!(
        (due("TOKEN"), due("OWN")),
        ("2001-01-01".into(), "2031-05-01".into())
    );
    let policy = |path: &str| {
        let shown = lab.clws(&format!("secret policy {path} --json")).succeeds();
        shown.json()
    };
    let document =
        serde_json::json!({ "expires": "2001-01-01", "owner": "ben", "rotator": "random" });
    assert_eq!(policy("dev/web")["policy"], document);
    assert_eq!(policy("dev/web/TOKEN")["policy"], serde_json::json!({}));
    assert_eq!(policy("dev/web/TOKEN")["of_document"], document);
    assert_eq!(
        policy("dev/web/OWN"),
        serde_json::json!({
            "path": "dev/web/OWN", "policy": { "expires": "2031-05-01", "owner": "cleo" },
            "of_document": { "rotator": "random" },
        })
    );
    let shown = lab.clws("secret policy dev/web/OWN").succeeds().text();
    assert!(shown.contains("random      of its document"), "{shown}");
    // What is due is noted, and no fault.
    let checked = lab.clws("check").succeeds().text();
    assert!(
        checked.contains("note: dev/web/TOKEN: a new value is due since 2001-01-01"),
        "{checked}"
    );
    assert!(!checked.contains("dev/web/OWN"), "{checked}");
    // It stays with the document when its key is changed, and is signed: no edit passes.
    lab.clws("rekey dev/web --yes").succeeds();
    assert_eq!(policy("dev/web")["policy"], document);
    lab.clws("secret policy dev/web --clear expires --clear rotator")
        .succeeds();
    assert!(due("TOKEN").is_null());
    for refused in ["--no-print", "--note later"] {
        lab.clws(&format!("secret policy dev/web {refused}"))
            .exits(2);
    }
    lab.clws("secret policy dev/none --owner ben").exits(18);
    lab.clws("secret policy dev --owner ben").exits(18);
    let file = lab.vault().join("secrets/dev/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("owner = \"ben\"", "owner = \"eve\"")).unwrap();
    lab.clws("secret get dev/web/TOKEN").exits(12);
    lab.clws("check").exits(1);
}
