//! Two branches each found a document, or a file, at one path. Whoever has seen both goes by one of them,
//! the same one everywhere, and notices when the other takes its place.

use crate::lab::Lab;
use crate::table::{cell, each, lab};

/// Ada's is on `main`, and ben's, who never saw hers, on `other`.
fn founded_apart(path: &str) -> Lab {
    let lab = lab();
    lab.git(&["branch", "other"]);
    lab.clws(&format!("secret set {path}"))
        .stdin(b"adas")
        .succeeds();
    lab.commit("by ada");
    lab.git(&["checkout", "-q", "other"]);
    lab.clws(&format!("secret set {path}"))
        .by("ben")
        .stdin(b"bens")
        .succeeds();
    lab.commit("by ben");
    lab
}

fn get(lab: &Lab, by: &str, branch: &str, path: &str) -> (i32, String, String) {
    lab.git(&["checkout", "-q", branch]);
    let ran = lab.clws(&format!("secret get {path}")).by(by).run();
    (ran.code, ran.text(), ran.err)
}

/// The branch whose document wins, and the other one.
fn sides(lab: &Lab, file: &str) -> (&'static str, &'static str) {
    let id = |branch: &str| {
        let text = lab.git(&["show", &format!("{branch}:{file}")]);
        let line = text.lines().find(|line| line.starts_with("id = "));
        line.unwrap().to_owned()
    };
    if id("main") > id("other") {
        ("main", "other")
    } else {
        ("other", "main")
    }
}

#[test]
fn a_document_is_not_exchanged_for_the_other_one() {
    let path = "prod/db/PASSWORD";
    let lab = founded_apart(path);
    let (won, lost) = sides(&lab, "secrets/prod/db.toml");
    let value = |branch| if branch == "main" { "adas" } else { "bens" };
    // Whoever sees the lesser one first takes it, and then the greater one.
    for (by, own) in [("ada", "main"), ("ben", "other")] {
        if own == lost {
            let (code, text, err) = get(&lab, by, lost, path);
            assert_eq!((code, text.as_str(), err.as_str()), (0, value(lost), ""));
        }
        let (code, text, err) = get(&lab, by, won, path);
        assert_eq!((code, text.as_str(), err.as_str()), (0, value(won), ""));
    }
    // On `won`, somebody with push rights lays the other one there.
    lab.git(&["checkout", lost, "--", "secrets/prod/db.toml"]);
    for by in ["ada", "ben"] {
        let refused = lab.clws(&format!("secret get {path}")).by(by).exits(14);
        assert!(refused.out.is_empty());
        assert!(
            refused.err.contains("git merge REV") && refused.err.contains("restore prod/db"),
            "{}",
            refused.err
        );
    }
    each(
        &lab,
        &[
            cell("secret list prod/db", 0, "older than seen"),
            cell("secret list prod/db --at HEAD", 0, "PASSWORD"),
            cell("check", 1, "older: prod/db: "),
            cell("check", 1, "clws secret restore prod/db"),
            cell("exec prod/db -- true", 125, "older document"),
            cell("secret set prod/db/PASSWORD", 14, "older document"),
            cell("secret set prod/db/NEW", 14, "older document"),
            cell("secret policy prod/db/PASSWORD --owner ada", 14, "older"),
            cell("secret restore prod/db/PASSWORD", 14, "restore prod/db`"),
            cell("rekey prod/db --yes", 14, "older document"),
            cell("secret get prod/web/TOKEN", 0, "first"),
        ],
    );
    // It is gone, and somebody founds it anew: as the one that counts.
    std::fs::remove_file(lab.vault().join("secrets/prod/db.toml")).unwrap();
    lab.clws(&format!("secret set {path}"))
        .stdin(b"again")
        .succeeds();
    assert_eq!(
        lab.clws(&format!("secret get {path}")).succeeds().text(),
        "again"
    );
}

