//! An import is all or nothing: what stands against one source stands against all.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use crate::lab::{Lab, Ran, find_below};
use crate::tool::{said, tool};

/// A vault, and a tree of one document and two files beside it.
fn lab() -> (Lab, std::path::PathBuf) {
    let lab = Lab::new();
    lab.commit("empty");
    let tree = lab.root().join("tree");
    fs::create_dir_all(tree.join("keys")).unwrap();
    fs::write(tree.join("web.env"), "TOKEN=hunter2\n").unwrap();
    fs::write(tree.join("keys/a"), "AAAA").unwrap();
    fs::write(tree.join("z"), "zzzz").unwrap();
    (lab, tree)
}

fn import(lab: &Lab, source: &Path) -> Ran {
    lab.clws("import --yes")
        .word(source.to_str().unwrap())
        .run()
}

fn refused(lab: &Lab, source: &Path, code: i32, says: &[&str]) {
    let ran = import(lab, source);
    assert_eq!(ran.code, code, "{}", ran.err);
    for text in says {
        assert!(ran.err.contains(text), "no `{text}` in {}", ran.err);
    }
    untouched(lab);
}

/// Not one file, and not one folder either.
fn untouched(lab: &Lab) {
    assert_eq!(lab.git(&["status", "--porcelain", "--ignored"]), "");
    assert!(!lab.vault().join("secrets").exists());
}

#[test]
fn a_scope_without_a_rule_refuses_all_and_names_the_grant() {
    let (lab, tree) = lab();
    fs::create_dir(tree.join("staging")).unwrap();
    fs::write(tree.join("staging/x.env"), "A=1\n").unwrap();
    let hint = "clws access grant NAME staging --write";
    refused(&lab, &tree, 13, &["`staging`", "staging/x.env", hint]);
    let planned = lab
        .clws("import --plan")
        .word(tree.to_str().unwrap())
        .exits(1);
    assert!(
        planned.text().contains("no rule covers `staging/x`"),
        "{}",
        planned.text()
    );
    lab.clws("access grant ada staging --read --write --yes")
        .succeeds();
    assert_eq!(import(&lab, &tree).code, 0);
    assert_eq!(lab.clws("secret get staging/x/A").succeeds().text(), "1");
}

#[test]
fn a_secret_with_another_value_is_never_overwritten() {
    let (lab, tree) = lab();
    let lab = lab
        .secret("shared/web/TOKEN", "another")
        .secret("shared/web/MORE", "x");
    lab.clws("secret set shared/keys/a --type file")
        .stdin(b"BBBB")
        .succeeds();
    lab.commit("sealed before");
    let ran = import(&lab, &tree);
    assert_eq!(ran.code, 16, "{}", ran.err);
    for text in [
        "other values for 2 secrets",
        "shared/web/TOKEN",
        "shared/keys/a",
    ] {
        assert!(ran.err.contains(text), "{}", ran.err);
    }
    assert!(!ran.err.contains("hunter2") && !ran.err.contains("another"));
    assert_eq!(lab.git(&["status", "--porcelain"]), "");
    // Removed names are free again.
    lab.clws("secret remove shared/web/TOKEN shared/keys/a --yes")
        .succeeds();
    assert_eq!(import(&lab, &tree).code, 0);
    assert_eq!(
        lab.clws("secret get shared/web/TOKEN").succeeds().text(),
        "hunter2"
    );
    assert_eq!(
        lab.clws("secret get shared/web/MORE").succeeds().text(),
        "x"
    );
    assert_eq!(
        lab.clws("secret get shared/keys/a").succeeds().text(),
        "AAAA"
    );
}

#[test]
fn who_may_not_write_one_of_the_names_imports_nothing() {
    let (lab, tree) = lab();
    let lab = lab.people(&["ben"]);
    fs::create_dir(tree.join("dev")).unwrap();
    fs::write(tree.join("dev/x"), "x").unwrap();
    lab.clws("access grant ben shared --read --write --yes")
        .succeeds();
    lab.commit("ben writes shared, and not dev");
    let run = lab.clws("import --yes --expect").word(lab.head());
    let ran = run.word(tree.to_str().unwrap()).by("ben").exits(13);
    assert!(ran.err.contains("ben may not write `dev/x`"), "{}", ran.err);
    untouched(&lab);
}

