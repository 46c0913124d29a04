//! The table of `docs/format.md` ("What is refused when"), cell by cell, for what is older than seen or gone. Each use runs in
//! a copy of the lab, so none prepares the next.

use crate::table::{cell, each, edit, lab};

#[test]
fn a_value_that_is_older() {
    let lab = lab();
    for scope in ["prod", "dev"] {
        for path in ["web/TOKEN", "keys/web.key"] {
            lab.clws(&format!("secret set {scope}/{path}"))
                .stdin(b"second")
                .succeeds();
        }
    }
    lab.commit("second");
    lab.git(&["checkout", "-q", "HEAD~1"]);
    each(
        &lab,
        &[
            cell("secret list prod", 0, "older than seen"),
            cell("check", 1, "clws secret restore prod/web/TOKEN"),
            cell(
                "secret history prod/web/TOKEN --at main",
                0,
                "prod/web/TOKEN  2/2",
            ),
            cell("secret get prod/web/TOKEN", 14, "git merge REV"),
            cell(
                "secret get prod/web/TOKEN",
                14,
                "clws secret restore prod/web/TOKEN",
            ),
            cell("secret get prod/keys/web.key", 14, "git merge REV"),
            cell("exec prod/web -- true", 125, "older"),
            cell("secret get prod/web/TOKEN --at HEAD", 0, "commit "),
            cell("secret get prod/web/OTHER", 0, "first"),
            cell("secret get dev/web/TOKEN", 0, "older than"),
            cell("secret get dev/keys/web.key", 0, "older than"),
            cell("exec dev/web -- true", 0, "older than"),
            cell("secret set prod/web/TOKEN", 0, ""),
            cell("secret set prod/keys/web.key", 0, ""),
            cell("secret remove prod/web/TOKEN --yes", 0, ""),
            cell("secret policy prod/web/TOKEN --owner ada", 14, "restore"),
            cell("secret policy dev/web/TOKEN --owner ada", 14, "restore"),
            cell("secret policy dev/keys/web.key --owner ada", 14, "restore"),
            cell("rekey prod/web --yes", 14, "restore"),
            cell("rekey dev/web --yes", 14, "restore"),
            cell("recipient remove ben --yes", 14, "restore"),
            cell("deploy --on prod --dry-run", 14, "git merge REV"),
            cell("deploy --on dev --dry-run", 0, "older than"),
            cell("secret restore prod/web/TOKEN", 0, "rev 3"),
            cell("secret restore prod/web", 0, "rev 3"),
            cell("secret restore prod/keys/web.key", 0, ""),
        ],
    );
    // An editor would show it: that is opening.
    let edit = |path: &str| {
        lab.clws(&format!("secret edit {path}"))
            .env("EDITOR", "true")
    };
    for path in ["prod/web/TOKEN", "prod/web", "prod/keys/web.key"] {
        let refused = edit(path).exits(14);
        assert!(refused.err.contains("git merge REV"), "{}", refused.err);
    }
    for path in ["dev/web/TOKEN", "dev/web", "dev/keys/web.key"] {
        let warned = edit(path).succeeds();
        assert!(warned.err.contains("older than"), "{path}: {}", warned.err);
    }
    // An older value is meant: whoever had the newer one agrees, in another clone too.
    lab.clws("secret restore prod/web/TOKEN").succeeds();
    let got = lab.clws("secret get prod/web/TOKEN").succeeds();
    assert_eq!((got.text().as_str(), got.err.as_str()), ("first", ""));
}

