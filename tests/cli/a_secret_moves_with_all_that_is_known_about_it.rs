//! A secret under another name keeps its type, mode, policy, age and author, and nothing is replaced.

use crate::lab::Lab;

fn lab() -> Lab {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    lab.clws("secret set dev/web/PORT --type integer")
        .stdin(b"5432")
        .succeeds();
    lab.clws("secret policy dev/web/PORT --rotate-every 90d --owner ben")
        .succeeds();
    let file = lab.root().join("key");
    std::fs::write(&file, "a key\n").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    lab.clws("secret set dev/tls/web.key --type file --from-file")
        .word(file.display().to_string())
        .succeeds();
    lab.clws("secret policy dev/tls/web.key --expires 2030-01-01")
        .succeeds();
    lab
}

/// A table of a document, or a sidecar, without what changes at each write.
fn kept(lab: &Lab, file: &str, table: &str) -> Vec<String> {
    let text = std::fs::read_to_string(lab.vault().join("secrets").join(file)).unwrap();
    let lines = text.lines().skip_while(|line| *line != table).skip(1);
    let own = ["value", "sig", "id", "path", "sha256", "rev", "seq"];
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| !own.contains(&line.split(' ').next().unwrap()))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_value_goes_to_another_document_and_scope() {
    let lab = lab();
    let before = kept(&lab, "dev/web.toml", "[secret.PORT]");
    assert!(
        before.contains(&"rotate_every = \"90d\"".to_owned()),
        "{before:?}"
    );
    // Moments have whole seconds: another one shows whether the age was kept.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    lab.clws("secret move dev/web/PORT prod/db/DB_PORT")
        .succeeds();
    assert_eq!(kept(&lab, "prod/db.toml", "[secret.DB_PORT]"), before);
    assert_eq!(
        lab.clws("secret get prod/db/DB_PORT").succeeds().text(),
        "5432"
    );
    let gone = lab.clws("secret get dev/web/PORT").exits(18);
    assert!(
        gone.err.contains("moved to `prod/db/DB_PORT`"),
        "{}",
        gone.err
    );
    // A copy stays in both places; a document alone keeps the name.
    lab.clws("secret copy prod/db/DB_PORT dev/web").succeeds();
    for path in ["prod/db/DB_PORT", "dev/web/DB_PORT"] {
        let got = lab.clws(&format!("secret get {path}")).succeeds();
        assert_eq!(got.text(), "5432");
    }
    assert_eq!(kept(&lab, "dev/web.toml", "[secret.DB_PORT]"), before);
    // And back: a tombstone is not in the way.
    lab.clws("secret move prod/db/DB_PORT dev/web/PORT")
        .succeeds();
    assert_eq!(
        lab.clws("secret get dev/web/PORT").succeeds().text(),
        "5432"
    );
    // What is given anew under the name that it left is there, and leads nowhere.
    lab.clws("secret set prod/db/DB_PORT --type integer")
        .stdin(b"5433")
        .succeeds();
    let anew = kept(&lab, "prod/db.toml", "[secret.DB_PORT]");
    assert!(
        !anew.iter().any(|line| line.starts_with("moved_to")),
        "{anew:?}"
    );
    lab.nowhere(&["hunter2".to_owned()]);
}

#[test]
fn a_file_keeps_its_mode_and_goes_with_its_sidecar() {
    let lab = lab();
    let before = kept(&lab, "dev/tls/web.key.age.toml", "[file]");
    assert!(before.contains(&"mode = \"0640\"".to_owned()), "{before:?}");
    lab.clws("secret move dev/tls/web.key prod/certs/server.key")
        .succeeds();
    assert_eq!(
        kept(&lab, "prod/certs/server.key.age.toml", "[file]"),
        before
    );
    assert_eq!(
        lab.clws("secret get prod/certs/server.key").succeeds().out,
        b"a key\n"
    );
    assert!(!lab.vault().join("secrets/dev/tls/web.key.age").exists());
    let gone = lab.clws("secret get dev/tls/web.key").exits(18);
    assert!(gone.err.contains("prod/certs/server.key"), "{}", gone.err);
    lab.clws("secret copy prod/certs/server.key dev/tls")
        .succeeds();
    assert_eq!(
        lab.clws("secret get dev/tls/server.key").succeeds().out,
        b"a key\n"
    );
}

