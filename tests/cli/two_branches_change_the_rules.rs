//! Two branches each made a trust version of the same number. An administrator joins them, and machines
//! that had accepted either one step on without a word.

use std::path::PathBuf;
use std::process::Command;

use crate::lab::{Lab, Run};

/// git's empty tree.
const NOTHING: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Ada and ben decide; cleo is a party. The branch `other` is checked out beside the vault.
pub(crate) fn lab(threshold: u64) -> (Lab, PathBuf) {
    let lab = Lab::new()
        .people(&["ben", "cleo"])
        .secret("dev/web/TOKEN", "hunter2");
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    lab.accepted_by(&["ben", "cleo"]);
    lab.clws(&format!(
        "trust sign --admin ben --threshold {threshold} --yes"
    ))
    .succeeds();
    lab.clws("trust sign --yes").by("ben").succeeds();
    lab.clws("trust accept").succeeds();
    lab.commit("before");
    let other = lab.root().join("other");
    lab.git(&["worktree", "add", "-q", "-b", "other", "../other"]);
    (lab, other)
}

/// Runs git in a folder; whether it succeeded.
pub(crate) fn git(folder: &PathBuf, words: &[&str]) -> bool {
    Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(words)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap()
        .status
        .success()
}

fn commit(folder: &PathBuf) {
    assert!(git(folder, &["add", "-A"]) && git(folder, &["commit", "-qm", "change"]));
}

/// Merges by git as the help says; the trust versions conflict.
fn merge(folder: &PathBuf, branch: &str) {
    assert!(
        !git(folder, &["merge", "-q", branch]),
        "two n+1 are a conflict"
    );
    assert!(git(
        folder,
        &["checkout", "HEAD", "--", "clws.toml", "recipients"]
    ));
}

fn new_party(lab: &Lab, name: &str) -> Vec<u8> {
    lab.clws(&format!("identity new {name} --keep file"))
        .by(name)
        .succeeds();
    lab.clws("identity show").by(name).succeeds().out
}

#[test]
fn both_changes_come_together_and_nobody_is_stopped() {
    let (lab, other) = lab(1);
    let (azra, emil) = (new_party(&lab, "azra"), new_party(&lab, "emil"));
    let by_ben = |words: &str| -> Run<'_> { lab.clws(words).by("ben").folder(&other) };
    lab.clws("recipient add azra - --yes")
        .stdin(&azra)
        .succeeds();
    lab.clws("access grant azra dev --read --yes").succeeds();
    commit(&lab.vault());
    by_ben("recipient add emil - --yes").stdin(&emil).succeeds();
    by_ben("access grant cleo dev --read --yes").succeeds();
    commit(&other);
    // Here ada's machine meets ben's version.
    let here = lab.clws("trust diff").folder(&other).exits(1).text();
    assert!(
        here.contains("another trust version 7 says so, signed by ben"),
        "{here}"
    );
    lab.clws("secret set dev/web/TOKEN")
        .folder(&other)
        .stdin(b"x")
        .exits(13);

    merge(&lab.vault(), "other");
    let planned = lab.clws("trust merge other --dry-run").succeeds();
    for said in [
        "emil is new",
        "cleo may read `dev`",
        "two branches of the rules are joined",
    ] {
        assert!(planned.err.contains(said), "{said}: {}", planned.err);
    }
    let joined = lab.clws("trust merge other --yes").succeeds();
    assert!(
        joined.err.contains("signed trust version 8"),
        "{}",
        joined.err
    );
    commit(&lab.vault());
    lab.clws("check --full").succeeds();
    let rules = lab.clws("access show").succeeds().text();
    for name in ["cleo", "azra"] {
        assert!(rules.contains(name), "{rules}");
    }
    // Again there is nothing to do, though git has not merged on the other side yet.
    let again = lab.clws("trust merge other --yes").succeeds();
    assert!(again.err.contains("nothing to join"), "{}", again.err);
    // Ben had accepted the other version 7.
    assert!(git(&other, &["merge", "-q", "main"]));
    let got = by_ben("secret get dev/web/TOKEN").succeeds();
    assert_eq!((got.text().as_str(), got.err.as_str()), ("hunter2", ""));
    by_ben("check --full").succeeds();
    for name in ["cleo", "azra"] {
        let got = lab
            .clws("secret get dev/web/TOKEN")
            .by(name)
            .env("CLWS_TRUST", lab.head())
            .succeeds();
        assert_eq!(got.text(), "hunter2", "{name}");
    }
    assert!(
        lab.clws("trust merge other")
            .succeeds()
            .err
            .contains("nothing to join"),
    );
    // On either side's old branch both look back, and neither takes it for a stranger's.
    for (past, by) in [("HEAD~1", "ben"), ("HEAD^2", "ada"), ("HEAD^2", "ben")] {
        assert!(git(&lab.vault(), &["checkout", "-q", "--detach", past]));
        let shown = lab.clws("trust show").by(by).succeeds().text();
        assert!(
            shown.contains("older than what this machine accepted"),
            "{past}: {shown}"
        );
        lab.clws("secret get dev/web/TOKEN").by(by).succeeds();
        lab.clws("rekey --yes").by(by).exits(14);
        assert!(git(&lab.vault(), &["checkout", "-q", "main"]));
    }
    // And it goes on from there.
    by_ben("access revoke azra dev --read --yes").succeeds();
    lab.clws("check").folder(&other).succeeds();
}

