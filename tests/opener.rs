//! Nobody is locked in: what lies in the vault opens without this program.
//!
//! `docs/open_document.py` is written from `docs/format.md` and uses `age` and a stock
//! ChaCha20-Poly1305; `docs/verify_vault.py` verifies what is signed, with a stock Ed25519. If one of them and the
//! built program disagree, one of the three is wrong.

#![expect(clippy::expect_used, reason = "a helper of a test fails that test")]

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

/// One of each kind that is signed: two who decide, two branches of the rules that were joined, somebody who
/// left, values, tombstones, files and a hook.
fn lab_with_everything() -> Lab {
    let lab = Lab::new().people(&["ben", "eve", "emil"]);
    for words in [
        "secret set dev/web/TOKEN",
        "secret set dev/web/GOES",
        "secret set dev/keys/web.key --type file",
        "secret set dev/keys/goes.key --type file",
        "access grant ben dev --read --write --yes",
    ] {
        lab.clws(words).stdin(b"hunter2").succeeds();
    }
    lab.accepted_by(&["ben"]);
    lab.clws("trust sign --admin ben --yes").succeeds();
    lab.clws("trust sign --yes").by("ben").succeeds();
    lab.clws("trust accept").succeeds();
    fs::create_dir_all(lab.vault().join("hooks/web")).expect("a folder");
    fs::write(lab.vault().join("hooks/web.toml"), "").expect("a hook");
    fs::write(lab.vault().join("hooks/web/run.sh"), "true\n").expect("its script");
    lab.clws("hook sign web --yes").succeeds();
    lab.commit("before");

    let other = lab.root().join("other");
    lab.git(&["worktree", "add", "-q", "-b", "other", "../other"]);
    let by_ben = |words| lab.clws(words).by("ben").folder(&other);
    by_ben("access grant emil dev --read --yes").succeeds();
    lab.git(&["-C", "../other", "add", "-A"]);
    lab.git(&["-C", "../other", "commit", "-qm", "emil"]);
    lab.clws("access grant eve dev --read --yes").succeeds();
    lab.commit("eve");
    lab.clws("trust merge other --yes").succeeds();

    lab.clws("secret policy dev/web/TOKEN --owner ada")
        .succeeds();
    lab.clws("secret remove dev/web/GOES --yes").succeeds();
    lab.clws("secret remove dev/keys/goes.key --yes").succeeds();
    lab.clws("recipient remove eve --yes").succeeds();
    lab.clws("check --full").succeeds();
    lab
}

/// Runs `docs/verify_vault.py` on the vault.
fn verified(lab: &Lab, more: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify_vault.py");
    let vault = lab.vault();
    let words = [script.as_os_str(), vault.as_os_str()];
    run(
        &python(),
        words
            .into_iter()
            .chain(more.iter().map(|word| word.as_ref())),
        b"",
    )
}

#[test]
fn a_script_of_the_format_alone_verifies_what_is_signed() {
    let lab = lab_with_everything();
    let output = verified(&lab, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", said(&output));
    let (trust, signed) = text.split_once('\n').expect("lines");
    let head = lab.head();
    let (fingerprint, number) = head.split_once('@').expect("a number");
    assert_eq!(trust, format!("trust version {number} {fingerprint}"));
    let wanted = "dev/keys/goes.key: ada\ndev/keys/web.key: ada\ndev/web: ada\ndev/web/GOES: ada\n\
        dev/web/TOKEN: ada\nhook web: ada\n";
    assert_eq!(signed, wanted);
    assert!(verified(&lab, &[&head]).status.success());
    let other = "0".repeat(64);
    assert!(!verified(&lab, &[&other]).status.success());
    let (also, document) = ("recipients/trust/also", "secrets/dev/web.toml");
    assert_eq!(
        fs::read_dir(lab.vault().join(also))
            .expect("joined")
            .count(),
        1
    );
    let document = fs::read_to_string(lab.vault().join(document)).expect("a document");
    assert!(document.contains("[retired.") && document.contains("exposed = "));
}

/// Verifies a vault once for each line that comes in: a file, and what it is to hold meanwhile. A line goes out
/// for each, whether something was BAD.
const EACH: &str = "
import contextlib, importlib.util, io, json, pathlib, sys
spec = importlib.util.spec_from_file_location('verify_vault', sys.argv[1])
verify_vault = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify_vault)
for line in sys.stdin:
    file, changed = json.loads(line)
    file = pathlib.Path(sys.argv[2], file)
    good, said = file.read_bytes(), io.StringIO()
    file.write_bytes(changed.encode())
    try:
        with contextlib.redirect_stdout(said):
            bad = verify_vault.main(sys.argv[2]) and 'BAD' in said.getvalue()
    except (verify_vault.Bad, KeyError, ValueError, OSError):
        bad = True
    file.write_bytes(good)
    print('BAD' if bad else 'good')
";

#[test]
fn it_finds_every_field_that_was_changed_after_it_was_signed() {
    let lab = lab_with_everything();
    let (mut tried, mut input) = (Vec::new(), String::new());
    for file in [
        "secrets/dev/web.toml",
        "secrets/dev/keys/web.key.age.toml",
        "secrets/dev/keys/goes.key.age.toml",
        "hooks/web.sig.toml",
        "hooks/web/run.sh",
        "recipients/ben.toml",
        "recipients/access.toml",
        "recipients/trust/1.toml",
    ] {
        let good = fs::read_to_string(lab.vault().join(file)).expect("a file");
        let lines: Vec<&str> = good.lines().collect();
        let mut table = "";
        for (number, line) in lines.iter().enumerate() {
            if line.starts_with('[') {
                table = line;
            }
            // Wraps are unsigned, and what lies in a retired table is bound by its name alone.
            let is_unsigned = table.starts_with("[reader.")
                || table.starts_with("[retired.") && line.starts_with("key");
            let Some(changed) = changed(line).filter(|_| !is_unsigned) else {
                continue;
            };
            let mut lines = lines.clone();
            lines[number] = &changed;
            let text = lines.join("\n") + "\n";
            input += &format!("{}\n", serde_json::json!([file, text]));
            tried.push(format!("{file}, {table} {changed}"));
        }
        input += &format!("{}\n", serde_json::json!([file, good]));
        tried.push(format!("{file} as it was"));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify_vault.py");
    let words = [script.into_os_string(), lab.vault().into_os_string()];
    let code: [std::ffi::OsString; 2] = ["-c".into(), EACH.into()];
    let output = run(&python(), code.into_iter().chain(words), input.as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    let found = String::from_utf8_lossy(&output.stdout);
    let found: Vec<&str> = found.lines().collect();
    assert_eq!(found.len(), tried.len());
    for (what, found) in tried.iter().zip(found) {
        assert_eq!(found == "BAD", !what.ends_with(" as it was"), "{what}");
    }
    assert!(tried.len() > 60, "{}", tried.len());
}

/// The line with one character of its value changed; what is no key line has none.
fn changed(line: &str) -> Option<String> {
    let at = match line.split_once(" = ") {
        Some((key, value)) => {
            key.len() + 3 + usize::from(value.starts_with(['"', '[']) && value.len() > 2)
        }
        // A line of a script.
        None if !line.is_empty() && !line.starts_with('[') => 0,
        None => return None,
    };
    let (before, after) = line.split_at(at);
    let first = after.chars().next()?;
    let other = match first {
        '0'..='8' => char::from_u32(u32::from(first) + 1)?,
        '"' => return None,
        'b' => 'a',
        _ => 'b',
    };
    Some(format!("{before}{other}{}", &after[first.len_utf8()..]))
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
