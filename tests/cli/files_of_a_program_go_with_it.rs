//! Files for a program lie in memory, for this person alone, and are gone when it is, however it ends.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{Lab, Run};

/// A lab whose memory-backed folder is its own.
struct Memory {
    lab: Lab,
    folder: tempfile::TempDir,
}

impl Memory {
    fn new() -> Self {
        let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
        for (path, value) in [("dev/tls/web.key", "a key\n"), ("dev/other/web.key", "b")] {
            lab.clws(&format!("secret set {path} --type file"))
                .stdin(value.as_bytes())
                .succeeds();
        }
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        Self { lab, folder }
    }

    fn exec(&self, words: &str, script: &str) -> Run<'_> {
        let run = self.lab.clws(&format!("exec {words} -- sh -c"));
        run.word(script)
            .env("XDG_RUNTIME_DIR", self.folder.path().display().to_string())
    }

    /// Starts a script that says `ready FILE` and waits; gives clws's process and the file.
    fn start(&self, script: &str) -> (Child, BufReader<ChildStdout>, PathBuf) {
        let script = format!("{script}\necho ready $KEY\nwhile :; do sleep 0.02; done");
        let mut child = self
            .exec("--file KEY=dev/tls/web.key", &script)
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let file = line.trim().strip_prefix("ready ").unwrap();
        assert_eq!(std::fs::read(file).unwrap(), b"a key\n");
        (child, out, PathBuf::from(file))
    }

    fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn a_file_has_its_mode_and_content_and_is_private() {
    let memory = Memory::new();
    let key = memory.lab.root().join("key");
    std::fs::write(&key, "x".repeat(200_000)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o440)).unwrap();
    memory
        .lab
        .clws("secret set dev/tls/large.key --from-file")
        .word(key.display().to_string())
        .succeeds();
    let words = "dev/web --file A=dev/tls/web.key --file B=dev/other/web.key \
                 --file C=dev/tls/large.key --file D=dev/web/TOKEN";
    let script = "for f in $A $B $C $D; do stat -c '%a %s' $f; done; basename $A; \
                  stat -c %a $(dirname $A) $(dirname $(dirname $A)); stat -f -c %T $A; \
                  cat $A $B $D; echo; echo ${TOKEN-unset} $A";
    let text = memory.exec(words, script).succeeds().text();
    let expected =
        "600 6\n600 1\n440 200000\n600 7\nweb.key\n700\n700\ntmpfs\na key\nbhunter2\nunset ";
    let file = text
        .strip_prefix(expected)
        .unwrap_or_else(|| panic!("{text}"));
    assert!(Path::new(file.trim()).starts_with(memory.folder.path()));
    assert_eq!(memory.left(), [""; 0].map(PathBuf::from));
}

#[test]
fn exit_codes_and_signals_come_through_and_nothing_is_left() {
    let memory = Memory::new();
    let words = "--file KEY=dev/tls/web.key";
    for code in [0, 3, 255] {
        memory.exec(words, &format!("exit {code}")).exits(code);
    }
    memory.exec(words, "kill -TERM $$").exits(143);
    memory.exec(words, "kill -KILL $$").exits(137);
    for (signal, name) in [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
        (Signal::WINCH, "WINCH"),
    ] {
        let (mut child, _out, file) = memory.start(&format!("trap 'exit 40' {name}"));
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(40), "{name}");
        assert!(!file.exists());
    }
    // Without a trap the signal ends the program, and clws says so with its exit code.
    let (mut child, _out, _) = memory.start("");
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(memory.left(), [""; 0].map(PathBuf::from));
}

