//! While somebody types, others write: nothing of theirs is lost, and nobody waits.

use crate::desk::Desk;
use crate::lab::{Lab, Run};
use crate::terminal::Terminal;

fn desk() -> Desk {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/TOKEN", "hunter2-token")
        .secret("dev/web/OTHER", "hunter2-other");
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    lab.clws("secret get dev/web/TOKEN --expect")
        .word(lab.head())
        .by("ben")
        .succeeds();
    Desk::new(lab)
}

/// What ben does in the middle of somebody's edit: a script that runs `clws` as ben.
fn ben(desk: &Desk, words: &str, stdin: &str) -> String {
    let clws = desk.lab.clws(words).by("ben").command();
    let home = desk.lab.home("ben");
    let words: Vec<String> = clws
        .get_args()
        .map(|word| format!("'{}'", word.display()))
        .collect();
    format!(
        "(cd '{}' && printf '{stdin}' | HOME='{}' '{}' {} >\"$HERE/ben\" 2>&1) || cp \"$HERE/ben\" \"$HERE/failed\"",
        desk.lab.vault().display(),
        home.display(),
        clws.get_program().display(),
        words.join(" ")
    )
}

fn at_terminal(run: &Run<'_>) -> Terminal {
    Terminal::start(run.command())
}

#[test]
fn what_others_did_to_other_values_survives() {
    let desk = desk();
    let set = ben(&desk, "secret set dev/web/OTHER", "from ben");
    let add = ben(&desk, "secret set dev/web/ADDED", "from ben too");
    let script = format!("{set}\n{add}\nsed -i 's/hunter2-token/from ada/' \"$FILE\"");
    let ran = desk.edit("dev/web", &script).succeeds();
    assert_eq!(ran.err, "sealed dev/web: changed `TOKEN`\n");
    assert!(
        !desk.file("failed").exists(),
        "the lock is free while somebody types"
    );
    assert_eq!(desk.get("dev/web/TOKEN"), "from ada");
    assert_eq!(desk.get("dev/web/OTHER"), "from ben");
    assert_eq!(desk.get("dev/web/ADDED"), "from ben too");
}

#[test]
fn the_same_value_is_a_conflict_that_names_who() {
    let desk = desk();
    let set = ben(&desk, "secret set dev/web/TOKEN", "hunter2-ben");
    for (path, change) in [
        ("dev/web", "sed -i 's/hunter2-[a-z]*/from ada/' \"$FILE\""),
        ("dev/web", "sed -i '/^TOKEN/d' \"$FILE\""),
        ("dev/web", "sed -i 's/^TOKEN/# a note\\nTOKEN/' \"$FILE\""),
        ("dev/web/TOKEN", "echo 'from ada' >\"$FILE\""),
    ] {
        let ran = desk
            .edit(path, &format!("{set}\n{change}"))
            .word("--yes")
            .exits(16);
        assert!(
            ran.err
                .contains("`dev/web/TOKEN` changed meanwhile, by ben"),
            "{}",
            ran.err
        );
        assert!(
            ran.err.contains("starts from what is there now"),
            "{}",
            ran.err
        );
        assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-ben");
    }
    // A value that both added.
    let add = ben(&desk, "secret set dev/web/NEW", "hunter2-ben");
    for path in ["dev/web", "dev/web/NEW"] {
        let change = if path == "dev/web" {
            "echo 'NEW = 1' >>\"$FILE\""
        } else {
            "echo 1 >\"$FILE\""
        };
        let ran = desk.edit(path, &format!("{add}\n{change}"));
        let ran = if path == "dev/web" {
            ran.exits(16)
        } else {
            desk.lab.clws("secret remove dev/web/NEW --yes").succeeds();
            desk.edit(path, &format!("{add}\n{change}")).exits(16)
        };
        assert!(
            ran.err.contains("`dev/web/NEW` changed meanwhile, by ben"),
            "{}",
            ran.err
        );
    }
    desk.is_clean(&["hunter2-token", "hunter2-ben"]);
}

#[test]
fn on_a_terminal_the_new_value_is_shown_and_saving_again_replaces_it() {
    let desk = desk();
    let set = ben(&desk, "secret set dev/web/TOKEN", "hunter2-ben");
    let other = ben(&desk, "secret set dev/web/OTHER", "bens other");
    let script = format!(
        "if [ -e \"$HERE/second\" ]; then cp \"$FILE\" \"$HERE/seen\"; exit; fi; touch \"$HERE/second\"\n\
         {set}\n{other}\nsed -i 's/hunter2-token/from ada/' \"$FILE\""
    );
    let mut terminal = at_terminal(&desk.edit("dev/web", &script));
    terminal
        .shows("`dev/web/TOKEN` changed meanwhile, by ben")
        .shows("edit again? [Y/n]")
        .types("\n")
        .shows("sealed dev/web: changed `TOKEN`");
    assert_eq!(terminal.ends().0, 0);
    let seen = desk.text("seen");
    let reasons: Vec<&str> = seen.lines().take(3).collect();
    assert_eq!(
        reasons,
        [
            "#! not saved: `dev/web/TOKEN` changed meanwhile, by ben",
            "#! saving again replaces what is there now:",
            "#!   TOKEN = \"hunter2-ben\""
        ]
    );
    assert!(seen.contains("\nTOKEN = \"from ada\"\n"), "{seen}");
    assert_eq!(desk.get("dev/web/TOKEN"), "from ada");
    assert_eq!(desk.get("dev/web/OTHER"), "bens other");
    desk.is_clean(&["hunter2-token", "hunter2-ben", "hunter2-other"]);
}

