//! All pairs of what two people may do to one document on two branches: whoever merges whom gets the same
//! document, nothing is lost, and the check accepts it.

use crate::lab::Lab;

/// What somebody does on a branch, and what is to be seen of it afterwards.
struct Work {
    name: &'static str,
    words: &'static str,
    value: Option<(&'static str, &'static str)>,
}

const WORKS: &[Work] = &[
    Work {
        name: "a new key",
        words: "rekey dev/web --yes",
        value: None,
    },
    Work {
        name: "a value added",
        words: "secret set dev/web/MIKE",
        value: Some(("MIKE", "given")),
    },
    Work {
        name: "its neighbour added",
        words: "secret set dev/web/NOVEMBER",
        value: Some(("NOVEMBER", "given")),
    },
    Work {
        name: "a value changed",
        words: "secret set dev/web/ALPHA",
        value: Some(("ALPHA", "given")),
    },
    Work {
        name: "a value removed",
        words: "secret remove dev/web/BRAVO --yes",
        value: None,
    },
    Work {
        name: "a policy changed",
        words: "secret policy dev/web/ALPHA --owner ada",
        value: None,
    },
    Work {
        name: "a reader added",
        words: "access grant cleo dev/web --read --yes",
        value: None,
    },
];

fn lab() -> Lab {
    let lab = Lab::new().people(&["ben", "cleo"]);
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    // Cleo may read; her wrap is what a branch adds.
    for name in ["ALPHA", "BRAVO", "ZULU"] {
        lab.clws(&format!("secret set dev/web/{name}"))
            .stdin(b"begin")
            .succeeds();
    }
    let unwrapped = std::fs::read(lab.vault().join("secrets/dev/web.toml")).unwrap();
    lab.clws("access grant cleo dev/web --read --yes")
        .succeeds();
    std::fs::write(lab.vault().join("secrets/dev/web.toml"), unwrapped).unwrap();
    lab.accepted_by(&["ben", "cleo"]);
    lab.commit("begin");
    lab
}

/// Merges a branch, and `clws merge` for what git leaves in conflict. Gives the document.
fn merge(lab: &Lab, onto: &str, branch: &str, pair: &str) -> String {
    lab.git(&["checkout", "-q", "-f", onto]);
    let merged = std::process::Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(["merge", "-q", "--no-commit", "--no-ff", branch])
        .current_dir(lab.vault())
        .env("HOME", lab.home("ada"))
        .output()
        .unwrap();
    if !merged.status.success() {
        let joined = lab.clws("merge").run();
        assert_eq!(joined.code, 0, "{pair}: {}", joined.err);
    }
    let untidy = lab.clws("fmt").run();
    if untidy.code == 10 {
        // Text alone brought two tables of one name together.
        let way = "clws merge secrets/dev/web.toml";
        assert!(untidy.err.contains(way), "{pair}: {}", untidy.err);
        lab.clws("merge secrets/dev/web.toml").succeeds();
        lab.clws("fmt").succeeds();
    } else {
        assert_eq!(untidy.code, 0, "{pair}: {}", untidy.err);
    }
    std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap()
}

#[test]
fn all_pairs_come_out_the_same_from_both_sides() {
    let start = lab();
    for (i, ours) in WORKS.iter().enumerate() {
        for (j, theirs) in WORKS.iter().enumerate() {
            // Two new keys are refused, and one thing done twice alike is no pair of branches.
            if i == j {
                continue;
            }
            let pair = format!("{} by ada, {} by ben", ours.name, theirs.name);
            let lab = start.copy();
            // Every other pair by text alone, and by the driver that git calls.
            if (i + j) % 2 == 0 {
                lab.clws("git install").succeeds();
                std::fs::remove_file(lab.vault().join(".git/hooks/pre-commit")).unwrap();
            }
            for (who, branch, work) in [("ben", "theirs", theirs), ("ada", "ours", ours)] {
                lab.git(&["checkout", "-q", "-b", branch, "main"]);
                let done = lab.clws(work.words).by(who).stdin(b"given").run();
                // Ben is no administrator: that he wraps needs no new rules.
                assert_eq!(done.code, 0, "{pair}: {}", done.err);
                lab.commit(branch);
            }
            let one = merge(&lab, "ours", "theirs", &pair);
            lab.git(&["reset", "-q", "--hard"]);
            let other = merge(&lab, "theirs", "ours", &pair);
            assert_eq!(one, other, "{pair}");
            for work in [ours, theirs] {
                let Some((name, value)) = work.value else {
                    continue;
                };
                let got = lab.clws(&format!("secret get dev/web/{name}")).run();
                assert_eq!(
                    (got.code, got.text().as_str()),
                    (0, value),
                    "{pair}: {}",
                    got.err
                );
                lab.clws(&format!("secret adopt dev/web/{name} --yes"))
                    .succeeds();
            }
            let works = [ours.name, theirs.name];
            if works.contains(&"a value removed") {
                lab.clws("secret get dev/web/BRAVO").exits(18);
            }
            // What a key from before still holds, or a wrap of it, check says, with the way.
            lab.clws("rekey dev/web --yes").succeeds();
            for who in ["ada", "ben"] {
                let checked = lab.clws("check --full").by(who).run();
                assert_eq!(checked.code, 0, "{pair}: {}{}", checked.text(), checked.err);
                let got = lab.clws("secret get dev/web/ZULU").by(who).succeeds();
                assert_eq!(
                    (got.text().as_str(), got.err.as_str()),
                    ("begin", ""),
                    "{pair}"
                );
            }
        }
    }
}
