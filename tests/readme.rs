//! The transcripts of the README and of the guide run as they stand there.
//!
//! `…` in a line of output stands for anything; a line that is nothing else, for any lines.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a helper of a test fails that test, and programs are looked up as a shell does"
)]

mod support;

use std::process::{Command, Stdio};

use support::fixture::{Certs, leaks};
use support::lab::{Lab, find_below};

#[test]
fn the_transcripts_of_the_readme_are_true() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let mut blocks = readme.split("```console\n").skip(1).peekable();
    assert!(blocks.peek().is_some(), "the README has no transcript");
    for block in blocks {
        run(&Lab::empty(), block.split("```").next().unwrap_or_default());
    }
}

/// One story on one vault, which begins as a repository with `certs/` in it.
#[test]
fn the_guide_is_true() {
    let lab = Lab::empty();
    let certs = Certs::lay_out();
    let copied = Command::new("cp")
        .arg("-a")
        .args([certs.path(), lab.vault().join("certs")])
        .status();
    assert!(copied.expect("cp runs").success());
    lab.git(&["init", "-q", "-b", "main"]);
    lab.git(&["config", "user.name", "ada"]);
    lab.git(&["config", "user.email", "ada@example.invalid"]);
    lab.commit("as it was");
    let guide = std::fs::read_to_string("docs/guide.md").expect("the guide");
    for block in guide.split("```console\n").skip(1) {
        run(&lab, block.split("```").next().unwrap_or_default());
    }
    // What is left below certs/ is public; git's history has what it had.
    for folder in ["secrets", "recipients", "certs"] {
        let found = find_below(&lab.vault().join(folder), &leaks());
        assert!(found.is_empty(), "{found:?}");
    }
}

/// Of who decides and who may read, a person alone is shown one line.
#[test]
fn a_person_alone_meets_one_line_of_it() {
    let lab = Lab::empty();
    lab.git(&["init", "-q", "-b", "main"]);
    lab.git(&["config", "user.name", "ada"]);
    lab.git(&["config", "user.email", "ada@example.invalid"]);
    let page = std::fs::read_to_string("docs/alone.md").expect("the page");
    let transcript = page.split("```console\n").nth(1).expect("a transcript");
    let transcript = transcript.split("```").next().unwrap_or_default();
    run(&lab, transcript);
    let shown: Vec<&str> = transcript
        .lines()
        .filter(|line| !line.starts_with("$ "))
        .collect();
    // Nothing that is printed hides behind a line of `…`.
    assert!(shown.len() > 10 && !shown.contains(&"…"), "{shown:?}");
    let of_trust = [
        "trust",
        "fingerprint",
        "sign",
        "recipient",
        "access",
        "admin",
        "accept",
        "party",
        "rules",
    ];
    let met = shown
        .iter()
        .filter(|line| of_trust.iter().any(|word| line.contains(word)));
    assert_eq!(met.count(), 1, "{shown:?}");
}

fn run(lab: &Lab, transcript: &str) {
    let home = lab.home("ada");
    std::fs::create_dir_all(&home).expect("a home");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_clws"));
    let path = format!(
        "{}:{}",
        program.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for step in transcript.split("$ ").skip(1) {
        let (command, expected) = step.split_once('\n').unwrap_or((step, ""));
        // Both streams in one, as a terminal shows them.
        let child = Command::new("sh")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .current_dir(lab.vault())
            .env_clear()
            .env("HOME", &home)
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .expect("sh runs");
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(
            matches(expected.trim_end(), said.trim_end()),
            "`{command}` should say:\n{expected}\nand says:\n{said}"
        );
    }
}

fn matches(expected: &str, said: &str) -> bool {
    fn lines(wanted: &[&str], said: &[&str]) -> bool {
        match (wanted.split_first(), said.split_first()) {
            (None, said) => said.is_none(),
            (Some((&"…", wanted)), _) => (0..=said.len()).any(|at| {
                let rest = said.get(at..);
                rest.is_some_and(|rest| lines(wanted, rest))
            }),
            (Some((first, wanted)), Some((line, said))) => {
                matches_line(first, line) && lines(wanted, said)
            }
            (Some(_), None) => false,
        }
    }
    let expected: Vec<&str> = expected.lines().collect();
    let said: Vec<&str> = said.lines().collect();
    lines(&expected, &said)
}

fn matches_line(wanted: &str, line: &str) -> bool {
    let mut pieces = wanted.split('…');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut last = wanted;
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
        last = piece;
    }
    rest.is_empty() || (wanted.contains('…') && last.is_empty())
}

#[test]
fn a_wrong_line_of_a_transcript_is_noticed() {
    assert!(matches("a … c\nd", "a b c\nd"));
    assert!(matches("kept in …", "kept in ~/x"));
    assert!(matches("a\n…\nc", "a\nb\nb\nc") && matches("a\n…\nc", "a\nc"));
    assert!(!matches("a\n…\nc", "a\nb"));
    for said in ["a b d\nd", "a b c", "a b c\nd\ne"] {
        assert!(!matches("a … c\nd", said), "{said}");
    }
}
