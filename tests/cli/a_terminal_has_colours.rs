//! Labels have colours on a terminal, and a pipe has none; `--color` and `NO_COLOR` say otherwise.

use crate::lab::Lab;
use crate::terminal::Terminal;

const ERROR: &str = "\u{1b}[1;31merror:\u{1b}[0m ";
const HINT: &str = "\u{1b}[1;36mhint:\u{1b}[0m ";

#[test]
fn labels_alone_and_where_they_are_wanted() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    let on_terminal = |words: &str, no_color: &str| {
        let command = lab.clws(words).env("NO_COLOR", no_color).command();
        let (code, shown) = Terminal::start(command).ends();
        assert_eq!(code, 18, "{shown}");
        shown
    };
    let wrong = "secret list dev/wbe";
    let shown = on_terminal(wrong, "");
    assert!(
        shown.contains(&format!("{ERROR}there is no secret")),
        "{shown}"
    );
    assert!(shown.contains(&format!("{HINT}is `dev/web`")), "{shown}");
    let plain = [
        on_terminal(wrong, "1"),
        on_terminal(&format!("--color never {wrong}"), ""),
        lab.clws(wrong).exits(18).err,
    ];
    for shown in plain {
        assert!(shown.contains("error: there is no secret"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
    // Also where the words of the command are what is wrong, and help is shown.
    let always = |words: &str, code| lab.clws(&format!("{words} --color=always")).exits(code);
    assert!(always(wrong, 18).err.starts_with(ERROR));
    assert!(always("secret lst", 2).err.contains('\u{1b}'));
    assert!(always("secret list --help", 0).out.contains(&b'\x1b'));
    assert!(!lab.clws("secret lst").exits(2).err.contains('\u{1b}'));
}
