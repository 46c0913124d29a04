//! `import` of a small tree: a document of two values, two files in a new folder, and one beside another, through
//! one journal.

use std::fs;

use crate::lab::Lab;
use crate::strace::How;
use crate::trial::{Trial, goes_through, side_of};

#[test]
fn importing_a_tree_leaves_all_of_it_or_nothing() {
    let lab = Lab::founded().secret("dev/web/TOKEN", "there-before");
    lab.clws("secret set prod/tls/there --type file")
        .stdin(b"there-before")
        .succeeds();
    // Not in the lab: the sources are in the clear.
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("prod/keys")).unwrap();
    fs::write(
        tree.path().join("prod/web.env"),
        "TOKEN=new-correct-horse\nOTHER=new-battery-staple\n",
    )
    .unwrap();
    fs::write(tree.path().join("prod/keys/a"), "new-file-of-bytes").unwrap();
    fs::write(tree.path().join("prod/keys/b"), "new-other-bytes").unwrap();
    fs::create_dir_all(tree.path().join("prod/tls")).unwrap();
    fs::write(tree.path().join("prod/tls/c"), "new-third-bytes").unwrap();
    let values = [
        ("prod/web/TOKEN", None, Some("new-correct-horse")),
        ("prod/web/OTHER", None, Some("new-battery-staple")),
        ("prod/keys/a", None, Some("new-file-of-bytes")),
        ("prod/keys/b", None, Some("new-other-bytes")),
        ("prod/tls/c", None, Some("new-third-bytes")),
    ];
    let command = || lab.clws("import --yes").word(tree.path().to_str().unwrap());
    Trial {
        name: "import",
        lab: &lab,
        command: &command,
        look: &|what| side_of(&lab, &values, what),
        // What is there already is no change.
        again: &|_, what| goes_through(command(), &lab, &values, what),
        plaintexts: &[
            "there-before",
            "new-correct-horse",
            "new-battery-staple",
            "new-file-of-bytes",
            "new-other-bytes",
            "new-third-bytes",
        ],
        memory: None,
        one_in: 1,
        ways: How::usual(),
        expected: &[
            "openat", "write", "fsync", "renameat", "rename", "unlink", "mkdirat",
        ],
    }
    .run();
}