#[test]
fn what_is_there_is_never_replaced_and_shapes_stay() {
    let lab = lab();
    let before = std::fs::read(lab.vault().join("secrets/dev/web.toml")).unwrap();
    for (words, code, said) in [
        (
            "move dev/web/TOKEN dev/web/PORT",
            16,
            "a secret `dev/web/PORT` already",
        ),
        ("copy dev/web/TOKEN dev/web/TOKEN", 16, "already"),
        (
            "move dev/web/NONE dev/web/X",
            18,
            "no secret `dev/web/NONE`",
        ),
        ("move dev/web prod/web", 2, "is a document"),
        ("move dev/web/TOKEN dev/tls", 2, "is a folder"),
        ("move dev/web/TOKEN dev/tls/token", 2, "sealed file"),
        (
            "move dev/web/TOKEN nowhere/web/TOKEN",
            13,
            "covered by no rule",
        ),
        (
            "copy dev/tls/web.key dev/web/KEY",
            2,
            "`dev/web` is a document",
        ),
        (
            "move dev/web/TOKEN dev/web/port",
            2,
            "differs in case alone",
        ),
    ] {
        let refused = lab.clws(&format!("secret {words}")).exits(code);
        assert!(refused.err.contains(said), "{words}: {}", refused.err);
    }
    let after = std::fs::read(lab.vault().join("secrets/dev/web.toml")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn who_would_gain_reading_is_asked_about() {
    let lab = lab().people(&["ben"]);
    lab.clws("access grant ben prod --read --yes").succeeds();
    let refused = lab
        .clws("secret copy dev/web/TOKEN prod/web/TOKEN")
        .exits(15);
    assert!(
        refused.err.contains("ben could not read `dev/web/TOKEN`"),
        "{}",
        refused.err
    );
    lab.clws("secret copy dev/web/TOKEN prod/web/TOKEN --yes")
        .succeeds();
    // The other way nobody gains.
    lab.clws("secret copy prod/web/TOKEN dev/other/TOKEN")
        .succeeds();
}

#[test]
fn the_hooks_that_name_it_are_named() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    let hook = "runs_on = { machine_type = \"server\" }\nenv.TOKEN = { secret = \"web/TOKEN\" }\n\
                process = { command = [\"true\"] }\n";
    std::fs::write(lab.vault().join("hooks/web.toml"), hook).unwrap();
    lab.clws("host add box --address local --scope prod --machine-type server --yes")
        .succeeds();
    lab.clws("hook sign web --yes").succeeds();
    let warns = "warning: `prod/web/TOKEN` is named by the hooks of web: no deploy takes these";
    let moved = lab
        .clws("secret move prod/web/TOKEN prod/web/OTHER")
        .succeeds();
    assert!(moved.err.contains(warns), "{}", moved.err);
    // Where there are many hooks, whoever deploys is told which one it is.
    let refused = lab.clws("deploy --on prod --dry-run").exits(18);
    let note = "the hook of `web` names it, and is to run in `prod`";
    assert!(refused.err.contains(note), "{}", refused.err);
    lab.clws("secret move prod/web/OTHER prod/web/TOKEN")
        .succeeds();
    let copied = lab
        .clws("secret copy prod/web/TOKEN prod/web/OTHER")
        .succeeds();
    assert!(!copied.err.contains("hooks of"), "{}", copied.err);
    let removed = lab.clws("secret remove prod/web/OTHER --yes").succeeds();
    assert!(!removed.err.contains("hooks of"), "{}", removed.err);
    let removed = lab.clws("secret remove prod/web/TOKEN --yes").succeeds();
    assert!(removed.err.contains(warns), "{}", removed.err);
}
