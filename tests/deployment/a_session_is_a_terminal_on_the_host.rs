//! `clws ssh HOST` on a terminal: a shell with a terminal of its own, and this one in order again.

use std::process::Command;

use crate::a_session_on_a_host_has_its_secrets::Remote;
use crate::support::lab::Run;
use crate::support::terminal::Terminal;

/// Runs it on a terminal, then prints its exit code and whether the terminal is in order.
fn on_terminal(run: &Run<'_>) -> Terminal {
    let clws = run.command();
    let script = r#"stty cols 80 rows 24; "$@"; echo "code=$?"; stty -a | grep -o ' icanon' ; stty -a | grep -o ' echo '; echo over"#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .arg(clws.get_program())
        .args(clws.get_args())
        .current_dir(clws.get_current_dir().unwrap())
        .envs(
            clws.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("TERM", "xterm")
        .env("PATH", std::env::var_os("PATH").unwrap());
    Terminal::controlling(&command)
}

/// The number of the clws that a test started: the one whose arguments have this vault's folder.
fn number(remote: &Remote) -> String {
    let home = remote.site.lab.home("ada");
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let variables = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let variables = String::from_utf8_lossy(&variables).into_owned();
        if name.trim() == "clws" && variables.contains(home.to_str().unwrap()) {
            return entry.file_name().to_string_lossy().into_owned();
        }
    }
    panic!("no clws runs");
}

fn kill(signal: &str, number: &str) {
    let done = Command::new("kill").args([signal, number]).status();
    assert!(done.unwrap().success());
}

fn in_order(terminal: &mut Terminal, code: &str) {
    terminal
        .shows(&format!("code={code}\r\n"))
        .shows(" icanon")
        .shows(" echo ")
        .shows("over");
}

#[test]
fn a_shell_has_the_values_the_size_and_the_exit_code() {
    let remote = Remote::new("");
    let mut terminal = on_terminal(&remote.ssh("box prod/web", &[]));
    terminal.types("echo \"[${#TOKEN}] [$TERM] [$(tty | cut -c1-9)]\"\r");
    terminal.shows("[32] [xterm] [/dev/pts/]");
    terminal
        .types("stty size; echo 'as'\"ked\"\r")
        .shows("24 80")
        .shows("asked");
    terminal.sized(101, 33);
    // The new size comes on its own way, some time after.
    terminal.types("until [ \"$(stty size)\" = '33 101' ]; do sleep 0.1; done; echo gro'wn'\r");
    terminal.shows("grown");
    interrupt(&mut terminal);
    terminal.types("echo st'ill'\r").shows("still");
    terminal.types("exit 9\r");
    in_order(&mut terminal, "9");
    assert_eq!(remote.lies_there(), "");
}

/// Types ^C, which is the host's to deal with. A shell that is about to prompt, or has just done so, may throw away
/// its prompt along with what was typed; a program that says that it waits does not.
fn interrupt(terminal: &mut Terminal) {
    let waits = "trap 'echo cau''ght; exit' INT; echo wai''ting; while :; do sleep 0.1; done";
    terminal
        .types(&format!("sh -c \"{waits}\"\r"))
        .shows("waiting");
    terminal.types("\x03").shows("^C").shows("caught");
    terminal.shows("# ");
}

#[test]
fn a_command_can_have_a_terminal() {
    let remote = Remote::new("");
    let run = remote.ssh(
        "box prod/web --tty --redact",
        &["sh", "-c", "tty; echo \"<$TOKEN>\"; exit 4"],
    );
    let mut terminal = on_terminal(&run);
    terminal.shows("/dev/pts/").shows("<[redacted]>");
    in_order(&mut terminal, "4");
    let refusing = Remote::new("PermitTTY no\n");
    let mut terminal = on_terminal(&refusing.ssh("box prod/web", &[]));
    terminal.shows("PermitTTY");
    in_order(&mut terminal, "20");
    assert_eq!(refusing.lies_there(), "");
}

#[test]
fn one_that_was_stopped_goes_on() {
    let remote = Remote::new("");
    let mut terminal = on_terminal(&remote.ssh("box prod/web", &[]));
    terminal.types("echo re'ady'\r").shows("ready");
    let clws = number(&remote);
    kill("-STOP", &clws);
    // What a shell here does with its terminal meanwhile.
    let there = format!("/proc/{clws}/fd/0");
    let sane = Command::new("stty").args(["-F", &there, "sane"]).status();
    assert!(sane.unwrap().success());
    terminal.sized(77, 22);
    kill("-CONT", &clws);
    terminal.types("until [ \"$(stty size)\" = '22 77' ]; do sleep 0.1; done; echo gro'wn'\r");
    terminal.shows("grown");
    // In a terminal in its usual order ^C would be a signal for clws.
    interrupt(&mut terminal);
    terminal.types("echo st'ill'\r").shows("still");
    terminal.types("exit 0\r");
    in_order(&mut terminal, "0");
}

#[test]
fn every_way_out_leaves_the_terminal_in_order() {
    let remote = Remote::new("");
    let begin = || {
        let mut terminal = on_terminal(&remote.ssh("box prod/web", &[]));
        terminal.types("echo re'ady'\r").shows("ready");
        terminal
    };
    let mut terminal = begin();
    terminal.types("\r~.").shows("left box by `~.`");
    in_order(&mut terminal, "130");
    for (signal, code) in [
        ("-TERM", "143"),
        ("-HUP", "129"),
        ("-QUIT", "131"),
        ("-USR1", "138"),
    ] {
        let mut terminal = begin();
        kill(signal, &number(&remote));
        in_order(&mut terminal, code);
    }
    // The connection breaks.
    let mut terminal = begin();
    remote.server.kill_sessions();
    terminal.shows("the connection to host `box` ended");
    in_order(&mut terminal, "20");
    // A host that says nothing any more: `~.` leads out.
    let mut terminal = begin();
    remote.server.stop_sessions();
    terminal.types("\r~.");
    in_order(&mut terminal, "130");
    remote.server.kill_sessions();
}
