//! A hostile repository runs nothing: whoever reads, lists or checks it starts no process, whatever its
//! configuration of git says.

use crate::lab::Lab;
use crate::support::tool::tool;

#[test]
fn not_even_git() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    lab.clws("secret set dev/keys/a --type file")
        .stdin(b"x")
        .succeeds();
    lab.commit("first");
    // What git would run in the name of whoever reads.
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "diff.external",
    ] {
        lab.git(&["config", key, "touch ran"]);
    }
    std::fs::write(
        lab.vault().join(".gitattributes"),
        "* diff=evil filter=evil\n",
    )
    .unwrap();
    for key in [
        "diff.evil.textconv",
        "filter.evil.smudge",
        "filter.evil.clean",
    ] {
        lab.git(&["config", key, "touch ran"]);
    }
    for words in [
        "secret list",
        "secret get dev/web/TOKEN",
        "secret get dev/keys/a",
        "check --full",
        "trust show",
        "trust diff",
        "hook list",
        "access show",
        "recipient list",
        "identity list",
        "audit show",
        "--help",
    ] {
        let traced = lab.root().join("traced");
        let mut strace = std::process::Command::new(tool("strace"));
        strace
            .args(["-f", "-qq", "-e", "trace=execve,execveat", "-o"])
            .arg(&traced);
        let ran = lab.clws(words).under(strace).output().unwrap();
        assert!(
            ran.status.success(),
            "{words}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let calls = std::fs::read_to_string(&traced).unwrap();
        assert_eq!(calls.matches("execve").count(), 1, "{words}: {calls}");
    }
    assert!(!lab.vault().join("ran").exists());
}

/// While it asks for a value, with nothing read yet.
#[test]
fn no_core_is_dumped_and_nobody_else_may_look() {
    let lab = Lab::new();
    let mut command = lab.clws("secret set dev/web/TOKEN").command();
    command.stdin(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let proc = std::path::PathBuf::from(format!("/proc/{}", child.id()));
    let waits = || {
        std::fs::read_to_string(proc.join("wchan")).is_ok_and(|text| text.contains("pipe"))
            || std::fs::read_to_string(proc.join("syscall"))
                .is_ok_and(|text| text.starts_with("0 0x0 "))
    };
    let begun = std::time::Instant::now();
    while !waits() {
        assert!(begun.elapsed().as_secs() < 60, "it does not read its stdin");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let limits = std::fs::read_to_string(proc.join("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    // The soft limit counts; the hard one stays, so that `clws exec` can hand it on.
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let status = std::fs::read_to_string(proc.join("status")).unwrap();
    assert!(status.contains("Umask:\t0077"), "{status}");
    drop(child.stdin.take());
    child.wait().unwrap();
    // Whether others may attach is in no file of /proc that root, too, could read it from.
    let traced = lab.root().join("traced");
    let mut strace = std::process::Command::new(tool("strace"));
    strace
        .args(["-f", "-qq", "-e", "trace=prctl,openat", "-o"])
        .arg(&traced);
    let ran = lab.clws("secret list").under(strace).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let calls = std::fs::read_to_string(&traced).unwrap();
    let (before, _) = calls
        .split_once("clws.toml")
        .expect("it opens the settings of the vault");
    assert!(
        before.contains("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE) = 0"),
        "{calls}"
    );
}

#[test]
fn a_sealed_file_is_given_out_as_it_was_verified_and_not_looked_for_again() {
    let lab = Lab::new();
    lab.clws("secret set dev/keys/a --type file")
        .stdin(b"x")
        .succeeds();
    let out = tempfile::tempdir_in("/dev/shm").unwrap();
    for words in ["export dev/keys/a --format age", "secret get dev/keys/a"] {
        let traced = lab.root().join("traced");
        let mut strace = std::process::Command::new(tool("strace"));
        strace
            .args(["-f", "-qq", "-e", "trace=open,openat,openat2", "-o"])
            .arg(&traced);
        let run = match words.starts_with("export") {
            true => lab
                .clws(words)
                .word("--out")
                .word(out.path().join("o").display().to_string()),
            false => lab.clws(words),
        };
        let ran = run.under(strace).output().unwrap();
        assert!(
            ran.status.success(),
            "{words}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let calls = std::fs::read_to_string(&traced).unwrap();
        let opened = calls
            .lines()
            .filter(|call| call.contains("secrets/dev/keys/a.age\"") && !call.contains("O_PATH"));
        assert_eq!(opened.count(), 1, "{words}: {calls}");
    }
}
