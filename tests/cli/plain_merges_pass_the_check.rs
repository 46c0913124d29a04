//! Branches that change different places of one document merge with plain `git merge`, and the check
//! accepts what comes out.

use crate::lab::Lab;

/// Ada and ben write `dev/web`; its values leave gaps between their names.
fn lab() -> Lab {
    let lab = Lab::new().people(&["ben", "abe", "zoe"]);
    for name in ["B1", "D1", "D2", "F1", "H1"] {
        lab.clws(&format!("secret set dev/web/{name}"))
            .stdin(name.as_bytes())
            .succeeds();
    }
    lab.clws("access grant ben dev/web --write --yes")
        .succeeds();
    lab.commit("begin");
    lab.clws("secret list --expect")
        .word(lab.head())
        .by("ben")
        .succeeds();
    lab
}

/// Makes two branches from here, merges them with git alone, and checks the result as both people.
fn merged(lab: &Lab, ours: impl Fn(), theirs: impl Fn()) {
    lab.git(&["checkout", "-qb", "theirs"]);
    theirs();
    lab.commit("theirs");
    lab.git(&["checkout", "-q", "main"]);
    ours();
    lab.commit("ours");
    lab.git(&["merge", "-q", "-m", "merge", "theirs"]);
    lab.git(&["branch", "-q", "-d", "theirs"]);
    for person in ["ada", "ben"] {
        for flag in ["", "--full"] {
            lab.clws(&format!("check {flag}")).by(person).succeeds();
        }
    }
}

fn set<'a>(lab: &'a Lab, person: &'a str, name: &'a str, value: &'a str) -> impl Fn() + 'a {
    move || {
        lab.clws(&format!("secret set dev/web/{name}"))
            .by(person)
            .stdin(value.as_bytes())
            .succeeds();
    }
}

#[track_caller]
fn has(lab: &Lab, values: &[(&str, &str)]) {
    for (name, value) in values {
        let got = lab.clws(&format!("secret get dev/web/{name}")).succeeds();
        assert_eq!(got.text(), *value, "{name}");
    }
}

#[test]
fn neighbouring_values_changed_on_two_branches() {
    let lab = lab();
    merged(
        &lab,
        set(&lab, "ada", "D1", "by ada"),
        set(&lab, "ben", "D2", "by ben"),
    );
    has(
        &lab,
        &[
            ("B1", "B1"),
            ("D1", "by ada"),
            ("D2", "by ben"),
            ("H1", "H1"),
        ],
    );
}

#[test]
fn values_added_in_different_places() {
    let lab = lab();
    merged(
        &lab,
        set(&lab, "ada", "C1", "by ada"),
        set(&lab, "ben", "G1", "by ben"),
    );
    has(&lab, &[("C1", "by ada"), ("G1", "by ben"), ("D1", "D1")]);
    // At the very beginning and end as well.
    merged(
        &lab,
        set(&lab, "ada", "A1", "first"),
        set(&lab, "ben", "Z1", "last"),
    );
    has(&lab, &[("A1", "first"), ("Z1", "last")]);
}

#[test]
fn a_value_changed_and_another_removed_or_given_a_policy() {
    let lab = lab();
    merged(&lab, set(&lab, "ada", "D1", "by ada"), || {
        lab.clws("secret remove dev/web/F1 --yes")
            .by("ben")
            .succeeds();
    });
    lab.clws("secret get dev/web/F1").exits(18);
    merged(&lab, set(&lab, "ben", "D2", "by ben"), || {
        lab.clws("secret policy dev/web/H1 --rotate-every 30d")
            .succeeds();
    });
    has(&lab, &[("D1", "by ada"), ("D2", "by ben"), ("H1", "H1")]);
}

#[test]
fn wraps_for_a_reader_each_whom_the_rules_have_already() {
    let lab = lab();
    // They sort into different places, before ada and behind ben: plain merges ask for that.
    // The rules admit both; that nobody has wrapped for them yet is what check is there to say.
    let access = lab.vault().join("recipients/access.toml");
    let text = std::fs::read_to_string(&access).unwrap();
    let rule = text
        .split("\n\n")
        .find(|table| table.starts_with("[rule.\"dev/web\"]"))
        .unwrap();
    let wider = rule.replace(
        "readers = [\"ada\"]",
        "readers = [\"abe\", \"ada\", \"zoe\"]",
    );
    assert_ne!(wider, rule);
    std::fs::write(&access, text.replace(rule, &wider)).unwrap();
    let web = lab.vault().join("secrets/dev/web.toml");
    let unwrapped = std::fs::read(&web).unwrap();
    lab.clws("trust sign --yes").succeeds();
    std::fs::write(&web, unwrapped).unwrap();
    lab.commit("rules for abe and zoe");
    let ran = lab.clws("check").exits(1);
    for line in [
        "abe lacks a wrap in dev/web",
        "next: clws access grant abe dev/web --read",
        "zoe lacks a wrap in dev/web",
    ] {
        assert!(ran.text().contains(line), "{}", ran.text());
    }

    let head = lab.head();
    let wrap_for_one = |person: &'static str, reader: &'static str, other: &'static str| {
        let lab = &lab;
        let web = web.clone();
        move || {
            lab.clws(&format!("access grant {reader} dev/web --read"))
                .by(person)
                .succeeds();
            // A grant wraps for all who wait; here each branch is to bring one of them.
            let text = std::fs::read_to_string(&web).unwrap();
            let kept: Vec<&str> = text
                .split("\n\n")
                .filter(|table| !table.starts_with(&format!("[reader.\"{other}/")))
                .collect();
            std::fs::write(&web, kept.join("\n\n")).unwrap();
        }
    };
    merged(
        &lab,
        wrap_for_one("ada", "abe", "zoe"),
        wrap_for_one("ben", "zoe", "abe"),
    );
    for person in ["abe", "zoe"] {
        let got = lab
            .clws("secret get dev/web/D1 --expect")
            .word(&head)
            .by(person)
            .succeeds();
        assert_eq!(got.text(), "D1");
    }
}

#[test]
fn one_value_changed_on_both_sides_is_a_conflict_that_is_named() {
    let lab = lab();
    lab.git(&["checkout", "-qb", "theirs"]);
    set(&lab, "ben", "D1", "by ben")();
    lab.commit("theirs");
    lab.git(&["checkout", "-q", "main"]);
    set(&lab, "ada", "D1", "by ada")();
    lab.commit("ours");
    let merge = std::process::Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(["merge", "-q", "theirs"])
        .current_dir(lab.vault())
        .output()
        .unwrap();
    assert!(!merge.status.success());
    let ran = lab.clws("check").exits(1);
    assert!(
        ran.text().contains("secrets/dev/web.toml") && ran.text().contains("merge conflict"),
        "{}",
        ran.text()
    );
    // Either side is a whole record; the one with the greater mark counts for everybody.
    for side in ["--ours", "--theirs"] {
        lab.git(&["checkout", "-q", side, "--", "secrets/dev/web.toml"]);
        lab.clws("check").by("abe").succeeds();
    }
}