#[test]
fn what_cannot_be_read_is_not_passed_over() {
    let (lab, tree) = lab();
    let strange = tree.join(std::ffi::OsStr::from_bytes(b"strange\xff"));
    fs::write(&strange, "x").unwrap();
    refused(
        &lab,
        &tree,
        30,
        &["strange", "not UTF-8", "nothing may be passed over"],
    );
    fs::remove_file(&strange).unwrap();

    // Root reads everything, so the one call that opens it is made to fail: the plan's own.
    for path in ["keys/a", "web.env", "keys"] {
        let (_, calls) = traced(&lab, "import --plan", &tree, &["-e", "trace=openat2"]);
        let opens = |call: &str| call.contains(&format!("\"{path}\""));
        let nth = calls.lines().position(opens).unwrap() + 1;
        let inject = format!("inject=openat2:error=EACCES:when={nth}");
        let (ran, calls) = traced(&lab, "import --yes", &tree, &["-e", &inject]);
        assert!(calls.contains("INJECTED"), "{calls}");
        assert_eq!(ran.status.code(), Some(30), "{}", said(&ran));
        let named = format!("{path}: Permission denied");
        assert!(said(&ran).contains(&named), "{}", said(&ran));
        untouched(&lab);
    }
}

#[test]
fn a_file_that_fails_while_it_is_sealed_leaves_nothing() {
    let (lab, tree) = lab();
    fs::write(tree.join("large"), vec![b'x'; 300_000]).unwrap();
    let large = tree.join("large");
    // The first read is the plan's, of a page; the second piece fails when it is sealed.
    let inject = [
        "-P",
        large.to_str().unwrap(),
        "-e",
        "inject=read:error=EIO:when=3",
    ];
    let (ran, calls) = traced(&lab, "import --yes", &tree, &inject);
    assert!(calls.contains("INJECTED"), "{calls}");
    assert_eq!(ran.status.code(), Some(30), "{}", said(&ran));
    untouched(&lab);
    assert_eq!(import(&lab, &tree).code, 0);
}

#[test]
fn a_source_that_somebody_writes_to_meanwhile_is_told_and_kept() {
    let (lab, tree) = lab();
    let log = lab.home("ada").join(".local/state/clws/audit/log.jsonl");
    // All is sealed when the log has its line, and every wait for the disk takes a while longer.
    let writer = std::thread::spawn({
        let target = tree.join("z");
        move || {
            let sealed = || fs::read_to_string(&log).is_ok_and(|log| log.contains("\"import\""));
            while !sealed() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            fs::write(target, "ZZZZ").unwrap();
        }
    });
    let slow = ["-e", "trace=fsync", "-e", "inject=fsync:delay_enter=100000"];
    let words = "import --yes --shred-source";
    let (ran, _) = traced(&lab, words, &tree, &slow);
    writer.join().unwrap();
    assert_eq!(ran.status.code(), Some(30), "{}", said(&ran));
    let told = "`shared/z` is sealed, and differs from `z`: it has another content";
    assert!(said(&ran).contains(told), "{}", said(&ran));
    for source in ["z", "web.env", "keys/a"] {
        assert!(tree.join(source).exists(), "{source}");
    }
    assert_eq!(lab.clws("secret get shared/z").succeeds().text(), "zzzz");
}

#[test]
fn a_source_that_does_not_go_ends_with_an_error_that_names_it() {
    let (lab, tree) = lab();
    // The first name that is taken out of the tree's own folder.
    let folder = tree.to_str().unwrap();
    let stuck = [
        "-P",
        folder,
        "-e",
        "trace=unlinkat",
        "-e",
        "inject=unlinkat:error=EIO:when=1",
    ];
    let words = "import --yes --shred-source --json";
    let (ran, _) = traced(&lab, words, &tree, &stuck);
    assert_eq!(ran.status.code(), Some(30), "{}", said(&ran));
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let left = report["left"].as_array().unwrap();
    assert_eq!(left.len(), 1, "{report}");
    assert!(tree.join(left[0].as_str().unwrap()).exists(), "{report}");
    let told = "error: 1 source is still there";
    assert!(said(&ran).contains(told), "{}", said(&ran));
    // The others are gone, and all is sealed.
    let all = ["web.env", "keys/a", "z"];
    assert_eq!(
        all.iter().filter(|path| tree.join(path).exists()).count(),
        1
    );
    assert_eq!(lab.clws("secret get shared/z").succeeds().text(), "zzzz");
}