#[test]
fn the_lesser_one_is_meant() {
    let path = "prod/db/PASSWORD";
    let lab = founded_apart(path);
    let (won, lost) = sides(&lab, "secrets/prod/db.toml");
    for by in ["ada", "ben"] {
        assert_eq!(get(&lab, by, won, path).0, 0);
        assert_eq!(get(&lab, by, lost, path).0, 14);
    }
    let said = lab.clws("secret restore prod/db").succeeds().err;
    assert!(said.contains("the newest of its path, number 2"), "{said}");
    lab.clws("secret restore prod/db").succeeds();
    lab.commit("this one is meant");
    for by in ["ada", "ben"] {
        let (code, _, err) = get(&lab, by, lost, path);
        assert_eq!((code, err.as_str()), (0, ""), "{by}");
        assert_eq!(get(&lab, by, won, path).0, 14, "{by}");
    }
    lab.git(&["checkout", "-q", lost]);
    lab.clws("check").succeeds();
    lab.clws("secret set prod/db/PASSWORD")
        .stdin(b"on")
        .succeeds();
}

#[test]
fn what_is_founded_anew_goes_on_from_the_greatest_number() {
    let path = "prod/db/PASSWORD";
    let lab = founded_apart(path);
    let (greater, lesser) = sides(&lab, "secrets/prod/db.toml");
    for by in ["ada", "ben"] {
        assert_eq!(get(&lab, by, greater, path).0, 0, "{by}");
    }
    // The one with the lesser id is meant, and goes on.
    lab.git(&["checkout", "-q", lesser]);
    lab.clws("secret restore prod/db").succeeds();
    for owner in ["ada", "ben"] {
        lab.clws(&format!("secret policy prod/db --owner {owner}"))
            .succeeds();
    }
    lab.commit("it goes on");
    for by in ["ada", "ben"] {
        assert_eq!(get(&lab, by, lesser, path).0, 0, "{by}");
    }
    let file = lab.vault().join("secrets/prod/db.toml");
    std::fs::remove_file(&file).unwrap();
    lab.clws(&format!("secret set {path}"))
        .stdin(b"again")
        .succeeds();
    let text = std::fs::read_to_string(file).unwrap();
    let number = text.lines().find(|line| line.starts_with("seq = "));
    assert_eq!(number, Some("seq = 5"));
    for by in ["ada", "ben"] {
        let got = lab.clws(&format!("secret get {path}")).by(by).succeeds();
        assert_eq!(got.text(), "again", "{by}");
    }
}

#[test]
fn in_a_scope_that_warns_it_is_said() {
    let path = "dev/db/PASSWORD";
    let lab = founded_apart(path);
    let (won, lost) = sides(&lab, "secrets/dev/db.toml");
    assert_eq!(get(&lab, "ada", won, path).2, "");
    let (code, _, err) = get(&lab, "ada", lost, path);
    assert_eq!(code, 0);
    assert!(
        err.contains("warning: `dev/db` here is an older document"),
        "{err}"
    );
}

#[test]
fn a_file_is_not_exchanged_for_the_other_one() {
    let path = "prod/keys/db.key --type file";
    let lab = founded_apart(path);
    let path = "prod/keys/db.key";
    // Both are number 1; ben's was sealed later, or in the same second.
    let (first, second) = (
        get(&lab, "ada", "other", path),
        get(&lab, "ada", "main", path),
    );
    let (won, lost) = match (first.0, second.0) {
        (0, 14) => ("other", "main"),
        // Hers was seen before, by sealing it: his can only be the lesser.
        (14, 0) => ("main", "other"),
        other => panic!("{other:?}"),
    };
    assert_eq!(get(&lab, "ada", won, path).0, 0);
    let (code, _, err) = get(&lab, "ada", lost, path);
    assert_eq!(code, 14, "{err}");
    each(
        &lab,
        &[
            cell("secret list prod/keys/db.key", 0, "older than seen"),
            cell("check", 1, "clws secret restore prod/keys/db.key"),
            cell("secret policy prod/keys/db.key --owner ada", 14, "restore"),
            cell("secret set prod/keys/db.key", 0, ""),
        ],
    );
    lab.clws(&format!("secret restore {path}")).succeeds();
    assert_eq!(get(&lab, "ada", lost, path).0, 0);
}
