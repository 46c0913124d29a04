//! `clws status --watch` looks at the vault as it is each time, not as it was when somebody began to watch.

use crate::lab::Lab;
use crate::terminal::Terminal;

#[test]
fn a_host_that_was_added_meanwhile_is_shown() {
    let lab = Lab::new();
    lab.clws("host add vm-clws-dev-web-0 --address 127.0.0.1 --port 1 --yes")
        .succeeds();
    let mut terminal = Terminal::controlling(&lab.clws("status --watch=1").command());
    terminal.shows("vm-clws-dev-web-0").shows("again in 1 s");
    lab.clws("host add vm-clws-dev-web-1 --address 127.0.0.1 --port 1 --yes")
        .succeeds();
    terminal.shows("vm-clws-dev-web-1").shows("again in 1 s");
    // As in the middle of a pull: what does not read is told, and looked at again.
    let (there, away) = (lab.vault().join("recipients"), lab.root().join("away"));
    std::fs::rename(&there, &away).unwrap();
    terminal.shows("error: ").shows("again in 1 s");
    std::fs::rename(&away, &there).unwrap();
    terminal.shows("vm-clws-dev-web-1").types("\x03");
    // By the signal itself.
    assert_eq!(terminal.ends().0, -1);
}

#[test]
fn what_is_wrong_from_the_start_ends_it() {
    let lab = Lab::new();
    let terminal = Terminal::controlling(&lab.clws("status nowhere --watch").command());
    let (code, shown) = terminal.ends();
    assert_eq!(code, 18, "{shown}");
}
