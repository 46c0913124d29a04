//! A merge asks before it takes the vault's lock, and writes under it: nothing that another run does meanwhile is
//! lost, and nobody waits for a person who thinks.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::lab::{Lab, Run};
use crate::support::terminal::Terminal;

const FILE: &str = "secrets/dev/web.toml";

/// Ada and ben gave `TOKEN` another value, each on a branch, and git left the document in conflict.
fn in_conflict() -> Lab {
    let lab = Lab::new().people(&["ben"]).secret("dev/web/TOKEN", "begin");
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    lab.accepted_by(&["ben"]);
    lab.commit("begin");
    lab.git(&["checkout", "-qb", "theirs"]);
    set(&lab, "TOKEN", "theirs").by("ben").succeeds();
    lab.commit("theirs");
    lab.git(&["checkout", "-q", "main"]);
    set(&lab, "TOKEN", "ours").succeeds();
    lab.commit("ours");
    let merge = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(["merge", "-q", "--no-edit", "theirs"])
        .current_dir(lab.vault())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(!merge.status.success(), "git joined it");
    lab
}

fn set<'a>(lab: &'a Lab, name: &str, value: &str) -> Run<'a> {
    let run = lab.clws(&format!("secret set dev/web/{name}"));
    run.stdin(value.as_bytes())
}

fn text(lab: &Lab) -> String {
    std::fs::read_to_string(lab.vault().join(FILE)).unwrap()
}

/// The lock of the only vault that ada's machine knows.
fn lock_file(lab: &Lab) -> PathBuf {
    let vaults = lab.home("ada").join(".local/state/clws/vaults");
    let vaults: Vec<_> = std::fs::read_dir(vaults).unwrap().collect();
    let [Ok(vault)] = vaults.as_slice() else {
        panic!("one vault, and not {vaults:?}");
    };
    vault.path().join("lock")
}

/// Whether a run has a file open.
fn has_open(child: &Child, file: &PathBuf) -> bool {
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.id()));
    let mut open = open.into_iter().flatten().flatten();
    open.any(|open| std::fs::read_link(open.path()).is_ok_and(|path| path == *file))
}

#[test]
fn it_waits_for_whoever_writes_before_it_does() {
    let lab = in_conflict();
    let before = text(&lab);
    let file = lock_file(&lab);
    let lock = std::fs::File::open(&file).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let mut merge = lab.clws("merge").command();
    let mut merge = merge
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !has_open(&merge, &file) {
        let ended = merge.try_wait().unwrap();
        assert_eq!(ended, None, "it did not wait");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(text(&lab), before);
    drop(lock);
    let merged = merge.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&merged.stderr);
    assert_eq!(merged.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("joined {FILE}")), "{said}");
    assert_ne!(text(&lab), before);
    let holder = std::fs::read_to_string(file).unwrap();
    assert!(holder.ends_with(", merge\n"), "{holder}");
}

#[test]
fn what_is_set_while_a_person_is_asked_is_kept() {
    let lab = in_conflict();
    lab.clws("merge").succeeds();
    set(&lab, "EXTRA", "one").succeeds();
    let mut asked = Terminal::start(lab.clws(&format!("merge {FILE}")).command());
    asked
        .shows("neither side of the merge has dev/web/EXTRA")
        .shows("join anew, without that?");
    // Nobody waits for the answer.
    set(&lab, "OTHER", "two").succeeds();
    let here = text(&lab);
    asked.types("y\n");
    let (code, shown) = asked.ends();
    assert_eq!(code, 16, "{shown}");
    assert!(!shown.contains("joined"), "{shown}");
    assert_eq!(text(&lab), here);
    for (name, value) in [("EXTRA", "one"), ("OTHER", "two")] {
        let got = lab.clws(&format!("secret get dev/web/{name}")).succeeds();
        assert_eq!(got.text(), value);
    }
}
