//! What the tests of merges share: a vault of two writers, and two branches that are merged by git.

use std::path::Path;
use std::process::{Command, Output};

use crate::lab::Lab;

/// Ada and ben write dev; cleo is a party without rights.
pub(crate) fn lab() -> Lab {
    let lab = Lab::new().people(&["ben", "cleo"]);
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    lab.accepted_by(&["ben", "cleo"]);
    for name in ["BASE", "ZULU"] {
        set(&lab, "ada", name, "begin");
    }
    lab.clws("secret set dev/keys/web.key --type file")
        .stdin(b"begin")
        .succeeds();
    lab.commit("begin");
    lab
}

pub(crate) fn set(lab: &Lab, who: &str, name: &str, value: &str) {
    lab.clws(&format!("secret set dev/web/{name}"))
        .by(who)
        .stdin(value.as_bytes())
        .succeeds();
}

#[track_caller]
pub(crate) fn reads(lab: &Lab, name: &str, value: &str) {
    for who in ["ada", "ben"] {
        let got = lab
            .clws(&format!("secret get dev/web/{name}"))
            .by(who)
            .succeeds();
        assert_eq!(
            (got.text().as_str(), got.err.as_str()),
            (value, ""),
            "{who}"
        );
    }
}

/// git as a person runs it, whose home clws finds when git calls it.
pub(crate) fn git_in(lab: &Lab, who: &str, folder: &Path, words: &[&str]) -> Output {
    Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(words)
        .current_dir(folder)
        .env("HOME", lab.home(who))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap()
}

pub(crate) fn git(lab: &Lab, words: &[&str]) -> Output {
    git_in(lab, "ada", &lab.vault(), words)
}

pub(crate) fn commits(lab: &Lab, message: &str) {
    succeeded(&git(lab, &["add", "-A"]));
    succeeded(&git(lab, &["commit", "-qm", message]));
}

pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// What somebody does on a branch.
pub(crate) type Work<'a> = (&'static str, &'a dyn Fn(&Lab));

/// Makes two branches, each committed by whoever worked there, and merges them as ada; whether git was
/// content.
pub(crate) fn merged(lab: &Lab, ours: Work<'_>, theirs: Work<'_>) -> Output {
    let work = |(who, work): Work<'_>, message: &str| {
        work(lab);
        for words in [&["add", "-A"] as &[&str], &["commit", "-qm", message]] {
            succeeded(&git_in(lab, who, &lab.vault(), words));
        }
    };
    lab.git(&["checkout", "-qb", "theirs"]);
    work(theirs, "theirs");
    lab.git(&["checkout", "-q", "main"]);
    work(ours, "ours");
    git(lab, &["merge", "--no-edit", "theirs"])
}

pub(crate) fn installed() -> Lab {
    let lab = lab();
    lab.clws("git install").succeeds();
    lab
}

pub(crate) fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}