#[test]
fn another_document_at_the_same_path_is_not_written_over() {
    let desk = desk();
    let file = desk.lab.vault().join("secrets/dev/web.toml");
    let script = format!(
        "rm '{}'; sed -i 's/hunter2-token/from ada/' \"$FILE\"",
        file.display()
    );
    let ran = desk.edit("dev/web", &script).exits(16);
    assert!(
        ran.err
            .contains("is not the document any more that was opened"),
        "{}",
        ran.err
    );
    assert!(!file.exists());
}

#[test]
fn a_file_that_changed_meanwhile_is_a_conflict() {
    let desk = desk();
    desk.lab
        .clws("secret set dev/tls/x.key --type file")
        .stdin(b"hunter2-key")
        .succeeds();
    let set = ben(&desk, "secret set dev/tls/x.key", "hunter2-ben");
    let ran = desk
        .edit("dev/tls/x.key", &format!("{set}\necho mine >\"$FILE\""))
        .exits(16);
    assert!(
        ran.err
            .contains("`dev/tls/x.key` changed meanwhile, by ben"),
        "{}",
        ran.err
    );
    assert_eq!(desk.get("dev/tls/x.key"), "hunter2-ben");
    assert!(!desk.file("failed").exists(), "{}", desk.text("ben"));

    let script = format!(
        "if [ -e \"$HERE/second\" ]; then exit; fi; touch \"$HERE/second\"\n{set}\necho mine >\"$FILE\""
    );
    let mut terminal = at_terminal(&desk.edit("dev/tls/x.key", &script));
    terminal
        .shows("changed meanwhile")
        .shows("edit again?")
        .types("\n")
        .shows("sealed dev/tls/x.key");
    assert_eq!(terminal.ends().0, 0);
    assert_eq!(desk.get("dev/tls/x.key"), "mine");
}

#[test]
fn whoever_may_not_write_is_told_before_the_editor_opens() {
    let desk = desk();
    desk.lab
        .clws("access grant ben shared --read --yes")
        .succeeds();
    desk.lab
        .clws("secret set shared/web/TOKEN")
        .stdin(b"x")
        .succeeds();
    for path in [
        "shared/web",
        "shared/web/TOKEN",
        "shared/web/NEW",
        "shared/tls/new.key",
    ] {
        let ran = desk
            .edit(path, "touch \"$HERE/opened\"")
            .by("ben")
            .exits(13);
        assert!(ran.err.contains("ben may not write"), "{}", ran.err);
    }
    let ran = desk.edit("nowhere/web", "touch \"$HERE/opened\"").exits(13);
    assert!(ran.err.contains("covered by no rule"), "{}", ran.err);
    assert!(!desk.file("opened").exists());
}

#[test]
fn a_right_that_is_taken_away_while_somebody_types_counts() {
    let desk = desk();
    let clws = desk
        .lab
        .clws("access revoke ben dev --write --yes")
        .command();
    let revoke = format!(
        "(cd '{}' && HOME='{}' '{}' access revoke ben dev --write --yes) 1>&2",
        desk.lab.vault().display(),
        desk.lab.home("ada").display(),
        clws.get_program().display()
    );
    let script = format!("{revoke}\nsed -i 's/hunter2-token/from ben/' \"$FILE\"");
    let ran = desk.edit("dev/web", &script).by("ben").exits(13);
    assert!(
        ran.err.contains("ben may not write `dev/web`"),
        "{}",
        ran.err
    );
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-token");
}

#[test]
fn an_edit_says_what_it_starts_from_when_that_is_older_than_seen() {
    let desk = desk();
    desk.lab.commit("old");
    desk.lab
        .clws("secret set dev/web/TOKEN")
        .stdin(b"newer")
        .succeeds();
    desk.lab.git(&["checkout", "-q", "secrets"]);
    let ran = desk
        .edit("dev/web", "sed -i 's/hunter2-token/newest/' \"$FILE\"")
        .succeeds();
    assert!(
        ran.err.contains("warning: `dev/web/TOKEN` here is rev 1 "),
        "{}",
        ran.err
    );
    assert_eq!(desk.get("dev/web/TOKEN"), "newest");
    let text = String::from_utf8(desk.sealed("secrets/dev/web.toml")).unwrap();
    assert!(
        text.contains("rev = 3\n"),
        "more than any that was seen: {text}"
    );
}
