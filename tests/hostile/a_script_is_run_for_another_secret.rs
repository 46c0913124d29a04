//! Ben may write in one document, and names a rotator there: a script that gives another secret's database a password.
//! It would be one that he reads.

use crate::lab::Lab;
use crate::scene::{accept, plant, refused};

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "bens-own-token")
        .secret("prod/db/PASSWORD", "the-password-of-a-database");
    lab.clws("access grant ben prod/web --read --write --yes")
        .succeeds();
    accept(&lab, &["ben"]);
    plant(
        &lab,
        "hooks/app-db.toml",
        "scripts_for = [\"prod/db/PASSWORD\"]\n",
    );
    plant(&lab, "hooks/app-db/rotate.sh", "cat <&4 >>$HOME/database\n");
    lab.clws("hook sign app-db --yes").succeeds();
    lab
}

#[test]
fn which_its_hook_does_not_name() {
    let lab = lab();
    lab.clws("secret policy prod/web/TOKEN --rotator app-db --rotate-every 1d")
        .by("ben")
        .succeeds();
    let told = refused(&lab, "ada", "rotate prod/web/TOKEN --yes", 17);
    assert!(told.contains("`prod/web/TOKEN` is not among"), "{told}");
    assert!(!lab.home("ada").join("database").exists());
    // What it is for it is run for.
    lab.clws("secret policy prod/db/PASSWORD --rotator app-db")
        .succeeds();
    lab.clws("rotate prod/db/PASSWORD --yes").succeeds();
    assert!(lab.home("ada").join("database").exists());
}

/// The script logs in where it always does, whatever scope the secret is of.
#[test]
fn of_the_same_name_in_another_scope() {
    let lab = lab();
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    accept(&lab, &["ben"]);
    lab.clws("secret set dev/db/PASSWORD")
        .stdin(b"bens-own-token")
        .by("ben")
        .succeeds();
    lab.clws("secret policy dev/db/PASSWORD --rotator app-db")
        .by("ben")
        .succeeds();
    let told = refused(&lab, "ada", "rotate dev/db/PASSWORD --yes", 17);
    assert!(told.contains("`dev/db/PASSWORD` is not among"), "{told}");
    assert!(!lab.home("ada").join("database").exists());
    // Nothing but a path is one.
    for path in ["dev", "dev/", "dev/../prod"] {
        plant(
            &lab,
            "hooks/app-db.toml",
            format!("scripts_for = [\"{path}\"]\n"),
        );
        let told = refused(&lab, "ada", "hook sign app-db --yes", 17);
        assert!(told.contains("no full path"), "{path}: {told}");
    }
}
