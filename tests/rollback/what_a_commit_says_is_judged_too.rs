//! A commit is believed no more than the working tree: what lies in it counts by who signed it, and its rules if this
//! machine has stepped through the version that signed them, to the byte.

use crate::lab::Lab;
use crate::table::{edit, lab};

const DOCUMENT: &str = "secrets/prod/web.toml";

/// Commits what is in the tree, and takes it back.
fn commit_alone(lab: &Lab) {
    lab.commit("by somebody who can push");
    lab.git(&["tag", "-f", "bad"]);
    lab.git(&["reset", "-q", "--hard", "HEAD~1"]);
}

#[track_caller]
fn refused(lab: &Lab, words: &str, code: i32, said: &str) {
    for words in [
        format!("secret get {words} --at bad"),
        format!("secret restore {words} --from bad --yes"),
    ] {
        let refused = lab.clws(&words).exits(code);
        assert!(refused.err.contains(said), "{words}: {}", refused.err);
        assert_eq!(refused.text(), "", "{words}");
    }
}

#[test]
fn the_own_record_of_a_document() {
    let lab = lab();
    edit(&lab, DOCUMENT, |text| {
        text.replacen("\nseq = 1\n", "\nseq = 7\n", 1)
    });
    commit_alone(&lab);
    refused(&lab, "prod/web/TOKEN", 12, "does not verify");
    lab.clws("secret get prod/web/TOKEN --at bad --unvouched")
        .succeeds();
}

#[test]
fn a_sealed_file_and_what_is_signed_of_it() {
    let lab = lab();
    let path = "prod/keys/web.key";
    for value in ["first", "other"] {
        lab.clws(&format!("secret set {path} --type file"))
            .stdin(value.as_bytes())
            .succeeds();
        lab.commit(value);
        lab.git(&["tag", value]);
    }
    edit(&lab, &format!("secrets/{path}.age.toml"), |text| {
        text.replace("author = \"ada\"", "author = \"eve\"")
    });
    commit_alone(&lab);
    refused(&lab, path, 12, "does not verify");
    let shown = lab
        .clws(&format!("secret get {path} --at bad --unvouched"))
        .succeeds();
    assert_eq!(shown.text(), "other");
    // The content from before, as long and for the same readers, beside the newest sidecar.
    lab.git(&["checkout", "first", "--", &format!("secrets/{path}.age")]);
    commit_alone(&lab);
    refused(&lab, path, 12, "is not the one that was signed");
    let first = lab.clws(&format!("secret get {path} --at first"));
    assert_eq!(first.succeeds().text(), "first");
}

#[test]
fn rules_that_are_not_those_of_its_version() {
    let lab = lab().people(&["cleo"]);
    lab.commit("cleo is a party");
    let text = |lab: &Lab, file: &str| std::fs::read_to_string(lab.vault().join(file)).unwrap();
    // Elsewhere cleo may write, and does.
    let fork = lab.copy();
    fork.clws("access grant cleo prod --read --write --yes")
        .succeeds();
    fork.accepted_by(&["cleo"]);
    fork.clws("secret set prod/web/TOKEN")
        .by("cleo")
        .stdin(b"by cleo")
        .succeeds();
    for file in [DOCUMENT, "recipients/access.toml"] {
        let theirs = text(&fork, file);
        edit(&lab, file, |_| theirs.clone());
    }
    commit_alone(&lab);
    let counts_for_nothing = || {
        refused(&lab, "prod/web/TOKEN", 13, "cleo");
        let listed = lab.clws("secret list prod --at bad").succeeds().text();
        assert!(listed.contains("unvouched"), "{listed}");
        assert!(!listed.contains("former writer"), "{listed}");
    };
    counts_for_nothing();
    // With the version that ada signed there, which this machine has never accepted.
    std::fs::remove_dir_all(lab.vault().join("recipients")).unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(fork.vault().join("recipients"))
        .arg(lab.vault())
        .status();
    assert!(copied.unwrap().success());
    edit(&lab, DOCUMENT, |_| text(&fork, DOCUMENT));
    commit_alone(&lab);
    counts_for_nothing();
}

#[test]
fn who_has_not_accepted_the_vault_looks_at_nothing() {
    let lab = lab();
    lab.git(&["tag", "bad"]);
    lab.clws("identity new new --keep file")
        .by("new")
        .succeeds();
    for path in ["prod/web/TOKEN", "prod/keys/web.key"] {
        let refused = lab.clws(&format!("secret get {path} --at bad")).by("new");
        let refused = refused.exits(13);
        assert!(
            refused.err.contains("has not accepted this vault"),
            "{}",
            refused.err
        );
    }
}
