//! `identity new` and `identity remove`, in files.

use crate::lab::Lab;
use crate::strace::How;
use crate::trial::{Side, Trial};

/// Lists the identities: none under the name, or a whole one that shows its public half.
fn is_there(lab: &Lab, what: &str) -> bool {
    let listed = lab.clws("identity list --json").run();
    assert_eq!(
        listed.code, 0,
        "{what}; `identity list` then: {}",
        listed.err
    );
    let is_there = listed.text().contains("ada");
    let shown = lab.clws("identity show ada").run();
    assert_eq!(
        shown.code == 0,
        is_there,
        "{what}; `identity show` then: {}",
        shown.err
    );
    is_there
}

#[test]
fn making_an_identity_leaves_a_whole_one_or_none() {
    let lab = Lab::empty();
    let command = || lab.clws("identity new ada --keep file");
    let look = |what: &str| {
        if is_there(&lab, what) {
            Side::New
        } else {
            Side::Old
        }
    };
    Trial {
        name: "identity new",
        lab: &lab,
        command: &command,
        look: &look,
        again: &|side, what| {
            let code = command().run().code;
            assert_eq!(
                code,
                if side == Side::New { 16 } else { 0 },
                "{what}, and then again"
            );
            assert!(is_there(&lab, what));
        },
        plaintexts: &[],
        memory: None,
        one_in: 1,
        ways: How::usual(),
        expected: &["openat", "write", "fsync"],
    }
    .run();
}

#[test]
fn removing_an_identity_leaves_a_whole_one_or_none() {
    let lab = Lab::empty();
    lab.clws("identity new ada --keep file").succeeds();
    let command = || lab.clws("identity remove ada --yes");
    let look = |what: &str| {
        if is_there(&lab, what) {
            Side::Old
        } else {
            Side::New
        }
    };
    Trial {
        name: "identity remove",
        lab: &lab,
        command: &command,
        look: &look,
        again: &|side, what| {
            // What is gone from its name may have files left, which go now.
            let code = command().run().code;
            let codes: &[i32] = if side == Side::New { &[0, 18] } else { &[0] };
            assert!(codes.contains(&code), "{what}, and then again: {code}");
            assert!(!is_there(&lab, what));
        },
        plaintexts: &[],
        memory: None,
        one_in: 1,
        ways: How::usual(),
        expected: &["openat", "fsync"],
    }
    .run();
}
