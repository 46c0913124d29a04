//! The real vim, with a configuration that keeps everything, leaves nothing of a secret on the disk.

use crate::desk::Desk;
use crate::lab::{Lab, find_below};
use crate::support::tool::tool;
use crate::terminal::Terminal;

/// Undo, swap, backup and viminfo files in the home, and modelines obeyed.
const KEEPS: &str = "set nocompatible\n\
                     set undofile undodir=~/keep//\nset backup writebackup backupdir=~/keep//\n\
                     set swapfile directory=~/keep// updatecount=1\nset viminfo='100,<1000,s1000 \n\
                     set modeline modelines=5\n";

fn desk() -> Desk {
    let desk = Desk::new(
        Lab::new()
            .secret("dev/web/TOKEN", "hunter2-token")
            .secret("dev/web/LINE", "x vim: set tabstop=3:"),
    );
    let home = desk.lab.home("ada");
    std::fs::create_dir(home.join("keep")).unwrap();
    std::fs::write(home.join(".vimrc"), KEEPS).unwrap();
    desk
}

/// Edits with vim as a person does: into a register, a change, a look at a setting, save.
fn edit(mut command: std::process::Command) -> (i32, String) {
    command.env("LANG", "C.UTF-8");
    let mut terminal = Terminal::start(command);
    terminal
        .shows("hunter2-token")
        .types(":%y a\r")
        .types(":%s/hunter2-token/hunter2-typed/\r")
        .types(":echo 'tab=' . &tabstop . '.' . &swapfile . &undofile\r");
    terminal.shows("tab=");
    terminal.types(":w\r").types(":x\r");
    terminal.ends()
}

#[test]
fn nothing_of_a_secret_is_kept() {
    let desk = desk();
    let vim = tool("vim");
    let run = desk.edit_with("dev/web", vim.to_str().unwrap());
    let (code, seen) = edit(run.command());
    assert_eq!(code, 0, "{seen}");
    assert!(
        seen.contains("tab=8.00"),
        "no modeline out of the vault, no swap and undo file: {seen}"
    );
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-typed");
    desk.is_clean(&["hunter2-token", "hunter2-typed"]);
    let kept: Vec<_> = std::fs::read_dir(desk.lab.home("ada").join("keep"))
        .unwrap()
        .collect();
    assert!(kept.is_empty(), "{kept:?}");
    assert!(!desk.lab.home("ada").join(".viminfo").exists());
}

#[test]
fn without_our_flags_that_vim_would_keep_it() {
    let desk = desk();
    let home = desk.lab.home("ada");
    let file = desk.memory().join("x.toml");
    std::fs::write(
        &file,
        "TOKEN = \"hunter2-token\"\nLINE = \"x vim: set tabstop=3:\"\n",
    )
    .unwrap();
    let mut command = std::process::Command::new(tool("vim"));
    command.arg(&file).env("HOME", &home);
    let (code, seen) = edit(command);
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("tab=3.11"), "{seen}");
    let found = find_below(&home, &["hunter2-token".to_owned()]);
    assert!(
        found.iter().any(|path| path.contains("/keep/")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|path| path.ends_with(".viminfo")),
        "{found:?}"
    );
}

#[test]
fn vim_opens_at_the_line_of_a_fault() {
    let desk = desk();
    let run = desk.edit_with("dev/web", tool("vim").to_str().unwrap());
    let mut terminal = Terminal::start(run.command());
    terminal
        .shows("hunter2-token")
        .types(":%s/^LINE/LINE.x/\r")
        .types(":x\r");
    terminal
        .shows("line 8 of the edited text: a dotted name")
        .shows("edit again? [Y/n]")
        .types("\n");
    terminal
        .shows("not saved: line 9: ")
        .types(":echo 'at=' . line('.') . ';'\r")
        .shows("at=9;");
    terminal
        .types(":s/LINE.x/LINE/\r:x\r")
        .shows("nothing changed");
    assert_eq!(terminal.ends().0, 0);
    // :cq is how a person gives up in vim.
    let run = desk.edit_with("dev/web", tool("vim").to_str().unwrap());
    let mut terminal = Terminal::start(run.command());
    terminal
        .shows("hunter2-token")
        .types(":%s/token/x/\r:w\r:cq\r")
        .shows("ended with exit code 1, and nothing was saved");
    assert_eq!(terminal.ends().0, 24);
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-token");
    desk.is_clean(&["hunter2-token"]);
}
