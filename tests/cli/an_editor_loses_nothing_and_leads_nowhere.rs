//! Whatever an editor does with its file, nothing is lost and no link is followed.

use crate::desk::Desk;
use crate::lab::Lab;

fn desk() -> Desk {
    Desk::new(Lab::new().secret("dev/web/TOKEN", "hunter2-token"))
}

#[test]
fn a_file_that_is_renamed_over_the_old_one_counts() {
    let desk = desk();
    desk.edit(
        "dev/web",
        "sed 's/token\"/renamed\"/' \"$FILE\" >\"$FILE.new\"; chmod 644 \"$FILE.new\"; mv \"$FILE.new\" \"$FILE\"",
    )
    .succeeds();
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-renamed");
    desk.is_clean(&["hunter2-token", "hunter2-renamed"]);
}

#[test]
fn an_editor_that_removes_the_file_changes_nothing() {
    let desk = desk();
    for path in ["dev/web", "dev/web/TOKEN"] {
        let ran = desk.edit(path, "rm \"$FILE\"").succeeds();
        assert_eq!(
            ran.err,
            "the editor took the file away: nothing changed, and nothing was written\n"
        );
    }
    // The whole folder.
    desk.edit("dev/web", "rm -r \"$(dirname \"$FILE\")\"")
        .succeeds();
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-token");
    desk.is_clean(&["hunter2-token"]);
}

#[test]
fn links_pipes_and_folders_in_its_place_are_refused() {
    let desk = desk();
    std::fs::write(desk.file("other"), "TOKEN = \"planted\"\n").unwrap();
    for (script, code, why) in [
        ("ln -sf \"$HERE/other\" \"$FILE\"", 13, "is a symbolic link"),
        ("ln -sf /nowhere \"$FILE\"", 13, "is a symbolic link"),
        (
            "rm \"$FILE\"; mkfifo \"$FILE\"",
            30,
            "is not an ordinary file",
        ),
        (
            "rm \"$FILE\"; mkdir \"$FILE\"; echo x >\"$FILE/y\"",
            30,
            "is not an ordinary file",
        ),
    ] {
        for path in ["dev/web", "dev/web/TOKEN"] {
            let ran = desk.edit(path, script).exits(code);
            assert!(ran.err.contains(why), "{script}: {}", ran.err);
        }
    }
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-token");
    assert_eq!(desk.text("other"), "TOKEN = \"planted\"\n");
    desk.is_clean(&["hunter2-token"]);
}

#[test]
fn an_editor_that_fails_saves_nothing() {
    let desk = desk();
    let change = "sed -i 's/hunter2-token/changed/' \"$FILE\"";
    let ran = desk.edit("dev/web", &format!("{change}; exit 3")).exits(24);
    assert!(
        ran.err
            .contains("ended with exit code 3, and nothing was saved"),
        "{}",
        ran.err
    );
    let ran = desk
        .edit("dev/web", &format!("{change}; kill -KILL $$"))
        .exits(24);
    assert!(
        ran.err
            .contains("ended with SIGKILL, and nothing was saved"),
        "{}",
        ran.err
    );
    desk.edit("dev/web", &format!("{change}; kill -INT $$"))
        .exits(130);
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-token");
    desk.is_clean(&["hunter2-token"]);
}

#[test]
fn an_editor_that_is_not_there_is_said_before_anything_is_opened() {
    let desk = desk();
    let log = || desk.lab.clws("secret get dev/web/TOKEN").succeeds();
    log();
    let uses = || {
        let state = desk.lab.home("ada").join(".local/state/clws");
        crate::lab::find_below(&state, &["secret edit".to_owned()]).len()
    };
    for editor in ["/nowhere/vim", "~/bin/vim", "vim '", "no-such-editor"] {
        desk.edit_with("dev/web", editor).exits(17);
    }
    assert_eq!(uses(), 0);
    desk.edit("dev/web", ":").succeeds();
    assert_eq!(uses(), 1);
    desk.is_clean(&["hunter2-token"]);
}