#[test]
fn branches_that_were_joined_go_on_and_are_joined_again() {
    let (lab, other) = lab(1);
    let by_ben = |words: &str| -> Run<'_> { lab.clws(words).by("ben").folder(&other) };
    lab.clws("access grant cleo test --write --yes").succeeds();
    commit(&lab.vault());
    by_ben("access grant cleo shared --read --yes").succeeds();
    commit(&other);
    merge(&lab.vault(), "other");
    lab.clws("trust merge other --yes").succeeds();
    commit(&lab.vault());
    // Both go on: the other branch without having seen the join, with a change of what it changed.
    lab.clws("access grant ben shared --read --yes").succeeds();
    commit(&lab.vault());
    by_ben("access revoke cleo shared --read --yes").succeeds();
    by_ben("access grant ben test --read --yes").succeeds();
    commit(&other);
    merge(&lab.vault(), "other");
    lab.clws("trust merge other --yes").succeeds();
    commit(&lab.vault());
    lab.clws("check").succeeds();
    assert!(git(&other, &["merge", "-q", "main"]));
    by_ben("check").succeeds();
    assert_eq!(by_ben("secret get dev/web/TOKEN").succeeds().err, "");
    let why = |who: &str, path: &str| {
        let said = lab.clws(&format!("access why {who} {path}")).run();
        (said.code, said.text())
    };
    for (who, path, reads) in [
        ("cleo", "test/x", true),
        ("cleo", "shared/x", false),
        ("ben", "shared/x", true),
        ("ben", "test/x", true),
    ] {
        let (_, said) = why(who, path);
        assert_eq!(said.contains(" read"), reads, "{who} {path}: {said}");
    }
}

#[test]
fn what_contradicts_is_named_and_nothing_is_signed() {
    let (lab, other) = lab(1);
    let by_ben = |words: &str| -> Run<'_> { lab.clws(words).by("ben").folder(&other) };
    lab.clws("recipient remove cleo --yes").succeeds();
    lab.clws("trust sign --threshold 2 --yes").succeeds();
    commit(&lab.vault());
    let more = new_party(&lab, "more");
    by_ben("recipient update cleo - --yes")
        .stdin(&more)
        .succeeds();
    by_ben("access grant cleo test --read --yes").succeeds();
    commit(&other);
    merge(&lab.vault(), "other");
    let before = std::fs::read_dir(lab.vault().join("recipients/trust"))
        .unwrap()
        .count();
    let refused = lab.clws("trust merge other --yes").exits(16);
    assert!(
        refused
            .err
            .contains("recipients/cleo.toml is taken out on one side and changed on the other"),
        "{}",
        refused.err
    );
    assert_eq!(
        std::fs::read_dir(lab.vault().join("recipients/trust"))
            .unwrap()
            .count(),
        before
    );
    lab.clws("trust merge nowhere --yes").exits(18);
    let elsewhere = Lab::new();
    elsewhere.commit("another vault");
    let from = elsewhere.vault();
    lab.git(&["fetch", "-q", from.to_str().unwrap(), "main:elsewhere"]);
    let refused = lab.clws("trust merge elsewhere --yes").exits(2);
    assert!(refused.err.contains("is another one"), "{}", refused.err);
    // A commit from before there was a vault.
    let empty = lab.git(&["commit-tree", "-m", "empty", NOTHING]);
    lab.clws(&format!("trust merge {} --yes", empty.trim()))
        .exits(18);
}