#[test]
fn a_value_that_is_not_here() {
    let lab = lab();
    for scope in ["prod", "dev"] {
        lab.clws(&format!("secret set {scope}/web/ADDED"))
            .stdin(b"added")
            .succeeds();
    }
    edit(&lab, "hooks/web.toml", |text| {
        text.replace("web/TOKEN", "web/ADDED")
    });
    lab.clws("hook sign --yes").succeeds();
    lab.commit("second");
    lab.git(&["checkout", "-q", "HEAD~1", "--", "secrets"]);
    each(
        &lab,
        &[
            cell("secret list prod", 0, ""),
            cell("check", 1, "prod/web/ADDED"),
            cell("secret get prod/web/ADDED", 18, "git merge REV"),
            cell("secret get prod/web/ADDED", 18, "rev 1"),
            cell("exec prod/web/ADDED -- true", 125, "ADDED"),
            cell("exec prod/web -- true", 0, "not here: ADDED"),
            cell("secret set prod/web/ADDED", 0, ""),
            cell("secret restore prod/web/ADDED --from main", 0, "rev 2"),
            cell("secret remove prod/web/ADDED --yes", 0, ""),
            cell("secret remove prod/web/NEVER --yes", 18, ""),
            cell("rekey prod/web --yes", 0, "ADDED"),
            cell("deploy --on prod --dry-run", 18, "ADDED"),
        ],
    );
    // Meant to be gone: with a tombstone everybody knows.
    lab.clws("secret remove prod/web/ADDED --yes").succeeds();
    lab.clws("secret remove dev/web/ADDED --yes").succeeds();
    lab.clws("check").succeeds();
}

#[test]
fn a_file_that_is_not_here() {
    let lab = lab();
    for path in ["prod/keys/added.key", "prod/more/added.key"] {
        lab.clws(&format!("secret set {path} --type file"))
            .stdin(b"added")
            .succeeds();
    }
    lab.commit("second");
    lab.git(&["rm", "-rq", "secrets/prod/more"]);
    lab.git(&[
        "rm",
        "-q",
        "secrets/prod/keys/added.key.age",
        "secrets/prod/keys/added.key.age.toml",
    ]);
    each(
        &lab,
        &[
            cell("check", 1, "prod/more/added.key"),
            cell("secret get prod/keys/added.key", 18, "git merge REV"),
            cell("secret get prod/more/added.key", 18, "git merge REV"),
            cell("secret remove prod/keys/never.key --yes", 18, ""),
            cell("secret set prod/more/added.key", 0, ""),
        ],
    );
    // Meant to be gone, and the folder with it.
    for path in ["prod/keys/added.key", "prod/more/added.key"] {
        lab.clws(&format!("secret remove {path} --yes")).succeeds();
        lab.clws(&format!("secret remove {path} --yes")).exits(18);
        let gone = lab.clws(&format!("secret get {path}")).exits(18);
        assert!(gone.err.contains("was removed"), "{}", gone.err);
    }
    lab.clws("check").succeeds();
}

#[test]
fn a_tombstone_and_an_old_one() {
    let lab = lab();
    lab.clws("secret remove prod/web/TOKEN --yes").succeeds();
    lab.commit("removed");
    each(
        &lab,
        &[
            cell("secret list prod --removed", 0, "removed"),
            cell("secret list prod/web/TOKEN", 0, "removed"),
            cell("check", 0, ""),
            cell("secret get prod/web/TOKEN", 18, "was removed"),
            cell("exec prod/web -- true", 0, ""),
            cell("secret set prod/web/TOKEN", 0, ""),
            cell("secret remove prod/web/TOKEN --yes", 18, ""),
            cell("rekey prod/web --yes", 0, ""),
            cell("deploy --on prod --dry-run", 18, "was removed"),
            cell("secret restore prod/web/TOKEN --from HEAD~1", 0, "rev 3"),
        ],
    );
    // It was given again since: the tombstone takes it out of nothing unseen.
    lab.clws("secret set prod/web/TOKEN")
        .stdin(b"again")
        .succeeds();
    lab.commit("again");
    lab.git(&["checkout", "-q", "HEAD~1"]);
    each(
        &lab,
        &[
            cell("secret list prod --removed", 0, "older than seen"),
            cell("secret get prod/web/TOKEN", 14, "git merge REV"),
            cell("exec prod/web -- true", 125, "older"),
            cell("deploy --on prod --dry-run", 14, "git merge REV"),
        ],
    );
}

