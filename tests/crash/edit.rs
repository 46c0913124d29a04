//! `secret edit` of a document: one value changed, one taken out, one added.

use crate::desk::Desk;
use crate::lab::Lab;
use crate::strace::How;
use crate::trial::{Trial, goes_through, side_of};

#[test]
fn editing_a_document_leaves_the_old_or_the_new_and_nothing_in_memory() {
    let desk = Desk::new(
        Lab::founded()
            .secret("dev/web/TOKEN", "old-hunter2-token")
            .secret("dev/web/GOES", "goes-swordfish"),
    );
    // Run again over what it made, it changes nothing.
    let script = desk.script(
        "sed -i -e 's/old-hunter2-token/new-correct-horse/' -e '/^GOES/d' \"$FILE\"; \
         grep -q COMES \"$FILE\" || echo 'COMES = \"comes-battery\"' >>\"$FILE\"",
    );
    let command = || {
        desk.edit_with("dev/web", script.to_str().unwrap())
            .word("--yes")
    };
    let values = [
        (
            "dev/web/TOKEN",
            Some("old-hunter2-token"),
            Some("new-correct-horse"),
        ),
        ("dev/web/GOES", Some("goes-swordfish"), None),
        ("dev/web/COMES", None, Some("comes-battery")),
    ];
    Trial {
        name: "edit",
        lab: &desk.lab,
        command: &command,
        look: &|what| {
            // The next command clears the memory, whichever it is.
            let memory = desk.memory().to_str().unwrap();
            let list = desk.lab.clws("secret list").env("XDG_RUNTIME_DIR", memory);
            list.succeeds();
            side_of(&desk.lab, &values, what)
        },
        again: &|_, what| goes_through(command(), &desk.lab, &values, what),
        plaintexts: &[
            "old-hunter2-token",
            "goes-swordfish",
            "new-correct-horse",
            "comes-battery",
        ],
        memory: Some(desk.memory()),
        one_in: 1,
        ways: How::usual(),
        expected: &[
            "openat", "write", "fsync", "renameat", "rename", "unlink", "mkdir",
        ],
    }
    .run();
}
