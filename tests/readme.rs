//! The transcripts of the README run as they stand there.
//!
//! `…` in a line of output stands for anything.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a helper of a test fails that test, and programs are looked up as a shell does"
)]

mod support;

use std::process::{Command, Stdio};

use support::lab::Lab;

#[test]
fn the_transcripts_of_the_readme_are_true() {
    let readme = std::fs::read_to_string("README.md").expect("the README");
    let mut blocks = readme.split("```console\n").skip(1).peekable();
    assert!(blocks.peek().is_some(), "the README has no transcript");
    for block in blocks {
        run(block.split("```").next().unwrap_or_default());
    }
}

fn run(transcript: &str) {
    let lab = Lab::empty();
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
    let lines = expected.lines().count() == said.lines().count();
    lines
        && expected
            .lines()
            .zip(said.lines())
            .all(|(wanted, line)| matches_line(wanted, line))
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
    for said in ["a b d\nd", "a b c", "a b c\nd\ne"] {
        assert!(!matches("a … c\nd", said), "{said}");
    }
}
