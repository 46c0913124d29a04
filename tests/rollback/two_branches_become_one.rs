//! Branches that a text merge would not join, or join wrongly, are joined table by table: by git itself
//! once `clws git install` said so, or by `clws merge` after a conflict.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::lab::Lab;

/// Ada and ben write dev; cleo is a party without rights.
fn lab() -> Lab {
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
fn reads(lab: &Lab, name: &str, value: &str) {
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
fn git_in(lab: &Lab, who: &str, folder: &Path, words: &[&str]) -> Output {
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

#[test]
fn values_that_sort_side_by_side_go_together() {
    let both = |lab: &Lab| {
        merged(
            lab,
            ("ada", &|lab| set(lab, "ada", "MIKE", "by ada")),
            ("ben", &|lab| set(lab, "ben", "NOVEMBER", "by ben")),
        )
    };
    let lab = lab();
    // Text alone cannot tell them apart.
    assert!(!both(&lab).status.success());
    let refused = lab.clws("secret get dev/web/MIKE").exits(16);
    assert!(
        refused.err.contains("document line ") && refused.err.contains("clws merge"),
        "{}",
        refused.err
    );
    let joined = lab.clws("merge").succeeds();
    assert!(
        joined.err.contains("joined secrets/dev/web.toml"),
        "{}",
        joined.err
    );
    let again = installed();
    succeeded(&both(&again));
    for lab in [&lab, &again] {
        reads(lab, "MIKE", "by ada");
        reads(lab, "NOVEMBER", "by ben");
        lab.clws("check --full").succeeds();
    }
    // The driver, and the command afterwards, come to the same form.
    let tables = |lab: &Lab| {
        let text = std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap();
        text.lines()
            .filter(|line| line.starts_with('[') || line.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(tables(&lab), tables(&again));
}

#[test]
fn of_two_new_values_a_person_decides_or_the_newer_counts_for_everybody() {
    let lab = installed();
    set(&lab, "ada", "TOKEN", "before");
    commits(&lab, "before");
    let conflict = merged(
        &lab,
        ("ada", &|lab| set(lab, "ada", "TOKEN", "by ada")),
        ("ben", &|lab| {
            set(lab, "ben", "TOKEN", "first by ben");
            set(lab, "ben", "TOKEN", "by ben");
            set(lab, "ben", "OTHER", "by ben");
        }),
    );
    assert!(!conflict.status.success());
    assert!(
        said(&conflict).contains("both sides changed dev/web/TOKEN"),
        "{}",
        said(&conflict)
    );
    let text = std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap();
    // Only the one table is in conflict.
    assert_eq!(
        text.matches("\n<<<<<<< ours\n[secret.TOKEN]\n").count(),
        1,
        "{text}"
    );
    assert_eq!(text.matches("<<<<<<<").count(), 1);
    assert_eq!(text.matches("[secret.OTHER]").count(), 1);
    lab.clws("check").exits(1);
    let joined = lab.clws("merge").succeeds();
    let way = "clws secret restore dev/web/TOKEN --from HEAD";
    assert!(joined.err.contains("rev 3 by ben counts"), "{}", joined.err);
    assert!(joined.err.contains(way), "{}", joined.err);
    reads(&lab, "TOKEN", "by ben");
    reads(&lab, "OTHER", "by ben");
    lab.clws("check --full").succeeds();
    // The other one was meant.
    lab.clws(way.strip_prefix("clws ").unwrap()).succeeds();
    reads(&lab, "TOKEN", "by ada");
    lab.git(&["add", "-A"]);
    succeeded(&git(&lab, &["commit", "-q", "--no-edit"]));
    lab.clws("check --full").succeeds();
    let nothing = lab.clws("merge").succeeds();
    assert!(nothing.err.contains("nothing is in conflict"));
}

#[test]
fn what_was_done_since_a_join_is_not_joined_away() {
    let lab = lab();
    let file = |lab: &Lab, name: &str| std::fs::read(lab.vault().join(name)).unwrap();
    let done = merged(
        &lab,
        ("ada", &|lab| {
            set(lab, "ada", "TOKEN", "by ada");
            set(lab, "ada", "NEXT", "by ada");
            lab.clws("secret set dev/keys/web.key")
                .stdin(b"by ada")
                .succeeds();
        }),
        ("ben", &|lab| {
            set(lab, "ben", "TOKEN", "by ben");
            lab.clws("secret set dev/keys/web.key")
                .by("ben")
                .stdin(b"by ben")
                .succeeds();
        }),
    );
    assert!(!done.status.success());
    let joined = lab.clws("merge").succeeds();
    assert!(joined.err.contains("next: `clws check`"), "{}", joined.err);
    set(&lab, "ada", "TOKEN", "restored");
    set(&lab, "ada", "EXTRA", "since");
    lab.clws("secret set dev/keys/web.key")
        .stdin(b"since")
        .succeeds();
    let all = ["secrets/dev/web.toml", "secrets/dev/keys/web.key.age.toml"];
    let before = all.map(|name| file(&lab, name));
    // To git they are in conflict until they are added.
    let again = lab.clws("merge").succeeds();
    for name in all {
        let said = format!("{name} is joined already: `git add {name}`");
        assert!(again.err.contains(&said), "{}", again.err);
    }
    assert!(!again.err.contains("next:"), "{}", again.err);
    // Joined anew if a person says so, who is told what that costs.
    let asked = lab.clws("merge secrets/dev/web.toml").exits(15);
    assert!(
        asked
            .err
            .contains("has dev/web/EXTRA and dev/web/TOKEN as it lies here"),
        "{}",
        asked.err
    );
    lab.clws(&format!("merge {}", all[1])).exits(15);
    assert_eq!(all.map(|name| file(&lab, name)), before);
    reads(&lab, "EXTRA", "since");
    lab.clws("merge secrets/dev/web.toml --yes").succeeds();
    lab.clws("secret get dev/web/EXTRA").exits(18);
    // Nothing is lost by the next time, and nobody is asked.
    lab.clws("merge secrets/dev/web.toml").succeeds();
    // One side had back whole from git is no joined text.
    lab.git(&["checkout", "-q", "--theirs", "--", "secrets/dev/web.toml"]);
    let joined = lab.clws("merge").succeeds();
    assert!(
        joined.err.contains("joined secrets/dev/web.toml"),
        "{}",
        joined.err
    );
    lab.clws("secret get dev/web/NEXT").succeeds();
}

#[test]
fn of_two_policies_of_a_document_the_one_that_is_left_is_named() {
    for driver in [true, false] {
        let lab = if driver { installed() } else { lab() };
        let policy = |who: &'static str, words: &'static str| {
            move |lab: &Lab| {
                lab.clws(&format!("secret policy dev/web {words}"))
                    .by(who)
                    .succeeds();
            }
        };
        policy("ada", "--expires 2090-01-01 --rotator random")(&lab);
        lab.commit("both began with it");
        // What one of them left as it was is not lost with the other.
        let done = merged(
            &lab,
            ("ada", &policy("ada", "--owner ada --expires 2091-01-01")),
            (
                "ben",
                &policy("ben", "--rotate-every 30d --rotator by-hand"),
            ),
        );
        assert_eq!(done.status.success(), driver, "{}", said(&done));
        let told = match driver {
            true => said(&done),
            false => lab.clws("merge").succeeds().err,
        };
        let shown = lab.clws("secret policy dev/web").succeeds().text();
        let (taken, left, lost) = match shown.contains("owner") {
            true => ("ada", "ben", "rotate_every and rotator"),
            false => ("ben", "ada", "expires and owner"),
        };
        let note = format!(
            "dev/web: its policy is that of number 3 by {taken}, without what number 3 by {left} says of {lost};"
        );
        assert!(told.contains(&note), "{told}");
        lab.clws("check --full").succeeds();
    }
}

#[test]
fn a_record_of_a_document_that_nobody_signed_does_not_win() {
    for driver in [true, false] {
        let lab = if driver { installed() } else { lab() };
        if driver {
            std::fs::remove_file(lab.vault().join(".git/hooks/pre-commit")).unwrap();
        }
        let forged = |lab: &Lab| {
            let file = lab.vault().join("secrets/dev/web.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, text.replacen("\nseq = 1\n", "\nseq = 7\n", 1)).unwrap();
        };
        let policy = |lab: &Lab| {
            lab.clws("secret policy dev/web --owner ada").succeeds();
        };
        let done = merged(&lab, ("ada", &policy), ("mallory", &forged));
        assert_eq!(done.status.success(), driver, "{}", said(&done));
        let told = match driver {
            true => said(&done),
            false => lab.clws("merge").succeeds().err,
        };
        let note = "dev/web: its own record is what ada signed; the other side's is signed by nobody who may write it";
        assert!(told.contains(note), "{told}");
        reads(&lab, "BASE", "begin");
        let shown = lab.clws("secret policy dev/web").succeeds().text();
        assert!(shown.contains("owner"), "{shown}");
        lab.clws("check --full").succeeds();
    }
}

#[test]
fn a_new_key_on_one_side_and_values_and_a_reader_on_the_other() {
    for rekeyed_here in [true, false] {
        let lab = installed();
        let rekeys = |lab: &Lab| {
            lab.clws("rekey dev/web --yes").succeeds();
        };
        let writes = |lab: &Lab| {
            set(lab, "ben", "MIKE", "added");
            set(lab, "ben", "BASE", "changed");
            lab.clws("secret remove dev/web/ZULU --yes")
                .by("ben")
                .succeeds();
        };
        let done = match rekeyed_here {
            true => merged(&lab, ("ada", &rekeys), ("ben", &writes)),
            false => merged(&lab, ("ben", &writes), ("ada", &rekeys)),
        };
        succeeded(&done);
        // Under the key that is kept as retired: read with a warning, until a writer adopts it.
        for (name, value) in [("MIKE", "added"), ("BASE", "changed")] {
            let got = lab.clws(&format!("secret get dev/web/{name}")).succeeds();
            assert_eq!(got.text(), value);
            assert!(got.err.contains("clws secret adopt"), "{}", got.err);
            lab.clws(&format!("secret adopt dev/web/{name} --yes"))
                .succeeds();
            reads(&lab, name, value);
        }
        lab.clws("secret get dev/web/ZULU").exits(18);
        lab.clws("check --full").succeeds();
    }
}

#[test]
fn a_reader_added_while_the_key_changed_is_named() {
    let lab = installed();
    lab.git(&["checkout", "-qb", "rekeyed"]);
    lab.clws("rekey dev/web --yes").succeeds();
    let rekeyed = std::fs::read(lab.vault().join("secrets/dev/web.toml")).unwrap();
    commits(&lab, "rekeyed");
    lab.git(&["checkout", "-q", "main"]);
    // Ada's other machine has not seen the rekey.
    let other = lab.copy();
    std::fs::remove_dir_all(other.home("ada").join(".local/state/clws/vaults")).unwrap();
    let head = other.head();
    other
        .clws("access grant cleo dev/web --read --yes --expect")
        .word(&head)
        .succeeds();
    commits(&other, "cleo reads");
    let done = git(&other, &["merge", "--no-edit", "rekeyed"]);
    succeeded(&done);
    assert!(
        said(&done).contains("`clws access grant cleo dev/web --read` gives the new one"),
        "{}",
        said(&done)
    );
    let text = std::fs::read_to_string(other.vault().join("secrets/dev/web.toml")).unwrap();
    assert!(!text.contains("cleo") && !rekeyed.is_empty());
    other.clws("check").exits(1);
    other
        .clws("access grant cleo dev/web --read --yes")
        .succeeds();
    other.clws("check --full").succeeds();
    let got = other.clws("secret get dev/web/BASE").by("cleo").succeeds();
    assert_eq!(got.text(), "begin");
}

#[test]
fn two_new_keys_are_refused_with_a_way_that_works() {
    let lab = installed();
    let done = merged(
        &lab,
        ("ada", &|lab| {
            lab.clws("rekey dev/web --yes").succeeds();
        }),
        ("ben", &|lab| {
            set(lab, "ben", "MIKE", "by ben");
            lab.clws("rekey dev/web --yes").by("ben").succeeds();
        }),
    );
    assert!(!done.status.success());
    assert!(
        said(&done).contains("each side changed its data key"),
        "{}",
        said(&done)
    );
    let refused = lab.clws("merge").exits(16);
    assert!(
        refused
            .err
            .contains("git checkout --ours -- secrets/dev/web.toml"),
        "{}",
        refused.err
    );
    lab.git(&["checkout", "-q", "--ours", "--", "secrets/dev/web.toml"]);
    lab.clws("secret restore dev/web/MIKE --from MERGE_HEAD")
        .succeeds();
    lab.clws("rekey dev/web --yes").succeeds();
    // Ben's machine went by his own key, which this one does not follow from.
    let got = lab.clws("secret get dev/web/MIKE").by("ben").succeeds();
    assert!(
        got.err.contains("does not follow from the one"),
        "{}",
        got.err
    );
    let refused = lab
        .clws("secret set dev/web/MIKE")
        .by("ben")
        .stdin(b"more")
        .exits(14);
    assert!(
        refused.err.contains("`clws secret accept dev/web`"),
        "{}",
        refused.err
    );
    lab.clws("secret accept dev/web --yes").by("ben").succeeds();
    reads(&lab, "MIKE", "by ben");
    reads(&lab, "BASE", "begin");
    lab.clws("check --full").succeeds();
}

#[test]
fn the_other_side_is_called_what_git_calls_it() {
    let lab = lab();
    lab.git(&["checkout", "-q", "--detach"]);
    set(&lab, "ben", "BASE", "stashed");
    lab.git(&["stash", "-q"]);
    lab.git(&["checkout", "-qb", "theirs", "main"]);
    set(&lab, "ben", "BASE", "by ben");
    commits(&lab, "theirs");
    lab.git(&["checkout", "-q", "main"]);
    for value in ["x", "y", "by ada"] {
        set(&lab, "ada", "BASE", value);
    }
    commits(&lab, "ours");
    for (words, branch, other) in [
        (&["rebase", "main"][..], "theirs", "REBASE_HEAD"),
        (&["cherry-pick", "theirs"], "main", "CHERRY_PICK_HEAD"),
        (&["merge", "theirs"], "main", "MERGE_HEAD"),
        (&["stash", "pop"], "main", "stash@{0}"),
    ] {
        lab.git(&["checkout", "-q", branch]);
        let done = git(&lab, words);
        assert!(!done.status.success(), "{}", said(&done));
        let joined = lab.clws("merge").succeeds();
        let way = format!("`clws secret restore dev/web/BASE --from {other}`");
        assert!(joined.err.contains(&way), "{words:?}: {}", joined.err);
        // As it says.
        lab.clws("secret restore --yes dev/web/BASE --from")
            .word(other)
            .succeeds();
        match words[0] {
            "stash" => lab.git(&["reset", "-q", "--hard"]),
            command => lab.git(&[command, "--abort"]),
        };
    }
}

#[test]
fn of_a_sealed_file_the_newer_is_taken_whole() {
    let lab = installed();
    let file = |who: &'static str, values: &'static [&'static str]| {
        move |lab: &Lab| {
            for value in values {
                lab.clws("secret set dev/keys/web.key")
                    .by(who)
                    .stdin(value.as_bytes())
                    .succeeds();
            }
        }
    };
    let (by_ada, by_ben) = (file("ada", &["by ada"]), file("ben", &["x", "by ben"]));
    let done = merged(&lab, ("ada", &by_ada), ("ben", &by_ben));
    assert!(!done.status.success());
    let joined = lab.clws("merge").succeeds();
    assert!(
        joined.err.contains("dev/keys/web.key: rev 3 by ben counts"),
        "{}",
        joined.err
    );
    for who in ["ada", "ben"] {
        let got = lab.clws("secret get dev/keys/web.key").by(who).succeeds();
        assert_eq!((got.text().as_str(), got.err.as_str()), ("by ben", ""));
    }
    lab.clws("check --full").succeeds();
}

#[test]
fn a_sidecar_that_counts_goes_with_the_sealed_file_that_it_is_signed_over() {
    let rekeyed = |times: usize| {
        move |lab: &Lab| {
            for _ in 0..times {
                lab.clws("rekey dev/keys/web.key --yes").succeeds();
            }
        }
    };
    let noted = |owners: &'static [&'static str]| {
        move |lab: &Lab| {
            for owner in owners {
                lab.clws(&format!("secret policy dev/keys/web.key --owner {owner}"))
                    .by("ben")
                    .succeeds();
            }
        }
    };
    // git takes the age file of who sealed it anew in each, and the sidecar alone is in conflict.
    let file = "secrets/dev/keys/web.key.age";
    let joined = |ours: Work<'_>, theirs: Work<'_>| {
        let lab = installed();
        assert!(!merged(&lab, ours, theirs).status.success());
        assert_eq!(
            lab.git(&["diff", "--name-only", "--diff-filter=U"]),
            format!("{file}.toml\n")
        );
        let joined = lab.clws("merge").succeeds();
        for who in ["ada", "ben"] {
            let got = lab.clws("secret get dev/keys/web.key").by(who).succeeds();
            assert_eq!((got.text().as_str(), got.err.as_str()), ("begin", ""));
        }
        lab.clws("check --full").succeeds();
        joined.err
    };
    let (once, twice) = (rekeyed(1), rekeyed(2));
    let (note, notes) = (noted(&["ben"]), noted(&["ada", "ben"]));
    let both = format!("joined {file}.toml and {file}\n");
    for (ours, theirs, said) in [
        (("ada", &once as _), ("ben", &notes as _), &both),
        (("ben", &notes as _), ("ada", &once as _), &both),
        (
            ("ada", &twice as _),
            ("ben", &note as _),
            &format!("joined {file}.toml\n"),
        ),
    ] {
        let err = joined(ours, theirs);
        assert!(err.contains(said), "{err}");
    }
}

#[test]
fn a_side_that_nobody_signed_does_not_win() {
    let lab = installed();
    // Who pushes it has no hook that would look at it.
    std::fs::remove_file(lab.vault().join(".git/hooks/pre-commit")).unwrap();
    let forged = |lab: &Lab| {
        let file = lab.vault().join("secrets/dev/web.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let at = text.find("[secret.BASE]").unwrap();
        let (before, after) = text.split_at(at);
        let after = after.replacen("rev = 1\nseq = 1", "rev = 900\nseq = 900", 1);
        std::fs::write(file, format!("{before}{after}")).unwrap();
    };
    let done = merged(
        &lab,
        ("ada", &|lab| set(lab, "ada", "BASE", "by ada")),
        ("mallory", &forged),
    );
    succeeded(&done);
    assert!(
        said(&done).contains("signed by nobody who may write it"),
        "{}",
        said(&done)
    );
    reads(&lab, "BASE", "by ada");
    lab.clws("check --full").succeeds();
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

fn all_of(folder: PathBuf) -> Vec<(PathBuf, Vec<u8>)> {
    ["config", "info/attributes", "hooks/pre-commit"]
        .map(|file| {
            let path = folder.join(file);
            (path.clone(), std::fs::read(path).unwrap_or_default())
        })
        .to_vec()
}

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
