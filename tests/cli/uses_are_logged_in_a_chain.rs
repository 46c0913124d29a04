//! The audit log shows what was used and tells when a line was changed.

use crate::lab::Lab;

#[test]
fn uses_are_shown_by_path_and_verified() {
    let lab = Lab::new()
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/db/PASSWORD", "s3cret");
    lab.clws("secret get dev/web/TOKEN").succeeds();
    lab.clws("exec dev/db -- true").succeeds();
    let uses = lab.clws("audit show --json").succeeds().json()["uses"].clone();
    let whats: Vec<&str> = uses
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    assert_eq!(whats, ["secret set", "secret set", "secret get", "exec"]);
    assert_eq!(uses[3]["secrets"], serde_json::json!(["dev/db/PASSWORD"]));
    let shown = lab.clws("audit show dev/web").succeeds().text();
    assert!(
        shown.contains("secret get") && !shown.contains("exec"),
        "{shown}"
    );
    let shown = lab.clws("audit show --last 1").succeeds().text();
    assert!(
        shown.contains("exec") && !shown.contains("secret get"),
        "{shown}"
    );
    // An empty answer is told from none.
    for (words, said) in [
        ("dev/nosuch", "the log has no such use of `dev/nosuch`\n"),
        (
            "dev/nosuch --by-secret",
            "the log has no such use of `dev/nosuch`\n",
        ),
        (
            "dev/web dev/nosuch",
            "the log has no such use of `dev/nosuch`\n",
        ),
        ("--what deploy", "the log has no such use\n"),
        ("--until 2001-01-01", "the log has no such use\n"),
    ] {
        let ran = lab.clws(&format!("audit show {words}")).succeeds();
        assert_eq!(ran.err, said, "{words}");
        assert_eq!(ran.text().is_empty(), !words.contains("dev/web"), "{words}");
    }
    assert_eq!(lab.clws("audit show dev/web").succeeds().err, "");
    let verified = lab.clws("audit verify --json").succeeds().json();
    assert_eq!(verified["lines"], 4);
    lab.nowhere(&["hunter2".to_owned(), "s3cret".to_owned()]);

    let log = lab.home("ada").join(".local/state/clws/audit/log.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("TOKEN", "OTHER", 1)).unwrap();
    let broken = lab.clws("audit verify").exits(40);
    assert!(broken.err.contains("is broken at line "), "{}", broken.err);
}

#[test]
fn what_somebody_touched_is_told_by_secret_day_and_command() {
    let lab = Lab::new()
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/db/PASSWORD", "s3cret");
    lab.clws("secret get dev/web/TOKEN").succeeds();
    lab.clws("exec dev/web -- true").succeeds();
    let of = |arguments: &str| {
        let shown = lab.clws(&format!("audit show --json {arguments}"));
        shown.succeeds().json()
    };
    let secrets = of("--by-secret")["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 2, "{secrets}");
    let token = &secrets[1];
    assert_eq!(token["secret"], "dev/web/TOKEN");
    assert_eq!(token["times"], 3);
    let commands = serde_json::json!(["exec", "secret get", "secret set"]);
    assert_eq!(token["what"], commands);
    assert!(token["first"].as_str() <= token["last"].as_str());
    let count = |arguments: &str| of(arguments)["uses"].as_array().unwrap().len();
    assert_eq!(count("--what exec"), 1);
    assert_eq!(count("--what exec --what deploy"), 1);
    assert_eq!(count("--what deploy"), 0);
    assert_eq!(count("dev/web dev/db --here"), 4);
    assert_eq!(count("dev/we"), 0, "a part of a name is no path");
    let today = token["last"].as_str().unwrap().get(..10).unwrap();
    assert_eq!(count(&format!("--since {today}")), 4);
    assert_eq!(count("--until 2020-01-31"), 0);
    let wrong = lab.clws("audit show --since yesterday").exits(2);
    assert!(wrong.err.contains("is no day like"), "{}", wrong.err);
    let table = lab.clws("audit show --by-secret dev/db").succeeds().text();
    assert!(
        table.contains("dev/db/PASSWORD") && !table.contains("TOKEN"),
        "{table}"
    );
}

#[test]
fn no_log_is_an_empty_log() {
    let lab = Lab::empty();
    assert_eq!(lab.clws("audit show").succeeds().text(), "");
    assert_eq!(
        lab.clws("audit verify --json").succeeds().json()["lines"],
        0
    );
}

#[test]
fn what_cannot_be_logged_is_not_opened() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    let log = lab.home("ada").join(".local/state/clws/audit/log.jsonl");
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap();
    let before = lab.vault().join("secrets/dev/web.toml");
    let text = std::fs::read(&before).unwrap();
    for words in [
        "secret get dev/web/TOKEN",
        "exec dev/web -- env",
        "secret move dev/web/TOKEN dev/web/OTHER",
        "secret set dev/web/TOKEN --from-file /dev/null",
    ] {
        let ran = lab.clws(words).run();
        assert!(matches!(ran.code, 40 | 125), "{words}: {}", ran.err);
        assert!(!ran.text().contains("hunter2"), "{words}");
        assert!(ran.err.contains("log.jsonl"), "{words}: {}", ran.err);
    }
    assert_eq!(std::fs::read(&before).unwrap(), text);
}
