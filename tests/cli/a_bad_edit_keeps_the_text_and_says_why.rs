//! A text that cannot be saved is not lost: the editor opens again at the line, with the reason.

use crate::desk::Desk;
use crate::lab::{Lab, Run};
use crate::terminal::Terminal;

fn desk() -> Desk {
    Desk::new(
        Lab::new()
            .secret("dev/web/TOKEN", "hunter2-token")
            .secret("dev/web/OTHER", "hunter2-other"),
    )
}

/// An editor whose first round runs one script and whose second another; each text that it was given
/// and each list of its arguments is kept.
fn rounds(first: &str, second: &str) -> String {
    format!(
        "ROUND=$(($(ls \"$HERE\" | grep -c '^seen-' || true) + 1))\n\
         cp \"$FILE\" \"$HERE/seen-$ROUND\"\n\
         printf '%s\\n' \"$@\" >\"$HERE/words-$ROUND\"\n\
         if [ $ROUND = 1 ]; then\n{first}\nelse\n{second}\nfi"
    )
}

fn at_terminal(run: &Run<'_>) -> Terminal {
    Terminal::start(run.command())
}

#[test]
fn the_editor_opens_again_with_the_text_and_the_reason_above() {
    let desk = desk();
    let script = rounds(
        "sed -i -e 's/hunter2-token/hunter2-typed/' -e 's/^OTHER/OTHER.x/' \"$FILE\"",
        "sed -i 's/^OTHER.x/OTHER/' \"$FILE\"",
    );
    let mut terminal = at_terminal(&desk.edit("dev/web", &script));
    terminal
        .shows("error: line 8 of the edited text: a dotted name")
        .shows("edit again? [Y/n]")
        .types("\n")
        .shows("sealed dev/web: changed `TOKEN`");
    assert_eq!(terminal.ends().0, 0);
    let (first, second) = (desk.text("seen-1"), desk.text("seen-2"));
    let (reason, rest) = second.split_once('\n').unwrap();
    assert!(
        reason.starts_with("#! not saved: line 9: a dotted name"),
        "{reason}"
    );
    let typed = first.replace("hunter2-token", "hunter2-typed");
    assert_eq!(rest, typed.replace("OTHER =", "OTHER.x ="));
    assert_eq!(second.lines().nth(8), Some("OTHER.x = \"hunter2-other\""));
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-typed");
    assert_eq!(desk.get("dev/web/OTHER"), "hunter2-other");
    desk.is_clean(&["hunter2-token", "hunter2-typed", "hunter2-other"]);
}

#[test]
fn editors_that_take_a_line_get_it_and_an_old_reason_goes() {
    let desk = desk();
    let script = rounds(
        "echo '[table]' >>\"$FILE\"",
        "[ $ROUND = 3 ] || { sed -i 's/^.table./a b = 1/' \"$FILE\"; exit; }; sed -i '/^a b/d' \"$FILE\"",
    );
    let kak = desk.file("kak");
    std::fs::rename(desk.script(&script), &kak).unwrap();
    let mut terminal = at_terminal(&desk.edit_with("dev/web", kak.to_str().unwrap()));
    terminal
        .shows("line 10 of the edited text: a table header")
        .shows("edit again? [Y/n]")
        .types("y\n")
        .shows("line 11 of the edited text: ")
        .shows("edit again? [Y/n]")
        .types("\n")
        .shows("nothing changed, and nothing was written");
    assert_eq!(terminal.ends().0, 0);
    let words = |round: u32| desk.text(&format!("words-{round}"));
    assert_eq!(words(1).lines().count(), 1);
    assert!(words(2).starts_with("+11\n") && words(3).starts_with("+11\n"));
    let third = desk.text("seen-3");
    assert_eq!(
        third.matches("#! ").count(),
        2,
        "one reason and the head's own mention: {third}"
    );
    assert!(!third.contains("a table header"), "{third}");
}

#[test]
fn a_no_gives_the_text_up() {
    let desk = desk();
    for answer in ["n\n", "\u{4}"] {
        let mut terminal = at_terminal(&desk.edit("dev/web", "echo 'X = hunter2-x' >>\"$FILE\""));
        terminal
            .shows("string values must be quoted")
            .shows("edit again? [Y/n]")
            .types(answer);
        let (code, seen) = terminal.ends();
        assert_eq!(code, 10, "{seen}");
        assert!(seen.contains("error: nothing was saved"), "{seen}");
        assert!(!seen.contains("hunter2-x"), "{seen}");
    }
    desk.is_clean(&["hunter2-token", "hunter2-x"]);
}

#[test]
fn where_nobody_can_be_asked_the_line_and_the_loss_are_said() {
    let desk = desk();
    let ran = desk
        .edit("dev/web", "echo 'X = hunter2-x' >>\"$FILE\"")
        .exits(10);
    assert!(
        ran.err
            .starts_with("error: line 10 of the edited text: string values must be quoted"),
        "{}",
        ran.err
    );
    assert!(
        ran.err
            .contains("\n  nothing was saved; the edited text lay in memory alone, and is gone"),
        "{}",
        ran.err
    );
    let json = desk
        .edit("dev/web", "printf '# loose\\n\\n' >>\"$FILE\"")
        .word("--json")
        .exits(10)
        .json();
    assert_eq!(json["error"]["name"], "DATAERR");
    // --no-input asks nobody, on a terminal too.
    let terminal = at_terminal(
        &desk
            .edit("dev/web", "echo 'X = hunter2-x' >>\"$FILE\"")
            .word("--no-input"),
    );
    let (code, seen) = terminal.ends();
    assert_eq!(code, 10, "{seen}");
    assert!(!seen.contains("edit again?"), "{seen}");
    desk.is_clean(&["hunter2-token", "hunter2-x"]);
}