/// A run under strace, and the calls that it saw.
fn traced(lab: &Lab, words: &str, source: &Path, options: &[&str]) -> (Output, String) {
    let log = lab.root().join("strace");
    let run = lab.clws(words).word(source.to_str().unwrap()).command();
    let ran = Command::new(tool("strace"))
        .args(["-qq", "-f", "-o"])
        .arg(&log)
        .args(options)
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(lab.vault())
        .env_clear()
        .envs(
            run.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .output()
        .unwrap();
    (ran, fs::read_to_string(&log).unwrap())
}

#[test]
fn links_are_not_followed_and_special_files_not_opened() {
    let (lab, tree) = lab();
    let outside = lab.root().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "OUTSIDE").unwrap();
    symlink(&outside, tree.join("out")).unwrap();
    symlink(outside.join("secret"), tree.join("keys/link.env")).unwrap();
    symlink("..", tree.join("keys/loop")).unwrap();
    let fifo = tree.join("fifo.env");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
    fs::create_dir(tree.join(".git")).unwrap();
    fs::write(tree.join(".git/config"), "x").unwrap();
    let done = lab
        .clws("import --yes --json")
        .word(tree.to_str().unwrap())
        .succeeds();
    let rows: Vec<(String, String)> = done.json()["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| {
            (
                s["source"].as_str().unwrap().into(),
                s["kind"].as_str().unwrap().into(),
            )
        })
        .collect();
    let expected = [
        (".git", "repository"),
        ("fifo.env", "special"),
        ("keys/a", "text"),
        ("keys/link.env", "link"),
        ("keys/loop", "link"),
        ("out", "link"),
        ("socket", "special"),
        ("web.env", "dotenv"),
        ("z", "text"),
    ];
    assert_eq!(rows, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    drop(socket);
    assert!(find_below(&lab.vault(), &["OUTSIDE".to_owned()]).is_empty());
    // Named itself, a link is refused.
    let ran = import(&lab, &tree.join("keys/link.env"));
    assert_eq!(ran.code, 13, "{}", ran.err);
    assert!(ran.err.contains("links are not followed"), "{}", ran.err);
}

#[test]
fn a_tree_with_the_vault_in_it_or_none_at_all_is_refused() {
    let (lab, tree) = lab();
    refused(&lab, &lab.vault(), 2, &["holds the vault itself"]);
    refused(&lab, lab.root(), 2, &["holds the vault itself"]);
    refused(
        &lab,
        &lab.vault().join("recipients"),
        2,
        &["holds the vault itself"],
    );
    refused(&lab, &tree.join("nothing"), 18, &["nothing is not there"]);
    refused(
        &lab,
        Path::new("/dev/null"),
        2,
        &["neither a folder nor an ordinary file"],
    );
    // A tree inside the repository is what most teams have.
    fs::rename(&tree, lab.vault().join("certs")).unwrap();
    lab.clws("import certs --yes").succeeds();
    assert_eq!(
        lab.clws("secret get shared/web/TOKEN").succeeds().text(),
        "hunter2"
    );
}

#[test]
fn a_tree_without_a_secret_is_said_to_have_none() {
    let (lab, _) = lab();
    let empty = lab.root().join("empty");
    fs::create_dir(&empty).unwrap();
    for text in [None, Some("web ssh-ed25519 AAAA\n")] {
        if let Some(text) = text {
            fs::write(empty.join("known_hosts"), text).unwrap();
        }
        let ran = import(&lab, &empty);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("there is no secret in it"), "{}", ran.err);
    }
}

#[test]
fn a_tree_without_bounds_is_refused() {
    let (lab, tree) = lab();
    let deep = tree.join("d/".repeat(40));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("x"), "x").unwrap();
    refused(&lab, &tree, 10, &["more than 32 folders deep"]);
}