#[test]
fn what_a_killed_run_leaves_the_next_one_clears() {
    let memory = Memory::new();
    let (mut child, out, file) = memory.start("echo $$ >pid");
    let program = std::fs::read_to_string(memory.lab.vault().join("pid")).unwrap();
    let program = Pid::from_raw(program.trim().parse().unwrap()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(file.exists(), "nobody was left to take it away");
    memory.exec("dev/web", "true").succeeds();
    assert!(!file.exists());
    assert_eq!(memory.left(), [""; 0].map(PathBuf::from));
    kill_process(program, Signal::KILL).unwrap();
    drop(out);
}

#[test]
fn a_run_does_not_clear_what_another_one_uses() {
    let memory = Memory::new();
    let (mut child, _out, file) = memory.start("");
    memory
        .exec("dev/web --file K=dev/tls/web.key", "true")
        .succeeds();
    assert!(file.exists());
    send(&child, Signal::TERM);
    child.wait().unwrap();
    assert!(!file.exists());
}

#[test]
fn a_disk_is_never_used_instead() {
    let memory = Memory::new();
    // Nothing is memory to a run that sees no tmpfs; an ordinary folder does not become one.
    let disk = memory.lab.root().join("runtime");
    std::fs::create_dir(&disk).unwrap();
    let run = memory.exec("--file KEY=dev/tls/web.key", "echo $KEY");
    let text = run
        .env("XDG_RUNTIME_DIR", disk.display().to_string())
        .succeeds()
        .text();
    assert!(text.starts_with("/dev/shm/clws-ram-"), "{text}");
}

#[test]
fn ignored_signals_stay_ignored_and_ctrl_c_comes_once() {
    let memory = Memory::new();
    let run = memory.exec(
        "--file KEY=dev/tls/web.key",
        // A minute until the first one comes, and two seconds for another one.
        "trap 'echo int; came=40' INT; grep SigIgn /proc/$$/status; kill -HUP $$; echo ready; \
         i=0; came=1; while [ $i -lt 1600 ]; do sleep 0.05; i=$((i+came)); done",
    );
    // A terminal of its own: what it sends on Ctrl-C goes to clws and to the program.
    const TERMINAL: &str = "
import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.argv[1], sys.argv[1:])
shown, typed = b'', False
while True:
    try:
        part = os.read(terminal, 1000)
    except OSError:
        break
    if not part:
        break
    shown += part
    if not typed and b'ready' in shown:
        typed = True
        os.write(terminal, b'\\x03')
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";
    let command = run.command();
    let out = std::process::Command::new(crate::support::tool::tool("python3"))
        .args(["-c", TERMINAL])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(memory.lab.vault())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{text}");
    assert_eq!(text.matches("int").count(), 1, "{text}");
    let ignored = text.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
    assert_eq!(ignored & 1, 1, "SIGHUP is ignored");
    assert_eq!(memory.left(), [""; 0].map(PathBuf::from));
}

#[test]
fn a_document_becomes_a_file_of_variables() {
    let memory = Memory::new();
    for (name, kind, value) in [
        ("PORT", "integer", "8080"),
        ("TEXT", "string", "it's {{ 7 * 7 }}"),
    ] {
        let set = format!("secret set dev/vars/{name} --type {kind}");
        memory.lab.clws(&set).stdin(value.as_bytes()).succeeds();
    }
    let script = "stat -c '%a' $V; basename $V; cat $V; echo ${TEXT-unset}";
    let text = memory.exec("--file V=dev/vars", script).succeeds().text();
    let expected = "600\nvars.yml\n---\nPORT: 8080\nTEXT: !unsafe \"it's {{ 7 * 7 }}\"\nunset\n";
    assert_eq!(text, expected);
    // Bytes have no form there, and are said by name.
    let set = memory.lab.clws("secret set dev/vars/RAW --type bytes");
    set.stdin(b"\xff\0").succeeds();
    let refused = memory.exec("--file V=dev/vars", "true").exits(125);
    assert!(
        refused.err.contains("`dev/vars/RAW` is bytes")
            && refused.err.contains("--file NAME=dev/vars/RAW"),
        "{}",
        refused.err
    );
    assert_eq!(memory.left(), [""; 0].map(PathBuf::from));
}

#[test]
fn under_a_name_that_runs_code_it_goes_only_by_leave() {
    let memory = Memory::new();
    let set = memory.lab.clws("secret set dev/web/SCRIPT");
    set.stdin(b"echo ran").succeeds();
    let file = "--file BASH_ENV=dev/web/SCRIPT";
    let refused = memory.exec(file, "true").exits(125);
    assert!(
        refused.err.contains("`--allow BASH_ENV`"),
        "{}",
        refused.err
    );
    let given = memory.exec(&format!("{file} --allow BASH_ENV"), "cat $BASH_ENV");
    assert_eq!(given.succeeds().text(), "echo ran");
}
