//! An import writes no plaintext: not to a disk, a pipe or a terminal, watched call by call.

use std::fs;
use std::process::Command;

use crate::fixture::{self, Certs};
use crate::lab::{Lab, Run, contains, forms};
use crate::tool::tool;

/// Everything that a run writes anywhere, by strace; with its success.
fn written(lab: &Lab, run: &Run<'_>) -> Vec<u8> {
    let log = lab.root().join("strace.log");
    let run = run.command();
    let output = Command::new(tool("strace"))
        .args(["-qq", "-f", "-s", "65536", "-o"])
        .arg(&log)
        .args(["-e", "trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendfile,splice,copy_file_range"])
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(lab.vault())
        .env_clear()
        .envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let log = fs::read(&log).unwrap();
    for copying in ["sendfile(", "splice(", "copy_file_range("] {
        assert!(
            !contains(&log, copying.as_bytes()),
            "{copying}: what it copies is not in the log"
        );
    }
    log
}

#[test]
fn no_call_writes_a_string_of_the_sources() {
    let (lab, certs) = (Lab::new(), Certs::lay_out());
    let source = certs.path().display().to_string();
    let log = written(&lab, &lab.clws("import --yes --json").word(source));
    assert!(log.len() > 50_000, "{} bytes were written", log.len());
    for leak in fixture::leaks() {
        for form in forms(&leak) {
            assert!(
                !contains(&log, &form),
                "in a write of the import: {}",
                String::from_utf8_lossy(&form)
            );
        }
    }
    fs::remove_file(lab.root().join("strace.log")).unwrap();
    lab.nowhere(&fixture::leaks());

    // The watcher sees what is written in the clear.
    let log = written(
        &lab,
        &lab.clws("secret get prod/monitor/CODALAB_EMAIL_PASSWORD"),
    );
    assert!(contains(&log, b"xxMUumK74 #1 $x"));
}

#[test]
fn an_import_starts_no_program_and_follows_no_link() {
    let (lab, certs) = (Lab::new(), Certs::lay_out());
    let outside = lab.root().join("outside");
    fs::write(&outside, "A=canary-outside\n").unwrap();
    std::os::unix::fs::symlink(&outside, certs.path().join("link.env")).unwrap();
    fs::write(certs.path().join("trap.env"), "A=$(id)\nB=`id`\n").unwrap();
    fs::write(certs.path().join("trap.cnf"), "!include /etc/hostname\n").unwrap();
    let log = lab.root().join("strace.log");
    let run = lab
        .clws("import --yes")
        .word(certs.path().display().to_string());
    let run = run.command();
    let output = Command::new(tool("strace"))
        .args(["-qq", "-f", "-s", "4096", "-o"])
        .arg(&log)
        .args([
            "-e",
            "trace=execve,execveat,openat,openat2,open,readlink,readlinkat",
        ])
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
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let log = fs::read_to_string(&log).unwrap();
    let calls = |word: &str| log.lines().filter(|line| line.contains(word)).count();
    // The program itself, and the files that it was told of.
    assert_eq!(calls("execve"), 1);
    assert!(calls("\"prod/rest-server.env\"") > 0, "{log}");
    assert_eq!(calls("/outside\"") + calls("/etc/hostname\""), 0);
    lab.clws("secret get shared/link/A").exits(18);
}