#[test]
fn a_document_from_before_a_rekey() {
    let lab = lab();
    lab.clws("rekey prod/web dev/web --yes").succeeds();
    lab.commit("rekeyed");
    lab.git(&["checkout", "-q", "HEAD~1"]);
    each(
        &lab,
        &[
            cell("secret list prod", 0, "older than seen"),
            cell("check", 1, "git merge REV"),
            cell("secret get prod/web/TOKEN", 14, "git merge REV"),
            cell("secret get dev/web/TOKEN", 0, "number 1, and 2 was seen"),
            cell(
                "secret set prod/web/TOKEN",
                14,
                "before its data key or its policy was changed",
            ),
            cell(
                "secret set dev/web/TOKEN",
                14,
                "before its data key or its policy was changed",
            ),
            cell("secret restore prod/web/TOKEN", 14, "git merge REV"),
            cell("rekey prod/web --yes", 14, "git merge REV"),
            cell("rekey dev/web --yes", 14, "git merge REV"),
            cell("deploy --on prod --dry-run", 14, "git merge REV"),
            cell("secret get prod/web/TOKEN --at HEAD", 0, "commit "),
        ],
    );
}

#[test]
fn a_document_that_lies_elsewhere() {
    let lab = lab();
    let at = |path: &str| lab.vault().join(path);
    std::fs::copy(at("secrets/prod/web.toml"), at("secrets/prod/copy.toml")).unwrap();
    each(
        &lab,
        &[
            cell("secret list prod", 0, "signed for the path"),
            cell("check", 1, "prod/copy"),
            cell("secret get prod/copy/TOKEN", 12, "signed for the path"),
            cell("secret set prod/copy/TOKEN", 12, "signed for the path"),
            cell("rekey prod/copy --yes", 12, "signed for the path"),
            cell("secret get prod/web/TOKEN", 0, "first"),
        ],
    );
}

#[test]
fn rules_that_are_older() {
    let lab = lab().people(&["cleo"]);
    lab.commit("cleo");
    lab.git(&["checkout", "-q", "HEAD~1"]);
    each(
        &lab,
        &[
            cell("secret list prod", 0, "TOKEN"),
            cell("secret get prod/web/TOKEN", 0, "first"),
            cell("secret set prod/web/TOKEN", 0, ""),
            cell("rekey prod/web --yes", 14, ""),
            cell("recipient remove ben --yes", 14, ""),
            cell("deploy --on prod --dry-run", 14, ""),
        ],
    );
}

#[test]
fn an_older_file_is_not_sealed_anew_where_a_scope_only_warns() {
    let lab = lab();
    lab.clws("secret set dev/keys/web.key")
        .stdin(b"second")
        .succeeds();
    lab.commit("second");
    lab.git(&["checkout", "-q", "HEAD~1", "--", "secrets/dev/keys"]);
    let shown = lab.clws("secret get dev/keys/web.key").succeeds();
    assert!(shown.err.contains("older than"), "{}", shown.err);
    lab.clws("rekey dev/keys --yes").exits(14);
    lab.git(&["checkout", "-q", "HEAD", "--", "secrets/dev/keys"]);
    lab.clws("rekey dev/keys --yes").succeeds();
}

#[test]
fn a_removal_that_was_met_by_its_name_is_remembered() {
    let lab = lab();
    let paths = ["prod/web/BENS", "prod/keys/web.key"];
    for path in paths {
        lab.clws(&format!("secret get {path}")).by("ben").succeeds();
        lab.clws(&format!("secret remove {path} --yes")).succeeds();
    }
    lab.commit("gone");
    for path in paths {
        let gone = lab.clws(&format!("secret get {path}")).by("ben").exits(18);
        assert!(gone.err.contains("was removed"), "{}", gone.err);
    }
    // Anybody who may push can put back what was there.
    lab.git(&["checkout", "-q", "HEAD~1", "--", "secrets"]);
    for path in paths {
        let refused = lab.clws(&format!("secret get {path}")).by("ben").exits(14);
        assert!(refused.err.contains("older"), "{}", refused.err);
    }
    lab.clws("check").by("ben").exits(1);
}
