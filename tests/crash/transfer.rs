//! `secret move` from one document to a new one: two files and two pins.

use crate::lab::Lab;
use crate::strace::How;
use crate::trial::{Side, Trial, goes_through, side_of};

const TOKEN: &str = "hunter2-of-both";

#[test]
fn moving_a_value_leaves_it_in_one_place() {
    let lab = Lab::founded()
        .secret("dev/web/TOKEN", TOKEN)
        .secret("dev/web/STAYS", TOKEN);
    let command = || lab.clws("secret move dev/web/TOKEN prod/db/TOKEN");
    let values = [
        ("dev/web/TOKEN", Some(TOKEN), None),
        ("prod/db/TOKEN", None, Some(TOKEN)),
    ];
    Trial {
        name: "secret move",
        lab: &lab,
        command: &command,
        look: &|what| side_of(&lab, &values, what),
        again: &|side, what| match side {
            Side::Old => goes_through(command(), &lab, &values, what),
            Side::New => {
                assert_eq!(command().run().code, 16, "{what}, and then again");
                // A refused change is looked after by the next run.
                assert_eq!(side_of(&lab, &values, what), Side::New);
            }
        },
        plaintexts: &[TOKEN],
        memory: None,
        one_in: 1,
        ways: How::usual(),
        expected: &["openat", "write", "fsync", "renameat", "rename", "unlink"],
    }
    .run();
}
