//! Nobody is locked in: what lies in the vault opens without this program.
//!
//! `docs/open_document.py` is written from `docs/format.md` and uses `age` and a stock
//! ChaCha20-Poly1305. If it and the built program disagree, one of the three is wrong.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use support::lab::Lab;
use support::tool::{run, said, tool};

/// Values as people have them, with the type that they are set with.
const VALUES: [(&str, &str, &[u8]); 8] = [
    ("PASSWORD", "string", b"hunter2"),
    ("EMPTY", "string", b""),
    ("LEADING", "string", b"00731"),
    ("LINES", "string", b"two\nlines, and no end"),
    ("LETTERS", "string", "ä€\u{1f511}".as_bytes()),
    ("LARGE", "integer", b"9007199254740993"),
    ("LIST", "array", b"[1, \"a\"]"),
    ("RAW", "bytes", b"\x00\xff\r\n\x80"),
];

#[test]
fn a_script_of_the_format_alone_opens_what_the_program_sealed() {
    let lab = Lab::new();
    for (name, kind, value) in VALUES {
        lab.clws(&format!("secret set dev/web/{name} --type {kind}"))
            .stdin(value)
            .succeeds();
    }
    let long = vec![b'x'; 64 * 1024];
    lab.clws("secret set dev/web/LONG").stdin(&long).succeeds();
    let all = VALUES.iter().map(|(name, _, value)| (*name, *value));
    for (name, value) in all.chain([("LONG", long.as_slice())]) {
        let opened = open(&lab, &format!("dev/web/{name}"), &age_file(&lab, "ada"));
        assert!(opened.status.success(), "{name}: {}", said(&opened));
        assert_eq!(opened.stdout, value, "{name}");
        let ours = lab.clws(&format!("secret get dev/web/{name}")).succeeds();
        assert_eq!(ours.out, opened.stdout, "{name}");
    }
}

#[test]
fn it_opens_for_a_reader_who_came_later_and_for_nobody_else() {
    let lab = Lab::new()
        .people(&["ben", "eve"])
        .secret("dev/web/TOKEN", "hunter2");
    lab.clws("access grant ben dev/web --read --yes").succeeds();
    let ben = open(&lab, "dev/web/TOKEN", &age_file(&lab, "ben"));
    assert_eq!(ben.stdout, b"hunter2", "{}", said(&ben));
    let eve = open(&lab, "dev/web/TOKEN", &age_file(&lab, "eve"));
    assert!(!eve.status.success() && eve.stdout.is_empty());
    assert!(said(&eve).contains("opens none"), "{}", said(&eve));
}

#[test]
fn it_finds_what_was_changed_after_it_was_sealed() {
    let lab = Lab::new()
        .secret("dev/web/A", "first")
        .secret("dev/web/B", "other");
    let file = lab.vault().join("secrets/dev/web.toml");
    let good = fs::read_to_string(&file).expect("a document");
    let value = |name: &str| {
        let table = good.split(&format!("[secret.{name}]\n")).nth(1);
        table
            .and_then(|table| table.lines().next())
            .expect("a value")
    };
    let swapped = good.replace(value("A"), value("B"));
    let commitment = good.lines().find(|line| line.starts_with("key_id"));
    let commitment = commitment.expect("a commitment");
    let (start, digit) = commitment.split_at(commitment.len() - 2);
    let other = if digit.starts_with('0') { "1\"" } else { "0\"" };
    let commitment = good.replace(commitment, &format!("{start}{other}"));
    for (what, changed, why) in [
        ("another value's", swapped, "seal does not verify"),
        (
            "a number",
            good.replace("rev = 1", "rev = 2"),
            "seal does not verify",
        ),
        (
            "a type",
            good.replace("type = \"string\"", "type = \"bytes\""),
            "seal does not verify",
        ),
        ("the commitment", commitment, "not hold this document's key"),
    ] {
        assert_ne!(changed, good, "{what}");
        fs::write(&file, changed).expect("a document");
        let refused = open(&lab, "dev/web/A", &age_file(&lab, "ada"));
        assert!(!refused.status.success(), "{what}");
        assert!(refused.stdout.is_empty(), "{what}");
        assert!(said(&refused).contains(why), "{what}: {}", said(&refused));
    }
}

/// Where a person's age identity lies.
fn age_file(lab: &Lab, name: &str) -> PathBuf {
    let below = format!(".config/clws/identities/{name}/age.txt");
    lab.home(name).join(below)
}

fn open(lab: &Lab, path: &str, identity: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/open_document.py");
    let vault = lab.vault();
    run(
        &python(),
        [script.as_path(), vault.as_path(), Path::new(path), identity],
        b"",
    )
}

/// The interpreter that Debian's python3-cryptography belongs to; another one may come first in PATH.
fn python() -> String {
    tool("age");
    let debians = Path::new("/usr/bin/python3");
    let python = if debians.is_file() {
        debians.display().to_string()
    } else {
        tool("python3").display().to_string()
    };
    let found = run(&python, ["-c", "import cryptography"], b"");
    assert!(
        found.status.success(),
        "`cryptography` is not there for {python}: run `bash .ci/install` ({})",
        said(&found)
    );
    python
}
