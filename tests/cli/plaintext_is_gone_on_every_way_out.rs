//! However an edit ends, the plaintext is gone from memory and was never on a disk.

use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::desk::Desk;
use crate::lab::{Lab, Run};
use crate::terminal::Terminal;

/// An editor that changes its file, says that it runs, and stays.
const STAYS: &str = "sed -i 's/hunter2-token/changed/' \"$FILE\"; echo $$ >\"$HERE/pid.new\"; \
                     mv \"$HERE/pid.new\" \"$HERE/pid\"; exec sleep 1000";

fn desk() -> Desk {
    Desk::new(Lab::new().secret("dev/web/TOKEN", "hunter2-token"))
}

fn start(run: &Run<'_>) -> Child {
    run.command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// The process id of the editor that a script wrote down.
fn editor(desk: &Desk) -> u32 {
    desk.waits_for("pid");
    desk.text("pid").trim().parse().unwrap()
}

fn runs(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn term_and_hup_end_the_editor_and_the_session() {
    for (signal, code, name) in [(Signal::TERM, 143, "SIGTERM"), (Signal::HUP, 129, "SIGHUP")] {
        let desk = desk();
        let child = start(&desk.edit("dev/web", STAYS));
        let editor = editor(&desk);
        assert_eq!(desk.left().len(), 1);
        send(child.id(), signal);
        let out = child.wait_with_output().unwrap();
        let err = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(code), "{err}");
        assert_eq!(err, format!("error: {name}, and nothing was saved\n"));
        assert!(!runs(editor));
        desk.is_clean(&["hunter2-token"]);
        assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-token");
    }
}

#[test]
fn an_editor_that_does_not_stop_is_ended() {
    let desk = desk();
    let script = format!("trap '' TERM; {STAYS}");
    let child = start(&desk.edit("dev/web", &script));
    let editor = editor(&desk);
    send(child.id(), Signal::TERM);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
    assert!(!runs(editor));
    desk.is_clean(&["hunter2-token"]);
}

#[test]
fn int_is_the_editors_business_while_it_runs() {
    let desk = desk();
    let script = "sed -i 's/hunter2-token/changed/' \"$FILE\"; echo $$ >\"$HERE/pid.new\"; mv \"$HERE/pid.new\" \"$HERE/pid\"; \
                  while [ ! -e \"$HERE/go\" ]; do sleep 0.01; done";
    let child = start(&desk.edit("dev/web", script));
    editor(&desk);
    for signal in [Signal::INT, Signal::QUIT, Signal::INT] {
        send(child.id(), signal);
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    std::fs::write(desk.file("go"), "").unwrap();
    let out = child.wait_with_output().unwrap();
    let err = String::from_utf8(out.stderr).unwrap();
    assert_eq!(
        (out.status.code(), err.as_str()),
        (Some(0), "sealed dev/web: changed `TOKEN`\n")
    );
    assert_eq!(desk.get("dev/web/TOKEN"), "changed");
    desk.is_clean(&["hunter2-token"]);
}

#[test]
fn a_question_is_left_by_each_signal() {
    for (signal, code) in [
        (Signal::INT, 130),
        (Signal::TERM, 143),
        (Signal::HUP, 129),
        (Signal::QUIT, 131),
    ] {
        let desk = desk();
        let run = desk.edit("dev/web", "echo '[x]' >>\"$FILE\"");
        let mut terminal = Terminal::start(run.command());
        terminal.shows("edit again? [Y/n]");
        assert_eq!(desk.left().len(), 1);
        send(u32::try_from(terminal.pid()).unwrap(), signal);
        let (ended, seen) = terminal.ends();
        assert_eq!(ended, code, "{seen}");
        desk.is_clean(&["hunter2-token"]);
    }
}

#[test]
fn ctrl_c_at_a_question_and_a_terminal_that_hangs_up_leave_nothing() {
    let desk = desk();
    let run = desk.edit("dev/web", "echo '[x]' >>\"$FILE\"");
    let mut terminal = Terminal::controlling(&run.command());
    terminal.shows("edit again? [Y/n]").types("\u{3}");
    assert_eq!(terminal.ends().0, 130);
    desk.is_clean(&["hunter2-token"]);

    let mut terminal = Terminal::controlling(&desk.edit("dev/web", STAYS).command());
    let editor = editor(&desk);
    terminal.hangs_up();
    // The editor gets the kernel's HUP as well, whichever comes first.
    let ended = terminal.ends().0;
    assert!([129, 24].contains(&ended), "{ended}");
    assert!(!runs(editor));
    desk.is_clean(&["hunter2-token"]);
}

#[test]
fn after_a_kill_the_next_run_clears() {
    let desk = desk();
    let mut child = start(&desk.edit("dev/web", STAYS));
    let editor = editor(&desk);
    send(child.id(), Signal::KILL);
    child.wait().unwrap();
    assert_eq!(desk.left().len(), 1, "what this test is about");
    // Somebody else's session of this moment is not what was left behind.
    let other = start(&desk.edit(
        "dev/web",
        "touch \"$HERE/other\"; while [ ! -e \"$HERE/go\" ]; do sleep 0.01; done",
    ));
    desk.waits_for("other");
    assert_eq!(desk.left().len(), 1);
    let left = desk.left();
    desk.edit("dev/web", ":").succeeds();
    assert_eq!(desk.left(), left);
    std::fs::write(desk.file("go"), "").unwrap();
    assert_eq!(other.wait_with_output().unwrap().status.code(), Some(0));
    send(editor, Signal::KILL);
    desk.is_clean(&["hunter2-token"]);
}

#[test]
fn files_are_private_and_a_disk_is_not_taken_for_memory() {
    let desk = desk();
    let look = "stat -c %a \"$FILE\" \"$(dirname \"$FILE\")\" \"$TMPDIR\" >\"$HERE/modes\"; dirname \"$FILE\" >\"$HERE/where\"; umask >\"$HERE/umask\"; ulimit -c >>\"$HERE/umask\"";
    desk.edit("dev/web", look).succeeds();
    assert_eq!(desk.text("modes"), "600\n700\n700\n");
    assert_eq!(desk.text("umask"), "0077\n0\n");
    let disk = desk.lab.root().to_str().unwrap().to_owned();
    desk.edit("dev/web", look)
        .env("XDG_RUNTIME_DIR", disk)
        .succeeds();
    assert!(
        desk.text("where").starts_with("/dev/shm/clws-ram-"),
        "{}",
        desk.text("where")
    );
    assert!(!std::path::Path::new(desk.text("where").trim()).exists());
}

#[test]
fn what_an_editor_leaves_beside_the_file_goes_with_it() {
    let desk = desk();
    desk.edit(
        "dev/web",
        "cp \"$FILE\" \"$FILE~\"; cp \"$FILE\" \"$TMPDIR/x\"; mkdir \"$FILE.d\"; cp \"$FILE\" \"$FILE.d/y\"; ln -s / \"$FILE.d/link\"; chmod 000 \"$FILE~\"",
    )
    .succeeds();
    desk.is_clean(&["hunter2-token"]);
}
