//! `clws exec --redact` takes the values that it gave out of what the program prints, as it comes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::{Lab, Run};
use crate::terminal::Terminal;

/// The end of a script that is gone when something it left running says so on `$1`. That prints half a value
/// then, and stays until its input ends.
const LEAVES: &str = "exec 3<&0; { while kill -0 $$ 2>/dev/null; do sleep 0.02; done; \
                      printf 'gone\\n%s hunter2-' \"$TOKEN\" >&$1; read x <&3; } & exit 3";

/// A script that ends so.
fn leaving<'a>(lab: &'a Lab, words: &str, script: &str, says_on: u8) -> Run<'a> {
    lab.clws(&format!("exec dev/web --redact {words} -- sh -c"))
        .word(format!("{script}{LEAVES}"))
        .word("sh")
        .word(says_on.to_string())
}

/// Starts it with pipes, and keeps the one that what is left running waits for.
fn started(run: &Run<'_>) -> (Child, ChildStdin) {
    let mut child = run
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take().unwrap();
    (child, input)
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn values_and_files_are_taken_out_of_both_streams() {
    let lab = Lab::new()
        .secret("dev/web/TOKEN", "hunter2-hunter2")
        .secret("dev/web/OTHER", "p@ss w\"rd");
    lab.clws("secret set dev/tls/web.key --type file")
        .stdin(b"-----BEGIN-----\nMIIEvQIBADANBgkq\n-----END-----\n")
        .succeeds();
    let script = "echo a $TOKEN b; printf %s \"$TOKEN\" | base64; echo \"$OTHER\" >&2; cat $KEY; \
                  for i in 1 2 3 4 5; do printf hun; sleep 0.02; printf ter2-hunter2; done; exit 9";
    let ran = lab
        .clws("exec dev/web --file KEY=dev/tls/web.key --redact -- sh -c")
        .word(script)
        .exits(9);
    let split = "[redacted]".repeat(5);
    let expected = format!("a [redacted] b\n[redacted]\n[redacted]\n{split}");
    assert_eq!(ran.text(), expected);
    assert_eq!(ran.err, "[redacted]\n");
}

#[test]
fn what_a_program_escapes_is_taken_out() {
    let lab = Lab::new().secret("dev/web/TOKEN", "pä ss%x\nsecond");
    let run = lab
        .clws("exec dev/web --redact -- sh -c")
        .word(r"printf '%s\n' 'pä ss%25x%0Asecond p%c3%a4+ss%25x%0asecond p\xc3\xa4 ss%x\nsecond'");
    assert_eq!(run.succeeds().text(), "[redacted] [redacted] [redacted]\n");
}

#[test]
fn output_is_shown_as_it_comes_and_input_goes_in() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let mut child = lab
        .clws("exec dev/web --redact -- sh -c")
        .word("printf 'name? '; read name; echo hello $name $TOKEN; kill -TERM $$")
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut prompt = [0; 6];
    // Would wait for ever if the prompt were held back until there is more.
    out.read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"name? ");
    child.stdin.take().unwrap().write_all(b"ada\n").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "hello ada [redacted]\n");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_closed_pipe_ends_the_program() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let mut child = lab
        .clws("exec dev/web --redact -- yes")
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 100]).unwrap();
    drop(out);
    // 128 + SIGPIPE, as if the program had written there itself.
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

#[test]
fn what_a_program_left_running_is_passed_on_to_its_end() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let (mut child, input) = started(&leaving(&lab, "", "", 1));
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "gone\n");
    drop(input);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "[redacted] hunter2-");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn what_a_program_left_running_keeps_nobody_from_ending_it() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    for (signal, code) in [
        (Signal::HUP, 129),
        (Signal::INT, 130),
        (Signal::QUIT, 131),
        (Signal::TERM, 143),
    ] {
        let run = leaving(&lab, "--file F=dev/web/TOKEN --map TOKEN=TOKEN", "", 1);
        let run = run.env("XDG_RUNTIME_DIR", memory.path().display().to_string());
        let (mut child, _input) = started(&run);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "gone\n");
        send(&child, signal);
        // What was held back, since a value could have begun with it, is told.
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "[redacted] hunter2-");
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(std::fs::read_dir(memory.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_second_signal_that_finds_the_program_gone_ends_it() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let run = lab.clws("exec dev/web --redact -- sh -c").word(
        "trap 'echo told' TERM; exec 3<&0; { read x <&3; } & echo $$; while :; do sleep 0.02; done",
    );
    let (mut child, _input) = started(&run);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line.trim().to_owned()
    };
    let program = Pid::from_raw(line().parse().unwrap()).unwrap();
    send(&child, Signal::TERM);
    assert_eq!(line(), "told");
    // Both are there when clws looks again: that the program is gone, and a signal for it.
    send(&child, Signal::STOP);
    kill_process(program, Signal::KILL).unwrap();
    let about = format!("/proc/{}/stat", program.as_raw_nonzero());
    let is_gone = || std::fs::read_to_string(&about).is_ok_and(|stat| stat.contains(") Z "));
    while !is_gone() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    send(&child, Signal::TERM);
    send(&child, Signal::CONT);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn ctrl_c_ends_it_when_the_program_is_gone() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let mut terminal = Terminal::controlling(&leaving(&lab, "", "", 1).command());
    terminal.shows("gone").types("\x03");
    assert_eq!(terminal.ends().0, 130);
}

#[test]
fn a_reader_who_stands_still_keeps_nobody_from_ending_it() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let (_reader, full) = std::io::pipe().unwrap();
    let room = rustix::pipe::fcntl_getpipe_size(&full).unwrap();
    let fills = format!("head -c {} /dev/zero; ", room + 1);
    let run = leaving(&lab, "", &fills, 2);
    let mut child = run
        .command()
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _input = child.stdin.take().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert_eq!(line, "gone\n");
    send(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn output_that_is_lost_is_an_error_unless_the_program_failed() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2-hunter2");
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let run = |script: &str| {
        let run = lab.clws("exec dev/web --redact -- sh -c").word(script);
        run.command()
    };
    let ran = run("echo hi").stdout(full()).output().unwrap();
    assert_eq!(ran.status.code(), Some(125));
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        said.contains("the program's standard output cannot be written")
            && said.contains("No space left"),
        "{said}"
    );
    let ran = run("echo hi >&2").stderr(full()).output().unwrap();
    assert_eq!(ran.status.code(), Some(125));
    let ran = run("echo hi; exit 3").stdout(full()).output().unwrap();
    assert_eq!(ran.status.code(), Some(3));
    // A reader that has seen enough is none.
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let ran = run("echo hi").stdout(closed).output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
}