#[test]
fn a_line_that_is_gone_removes_its_value_after_a_question() {
    let desk = desk();
    let script = rounds(
        "cp \"$FILE\" \"$HERE/kept\"; sed -i '/^TOKEN/d' \"$FILE\"",
        "cp \"$HERE/kept\" \"$FILE\"",
    );
    let mut terminal = at_terminal(&desk.edit("dev/web", &script));
    terminal
        .shows("remove `TOKEN` from dev/web? [y/N]")
        .types("\n")
        .shows("edit again? [Y/n]")
        .types("\n")
        .shows("nothing changed, and nothing was written");
    assert_eq!(terminal.ends().0, 0);
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-token");

    let denied = desk
        .edit("dev/web", "sed -i '/^TOKEN/d' \"$FILE\"")
        .exits(15);
    assert!(
        denied.err.contains("remove `TOKEN` from dev/web?"),
        "{}",
        denied.err
    );
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-token");

    let mut terminal = at_terminal(&desk.edit("dev/web", "sed -i '/^TOKEN/d' \"$FILE\""));
    terminal
        .shows("remove `TOKEN` from dev/web? [y/N]")
        .types("y\n")
        .shows("removed `TOKEN`");
    assert_eq!(terminal.ends().0, 0);
    desk.lab.clws("secret get dev/web/TOKEN").exits(18);
}

#[test]
fn a_renamed_value_says_what_it_leaves_behind() {
    let desk = desk();
    let renames = "sed -i 's/^TOKEN = /NEW = /' \"$FILE\"";
    let plain = desk.edit("dev/web", renames).exits(15);
    assert!(!plain.err.contains("has the value of"), "{}", plain.err);
    desk.lab
        .clws("secret policy dev/web/TOKEN --owner ada --rotate-every 90d")
        .succeeds();
    let denied = desk.edit("dev/web", renames).exits(15);
    let told = "`NEW` has the value of `TOKEN` and would lose its owner and rotate_every, which \
                `clws secret move dev/web/TOKEN dev/web/NEW` keeps: remove `TOKEN` from dev/web?";
    assert!(denied.err.contains(told), "{}", denied.err);
    desk.lab
        .clws("secret move dev/web/TOKEN dev/web/NEW")
        .succeeds();
    let kept = desk.lab.clws("secret policy dev/web/NEW").succeeds().text();
    assert!(kept.contains("ada") && kept.contains("90d"), "{kept}");
}

#[test]
fn a_note_that_holds_a_value_is_asked_about() {
    let desk = desk();
    let comment_out = "sed -i 's/^TOKEN/#TOKEN/' \"$FILE\"; echo 'NEW = 1' >>\"$FILE\"";
    let denied = desk.edit("dev/web", comment_out).exits(15);
    assert!(
        denied.err.contains(
            "the note of `NEW` speaks of the value of `TOKEN`, and notes are clear text in git"
        ),
        "{}",
        denied.err
    );
    let before = desk.sealed("secrets/dev/web.toml");
    let mut terminal = at_terminal(&desk.edit(
        "dev/web",
        "sed -i 's/^TOKEN/# same as hunter2-other\\nTOKEN/' \"$FILE\"",
    ));
    terminal
        .shows("the note of `TOKEN` speaks of the value of `OTHER`")
        .types("n\n");
    terminal.shows("edit again?").types("n\n");
    assert_eq!(terminal.ends().0, 15);
    assert!(desk.sealed("secrets/dev/web.toml") == before);
    desk.is_clean(&["hunter2-token", "hunter2-other"]);
}

#[test]
fn a_value_alone_keeps_its_text_as_well() {
    let desk = desk();
    desk.lab
        .clws("secret set dev/web/PORT --type integer")
        .stdin(b"80")
        .succeeds();
    let mut terminal = at_terminal(&desk.edit(
        "dev/web/PORT",
        &rounds("echo 80x >\"$FILE\"", "sed -i 's/x/80/' \"$FILE\""),
    ));
    terminal
        .shows("the edited text of `dev/web/PORT`: ")
        .shows("edit again? [Y/n]")
        .types("\n");
    terminal.shows("sealed dev/web/PORT, rev 2");
    assert_eq!(terminal.ends().0, 0);
    assert_eq!(desk.text("seen-2"), "80x\n");
    assert_eq!(desk.get("dev/web/PORT"), "8080");
}

#[test]
fn an_editor_that_may_have_a_window_is_asked_about() {
    let desk = desk();
    let run = desk.edit("dev/web/TOKEN", ": >\"$HERE/started\"");
    let mut terminal = at_terminal(&run.env("DISPLAY", ":0"));
    terminal.shows("came back at once. Done with it? [Y/n]");
    // The window saves now.
    let folder = std::path::PathBuf::from(&desk.left()[0]);
    std::fs::write(folder.join("TOKEN"), "from a window").unwrap();
    terminal.types("\n").shows("sealed dev/web/TOKEN, rev 2");
    assert_eq!(terminal.ends().0, 0);
    assert_eq!(desk.get("dev/web/TOKEN"), "from a window");
    desk.is_clean(&["hunter2-token", "from a window"]);
}
