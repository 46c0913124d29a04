//! A program gets the values of documents as variables, runs in the place of clws, and finds the
//! process as clws found it.

use std::process::{Command, Stdio};

use crate::lab::Lab;

fn lab() -> Lab {
    Lab::new()
        .secret("dev/web/TOKEN", "hunter2")
        .secret("dev/web/URL", "two\nlines & $x")
        .secret("dev/db/PASSWORD", "s3cret")
}

/// What `env` shows of one variable.
fn shown(lab: &Lab, words: &str, variable: &str) -> String {
    let script = format!("printf %s \"${{{variable}-unset}}\"");
    let run = lab
        .clws(&format!("exec {words} -- sh -c"))
        .word(script)
        .env("CLWS_VAULT", lab.vault().display().to_string());
    run.succeeds().text()
}

#[test]
fn values_come_under_their_own_names_or_others() {
    let lab = lab();
    assert_eq!(shown(&lab, "dev/web", "TOKEN"), "hunter2");
    assert_eq!(shown(&lab, "dev/web", "URL"), "two\nlines & $x");
    assert_eq!(shown(&lab, "dev/web dev/db", "PASSWORD"), "s3cret");
    assert_eq!(shown(&lab, "dev/web/TOKEN", "TOKEN"), "hunter2");
    assert_eq!(shown(&lab, "dev/web/TOKEN", "URL"), "unset");
    assert_eq!(shown(&lab, "dev/web --only URL", "TOKEN"), "unset");
    assert_eq!(
        shown(&lab, "dev/web dev/db --only TOKEN,PASSWORD", "PASSWORD"),
        "s3cret"
    );
    // A renamed value is not there under its own name as well.
    assert_eq!(shown(&lab, "dev/web --map A=TOKEN", "A"), "hunter2");
    assert_eq!(shown(&lab, "dev/web --map A=TOKEN", "TOKEN"), "unset");
    assert_eq!(
        shown(&lab, "dev/web --map PW=dev/db/PASSWORD", "PW"),
        "s3cret"
    );
    assert_eq!(shown(&lab, "--map PW=dev/db/PASSWORD", "PW"), "s3cret");
    // What steers clws is not for the program.
    assert_eq!(shown(&lab, "dev/web", "CLWS_VAULT"), "unset");
}

#[test]
fn types_other_than_texts_are_literals_or_go_into_files() {
    let lab = lab();
    for (kind, name, value) in [
        ("integer", "PORT", "0x1F"),
        ("boolean", "ON", "true"),
        ("array", "HOSTS", "[\"a\", \"b\"]"),
        ("bytes", "RAW", "a\0b"),
    ] {
        lab.clws(&format!("secret set dev/web/{name} --type {kind}"))
            .stdin(value.as_bytes())
            .succeeds();
    }
    assert_eq!(shown(&lab, "dev/web/PORT dev/web/ON", "PORT"), "0x1F");
    let refused = lab.clws("exec dev/web -- true").exits(125);
    assert!(
        refused.err.contains("`dev/web/HOSTS` is of type array"),
        "{}",
        refused.err
    );
    assert!(
        refused.err.contains("--file NAME=dev/web/HOSTS"),
        "{}",
        refused.err
    );
    let refused = lab.clws("exec dev/web/RAW -- true").exits(125);
    assert!(refused.err.contains("NUL"), "{}", refused.err);
    // As a file it is not wanted as a variable.
    let words = "exec dev/web --file HOSTS=dev/web/HOSTS --file RAW=dev/web/RAW -- sh -c";
    let ran = lab
        .clws(words)
        .word("cat \"$HOSTS\" \"$RAW\"; echo $TOKEN")
        .succeeds();
    assert_eq!(ran.out, b"[\"a\", \"b\"]a\0bhunter2\n");
}

#[test]
fn what_is_wrong_is_said_before_anything_is_opened() {
    let lab = lab();
    lab.clws("secret set dev/web/my.key").stdin(b"x").succeeds();
    lab.clws("secret set dev/tls/a.key --type file")
        .stdin(b"x")
        .succeeds();
    lab.clws("secret set dev/web2/TOKEN").stdin(b"x").succeeds();
    let log = lab.home("ada").join(".local/state/clws/audit/log.jsonl");
    let before = std::fs::read(&log).unwrap();
    for (words, said) in [
        ("dev/web", "--map NAME=my.key"),
        ("dev/web --only TOKE", "is `TOKEN` meant?"),
        ("dev/web --map A=NONE", "there is no value `NONE`"),
        (
            "dev/db dev/web2 --map PASSWORD=TOKEN",
            "`PASSWORD` would get two values",
        ),
        (
            "dev/web dev/web2 --only TOKEN",
            "`dev/web/TOKEN` and `dev/web2/TOKEN`",
        ),
        (
            "dev/web dev/web2 --only TOKEN --map A=TOKEN",
            "in `dev/web` and in `dev/web2`",
        ),
        ("dev", "is a scope"),
        ("dev/tls", "is a folder"),
        ("dev/tls/a.key", "--file NAME=dev/tls/a.key"),
        ("dev/none", "no secret `dev/none`"),
        ("dev/none.key", "no secret `dev/none.key`"),
        ("--file A=dev/tls/none.key", "no secret `dev/tls/none.key`"),
        ("dev/web/NONE", "no secret `dev/web/NONE`"),
        ("--file A=dev/tls", "clws secret list dev/tls"),
        ("--map 1A=dev/web/TOKEN", "no name of a variable"),
        ("", "nothing is named"),
    ] {
        let refused = lab.clws(&format!("exec {words} -- true")).exits(125);
        assert!(refused.err.contains(said), "{words}: {}", refused.err);
    }
    assert_eq!(std::fs::read(&log).unwrap(), before, "nothing was opened");
}

