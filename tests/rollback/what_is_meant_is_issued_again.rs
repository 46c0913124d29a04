//! An older value that is meant gets the next number and a signature, so that every machine agrees.

use crate::lab::Lab;

/// Ada and ben write prod; ben has seen the second value.
fn lab() -> Lab {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben prod --read --write --yes")
        .succeeds();
    lab.accepted_by(&["ben"]);
    for value in ["first", "second"] {
        for path in ["prod/web/TOKEN", "prod/web/OTHER", "prod/keys/web.key"] {
            let kind = if path.ends_with(".key") {
                "file"
            } else {
                "string"
            };
            lab.clws(&format!("secret set {path} --type {kind}"))
                .stdin(value.as_bytes())
                .succeeds();
        }
        lab.commit(value);
    }
    for path in ["prod/web/TOKEN", "prod/keys/web.key"] {
        lab.clws(&format!("secret get {path}")).by("ben").succeeds();
    }
    lab
}

fn gets(lab: &Lab, path: &str, value: &str) {
    for by in ["ada", "ben"] {
        let got = lab.clws(&format!("secret get {path}")).by(by).succeeds();
        assert_eq!((got.text().as_str(), got.err.as_str()), (value, ""), "{by}");
    }
}

#[test]
fn a_revert_is_meant_and_everybody_agrees() {
    let lab = lab();
    lab.git(&["revert", "--no-edit", "HEAD"]);
    lab.clws("secret get prod/web/TOKEN").exits(14);
    let asked = lab.clws("secret restore prod/web").exits(15);
    assert!(
        asked.err.contains("prod/web/OTHER and prod/web/TOKEN"),
        "{}",
        asked.err
    );
    lab.clws("secret restore prod/web --yes").succeeds();
    lab.clws("secret restore prod/keys/web.key").succeeds();
    for path in ["prod/web/TOKEN", "prod/web/OTHER", "prod/keys/web.key"] {
        gets(&lab, path, "first");
    }
    lab.clws("check --full").succeeds();
    let again = lab.clws("secret restore prod/web").succeeds();
    assert!(
        again.err.contains("nothing in prod/web is older"),
        "{}",
        again.err
    );
}

#[test]
fn a_commit_is_named_and_nothing_of_it_is_lost() {
    let lab = lab();
    lab.clws("secret policy prod/web/TOKEN --owner ada --rotate-every 30d")
        .succeeds();
    lab.commit("policy");
    let before = lab.clws("secret list prod/web --json").succeeds().json();
    lab.clws("secret set prod/web/TOKEN")
        .by("ben")
        .stdin(b"third")
        .succeeds();
    lab.commit("third");
    lab.clws("secret restore prod/web/TOKEN --from HEAD~1")
        .by("ben")
        .succeeds();
    gets(&lab, "prod/web/TOKEN", "second");
    let after = lab.clws("secret list prod/web --json").succeeds().json();
    let row = |listed: &serde_json::Value| listed["secrets"][1].clone();
    assert_eq!(row(&after)["rev"], 4);
    for kept in ["author", "changed", "due"] {
        assert_eq!(row(&after)[kept], row(&before)[kept]);
    }
    lab.clws("secret restore prod/keys/web.key --from HEAD~3")
        .succeeds();
    gets(&lab, "prod/keys/web.key", "first");
    lab.clws("check --full").succeeds();
}

#[test]
fn who_could_read_it_and_left_is_not_forgotten() {
    let lab = lab();
    lab.clws("recipient remove ben --yes").succeeds();
    lab.clws("secret set prod/web/TOKEN")
        .stdin(b"after ben")
        .succeeds();
    lab.clws("secret set prod/keys/web.key")
        .stdin(b"after ben")
        .succeeds();
    lab.commit("ben left");
    for path in ["prod/web/TOKEN", "prod/keys/web.key"] {
        let policy = |lab: &Lab| lab.clws(&format!("secret policy {path}")).succeeds().text();
        assert!(!policy(&lab).contains("left"));
        lab.clws(&format!("secret restore {path} --from HEAD~1"))
            .succeeds();
        assert!(policy(&lab).contains("ben left"), "{path}");
        let got = lab.clws(&format!("secret get {path}")).succeeds();
        assert_eq!(got.text(), "second");
        // Sealed by today's rules and key all the same.
        lab.clws(&format!("secret get {path}")).by("ben").exits(11);
    }
    lab.clws("check --full").succeeds();
}

#[test]
fn who_may_not_write_issues_nothing() {
    let lab = lab();
    lab.clws("access revoke ben prod --write --yes").succeeds();
    let file = lab.vault().join("secrets/prod/web.toml");
    let before = std::fs::read(&file).unwrap();
    lab.clws("secret restore prod/web/TOKEN --from HEAD~1")
        .by("ben")
        .exits(13);
    lab.clws("secret restore prod/keys/web.key --from HEAD~1")
        .by("ben")
        .exits(13);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    lab.clws("secret restore prod/web/NEVER --from HEAD")
        .exits(18);
    lab.clws("secret restore prod/none --from HEAD").exits(18);
    std::fs::remove_file(&file).unwrap();
    let refused = lab
        .clws("secret restore prod/web/TOKEN --from HEAD")
        .exits(18);
    assert!(
        refused
            .err
            .contains("git checkout REV -- secrets/prod/web.toml"),
        "{}",
        refused.err
    );
    lab.git(&["checkout", "-q", "--", "secrets/prod/web.toml"]);
    lab.clws("secret restore prod/web/TOKEN --from HEAD~1")
        .succeeds();
}
