//! `no_print`, which is signed with the value: it goes to programs and files, is taken out of what they
//! print, and who has no right to write cannot take the policy away.

use crate::support::lab::Lab;
use crate::support::terminal::Terminal;

const CANARY: &str = "hunter2-canary-of-a-policy";

fn lab() -> Lab {
    let lab = Lab::new()
        .secret("dev/web/TOKEN", CANARY)
        .secret("dev/web/PLAIN", "as-it-ever-was");
    lab.clws("secret policy dev/web/TOKEN --no-print")
        .succeeds();
    lab.commit("first");
    lab
}

#[test]
fn no_command_prints_it_to_anybody() {
    let lab = lab();
    for words in [
        "secret get dev/web/TOKEN",
        "secret get dev/web/TOKEN --show",
        "secret get dev/web/TOKEN --at HEAD",
        "export dev/web --format json --out -",
        "ansible inventory --list --with dev/web",
        "secret edit dev/web/TOKEN",
    ] {
        let ran = lab.clws(words).env("EDITOR", "cat").exits(15);
        assert!(
            !ran.text().contains(CANARY) && !ran.err.contains(CANARY),
            "{words}"
        );
        let (code, seen) = Terminal::controlling(&lab.clws(words).command()).ends();
        assert_eq!(code, 15, "{words}: {seen}");
        assert!(!seen.contains(CANARY), "{words}: {seen}");
    }
    lab.clws("secret set dev/web/TOKEN")
        .stdin(b"the next")
        .succeeds();
    let ran = lab.clws("secret diff HEAD --values").exits(1);
    assert!(
        ran.text().contains("(its policy says no_print)"),
        "{}",
        ran.text()
    );
    assert!(!ran.text().contains(CANARY) && !ran.text().contains("the next"));
    assert_eq!(
        lab.clws("secret get dev/web/PLAIN").succeeds().text(),
        "as-it-ever-was"
    );
}

#[test]
fn a_program_has_it_and_its_output_is_redacted_unasked() {
    let lab = lab();
    let program = "printf '%s %s\\n' \"$TOKEN\" \"$PLAIN\"; test -t 1 && echo on a terminal; true";
    let run = |words: &str| lab.clws(words).word(program);
    let ran = run("exec dev/web -- sh -c").succeeds();
    assert_eq!(ran.text(), "[redacted] [redacted]\n");
    assert!(ran.err.contains("a policy says no_print"), "{}", ran.err);
    assert_eq!(run("exec dev/web --quiet -- sh -c").succeeds().err, "");
    let shown = format!("{CANARY} as-it-ever-was\n");
    assert_eq!(
        run("exec dev/web --no-redact -- sh -c").succeeds().text(),
        shown
    );
    // Values that no policy speaks of come as ever, and the program has the terminal.
    let ran = run("exec dev/web/PLAIN -- sh -c").succeeds();
    assert_eq!(
        (ran.text().as_str(), ran.err.as_str()),
        (" as-it-ever-was\n", "")
    );
    let command = run("exec dev/web --no-redact -- sh -c").command();
    assert!(
        Terminal::controlling(&command)
            .ends()
            .1
            .contains("on a terminal")
    );
    // As a file, alone or with its document.
    for file in ["F=dev/web/TOKEN", "F=dev/web"] {
        let ran = lab
            .clws(&format!("exec dev/web/PLAIN --file {file} -- sh -c"))
            .word("cat \"$F\"")
            .succeeds();
        assert!(ran.text().contains("[redacted]"), "{}", ran.text());
        assert!(!ran.text().contains(CANARY), "{}", ran.text());
    }
}

#[test]
fn who_may_not_write_cannot_take_it_away() {
    let lab = lab();
    let file = lab.vault().join("secrets/dev/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("no_print"))
        .unwrap();
    for other in [String::new(), "no_print = \"false\"\n".to_owned()] {
        let changed = text.replace(&format!("{line}\n"), &other);
        assert_ne!(changed, text);
        std::fs::write(&file, changed).unwrap();
        for (words, code) in [
            ("secret get dev/web/TOKEN", 12),
            ("exec dev/web --quiet -- env", 125),
        ] {
            let ran = lab.clws(words).exits(code);
            assert_eq!(ran.text(), "", "{words}");
        }
    }
}

#[test]
fn a_terminal_is_shown_what_it_asked_for() {
    let lab = lab();
    let on_terminal = |words: &str| Terminal::controlling(&lab.clws(words).command()).ends();
    let (code, seen) = on_terminal("secret get dev/web/PLAIN");
    assert_eq!(code, 15, "{seen}");
    assert!(
        seen.contains("--show") && !seen.contains("as-it-ever-was"),
        "{seen}"
    );
    let (code, seen) = on_terminal("secret get dev/web/PLAIN --show");
    assert_eq!((code, seen.trim()), (0, "as-it-ever-was"));
    // What is a word to the runner of a CI job is none to a terminal, and longer lines are no others.
    let long = format!("{}\u{fc}", "x".repeat(64 * 1024 - 1));
    for value in ["##ab[cde", "::a::b-pass", &long] {
        lab.clws("secret set dev/keys/plain --type file")
            .stdin(value.as_bytes())
            .succeeds();
        let (code, seen) = on_terminal("secret get dev/keys/plain --show");
        assert_eq!(code, 0, "{seen}");
        assert!(
            seen.contains(value) && !seen.contains("escaped"),
            "{seen:?}"
        );
    }
    // Whoever wrote it does not draw there.
    let draws = b"one\n\x1b]0;title\x07two\xff";
    for (path, more) in [
        ("dev/web/DRAWS", " --type bytes"),
        ("dev/keys/draws", " --type file"),
    ] {
        lab.clws(&format!("secret set {path}{more}"))
            .stdin(draws)
            .succeeds();
        let (code, seen) = on_terminal(&format!("secret get {path} --show"));
        assert_eq!(code, 0, "{seen}");
        assert!(
            seen.contains("one\r\n\\u{1b}]0;title\\u{7}two\u{fffd}"),
            "{seen:?}"
        );
        assert!(seen.contains("shown escaped"), "{seen:?}");
        let piped = lab.clws(&format!("secret get {path}")).succeeds();
        assert_eq!(piped.out, draws);
        assert!(!piped.err.contains("escaped"), "{}", piped.err);
    }
}
