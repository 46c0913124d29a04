//! `secret set`: of a value that is there, and of one that makes its document.

use crate::lab::Lab;
use crate::strace::How;
use crate::trial::{Trial, Value, goes_through, side_of};

const OLD: &str = "old-hunter2-token";
const NEW: &str = "new-correct-horse";

fn set(lab: &Lab, name: &str, path: &str, values: &[Value<'_>]) {
    let command = || {
        lab.clws(&format!("secret set {path}"))
            .stdin(NEW.as_bytes())
    };
    Trial {
        name,
        lab,
        command: &command,
        look: &|what| side_of(lab, values, what),
        again: &|_, what| goes_through(command(), lab, values, what),
        plaintexts: &[OLD, NEW],
        memory: None,
        one_in: 1,
        ways: How::usual(),
        expected: &["openat", "write", "fsync", "renameat", "rename"],
    }
    .run();
}

#[test]
fn setting_a_value_leaves_the_old_or_the_new_one() {
    let lab = Lab::founded().secret("dev/web/TOKEN", OLD);
    set(
        &lab,
        "set",
        "dev/web/TOKEN",
        &[("dev/web/TOKEN", Some(OLD), Some(NEW))],
    );
}

#[test]
fn setting_a_first_value_leaves_a_whole_document_or_none() {
    let lab = Lab::founded().secret("dev/web/TOKEN", OLD);
    let values = [("dev/new/TOKEN", None, Some(NEW))];
    set(&lab, "set of a new document", "dev/new/TOKEN", &values);
}

#[test]
fn setting_a_file_in_new_folders_leaves_it_with_its_sidecar_or_neither() {
    let lab = Lab::founded();
    let values = [("dev/deep/er/token.key", None, Some(NEW))];
    set(&lab, "set of a new file", "dev/deep/er/token.key", &values);
}
