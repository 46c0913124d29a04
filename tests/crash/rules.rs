//! Changes of the rules: `access grant`, which wraps and signs anew, and `init`, which makes the first.

use crate::lab::Lab;
use crate::strace::How;
use crate::trial::{Side, Trial, goes_through, side_of};

const TOKEN: &str = "hunter2-of-both";

#[test]
fn granting_access_leaves_the_old_rules_or_the_new_ones_with_their_wraps() {
    let lab = Lab::founded()
        .secret("dev/web/TOKEN", TOKEN)
        .secret("dev/db/TOKEN", TOKEN)
        .people(&["ben"]);
    lab.clws("secret get dev/web/TOKEN --expect")
        .word(lab.head())
        .by("ben")
        .exits(11);
    let command = || lab.clws("access grant ben dev --read --yes");
    let granted = |what: &str| {
        let codes = ["dev/web/TOKEN", "dev/db/TOKEN"]
            .map(|path| lab.clws(&format!("secret get {path}")).by("ben").run().code);
        match codes {
            [0, 0] => Side::New,
            [11, 11] => Side::Old,
            codes => panic!("{what}; ben reads with {codes:?}"),
        }
    };
    Trial {
        name: "access grant",
        lab: &lab,
        command: &command,
        look: &|what| {
            // As ada: it is her machine that finishes what it began.
            let values = [
                ("dev/web/TOKEN", None, Some(TOKEN)),
                ("dev/db/TOKEN", None, Some(TOKEN)),
            ];
            side_of(&lab, &values, what);
            granted(what)
        },
        again: &|_, what| {
            goes_through(
                command(),
                &lab,
                &[("dev/web/TOKEN", None, Some(TOKEN))],
                what,
            );
            assert_eq!(granted(what), Side::New, "{what}, and then again");
        },
        plaintexts: &[TOKEN],
        memory: None,
        one_in: 1,
        ways: How::usual(),
        expected: &["openat", "write", "fsync", "renameat", "rename", "unlink"],
    }
    .run();
}

#[test]
fn joining_two_branches_leaves_one_of_them_or_both() {
    let lab = Lab::founded()
        .secret("dev/web/TOKEN", TOKEN)
        .people(&["ben", "cleo"]);
    lab.clws("trust sign --admin ben --yes").succeeds();
    lab.accepted_by(&["ben"]);
    lab.clws("trust sign --yes").by("ben").succeeds();
    lab.clws("trust accept").succeeds();
    // Git does not keep the folder of a proposal either.
    assert!(!lab.vault().join("recipients/trust/proposal").exists());
    lab.git(&["init", "-q", "-b", "main"]);
    lab.commit("before");
    let other = lab.root().join("other");
    lab.git(&["worktree", "add", "-q", "-b", "other", "../other"]);
    lab.clws("access grant cleo dev --read --yes")
        .by("ben")
        .folder(&other)
        .succeeds();
    lab.git(&["-C", "../other", "add", "-A"]);
    lab.git(&["-C", "../other", "commit", "-qm", "theirs"]);
    // What is compared is the vault, and not git's own files.
    lab.git(&["worktree", "remove", "../other"]);
    lab.clws("access grant cleo test --read --yes").succeeds();
    let command = || lab.clws("trust merge other --yes");
    let version = |what: &str| {
        let shown = lab.clws("trust show --json").succeeds().json();
        assert_eq!(shown["standing"], "accepted", "{what}");
        match shown["version"].as_u64() {
            Some(5) => Side::Old,
            Some(6) => Side::New,
            other => panic!("{what}; trust version {other:?}"),
        }
    };
    Trial {
        name: "trust merge",
        lab: &lab,
        command: &command,
        look: &|what| {
            side_of(&lab, &[("dev/web/TOKEN", None, Some(TOKEN))], what);
            version(what)
        },
        again: &|_, what| {
            goes_through(
                command(),
                &lab,
                &[("dev/web/TOKEN", None, Some(TOKEN))],
                what,
            );
            assert_eq!(version(what), Side::New, "{what}, and then again");
        },
        plaintexts: &[TOKEN],
        memory: None,
        one_in: 6,
        ways: How::usual(),
        // Not `openat`: git, which is read from, opens files too, and how many differs.
        expected: &["write", "fsync", "renameat", "rename", "unlink"],
    }
    .run();
}

#[test]
fn founding_a_vault_leaves_none_or_one_that_works() {
    let lab = Lab::empty();
    lab.clws("identity new ada --keep file").succeeds();
    let command = || lab.clws("init --name ada");
    Trial {
        name: "init, and once more",
        lab: &lab,
        command: &command,
        // The next `init` makes it, finishes it, or finds it.
        look: &|what| {
            let ran = command().run();
            assert!(
                [0, 16].contains(&ran.code),
                "{what}; `init` then: {}",
                ran.err
            );
            lab.clws("check").succeeds();
            Side::New
        },
        again: &|_, _| {
            command().exits(16);
            lab.clws("secret set dev/web/TOKEN")
                .stdin(TOKEN.as_bytes())
                .succeeds();
            assert_eq!(
                lab.clws("secret get dev/web/TOKEN").succeeds().text(),
                TOKEN
            );
            // Not among what `init` makes.
            std::fs::remove_dir_all(lab.vault().join("secrets")).unwrap();
        },
        plaintexts: &[TOKEN],
        memory: None,
        one_in: 1,
        ways: How::usual(),
        expected: &[
            "openat", "write", "fsync", "renameat", "rename", "unlink", "mkdirat",
        ],
    }
    .run();
}
