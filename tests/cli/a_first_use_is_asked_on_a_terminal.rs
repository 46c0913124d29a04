//! A vault that a machine has not seen is accepted by a person who compared its fingerprint, or by an
//! expectation; `--yes` accepts nothing.

use crate::lab::{Lab, Run};
use crate::terminal::Terminal;

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/TOKEN", "hunter2");
    lab.clws("access grant ben dev --read --yes").succeeds();
    lab
}

/// Answers the question, and gives the code and what was on the terminal.
fn answer(run: Run<'_>, answer: &str) -> (i32, String) {
    let mut terminal = Terminal::controlling(&run.command());
    terminal
        .shows("say the same? [y/N]")
        .types(&format!("{answer}\n"));
    terminal.ends()
}

#[test]
fn a_person_compares_the_fingerprint_once() {
    let lab = lab();
    let get = || lab.clws("secret get dev/web/TOKEN --show --yes").by("ben");
    let (code, seen) = answer(get(), "");
    assert_eq!(code, 13, "{seen}");
    assert!(!seen.contains("hunter2"), "{seen}");
    assert!(
        seen.contains(&lab.head()) && seen.contains("decided by ada"),
        "{seen}"
    );
    // The words are those that the administrator reads from her own terminal.
    let shown = lab.clws("trust show").succeeds().text();
    let rows: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("                "))
        .map(str::trim)
        .collect();
    assert_eq!(rows.len(), 3, "{shown}");
    for row in rows {
        assert_eq!(row.split(' ').count(), 8, "{row}");
        assert!(seen.contains(row), "{row}: {seen}");
    }
    let (code, seen) = answer(get(), "y");
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("hunter2"), "{seen}");
    // From now on nobody is asked.
    let value = lab.clws("secret get dev/web/TOKEN").by("ben").succeeds();
    assert_eq!(value.text(), "hunter2");
}

#[test]
fn without_a_terminal_an_expectation_is_needed() {
    let lab = lab();
    for words in ["secret get dev/web/TOKEN --yes", "trust accept --yes"] {
        let refused = lab.clws(words).by("ben").exits(13);
        assert!(refused.err.contains("--expect"), "{}", refused.err);
    }
    let wrong = format!("{}@1", "0".repeat(64));
    let expecting = |head: &str| lab.clws("trust accept --expect").word(head).by("ben");
    expecting(&wrong).exits(13);
    let accepted = expecting(&lab.head()).succeeds();
    assert!(
        accepted.err.contains("accepts trust version 3"),
        "{}",
        accepted.err
    );
    lab.clws("secret get dev/web/TOKEN").by("ben").succeeds();
    lab.clws("trust accept").by("ben").succeeds();
    // Whoever gives one wants it compared, also where nothing is accepted for the first time.
    let before = lab.head();
    lab.clws("access grant ben dev --write --yes").succeeds();
    for head in [before, lab.head()] {
        expecting(&head).succeeds();
    }
    let refused = expecting(&wrong).exits(13);
    assert!(refused.err.contains("`clws trust show`"), "{}", refused.err);
    lab.clws("secret get dev/web/TOKEN --expect")
        .word(wrong)
        .by("ben")
        .succeeds();
}

#[test]
fn accepting_is_a_command_of_its_own_and_looking_needs_none() {
    let lab = lab();
    for words in ["secret list", "trust show", "access show", "recipient list"] {
        lab.clws(words).by("ben").succeeds();
    }
    let (code, seen) = answer(lab.clws("trust accept").by("ben"), "yes");
    assert_eq!(code, 0, "{seen}");
    lab.clws("secret get dev/web/TOKEN").by("ben").succeeds();
}
