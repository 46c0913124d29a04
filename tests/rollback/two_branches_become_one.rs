//! Branches that a text merge would not join, or join wrongly, are joined table by table: by git itself
//! once `clws git install` said so, or by `clws merge` after a conflict.

use crate::branches::{Work, commits, git, installed, lab, merged, reads, said, set, succeeded};
use crate::lab::Lab;

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
    for (driver, is_theirs) in [(true, true), (true, false), (false, true), (false, false)] {
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
        let (good, bad): (Work<'_>, Work<'_>) = (("ada", &policy), ("mallory", &forged));
        let done = match is_theirs {
            true => merged(&lab, good, bad),
            false => merged(&lab, bad, good),
        };
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
    a_forged_side_does_not_win(true);
}

#[test]
fn nor_does_it_where_it_was_taken_in_before() {
    a_forged_side_does_not_win(false);
}

fn a_forged_side_does_not_win(is_theirs: bool) {
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
    let by_ada = |lab: &Lab| set(lab, "ada", "BASE", "by ada");
    let (good, bad): (Work<'_>, Work<'_>) = (("ada", &by_ada), ("mallory", &forged));
    let done = match is_theirs {
        true => merged(&lab, good, bad),
        false => merged(&lab, bad, good),
    };
    succeeded(&done);
    assert!(
        said(&done).contains("signed by nobody who may write it"),
        "{}",
        said(&done)
    );
    reads(&lab, "BASE", "by ada");
    lab.clws("check --full").succeeds();
}

/// A table that one side took out and the other one changed: what was given last is not lost.
#[test]
fn what_is_handed_in_anew_is_there_though_the_other_side_threw_away_the_one_before() {
    for is_theirs in [true, false] {
        let lab = installed();
        lab.clws("access grant cleo dev/web --submit --yes")
            .succeeds();
        lab.clws("trust accept").by("cleo").succeeds();
        let hand_in = |lab: &Lab, value: &str| {
            let set = lab.clws("secret set dev/web/BASE").by("cleo");
            set.stdin(value.as_bytes()).succeeds();
        };
        hand_in(&lab, "the first");
        commits(&lab, "handed in");
        let again = |lab: &Lab| hand_in(lab, "the second");
        let dropped = |lab: &Lab| {
            lab.clws("secret adopt dev/web/BASE --drop").succeeds();
        };
        let (more, less): (Work<'_>, Work<'_>) = (("cleo", &again), ("ada", &dropped));
        succeeded(&match is_theirs {
            true => merged(&lab, less, more),
            false => merged(&lab, more, less),
        });
        lab.clws("secret adopt dev/web/BASE --yes").succeeds();
        reads(&lab, "BASE", "the second");
    }
}