#[test]
fn each_side_asks_for_as_many_signatures_as_it_did() {
    let (lab, other) = lab(1);
    let dora = new_party(&lab, "dora");
    lab.clws("recipient add dora - --yes")
        .stdin(&dora)
        .succeeds();
    lab.clws("trust sign --admin cleo --admin dora --threshold 2 --yes")
        .succeeds();
    lab.clws("trust accept").by("cleo").succeeds();
    lab.clws("trust sign --yes").by("cleo").succeeds();
    lab.accepted_by(&["dora"]);
    lab.clws("trust sign --yes").by("dora").succeeds();
    for name in ["ada", "ben", "cleo"] {
        lab.clws("trust accept").by(name).succeeds();
    }
    commit(&lab.vault());
    assert!(git(&other, &["merge", "-q", "main"]));
    // Ada and ben on one branch, cleo and dora on the other.
    lab.clws("access grant cleo dev --read --yes").succeeds();
    lab.clws("trust sign --yes").by("ben").succeeds();
    commit(&lab.vault());
    let there = |words: &str, by: &str| lab.clws(words).by(by).folder(&other).succeeds();
    there("access grant dora test --read --yes", "cleo");
    there("trust sign --yes", "dora");
    there("trust accept", "cleo");
    lab.clws("trust accept").succeeds();
    commit(&other);
    merge(&lab.vault(), "other");
    let proposed = lab.clws("trust merge other --yes").by("ben").succeeds();
    assert!(
        proposed
            .err
            .contains("signed by ben; it counts for nothing until one of ada, cleo and dora"),
        "{}",
        proposed.err
    );
    // Each machine goes on by its own branch's version, and one more signature by ben is none.
    let shown = lab.clws("trust show").succeeds().text();
    assert!(shown.contains("trust version 9, signed by ben"), "{shown}");
    lab.clws("trust sign --yes").by("ben").exits(15);
    assert!(
        lab.clws("trust show")
            .by("cleo")
            .succeeds()
            .text()
            .contains("another one")
    );
    lab.clws("access grant dora dev --read --yes")
        .by("cleo")
        .exits(13);
    // Nothing but what joins them is signed by a machine that knows the other branch.
    let access = lab.vault().join("recipients/access.toml");
    let text = std::fs::read_to_string(&access).unwrap();
    std::fs::write(
        &access,
        format!("[group.new]\nmembers = [\"dora\"]\n\n{text}"),
    )
    .unwrap();
    let refused = lab.clws("trust sign --yes").by("cleo").run();
    assert!(matches!(refused.code, 13 | 16), "{}", refused.err);
    std::fs::write(&access, text).unwrap();
    let signed = lab.clws("trust sign --yes").by("cleo").succeeds();
    assert!(
        signed.err.contains("signed trust version 9"),
        "{}",
        signed.err
    );
    commit(&lab.vault());
    for name in ["ada", "ben", "cleo", "dora"] {
        lab.clws("trust accept").by(name).succeeds();
        assert!(
            lab.clws("trust show")
                .by(name)
                .succeeds()
                .text()
                .contains("9, accepted")
        );
    }
    lab.clws("rekey dev/web --yes").succeeds();
    lab.clws("check").succeeds();
}

#[test]
fn the_longer_branch_takes_the_shorter_one_in() {
    let (lab, other) = lab(1);
    let by_ben = |words: &str| -> Run<'_> { lab.clws(words).by("ben").folder(&other) };
    lab.clws("access grant cleo dev --read --yes").succeeds();
    commit(&lab.vault());
    by_ben("access grant cleo test --read --yes").succeeds();
    by_ben("access grant ben test --read --yes").succeeds();
    commit(&other);
    let refused = lab.clws("trust merge other --yes").exits(2);
    assert!(
        refused.err.contains("run it on the other branch"),
        "{}",
        refused.err
    );
    merge(&other, "main");
    // Ada's machine knows the shorter one alone, and signs there all the same.
    let joined = lab.clws("trust merge main --yes").folder(&other).succeeds();
    assert!(
        joined.err.contains("signed trust version 8"),
        "{}",
        joined.err
    );
    commit(&other);
    for name in ["ada", "ben"] {
        let got = lab
            .clws("secret get dev/web/TOKEN")
            .by(name)
            .folder(&other)
            .succeeds();
        assert_eq!(got.err, "", "{name}");
    }
    lab.clws("check").folder(&other).succeeds();
    assert!(git(&lab.vault(), &["merge", "-q", "other"]));
    lab.clws("check").succeeds();
}

#[test]
fn a_rebase_is_no_place_to_join_rules_in() {
    let (lab, other) = lab(1);
    let by_ben = |words: &str| -> Run<'_> { lab.clws(words).by("ben").folder(&other) };
    lab.clws("access grant cleo test --read --yes").succeeds();
    commit(&lab.vault());
    by_ben("access grant cleo shared --read --yes").succeeds();
    commit(&other);
    assert!(!git(&other, &["rebase", "-q", "main"]));
    // What lies between markers is another version for nobody.
    let refused = by_ben("secret set dev/web/TOKEN").stdin(b"x").exits(16);
    assert!(
        refused.err.contains("a merge conflict is not resolved"),
        "{}",
        refused.err
    );
    for words in ["merge", "trust merge REBASE_HEAD", "trust merge main"] {
        let refused = by_ben(words).exits(16);
        assert!(
            refused
                .err
                .contains("`git rebase --abort`, then `git merge BRANCH`"),
            "{words}: {}",
            refused.err
        );
    }
    // As it says.
    assert!(git(&other, &["rebase", "--abort"]));
    merge(&other, "main");
    by_ben("trust merge main --yes").succeeds();
    commit(&other);
    by_ben("check").succeeds();
}

