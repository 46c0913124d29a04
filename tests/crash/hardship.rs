//! A full disk, folders that cannot be written to, no streams, no home, no umask, clocks that are wrong.

use std::process::{Command, Output, Stdio};

use crate::lab::{Lab, Run};
use crate::machine::Machine;
use crate::tool::tool;
use crate::tree::Tree;

const TOKEN: &str = "hunter2-of-hard-times";
const NEW: &str = "new-correct-horse";

fn lab() -> Lab {
    Lab::founded().secret("dev/web/TOKEN", TOKEN)
}

fn value(lab: &Lab) -> String {
    lab.clws("secret get dev/web/TOKEN").succeeds().text()
}

/// All is as it should be once the hardship is over, and the next change goes through.
fn is_well(lab: &Lab, expected: &str) {
    assert_eq!(value(lab), expected);
    lab.clws("check --full").succeeds();
    lab.clws("audit verify").succeeds();
    lab.clws("secret set dev/web/AFTER")
        .stdin(b"after")
        .succeeds();
    let tree = Tree::read(lab.root());
    assert!(tree.unfinished().is_empty(), "{:?}", tree.unfinished());
}

fn set<'a>(lab: &'a Lab, machine: &'a Machine) -> Run<'a> {
    let set = lab.clws("secret set dev/web/TOKEN").stdin(NEW.as_bytes());
    set.on(machine)
}

/// Puts a folder's files onto a small disk in its place, on that machine alone; what is on it is put back
/// afterwards by [`taken_back`].
fn on_a_small_disk(machine: &Machine, folder: &str) {
    machine.sh(&format!(
        "cp -a {folder} {folder}.was && mount -t tmpfs -o size=400k small {folder} && \
         cp -a {folder}.was/. {folder}/ && rm -r {folder}.was"
    ));
}

fn fill(machine: &Machine, folder: &str) {
    let filled = machine.run(&format!("cat /dev/zero >{folder}/fill"));
    let err = String::from_utf8_lossy(&filled.stderr).into_owned();
    assert!(err.contains("No space left"), "{err}");
}

#[test]
fn a_full_disk_of_the_vault_keeps_the_old_value_and_says_so() {
    let (lab, machine) = (lab(), Machine::start());
    let folder = lab.vault().display().to_string();
    on_a_small_disk(&machine, &folder);
    fill(&machine, &folder);
    let ran = set(&lab, &machine).exits(30);
    assert!(
        ran.err.contains("make room and run the command again"),
        "{}",
        ran.err
    );
    let get = lab.clws("secret get dev/web/TOKEN");
    assert_eq!(get.on(&machine).succeeds().text(), TOKEN);
    machine.sh(&format!("rm {folder}/fill"));
    set(&lab, &machine).succeeds();
    let get = lab.clws("secret get dev/web/TOKEN");
    assert_eq!(get.on(&machine).succeeds().text(), NEW);
    lab.clws("check --full").on(&machine).succeeds();
    let left = machine.sh(&format!("find {folder} -name '.clws-*'"));
    assert_eq!(left, "");
}

#[test]
fn a_full_disk_of_the_state_opens_nothing_and_says_so() {
    let (lab, machine) = (lab(), Machine::start());
    let folder = lab.home("ada").join(".local/state").display().to_string();
    on_a_small_disk(&machine, &folder);
    fill(&machine, &folder);
    let before = Tree::read(&lab.vault());
    let ran = set(&lab, &machine).run();
    assert!([30, 40].contains(&ran.code), "{}: {}", ran.code, ran.err);
    assert!(ran.err.contains("make room"), "{}", ran.err);
    assert!(Tree::read(&lab.vault()) == before, "the vault was changed");
    let ran = lab.clws("secret get dev/web/TOKEN").on(&machine).run();
    // There may be room for a line in the log's last block.
    if ran.code != 0 {
        assert_eq!((ran.code, ran.out.len()), (40, 0), "{}", ran.err);
        assert!(ran.err.contains("make room"), "{}", ran.err);
    }
    machine.sh(&format!("rm {folder}/fill"));
    set(&lab, &machine).succeeds();
    lab.clws("audit verify").on(&machine).succeeds();
    let get = lab.clws("secret get dev/web/TOKEN");
    assert_eq!(get.on(&machine).succeeds().text(), NEW);
}

