//! What `clws git install` set up holds in every command of git's that shows, joins or commits: `diff`,
//! `log -p`, `show`, `rebase`, `cherry-pick`, in linked worktrees, shallow clones and folders of a larger
//! repository; and it is what the person asked for, never what a repository does.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::lab::Lab;

/// Values that are looked for before each commit.
const LEAK: &str = "a-value-that-nobody-guesses-93";

fn lab() -> Lab {
    let lab = Lab::new();
    set(&lab, &lab.vault(), "BASE", "begin-at-the-beginning");
    set(&lab, &lab.vault(), "ZULU", LEAK);
    lab.commit("begin");
    lab
}

fn set(lab: &Lab, folder: &Path, name: &str, value: &str) {
    lab.clws(&format!("secret set dev/web/{name}"))
        .folder(folder)
        .stdin(value.as_bytes())
        .succeeds();
}

fn git(lab: &Lab, folder: &Path, words: &[&str]) -> Output {
    Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(["-c", "protocol.file.allow=always"])
        .args(words)
        .current_dir(folder)
        .env("HOME", lab.home("ada"))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_EDITOR", "true")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[track_caller]
fn does(lab: &Lab, folder: &Path, words: &[&str]) -> String {
    let done = git(lab, folder, words);
    assert!(done.status.success(), "git {words:?}: {}", said(&done));
    said(&done)
}

#[track_caller]
fn commits(lab: &Lab, folder: &Path, message: &str) {
    does(lab, folder, &["add", "-A"]);
    does(lab, folder, &["commit", "-qm", message]);
}

/// A diff by name: numbers are there, and what is sealed is cut short.
#[track_caller]
fn is_readable(diff: &str) {
    assert!(diff.contains("+rev = "), "{diff}");
    assert!(diff.contains("…"), "{diff}");
    assert!(
        diff.lines().all(|line| line.chars().count() < 100),
        "{diff}"
    );
}

/// Two branches that set values side by side, which a merge of text leaves in conflict; on `theirs`.
fn two_branches(lab: &Lab, folder: &Path) {
    does(lab, folder, &["checkout", "-qb", "theirs"]);
    set(lab, folder, "MIKE", "by them");
    commits(lab, folder, "theirs");
    does(lab, folder, &["checkout", "-q", "-"]);
    set(lab, folder, "NOVEMBER", "by us");
    commits(lab, folder, "ours");
    does(lab, folder, &["checkout", "-q", "theirs"]);
}

#[track_caller]
fn has_both(lab: &Lab, folder: &Path) {
    for (name, value) in [("MIKE", "by them"), ("NOVEMBER", "by us")] {
        let got = lab
            .clws(&format!("secret get dev/web/{name}"))
            .folder(folder)
            .succeeds();
        assert_eq!((got.text().as_str(), got.err.as_str()), (value, ""));
    }
    lab.clws("check --full").folder(folder).succeeds();
}

/// A commit that brings a value in clear is stopped, however it is made.
#[track_caller]
fn stops_a_leak(lab: &Lab, folder: &Path) {
    let notes = folder.join("notes.txt");
    std::fs::write(&notes, format!("nothing yet in {}\n", folder.display())).unwrap();
    does(lab, folder, &["add", "notes.txt"]);
    does(lab, folder, &["commit", "-qm", "notes"]);
    std::fs::write(&notes, format!("it is {LEAK}\n")).unwrap();
    // From the index that git makes for one commit, and for one file.
    for words in [
        &["commit", "-qam", "oops"] as &[&str],
        &["commit", "-qm", "oops", "--", "notes.txt"],
        &["commit", "-qm", "oops", "--include", "notes.txt"],
        &["commit", "-q", "--amend", "--no-edit", "-a"],
    ] {
        let stopped = git(lab, folder, words);
        assert!(!stopped.status.success(), "{words:?}: {}", said(&stopped));
        assert!(
            said(&stopped).contains("notes.txt:1"),
            "{words:?}: {}",
            said(&stopped)
        );
        assert!(!said(&stopped).contains(LEAK), "{}", said(&stopped));
    }
    does(lab, folder, &["reset", "-q", "--hard"]);
    does(
        lab,
        folder,
        &["commit", "-q", "--allow-empty", "-m", "nothing"],
    );
}

#[test]
fn everything_that_shows_a_change_shows_it_by_name() {
    let lab = lab();
    let vault = lab.vault();
    lab.clws("git install").succeeds();
    set(&lab, &vault, "BASE", "something else");
    is_readable(&does(&lab, &vault, &["diff"]));
    does(&lab, &vault, &["add", "-A"]);
    is_readable(&does(&lab, &vault, &["diff", "--cached"]));
    does(&lab, &vault, &["commit", "-qm", "next"]);
    for words in [
        &["log", "-p", "--", "secrets"] as &[&str],
        &["log", "-p", "--follow", "--", "secrets/dev/web.toml"],
        &["show"],
        &["diff", "HEAD~1", "HEAD"],
        &["log", "-p", "--stat", "-1"],
    ] {
        is_readable(&does(&lab, &vault, words));
    }
    // Whose lines are whose, and a patch to send on, are git's own bytes.
    does(&lab, &vault, &["blame", "secrets/dev/web.toml"]);
    let patch = does(&lab, &vault, &["format-patch", "-1", "--stdout"]);
    std::fs::write(lab.root().join("patch"), patch).unwrap();
    does(&lab, &vault, &["reset", "-q", "--hard", "HEAD~1"]);
    let patch = lab.root().join("patch").display().to_string();
    does(&lab, &vault, &["am", "-q", &patch]);
    let got = lab.clws("secret get dev/web/BASE").succeeds();
    assert_eq!(got.text(), "something else");
}

#[test]
fn rebase_cherry_pick_and_stash_join_by_table() {
    for way in [
        &["rebase", "-q", "main"] as &[&str],
        &["rebase", "-q", "--interactive", "main"],
        &["rebase", "-q", "--no-ff", "main"],
    ] {
        let lab = lab();
        let vault = lab.vault();
        two_branches(&lab, &vault);
        assert!(
            !git(&lab, &vault, way).status.success(),
            "text alone joins it"
        );
        does(&lab, &vault, &["rebase", "--abort"]);
        lab.clws("git install").succeeds();
        does(&lab, &vault, way);
        has_both(&lab, &vault);
    }
    let lab = lab();
    let vault = lab.vault();
    two_branches(&lab, &vault);
    lab.clws("git install").succeeds();
    does(&lab, &vault, &["cherry-pick", "main"]);
    has_both(&lab, &vault);
    does(&lab, &vault, &["reset", "-q", "--hard", "HEAD~1"]);
    // What was not committed goes aside and comes back onto the other branch.
    set(&lab, &vault, "KILO", "not committed");
    does(&lab, &vault, &["stash", "-q"]);
    does(&lab, &vault, &["merge", "-q", "--no-edit", "main"]);
    does(&lab, &vault, &["stash", "pop"]);
    has_both(&lab, &vault);
    let got = lab.clws("secret get dev/web/KILO").succeeds();
    assert_eq!(got.text(), "not committed");
}

#[test]
fn a_rebase_that_waits_for_a_person_goes_on() {
    let lab = lab();
    let vault = lab.vault();
    lab.clws("git install").succeeds();
    does(&lab, &vault, &["checkout", "-qb", "theirs"]);
    set(&lab, &vault, "BASE", "by them");
    set(&lab, &vault, "MIKE", "by them");
    commits(&lab, &vault, "theirs");
    does(&lab, &vault, &["checkout", "-q", "main"]);
    set(&lab, &vault, "BASE", "by us");
    set(&lab, &vault, "NOVEMBER", "by us");
    commits(&lab, &vault, "ours");
    does(&lab, &vault, &["checkout", "-q", "theirs"]);
    let stopped = git(&lab, &vault, &["rebase", "main"]);
    assert!(!stopped.status.success());
    assert!(
        said(&stopped).contains("both sides changed dev/web/BASE"),
        "{}",
        said(&stopped)
    );
    lab.clws("merge").succeeds();
    does(&lab, &vault, &["add", "-A"]);
    does(&lab, &vault, &["rebase", "--continue"]);
    has_both(&lab, &vault);
    let got = lab.clws("secret get dev/web/BASE").succeeds();
    assert!(["by us", "by them"].contains(&got.text().as_str()));
}

#[test]
fn a_linked_worktree_is_served_as_well() {
    let lab = lab();
    let vault = lab.vault();
    let linked = lab.root().join("linked one");
    let path = linked.display().to_string();
    does(
        &lab,
        &vault,
        &["worktree", "add", "-q", "-b", "side", &path],
    );
    // Said in one of them, for all of the clone.
    lab.clws("git install").folder(&linked).succeeds();
    set(&lab, &linked, "BASE", "something else");
    is_readable(&does(&lab, &linked, &["diff"]));
    commits(&lab, &linked, "next");
    is_readable(&does(&lab, &vault, &["log", "-p", "-1", "side"]));
    two_branches(&lab, &linked);
    does(&lab, &linked, &["rebase", "-q", "side"]);
    has_both(&lab, &linked);
    stops_a_leak(&lab, &linked);
    stops_a_leak(&lab, &vault);
    lab.clws("git install --undo").folder(&linked).succeeds();
    let config = std::fs::read_to_string(vault.join(".git/config")).unwrap();
    assert!(!config.contains("clws"), "{config}");
    assert!(!vault.join(".git/hooks/pre-commit").exists());
}

#[test]
fn a_shallow_clone_is_served_as_well() {
    let lab = lab();
    set(&lab, &lab.vault(), "BASE", "the second");
    lab.commit("second");
    set(&lab, &lab.vault(), "BASE", "the third");
    lab.commit("third");
    let shallow = lab.root().join("shallow");
    let from = format!("file://{}", lab.vault().display());
    let to = shallow.display().to_string();
    does(
        &lab,
        lab.root(),
        &["clone", "-q", "--depth", "1", &from, &to],
    );
    assert_eq!(
        does(&lab, &shallow, &["rev-list", "--count", "HEAD"]),
        "1\n"
    );
    lab.clws("git install").folder(&shallow).succeeds();
    is_readable(&does(&lab, &shallow, &["log", "-p", "--", "secrets"]));
    stops_a_leak(&lab, &shallow);
    two_branches(&lab, &shallow);
    does(&lab, &shallow, &["rebase", "-q", "main"]);
    has_both(&lab, &shallow);
    is_readable(&does(&lab, &shallow, &["log", "-p", "-1"]));
    // From further back than the clone has, by a merge.
    does(&lab, &shallow, &["fetch", "-q", "--unshallow"]);
    is_readable(&does(&lab, &shallow, &["log", "-p", "--", "secrets"]));
}

#[test]
fn a_vault_in_a_folder_of_a_larger_repository_is_served_as_well() {
    let lab = lab();
    let outer = lab.root().join("outer it's");
    let inner = outer.join("ops/vault");
    std::fs::create_dir_all(&inner).unwrap();
    let copied = Command::new("cp")
        .arg("-a")
        .args(["clws.toml", "recipients", "secrets", ".gitattributes"])
        .arg(&inner)
        .current_dir(lab.vault())
        .status();
    assert!(copied.unwrap().success());
    does(&lab, &outer, &["init", "-q", "-b", "main"]);
    commits(&lab, &outer, "begin");
    lab.clws("git install").folder(&inner).succeeds();
    set(&lab, &inner, "BASE", "something else");
    is_readable(&does(&lab, &outer, &["diff"]));
    commits(&lab, &outer, "next");
    is_readable(&does(&lab, &inner, &["log", "-p", "-1"]));
    // In the vault, beside it, and from a folder below.
    std::fs::create_dir_all(inner.join("hooks")).unwrap();
    for folder in [inner.clone(), outer.clone(), inner.join("hooks")] {
        stops_a_leak(&lab, &folder);
    }
    two_branches(&lab, &inner);
    does(&lab, &outer, &["rebase", "-q", "main"]);
    has_both(&lab, &inner);
    let linked = lab.root().join("linked");
    let path = linked.display().to_string();
    does(
        &lab,
        &outer,
        &["worktree", "add", "-q", "-b", "side", &path],
    );
    stops_a_leak(&lab, &linked);
}

/// What a repository asks git for is what whoever can push asks for.
#[test]
fn a_repository_asks_for_nothing_and_turns_nothing_off() {
    let lab = lab();
    let vault = lab.vault();
    lab.clws("git install").succeeds();
    let attributes = "* merge=union diff=evil filter=evil -text\n\
                      secrets/** -diff merge=binary\n*.md diff=clws merge=clws\n";
    std::fs::write(vault.join(".gitattributes"), attributes).unwrap();
    std::fs::create_dir_all(vault.join("hooks")).unwrap();
    for planted in ["clws", "hooks/pre-commit", ".githooks", "git"] {
        let path = vault.join(planted);
        std::fs::write(&path, "#!/bin/sh\ntouch ran\n").unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::write(
        vault.join(".gitconfig"),
        "[diff \"evil\"]\ntextconv = touch ran\n[core]\nhooksPath = .\n",
    )
    .unwrap();
    // A file of theirs that is made readable as if it were a document draws nothing.
    std::fs::write(vault.join("README.md"), "\u{1b}[2Jdrawn\u{202e}\n").unwrap();
    does(&lab, &vault, &["add", "-A"]);
    let staged = does(&lab, &vault, &["diff", "--cached", "README.md"]);
    assert!(
        !staged.contains('\u{1b}') && !staged.contains('\u{202e}'),
        "{staged}"
    );
    does(&lab, &vault, &["commit", "-qm", "planted"]);
    set(&lab, &vault, "BASE", "something else");
    is_readable(&does(&lab, &vault, &["diff", "--", "secrets"]));
    commits(&lab, &vault, "next");
    stops_a_leak(&lab, &vault);
    two_branches(&lab, &vault);
    does(&lab, &vault, &["rebase", "-q", "main"]);
    has_both(&lab, &vault);
    assert!(!vault.join("ran").exists());
}

/// git runs these lines by a shell.
#[test]
fn a_program_in_a_folder_of_any_name_is_called() {
    let lab = lab();
    let vault = lab.vault();
    let folder: PathBuf = lab.root().join("it's $(touch ran); a \"folder\"");
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("clws");
    std::fs::copy(env!("CARGO_BIN_EXE_clws"), &program).unwrap();
    let mut install = Command::new(&program);
    install
        .args(["git", "install"])
        .current_dir(&vault)
        .env("HOME", lab.home("ada"));
    assert!(install.status().unwrap().success());
    set(&lab, &vault, "BASE", "something else");
    is_readable(&does(&lab, &vault, &["diff"]));
    commits(&lab, &vault, "next");
    stops_a_leak(&lab, &vault);
    two_branches(&lab, &vault);
    does(&lab, &vault, &["rebase", "-q", "main"]);
    has_both(&lab, &vault);
    assert!(!vault.join("ran").exists());
}

#[test]
fn settings_that_are_locked_are_said_to_be() {
    let lab = lab();
    let lock = lab.vault().join(".git/config.lock");
    for words in ["git install", "git install --undo"] {
        std::fs::write(&lock, "").unwrap();
        let refused = lab.clws(words).exits(31);
        assert!(refused.err.contains("config.lock"), "{}", refused.err);
        std::fs::remove_file(&lock).unwrap();
        lab.clws(words).succeeds();
    }
    let settings = std::fs::read_to_string(lab.vault().join(".git/config")).unwrap();
    assert!(!settings.contains("clws"), "{settings}");
}
