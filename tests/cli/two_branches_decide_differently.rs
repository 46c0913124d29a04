//! Who decides, and how many of them must sign, is joined as either side changed it. Where both did, a person has to
//! say: no version is signed under which fewer decide than one side asked for.

use std::path::PathBuf;

use crate::lab::Lab;
use crate::two_branches_change_the_rules::git;

/// Ada, ben and cleo decide, one of them at a time; cleo signs with another key as well. The branch `other` is
/// checked out beside the vault.
fn lab() -> (Lab, PathBuf) {
    let lab = Lab::new().people(&["ben", "cleo"]);
    lab.clws("identity new more --keep file")
        .by("more")
        .succeeds();
    let more = lab.clws("identity show").by("more").succeeds().out;
    lab.clws("recipient update cleo - --yes")
        .stdin(&more)
        .succeeds();
    lab.accepted_by(&["ben", "cleo", "more"]);
    lab.clws("trust sign --admin ben --admin cleo/main --yes")
        .succeeds();
    lab.clws("trust sign --yes").by("cleo").succeeds();
    lab.clws("trust sign --yes").by("ben").succeeds();
    lab.clws("trust accept").succeeds();
    lab.commit("before");
    let other = lab.root().join("other");
    lab.git(&["worktree", "add", "-q", "-b", "other", "../other"]);
    (lab, other)
}

/// Ada does one thing here and others another there; ada cannot join the two, and is told why.
fn contradict(here: &str, there: &[(&str, &str)], why: &str) {
    let (lab, other) = lab();
    lab.clws(here).succeeds();
    lab.commit("here");
    for (who, words) in there {
        let there = lab.clws(words).by(who).folder(&other);
        there.succeeds();
    }
    assert!(git(&other, &["add", "-A"]) && git(&other, &["commit", "-qm", "there"]));
    assert!(!git(&lab.vault(), &["merge", "-q", "other"]));
    lab.git(&["checkout", "HEAD", "--", "clws.toml", "recipients"]);
    let before = lab.git(&["status", "--porcelain"]);
    let refused = lab.clws("trust merge other --yes").exits(16);
    let said = format!(
        "error: the rules of the two branches contradict each other\n  {why}\nhint: change one of the branches"
    );
    assert!(refused.err.starts_with(&said), "{}", refused.err);
    assert_eq!(lab.git(&["status", "--porcelain"]), before);
}

#[test]
fn two_thresholds_are_named_and_neither_is_taken() {
    contradict(
        "trust sign --threshold 2 --yes",
        &[("ben", "trust sign --threshold 3 --yes")],
        "2 must sign here, and 3 there",
    );
}

#[test]
fn an_administrator_who_goes_on_one_side_does_not_come_back_with_another_key() {
    contradict(
        "trust sign --without-admin cleo --yes",
        &[
            ("ben", "trust sign --admin cleo/key-2 --yes"),
            ("more", "trust sign --yes"),
        ],
        "cleo decides with one key here, and another or none there",
    );
}
