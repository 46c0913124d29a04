//! `secret restore`: of a value and of a file, as they were at a commit.

use crate::lab::Lab;
use crate::strace::How;
use crate::trial::{Trial, Value, goes_through, side_of};

const OLD: &str = "the-older-one-is-meant";
const NEW: &str = "the-newer-one-was-wrong";

fn restoring(name: &str, path: &str) {
    let lab = Lab::founded();
    lab.git(&["init", "-q", "-b", "main"]);
    for (value, message) in [(OLD, "old"), (NEW, "new")] {
        lab.clws(&format!("secret set {path}"))
            .stdin(value.as_bytes())
            .succeeds();
        lab.commit(message);
    }
    let path = path.split(' ').next().unwrap();
    let command = || lab.clws(&format!("secret restore {path} --from HEAD~1"));
    let values: [Value<'_>; 1] = [(path, Some(NEW), Some(OLD))];
    Trial {
        name,
        lab: &lab,
        command: &command,
        look: &|what| side_of(&lab, &values, what),
        again: &|_, what| goes_through(command(), &lab, &values, what),
        plaintexts: &[OLD, NEW],
        memory: None,
        one_in: 1,
        ways: How::usual(),
        // Not `openat`: git, which is read from, opens files too, and how many differs.
        expected: &["write", "fsync", "renameat", "rename"],
    }
    .run();
}

#[test]
fn restoring_a_value_leaves_the_newer_or_the_older_one() {
    restoring("secret restore", "dev/web/TOKEN");
}

#[test]
fn restoring_a_file_leaves_the_newer_or_the_older_one() {
    restoring("secret restore of a file", "dev/keys/web.key --type file");
}
