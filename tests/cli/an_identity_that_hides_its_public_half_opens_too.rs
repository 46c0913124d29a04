//! A file of `age -p` shows no public half. What is sealed for it opens all the same, once the
//! passphrase was given.

use std::os::unix::fs::PermissionsExt as _;

use crate::lab::Lab;
use crate::support::tool::tool;
use crate::terminal::Terminal;

/// Ada's age half under a passphrase, made by age itself, with no word about its public half.
fn hidden() -> (Lab, std::path::PathBuf) {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2-token");
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"hunter2-file")
        .succeeds();
    let folder = lab.home("ada").join(".config/clws/identities/ada");
    let (open, sealed) = (folder.join("age.txt"), lab.root().join("hidden.txt"));
    let mut command = std::process::Command::new(tool("age"));
    command
        .args(["-p", "-a", "-o"])
        .arg(&sealed)
        .arg(open)
        .current_dir(lab.root());
    let mut terminal = Terminal::controlling(&command);
    for _ in 0..2 {
        terminal.shows("passphrase").types("correct horse\r");
        terminal.shows(":");
    }
    assert_eq!(terminal.ends().0, 0);
    std::fs::set_permissions(&sealed, std::fs::Permissions::from_mode(0o600)).unwrap();
    (lab, sealed)
}

fn reads(lab: &Lab, identity: &std::path::Path, path: &str, passphrase: &str) -> (i32, String) {
    let run = lab
        .clws(&format!("secret get {path} --show --identity"))
        .word(identity.to_str().unwrap());
    let mut terminal = Terminal::controlling(&run.command());
    terminal
        .shows("passphrase")
        .types(&format!("{passphrase}\r"));
    terminal.ends()
}

#[test]
fn it_opens_values_and_files() {
    let (lab, identity) = hidden();
    for (path, value) in [
        ("prod/web/TOKEN", "hunter2-token"),
        ("prod/keys/web.key", "hunter2-file"),
    ] {
        let (code, seen) = reads(&lab, &identity, path, "correct horse");
        assert_eq!(code, 0, "{seen}");
        assert!(seen.contains(value), "{seen}");
    }
}

#[test]
fn a_passphrase_is_typed_unseen_and_can_be_corrected_or_given_up() {
    let (lab, identity) = hidden();
    let path = "prod/web/TOKEN";
    let (code, seen) = reads(
        &lab,
        &identity,
        path,
        "wrong\u{15}corre\u{e4}\u{7f}ct horse",
    );
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("horse"), "{seen}");

    let run = lab
        .clws(&format!("secret get {path} --show --identity"))
        .word(identity.to_str().unwrap());
    let shell = "\"$@\"; echo ended=$?; stty -a | grep -o ' echo '; stty -a | grep -o ' icanon '";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", shell, "sh"]);
    let mut terminal = Terminal::controlling(&run.under(command));
    terminal.shows("passphrase").types("half of\u{3}");
    let (_, seen) = terminal.ends();
    assert!(seen.contains("ended=130"), "{seen}");
    assert!(
        seen.contains(" echo ") && seen.contains(" icanon "),
        "{seen}"
    );
    assert!(!seen.contains("half of"), "{seen}");
}
