//! `recipient remove`: new rules, and everything that the leaver could open sealed anew, in one step.

use crate::lab::Lab;
use crate::strace::How;
use crate::trial::{Side, Trial, Value, side_of};

const TOKEN: &str = "hunter2-of-all-three";
const KEY: &str = "battery-in-a-file";

/// What ben could open; the value is the same before and after.
const VALUES: &[Value<'_>] = &[
    ("dev/web/TOKEN", None, Some(TOKEN)),
    ("dev/db/TOKEN", None, Some(TOKEN)),
    ("dev/keys/web.key", None, Some(KEY)),
];

/// Ada decides, ben and cleo read and write dev.
fn lab() -> Lab {
    let lab = Lab::founded()
        .secret("dev/web/TOKEN", TOKEN)
        .secret("dev/db/TOKEN", TOKEN)
        .people(&["ben", "cleo"]);
    lab.clws("secret set dev/keys/web.key --type file")
        .stdin(KEY.as_bytes())
        .succeeds();
    for name in ["ben", "cleo"] {
        lab.clws(&format!("access grant {name} dev --read --write --yes"))
            .succeeds();
    }
    lab.accepted_by(&["ben", "cleo"]);
    lab
}

/// By the rules, the pin, and what each person can open, which all have to agree.
fn side(lab: &Lab, version: u64, what: &str) -> Side {
    let shown = lab.clws("trust show --json").succeeds().json();
    assert_eq!(shown["standing"], "accepted", "{what}");
    let side = match shown["version"].as_u64() {
        Some(now) if now == version => Side::Old,
        Some(now) if now == version + 1 => Side::New,
        other => panic!("{what}; trust version {other:?}"),
    };
    for file in ["dev/web.toml", "dev/db.toml"] {
        let text = std::fs::read_to_string(lab.vault().join("secrets").join(file)).unwrap();
        assert_eq!(
            text.contains("[reader.\"ben/"),
            side == Side::Old,
            "{what}; {file} has a wrap for ben"
        );
    }
    // Of a document and of a file; the other document goes with the first one, by its wraps.
    for (path, _, value) in &VALUES[1..] {
        let found = lab.clws(&format!("secret get {path}")).by("cleo").run();
        assert_eq!(
            (found.code, Some(found.text().as_str()), found.err.as_str()),
            (0, *value, ""),
            "{what}; cleo reads {path}"
        );
    }
    let path = VALUES[2].0;
    let found = lab.clws(&format!("secret get {path}")).by("ben").run();
    let code = if side == Side::Old { 0 } else { 11 };
    assert_eq!(found.code, code, "{what}; ben reads {path}: {}", found.err);
    side
}

#[test]
fn somebody_leaves_wholly_or_not_at_all_and_nobody_is_locked_out() {
    let lab = lab();
    let shown = lab.clws("trust show --json").succeeds().json();
    let version = shown["version"].as_u64().unwrap();
    let command = || lab.clws("recipient remove ben --yes");
    Trial {
        name: "recipient remove",
        lab: &lab,
        command: &command,
        look: &|what| {
            // As ada first: it is her machine that finishes what it began.
            side_of(&lab, VALUES, what);
            side(&lab, version, what)
        },
        again: &|before, what| {
            let code = if before == Side::New { 18 } else { 0 };
            command().exits(code);
            assert_eq!(side(&lab, version, what), Side::New, "{what}, once more");
        },
        plaintexts: &[TOKEN, KEY],
        memory: None,
        one_in: 1,
        ways: How::usual(),
        expected: &["openat", "write", "fsync", "renameat", "rename", "unlink"],
    }
    .run();
}