#[test]
fn a_vault_that_cannot_be_written_to_can_be_read() {
    let (lab, machine) = (lab(), Machine::start());
    let folder = lab.vault().display().to_string();
    machine.sh(&format!(
        "mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
    ));
    let get = lab.clws("secret get dev/web/TOKEN");
    assert_eq!(get.on(&machine).succeeds().text(), TOKEN);
    lab.clws("check --full").on(&machine).succeeds();
    lab.clws("secret list").on(&machine).succeeds();
    for words in [
        "secret set dev/web/TOKEN",
        "secret remove dev/web/TOKEN --yes",
        "rekey --yes",
    ] {
        let ran = lab.clws(words).stdin(NEW.as_bytes()).on(&machine).exits(30);
        assert!(
            ran.err.contains("Read-only file system"),
            "{words}: {}",
            ran.err
        );
        assert!(ran.err.contains(&folder), "{words}: {}", ran.err);
    }
    is_well(&lab, TOKEN);
}

#[test]
fn a_state_folder_that_cannot_be_written_to_opens_nothing() {
    let (lab, machine) = (lab(), Machine::start());
    let folder = lab.home("ada").join(".local/state").display().to_string();
    machine.sh(&format!(
        "mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
    ));
    let ran = lab.clws("secret get dev/web/TOKEN").on(&machine).exits(40);
    assert!(ran.out.is_empty());
    assert!(ran.err.contains("Read-only file system"), "{}", ran.err);
    let ran = set(&lab, &machine).run();
    assert!([30, 40].contains(&ran.code), "{}: {}", ran.code, ran.err);
    is_well(&lab, TOKEN);
}

/// Runs a command by a shell, with `$@` for the program and its words.
fn by_shell(script: &str, run: &Run<'_>, stdin: Stdio) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]);
    let mut command = run.under(shell);
    command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.output().unwrap()
}

#[test]
fn closed_streams_put_no_message_into_a_file_and_no_empty_value_into_the_vault() {
    let lab = lab();
    let get = || lab.clws("secret get dev/web/TOKEN");
    let set = || lab.clws("secret set dev/web/TOKEN");
    let set_file = || lab.clws("secret set dev/keys/a --type file");
    for closed in ["<&- >&- 2>&-", "<&- >&-", ">&- 2>&-", "2>&-"] {
        let ended = by_shell(&format!("exec \"$@\" {closed}"), &get(), Stdio::null());
        assert_eq!(ended.status.code(), Some(0), "get {closed}: {ended:?}");
        let ended = by_shell(
            &format!("exec \"$@\" {closed}"),
            &lab.clws("check"),
            Stdio::null(),
        );
        assert_eq!(ended.status.code(), Some(0), "check {closed}: {ended:?}");
        let script = format!("printf {NEW} | \"$@\" {}", closed.replace("<&-", ""));
        let ended = by_shell(&script, &set(), Stdio::null());
        assert_eq!(ended.status.code(), Some(0), "set {closed}: {ended:?}");
        assert_eq!(value(&lab), NEW);
    }
    // Nobody gives a value: that is no empty one.
    for nothing in ["<&-", "</dev/null"] {
        for run in [set(), set_file()] {
            let ended = by_shell(&format!("exec \"$@\" {nothing}"), &run, Stdio::null());
            assert_eq!(ended.status.code(), Some(2), "{nothing}: {ended:?}");
            let err = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(err.contains("stdin is closed or /dev/null"), "{err}");
        }
    }
    assert_eq!(value(&lab), NEW);
    let ended = by_shell("exec \"$@\" >/dev/full", &get(), Stdio::null());
    assert_eq!(ended.status.code(), Some(30), "{ended:?}");
    is_well(&lab, NEW);
}

/// The exit code of a command whose reader is gone before it prints.
fn unread(run: &Run<'_>) -> Option<i32> {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    run.command().stdout(writer).status().unwrap().code()
}

