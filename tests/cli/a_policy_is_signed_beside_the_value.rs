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
    let ran = lab.clws("exec dev/web -- sh -c").word("printf %s $TOKEN");
    assert_eq!(ran.succeeds().text(), "hunter2");
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
