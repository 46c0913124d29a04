//! A single value and a sealed file open as the bytes that they are.

use crate::desk::Desk;
use crate::lab::Lab;

#[test]
fn the_newline_that_editors_add_does_not_become_part_of_a_value() {
    let desk = Desk::new(
        Lab::new()
            .secret("dev/web/TOKEN", "hunter2-a")
            .secret("dev/web/TEXT", "hunter2-b\n"),
    );
    let before = desk.sealed("secrets/dev/web.toml");
    let same = desk
        .edit(
            "dev/web/TOKEN",
            "cp \"$FILE\" \"$HERE/seen\"; echo >>\"$FILE\"",
        )
        .succeeds();
    assert_eq!(same.err, "nothing changed, and nothing was written\n");
    assert_eq!(desk.text("seen"), "hunter2-a");
    assert!(desk.sealed("secrets/dev/web.toml") == before);

    let ran = desk
        .edit("dev/web/TOKEN", "echo hunter2-c >\"$FILE\"")
        .succeeds();
    assert_eq!(ran.err, "sealed dev/web/TOKEN, rev 2\n");
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-c");
    // Two are typed where one is meant, and from then on it is kept.
    desk.edit("dev/web/TOKEN", "printf 'hunter2-d\\n\\n' >\"$FILE\"")
        .succeeds();
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-d\n");
    desk.edit("dev/web/TOKEN", "printf 'hunter2-e\\n' >\"$FILE\"")
        .succeeds();
    assert_eq!(desk.get("dev/web/TOKEN"), "hunter2-e\n");
    desk.edit("dev/web/TEXT", "printf 'hunter2-f' >\"$FILE\"")
        .succeeds();
    assert_eq!(desk.get("dev/web/TEXT"), "hunter2-f");
    desk.is_clean(&[
        "hunter2-a",
        "hunter2-b",
        "hunter2-c",
        "hunter2-d",
        "hunter2-e",
        "hunter2-f",
    ]);
}

#[test]
fn a_new_value_is_a_string_and_an_empty_one_is_none() {
    let desk = Desk::new(Lab::new());
    desk.edit("dev/web/NEW", ":").succeeds();
    assert!(!desk.lab.vault().join("secrets/dev").exists());
    desk.edit("dev/web/NEW", "echo 00731 >\"$FILE\"").succeeds();
    assert_eq!(desk.get("dev/web/NEW"), "00731");
    // A newline alone is the empty value.
    desk.edit("dev/web/EMPTY", "echo >\"$FILE\"").succeeds();
    assert_eq!(desk.get("dev/web/EMPTY"), "");
    let clash = desk.edit("dev/web/new", "echo x >\"$FILE\"").exits(2);
    assert!(
        clash
            .err
            .contains("`NEW` is there, and differs in case alone"),
        "{}",
        clash.err
    );
}

#[test]
fn a_literal_stays_of_its_type_and_is_one_line() {
    let desk = Desk::new(Lab::new());
    for (name, kind, value) in [
        ("PORT", "integer", "8080"),
        ("HOSTS", "array", "['a']"),
        ("RAW", "bytes", "x"),
    ] {
        desk.lab
            .clws(&format!("secret set dev/web/{name} --type {kind}"))
            .stdin(value.as_bytes())
            .succeeds();
    }
    desk.edit("dev/web/PORT", "echo 0x1F90 >\"$FILE\"")
        .succeeds();
    assert_eq!(desk.get("dev/web/PORT"), "0x1F90");
    desk.edit(
        "dev/web/HOSTS",
        "printf '[\\n  \"b\",\\n  \"c\",\\n]\\n' >\"$FILE\"",
    )
    .succeeds();
    assert_eq!(desk.get("dev/web/HOSTS"), "[\"b\", \"c\"]");
    desk.edit("dev/web/RAW", "printf '\\377\\000' >\"$FILE\"")
        .succeeds();
    assert_eq!(
        desk.lab.clws("secret get dev/web/RAW").succeeds().out,
        b"\xff\0"
    );

    let wrong = desk
        .edit("dev/web/PORT", "echo hunter2-port >\"$FILE\"")
        .exits(10);
    assert!(
        wrong.err.contains("the edited text of `dev/web/PORT`: "),
        "{}",
        wrong.err
    );
    assert!(
        wrong.err.contains("lay in memory alone, and is gone"),
        "{}",
        wrong.err
    );
    assert!(!wrong.err.contains("hunter2-port"));
    desk.edit("dev/web/PORT", "echo '\"8080\"' >\"$FILE\"")
        .exits(10);
    desk.edit("dev/web/PORT", "head -c 70000 /dev/zero >\"$FILE\"")
        .exits(10);
    assert_eq!(desk.get("dev/web/PORT"), "0x1F90");
    desk.is_clean(&["hunter2-port"]);
}

#[test]
fn a_sealed_file_keeps_its_name_its_mode_and_its_bytes() {
    let desk = Desk::new(Lab::new());
    let source = desk.file("codalab.key");
    std::fs::write(&source, "hunter2-key").unwrap();
    let mode = |bits| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&source, std::fs::Permissions::from_mode(bits)).unwrap();
    };
    mode(0o640);
    desk.lab
        .clws("secret set dev/tls/codalab.key --type file --from-file")
        .word(source.to_str().unwrap())
        .succeeds();
    let before = (
        desk.sealed("secrets/dev/tls/codalab.key.age"),
        desk.sealed("secrets/dev/tls/codalab.key.age.toml"),
    );
    let now = || {
        (
            desk.sealed("secrets/dev/tls/codalab.key.age"),
            desk.sealed("secrets/dev/tls/codalab.key.age.toml"),
        )
    };
    for script in [
        "cp \"$FILE\" \"$HERE/seen\"; basename \"$FILE\" >\"$HERE/name\"",
        "echo >>\"$FILE\"",
    ] {
        let ran = desk.edit("dev/tls/codalab.key", script).succeeds();
        assert_eq!(ran.err, "nothing changed, and nothing was written\n");
        assert!(now() == before);
    }
    assert_eq!(
        (desk.text("seen"), desk.text("name")),
        ("hunter2-key".into(), "codalab.key\n".into())
    );

    desk.edit(
        "dev/tls/codalab.key",
        "head -c 300000 /dev/urandom | tee \"$HERE/random\" >\"$FILE\"",
    )
    .succeeds();
    let random = std::fs::read(desk.file("random")).unwrap();
    assert!(
        desk.lab
            .clws("secret get dev/tls/codalab.key")
            .succeeds()
            .out
            == random
    );
    let sidecar = String::from_utf8(now().1).unwrap();
    assert!(
        sidecar.contains("mode = \"0640\"\n") && sidecar.contains("rev = 2\n"),
        "{sidecar}"
    );

    desk.edit("dev/tls/new.pem", "printf 'hunter2-new\\n' >\"$FILE\"")
        .succeeds();
    assert_eq!(desk.get("dev/tls/new.pem"), "hunter2-new\n");
    let folder = desk.edit("dev/tls", ":").exits(2);
    assert!(
        folder.err.contains("`dev/tls` is a folder"),
        "{}",
        folder.err
    );
    desk.is_clean(&["hunter2-key", "hunter2-new"]);
}