#[test]
fn a_reader_that_goes_away_ends_no_work_and_hides_no_finding() {
    let lab = lab();
    for words in ["secret get dev/web/TOKEN", "secret list", "check", "--help"] {
        assert_eq!(unread(&lab.clws(words)), Some(0), "{words}");
    }
    let file = lab.vault().join("secrets/dev/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("rev = 1", "rev = 2", 1)).unwrap();
    assert_eq!(unread(&lab.clws("check")), Some(1));
    assert_eq!(unread(&lab.clws("secret get dev/web/TOKEN")), Some(12));
    for words in ["--help", "--version", "help secret set"] {
        let ended = by_shell("exec \"$@\" >/dev/full", &lab.clws(words), Stdio::null());
        assert_eq!(ended.status.code(), Some(30), "{words}: {ended:?}");
    }
}

#[test]
fn without_a_home_it_says_what_to_set() {
    let lab = lab();
    for (words, variable) in [
        ("secret get dev/web/TOKEN", "CLWS_STATE_DIR"),
        ("secret set dev/web/TOKEN", "CLWS_STATE_DIR"),
        ("identity list", "CLWS_CONFIG_DIR"),
        ("identity new ben --keep file", "CLWS_CONFIG_DIR"),
        ("init other", "CLWS_"),
        ("audit verify", "CLWS_STATE_DIR"),
    ] {
        let ended = by_shell("unset HOME; exec \"$@\"", &lab.clws(words), Stdio::null());
        assert_eq!(ended.status.code(), Some(17), "{words}: {ended:?}");
        let err = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(
            err.contains("set HOME or") && err.contains(variable),
            "{words}: {err}"
        );
    }
    let home = lab.home("ada");
    let get = lab
        .clws("secret get dev/web/TOKEN --state-dir")
        .word(home.join(".local/state/clws").to_str().unwrap())
        .word("--config-dir")
        .word(home.join(".config/clws").to_str().unwrap());
    let ended = by_shell("unset HOME; exec \"$@\"", &get, Stdio::null());
    assert_eq!(ended.stdout, TOKEN.as_bytes(), "{ended:?}");
    is_well(&lab, TOKEN);
}

#[test]
fn no_umask_opens_nothing_to_others() {
    let lab = Lab::empty();
    for (words, input) in [
        ("identity new ada --keep file", ""),
        ("init --name ada", ""),
        ("secret set dev/web/TOKEN", TOKEN),
        ("secret set dev/keys/a --type file", TOKEN),
        ("export dev --format dir --allow-disk --out ../out", ""),
        ("scan --baseline ../base.json --baseline-write .", ""),
    ] {
        let run = lab.clws(words);
        let script = format!("umask 000; printf %s '{input}' | \"$@\"");
        let ended = by_shell(&script, &run, Stdio::null());
        assert_eq!(ended.status.code(), Some(0), "{words}: {ended:?}");
    }
    for (path, mode, content) in Tree::read(lab.root()).nodes() {
        let is_ours =
            path.starts_with("home/ada/") || path.starts_with("out") || path.starts_with("base");
        let wanted = match content {
            None if path == "home" || path == "home/ada" || path == "vault" => continue,
            None if is_ours => 0o700,
            Some(_) if is_ours => 0o600,
            None => 0o755,
            Some(_) => 0o644,
        };
        assert_eq!(mode, wanted, "{path} has mode {mode:o}");
    }
    is_well(&lab, TOKEN);
}

#[test]
fn a_clock_of_1970_or_2100_loses_nothing() {
    let lab = lab();
    let at = |when: &str, run: Run<'_>| {
        let mut faketime = Command::new(tool("faketime"));
        faketime.arg(when);
        let mut child = run
            .under(faketime)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), run.input()).unwrap();
        child.wait_with_output().unwrap()
    };
    let policy = "secret policy dev/web/TOKEN --rotate-every 90d";
    lab.clws(policy).succeeds();
    for (round, when) in ["1970-01-01 00:00:01 UTC", "2100-06-01 00:00:00 UTC"]
        .iter()
        .enumerate()
    {
        let new = format!("value-of-{round}");
        for (words, input, code) in [
            ("secret set dev/web/TOKEN", new.as_str(), 0),
            ("secret get dev/web/TOKEN", "", 0),
            ("check --full", "", 0),
            ("audit verify", "", 0),
            ("access grant ada dev --read --yes", "", 0),
            ("rekey --yes", "", 0),
            ("secret list --json", "", 0),
        ] {
            let ended = at(when, lab.clws(words).stdin(input.as_bytes()));
            assert_eq!(
                ended.status.code(),
                Some(code),
                "{when}, {words}: {ended:?}"
            );
        }
        // Written then, read now.
        assert_eq!(value(&lab), new);
        let listed = lab.clws("secret list --json").succeeds().json().to_string();
        assert!(listed.contains(&when[..10]), "{listed}");
        is_well(&lab, &new);
    }
    let said = at("1970-01-01 00:00:01 UTC", lab.clws("doctor"));
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("clock"), "{text}");
}