#[test]
fn no_shell_reads_the_variable_and_two_dashes_open_no_other_file() {
    let desk = desk();
    let other = desk.file("other");
    std::fs::write(&other, "TOKEN = \"planted\"\n").unwrap();
    let script = desk.script(
        "printf '%s\\n' \"$@\" >\"$HERE/words\"; env >\"$HERE/env\"; sed -i 's/hunter2-token/edited/' \"$FILE\"",
    );
    let editor = format!(
        "\"{}\" 'a b' $HOME $(id) -- {}",
        script.display(),
        other.display()
    );
    desk.edit_with("dev/web", &editor)
        .env(
            "CLWS_CONFIG_DIR",
            desk.lab.home("ada").join(".config/clws").to_str().unwrap(),
        )
        .succeeds();
    let words = desk.text("words");
    let words: Vec<&str> = words.lines().collect();
    assert_eq!(
        words[..5],
        ["a b", "$HOME", "$(id)", "--", other.to_str().unwrap()]
    );
    assert_eq!(words.len(), 6);
    assert_eq!(desk.get("dev/web/TOKEN"), "edited");
    assert_eq!(desk.text("other"), "TOKEN = \"planted\"\n");
    let env = desk.text("env");
    assert!(!env.contains("CLWS_") && env.contains("HOME="), "{env}");
    let memory = desk.memory().display();
    assert!(env.contains(&format!("TMPDIR={memory}/clws-ram-")), "{env}");
    assert!(!env.contains("hunter2-token") && !words.join(" ").contains("hunter2-token"));
}

#[test]
fn the_persons_configuration_wins_and_the_repository_has_no_say() {
    let desk = desk();
    let mine = desk.script("sed -i 's/hunter2-token/from config/' \"$FILE\"");
    let config = desk.lab.home("ada").join(".config/clws/config.toml");
    std::fs::write(&config, format!("editor = [\"{}\"]\n", mine.display())).unwrap();
    // A program of a known name in the folder that the command runs in.
    let planted = desk.script("touch \"$HERE/planted\"");
    std::fs::copy(&planted, desk.lab.vault().join("vi")).unwrap();
    desk.edit("dev/web", "touch \"$HERE/variable\"").succeeds();
    assert_eq!(desk.get("dev/web/TOKEN"), "from config");
    std::fs::remove_file(&config).unwrap();
    desk.edit_with("dev/web", "vi")
        .env("PATH", ":.:/nowhere")
        .exits(17);
    assert!(!desk.file("planted").exists() && !desk.file("variable").exists());
}

#[test]
fn an_editor_with_a_window_is_told_to_wait_and_is_not_believed_when_it_does_not() {
    let desk = desk();
    let script = desk.script("printf '%s\\n' \"$@\" >\"$HERE/words\"");
    let code = desk.file("code");
    std::fs::rename(&script, &code).unwrap();
    let ran = desk.edit_with("dev/web", code.to_str().unwrap()).exits(17);
    assert!(
        ran.err.contains("came back at once, and nothing was saved"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("--wait"), "{}", ran.err);
    assert!(ran.err.contains("warning: "), "{}", ran.err);
    assert!(desk.text("words").starts_with("--wait\n"));
    // Somebody unknown that is no window changes nothing, and that is all.
    desk.edit("dev/web", ":").succeeds();
    desk.is_clean(&["hunter2-token"]);
}

#[test]
fn an_editor_that_nobody_named_draws_no_value_into_a_log() {
    let desk = desk();
    let edit = || desk.lab.clws("secret edit dev/web");
    for ran in [edit().env("EDITOR", ""), edit().word("--no-input")] {
        let ran = ran.exits(15);
        assert!(ran.err.contains("draws on a terminal"), "{}", ran.err);
        assert!(!ran.text().contains("hunter2"), "{}", ran.text());
    }
}

#[test]
fn what_is_left_empty_is_asked_about() {
    let desk = desk();
    desk.lab
        .clws("secret set dev/keys/site.key --type file")
        .stdin(b"the-key")
        .succeeds();
    for path in ["dev/web/TOKEN", "dev/keys/site.key"] {
        let ran = desk.edit(path, ": >\"$FILE\"").exits(15);
        assert!(ran.err.contains("seal it empty?"), "{}", ran.err);
        assert_ne!(desk.get(path), "");
        let emptied = desk.edit(path, ": >\"$FILE\"").word("--yes");
        emptied.succeeds();
        assert_eq!(desk.get(path), "");
    }
}