#[test]
fn names_that_run_code_pass_only_when_they_are_named() {
    let lab = lab();
    lab.clws("secret set dev/evil/LD_PRELOAD")
        .stdin(b"/tmp/evil.so")
        .succeeds();
    let refused = lab.clws("exec dev/evil -- true").exits(125);
    assert!(
        refused.err.contains("makes programs load other code"),
        "{}",
        refused.err
    );
    assert!(
        refused.err.contains("--allow LD_PRELOAD"),
        "{}",
        refused.err
    );
    for name in [
        "PATH",
        "BASH_ENV",
        "GIT_SSH_COMMAND",
        "CLWS_IDENTITY",
        "TAR_OPTIONS",
        "Npm_Config_Script_Shell",
    ] {
        lab.clws(&format!("exec --map {name}=dev/web/TOKEN -- true"))
            .exits(125);
        lab.clws(&format!("exec --file {name}=dev/web/TOKEN -- true"))
            .exits(125);
    }
    lab.clws("exec dev/evil --only LD_PRELOAD --allow OTHER -- true")
        .exits(125);
    let allowed = "--map BASH_ENV=dev/web/TOKEN --allow BASH_ENV";
    assert_eq!(shown(&lab, allowed, "BASH_ENV"), "hunter2");
    let renamed = "dev/evil --map SAFE=LD_PRELOAD";
    assert_eq!(shown(&lab, renamed, "SAFE"), "/tmp/evil.so");
}

#[test]
fn exit_codes_are_the_programs_own() {
    let lab = lab();
    for code in [0, 1, 2, 42, 125, 255] {
        lab.clws("exec dev/web -- sh -c")
            .word(format!("exit {code}"))
            .exits(code);
    }
    lab.clws("exec dev/web -- /nowhere/at-all").exits(127);
    lab.clws("exec dev/web -- no-such-program-here").exits(127);
    lab.clws("exec dev/web -- /etc/passwd").exits(126);
    lab.clws("exec dev/web --file F=dev/web/TOKEN -- no-such-program-here")
        .exits(127);
    lab.clws("exec dev/web --file F=dev/web/TOKEN -- /etc/passwd")
        .exits(126);
    // Wrong uses of clws itself.
    lab.clws("exec dev/web").exits(125);
    lab.clws("exec dev/web --nonsense -- true").exits(125);
    lab.clws("exec --vault /nowhere dev/web -- true").exits(125);
}

#[test]
fn no_parent_stays_and_the_process_is_as_it_was() {
    let lab = lab();
    let without = seen_by_program(lab.clws("").command());
    assert!(without.starts_with("0027\n"), "{without}");
    let with = seen_by_program(lab.clws("exec dev/web --").command());
    assert_eq!(with, without);
}

/// What a program finds that a shell starts through `front`, which must not stay as its parent.
fn seen_by_program(front: Command) -> String {
    // Masks and limits unlike those of clws; signals; open files; who may look at the process.
    const BEFORE: &str = "umask 027; ulimit -S -c 1234 2>/dev/null; trap '' USR2; exec \"$@\"";
    const LOOK: &str = "echo $$ $PPID; umask; ulimit -S -c; ulimit -H -c; ls /proc/self/fd; \
                        stat -c %u /proc/$$/environ; grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status";
    let is_clws = front.get_args().count() > 0;
    let words = is_clws.then(|| front.get_program()).into_iter();
    let child = Command::new("sh")
        .args(["-c", BEFORE, "sh"])
        .args(words.chain(front.get_args()))
        .args(["sh", "-c", LOOK])
        .current_dir(front.get_current_dir().unwrap())
        .env_clear()
        .envs(
            front
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let us = format!("{} {}\n", child.id(), std::process::id());
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let seen = text.strip_prefix(&us);
    seen.unwrap_or_else(|| panic!("{us} is not the beginning of {text}"))
        .to_owned()
}