#[test]
fn of_two_proposals_one_is_taken_up_again() {
    let (lab, other) = lab(2);
    let by_ben = |words: &str| -> Run<'_> { lab.clws(words).by("ben").folder(&other) };
    lab.clws("access grant cleo test --read --yes").succeeds();
    commit(&lab.vault());
    by_ben("access grant cleo shared --read --yes").succeeds();
    commit(&other);
    assert!(!git(&other, &["merge", "-q", "main"]));
    let refused = by_ben("merge").exits(16);
    for said in [
        "`rm -r recipients/trust/proposal` gives both up",
        "`git checkout HEAD -- recipients/trust/proposal` takes one side's, or `MERGE_HEAD`",
    ] {
        assert!(refused.err.contains(said), "{said}: {}", refused.err);
    }
    std::fs::remove_dir_all(other.join("recipients/trust/proposal")).unwrap();
    let theirs = ["checkout", "MERGE_HEAD", "--", "recipients/trust/proposal"];
    assert!(git(&other, &theirs));
    let signed = by_ben("trust sign --yes").succeeds();
    assert!(
        signed.err.contains("cleo may read `test`"),
        "{}",
        signed.err
    );
    commit(&other);
    by_ben("check").succeeds();
}

#[test]
fn a_version_that_nobody_made_is_named() {
    let (lab, _) = lab(1);
    let stray = lab.vault().join("recipients/trust/99.toml");
    std::fs::write(&stray, "planted\n").unwrap();
    let refused = lab.clws("secret get dev/web/TOKEN").exits(13);
    assert!(
        refused.err.contains("`rm recipients/trust/99.toml`"),
        "{}",
        refused.err
    );
    std::fs::remove_file(stray).unwrap();
    lab.clws("secret get dev/web/TOKEN").succeeds();
}

#[test]
fn two_branches_of_which_this_machine_accepted_neither_are_not_joined() {
    let (lab, other) = lab(1);
    // Ben decides about two things on two machines, ada about a third one.
    let third = lab.copy();
    for (at, folder, scope) in [
        (&lab, other.clone(), "test"),
        (&third, third.vault(), "shared"),
    ] {
        at.clws(&format!("access grant cleo {scope} --read --yes"))
            .by("ben")
            .folder(&folder)
            .succeeds();
        commit(&folder);
    }
    lab.clws("access grant cleo dev --read --yes").succeeds();
    commit(&lab.vault());
    let fetched = third.vault().display().to_string();
    lab.git(&["fetch", "-q", &fetched, "main:third"]);
    let joins = |branch: &str| {
        lab.clws(&format!("trust merge {branch} --yes"))
            .folder(&other)
    };
    let joined = || other.join("recipients/trust/7.toml").exists();
    let refused = joins("third").exits(13);
    assert!(
        refused
            .err
            .contains("is another one than this machine accepted"),
        "{}",
        refused.err
    );
    assert!(!joined(), "{}", refused.err);
    // The one that it accepted is joined from there.
    joins("main").succeeds();
    assert!(joined());
}

#[test]
fn a_group_that_one_side_took_out_and_the_other_changed_is_named() {
    let (lab, other) = lab(1);
    let with = |folder: &PathBuf, who: &str, group: &str| {
        let access = folder.join("recipients/access.toml");
        let text = std::fs::read_to_string(&access).unwrap();
        let rules = &text[text.find("[rule.").unwrap()..];
        std::fs::write(&access, format!("{group}{rules}")).unwrap();
        let sign = lab.clws("trust sign --yes").by(who);
        sign.folder(folder).succeeds();
        commit(folder);
    };
    with(&lab.vault(), "ada", "[group.team]\nmembers = [\"ben\"]\n\n");
    assert!(git(&other, &["merge", "-q", "main"]));
    let steps = lab.clws("secret list").by("ben").folder(&other);
    steps.succeeds();
    with(&lab.vault(), "ada", "");
    with(
        &other,
        "ben",
        "[group.team]\nmembers = [\"ben\", \"cleo\"]\n\n",
    );
    let refused = lab.clws("trust merge other --yes").exits(16);
    let said =
        "[group.team] in recipients/access.toml is taken out on one side and changed on the other";
    assert!(refused.err.contains(said), "{}", refused.err);
}
