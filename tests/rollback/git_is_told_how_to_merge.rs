//! What `clws git install` gives git: a driver, a way to show what differs, and a look at what is committed.
//! It is there when told, in whatever folder the vault lies, and goes without a trace.

use std::path::PathBuf;
use std::process::Command;

use crate::branches::{git, git_in, installed, lab, said, set, succeeded};
use crate::lab::Lab;

#[test]
fn it_is_installed_when_told_and_goes_without_a_trace() {
    let lab = lab();
    let dot_git = lab.vault().join(".git");
    std::fs::write(dot_git.join("info/attributes"), "*.png binary\n").unwrap();
    let before = all_of(dot_git.clone());
    // Nothing that clws does by itself, and nothing that a repository brings, gets there.
    std::fs::write(
        lab.vault().join(".gitattributes"),
        "* merge=clws diff=clws\n",
    )
    .unwrap();
    for words in ["check", "secret list", "secret get dev/web/BASE"] {
        lab.clws(words).succeeds();
    }
    assert_eq!(all_of(dot_git.clone()), before);
    lab.git(&["checkout", "-q", "--", ".gitattributes"]);
    lab.clws("git install").succeeds();
    let once = all_of(dot_git.clone());
    assert_ne!(once, before);
    assert!(String::from_utf8_lossy(&once[1].1).contains("*.png binary"));
    lab.clws("git install").succeeds();
    assert_eq!(all_of(dot_git.clone()), once);
    assert_eq!(lab.git(&["status", "--porcelain"]), "");
    lab.clws("git install --undo").succeeds();
    assert_eq!(all_of(dot_git.clone()), before);
    // Somebody's own hook stays.
    let hook = dot_git.join("hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\n").unwrap();
    let told = lab.clws("git install").succeeds();
    assert!(told.err.contains("scan --staged"), "{}", told.err);
    assert_eq!(std::fs::read(&hook).unwrap(), b"#!/bin/sh\n");
    lab.clws("git install --undo").succeeds();
    assert!(hook.exists());
    Lab::founded().clws("git install").exits(18);
}

fn all_of(folder: PathBuf) -> Vec<(PathBuf, Vec<u8>)> {
    ["config", "info/attributes", "hooks/pre-commit"]
        .map(|file| {
            let path = folder.join(file);
            (path.clone(), std::fs::read(path).unwrap_or_default())
        })
        .to_vec()
}

#[test]
fn diffs_speak_of_names_and_a_commit_of_a_value_is_stopped() {
    let lab = installed();
    set(&lab, "ada", "BASE", "a-value-that-nobody-guesses-93");
    let diff = said(&git(&lab, &["diff"]));
    assert!(
        diff.contains("-rev = 1") && diff.contains("+rev = 2"),
        "{diff}"
    );
    assert!(diff.lines().all(|line| line.chars().count() < 90), "{diff}");
    std::fs::write(
        lab.vault().join("notes.txt"),
        "it is a-value-that-nobody-guesses-93\n",
    )
    .unwrap();
    lab.git(&["add", "-A"]);
    let stopped = git(&lab, &["commit", "-qm", "oops"]);
    assert!(!stopped.status.success(), "{}", said(&stopped));
    assert!(said(&stopped).contains("notes.txt:1"), "{}", said(&stopped));
    lab.git(&["rm", "-q", "--cached", "notes.txt"]);
    succeeded(&git(&lab, &["commit", "-qm", "fine"]));
}

#[test]
fn a_vault_in_a_folder_is_merged_there() {
    let lab = lab();
    let outer = lab.root().join("outer");
    let inner = outer.join("ops/vault");
    std::fs::create_dir_all(&inner).unwrap();
    let copied = Command::new("cp")
        .arg("-a")
        .args(["clws.toml", "recipients", "secrets", ".gitattributes"])
        .arg(&inner)
        .current_dir(lab.vault())
        .status();
    assert!(copied.unwrap().success());
    let git = |words: &[&str]| {
        let done = git_in(&lab, "ada", &outer, words);
        succeeded(&done);
    };
    let set = |name: &str| {
        lab.clws(&format!("secret set dev/web/{name}"))
            .folder(&inner)
            .stdin(format!("given for {name}").as_bytes())
            .succeeds();
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "begin"]);
    lab.clws("git install").folder(&inner).succeeds();
    git(&["checkout", "-qb", "theirs"]);
    set("MIKE");
    git(&["commit", "-qam", "theirs"]);
    git(&["checkout", "-q", "main"]);
    set("NOVEMBER");
    git(&["commit", "-qam", "ours"]);
    git(&["merge", "-q", "--no-edit", "theirs"]);
    for name in ["MIKE", "NOVEMBER"] {
        let got = lab
            .clws(&format!("secret get dev/web/{name}"))
            .folder(&inner);
        assert_eq!(got.succeeds().text(), format!("given for {name}"));
    }
    lab.clws("check --full").folder(&inner).succeeds();
}
