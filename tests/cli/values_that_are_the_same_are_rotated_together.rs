//! `clws rotate` of a value that other names have too, of all that waits, and to a length that somebody wants.

use crate::lab::Lab;

const SHARED: &str = "one-password-for-all-of-them";

/// Ada decides, and reads all alone. Three names have one value, one of them in another scope.
fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/TOKEN", SHARED)
        .secret("dev/web/OTHER", "something-else-entirely")
        .secret("dev/api/TOKEN", SHARED)
        .secret("dev/api/USER", "codalab")
        .secret("prod/web/TOKEN", SHARED);
    lab.clws("secret policy dev/web/TOKEN --rotator random")
        .succeeds();
    lab
}

/// The same where ben reads and writes dev alone.
fn lab_with_ben() -> Lab {
    let lab = lab();
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    lab
}

fn value(lab: &Lab, path: &str) -> String {
    lab.clws(&format!("secret get {path}")).succeeds().text()
}

#[test]
fn all_who_have_a_value_get_the_same_new_one() {
    let lab = lab();
    let planned = lab.clws("rotate dev/web/TOKEN --dry-run").succeeds();
    for line in [
        "dev/web/TOKEN, by random",
        "dev/api/TOKEN, which has the same value as dev/web/TOKEN, by random",
        "prod/web/TOKEN, which has the same value as dev/web/TOKEN, by random",
    ] {
        assert!(planned.err.contains(line), "no {line}: {}", planned.err);
    }
    assert!(!planned.err.contains("OTHER") && !planned.err.contains(SHARED));
    assert_eq!(value(&lab, "dev/web/TOKEN"), SHARED);
    lab.clws("rotate dev/web/TOKEN --yes").succeeds();
    let new = value(&lab, "dev/web/TOKEN");
    assert_ne!(new, SHARED);
    for path in ["dev/api/TOKEN", "prod/web/TOKEN"] {
        assert_eq!(value(&lab, path), new, "{path}");
    }
    assert_eq!(value(&lab, "dev/web/OTHER"), "something-else-entirely");
    lab.clws("check --full").succeeds();
    lab.clws("audit verify").succeeds();
    lab.nowhere(&[new]);
}

#[test]
fn who_cannot_look_somewhere_is_told_so_and_who_wants_one_alone_says_so() {
    let lab = lab_with_ben();
    let expect = format!("secret list --expect {}", lab.head());
    lab.clws(&expect).by("ben").succeeds();
    let rotated = lab
        .clws("rotate dev/web/TOKEN --yes --verbose")
        .by("ben")
        .succeeds();
    assert!(
        rotated.err.contains(
            "not looked for in what you cannot open, prod/web: others with the same value"
        ),
        "{}",
        rotated.err
    );
    let new = value(&lab, "dev/web/TOKEN");
    assert_eq!(value(&lab, "dev/api/TOKEN"), new);
    assert_eq!(value(&lab, "prod/web/TOKEN"), SHARED);
    lab.clws("rotate dev/web/TOKEN --apart --yes").succeeds();
    assert_ne!(value(&lab, "dev/web/TOKEN"), new);
    assert_eq!(value(&lab, "dev/api/TOKEN"), new);
}

#[test]
fn nobody_is_told_a_new_value_by_a_name_of_their_own() {
    // Of another scope: ben put there what he had once seen.
    let lab = lab_with_ben();
    lab.clws("secret policy prod/web/TOKEN --rotator random")
        .succeeds();
    let before = value(&lab, "prod/web/TOKEN");
    for words in [
        "rotate prod/web/TOKEN --yes",
        // He may say himself when his own is rotated.
        "rotate dev/web/TOKEN --yes",
        "rotate dev/web/TOKEN --dry-run",
    ] {
        let refused = lab.clws(words).exits(15);
        let told = "and ben reads one of both alone: one new value would be told to ben";
        assert!(refused.err.contains(told), "{}", refused.err);
        assert_eq!(value(&lab, "prod/web/TOKEN"), before);
    }
    lab.clws("rotate --apart prod/web/TOKEN --yes").succeeds();
    assert_ne!(value(&lab, "prod/web/TOKEN"), before);
    assert_eq!(value(&lab, "dev/web/TOKEN"), before);
    // Of one scope: of what he reads no more, and of one that is his.
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben dev --read --yes").succeeds();
    lab.clws("access grant ben dev/web --read --write --yes")
        .succeeds();
    let lab = lab
        .secret("dev/db/TOKEN", SHARED)
        .secret("dev/db/OTHER", "another-one-of-them");
    for name in ["TOKEN", "OTHER"] {
        lab.clws(&format!("secret policy dev/db/{name} --rotator random"))
            .succeeds();
    }
    lab.clws("access revoke ben dev --read --yes").succeeds();
    lab.accepted_by(&["ben"]);
    lab.clws("secret set dev/web/COPY")
        .by("ben")
        .stdin(SHARED.as_bytes())
        .succeeds();
    let ran = lab.clws("rotate --due --yes").exits(23);
    assert!(ran.err.contains("would be told to ben"), "{}", ran.err);
    assert_eq!(value(&lab, "dev/db/TOKEN"), SHARED);
    assert_ne!(value(&lab, "dev/db/OTHER"), "another-one-of-them");
    // Of one scope: of what he never read, and knew from a leak.
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/db/TOKEN", SHARED)
        .secret("dev/api/TOKEN", SHARED);
    lab.clws("secret policy dev/db/TOKEN --rotator random")
        .succeeds();
    lab.clws("access grant ben dev/web --read --write --yes")
        .succeeds();
    lab.clws("access grant ben dev/api --read --yes").succeeds();
    lab.accepted_by(&["ben"]);
    // What ada herself put where he reads it is one value on purpose.
    let planned = lab.clws("rotate dev/db/TOKEN --dry-run").succeeds();
    assert!(planned.err.contains("dev/api/TOKEN"), "{}", planned.err);
    lab.clws("secret set dev/web/COPY")
        .by("ben")
        .stdin(SHARED.as_bytes())
        .succeeds();
    let refused = lab.clws("rotate dev/db/TOKEN --yes").exits(15);
    assert!(refused.err.contains("`dev/web/COPY`"), "{}", refused.err);
    assert!(refused.err.contains("told to ben"), "{}", refused.err);
    assert_eq!(value(&lab, "dev/db/TOKEN"), SHARED);
}

/// Ada herself put the value where ben reads it. It waits for a new one because he left, and that is not for him.
#[test]
fn who_left_is_told_nothing_by_a_copy_that_they_still_read() {
    let lab = Lab::new().people(&["ben", "cleo"]);
    for right in ["ben dev/db", "ben dev/web", "cleo dev/db", "cleo dev/web"] {
        lab.clws(&format!("access grant {right} --read --yes"))
            .succeeds();
    }
    let lab = lab
        .secret("dev/db/TOKEN", SHARED)
        .secret("dev/web/COPY", SHARED);
    lab.clws("secret policy dev/db/TOKEN --rotator random")
        .succeeds();
    // As long as he reads both, there is nothing to tell.
    let planned = lab.clws("rotate dev/db/TOKEN --dry-run").succeeds();
    assert!(planned.err.contains("dev/web/COPY"), "{}", planned.err);
    lab.clws("access revoke ben dev/db --read --yes").succeeds();
    // Both wait, and nobody said that both are meant.
    lab.clws("secret policy dev/web/COPY --rotator random")
        .succeeds();
    lab.clws("recipient remove cleo --yes").succeeds();
    for words in ["rotate dev/db/TOKEN --yes", "rotate --due --yes"] {
        let refused = lab.clws(words).exits(15);
        assert!(
            refused.err.contains("would be told to ben"),
            "{}",
            refused.err
        );
        assert_eq!(value(&lab, "dev/db/TOKEN"), SHARED);
    }
}

/// The same bytes of another type are another thing: no text that is made at random fits them all.
#[test]
fn a_value_of_another_type_is_not_the_same() {
    let lab = lab();
    lab.clws("secret set dev/api/RAW --type bytes")
        .stdin(SHARED.as_bytes())
        .succeeds();
    let planned = lab.clws("rotate dev/web/TOKEN --dry-run").succeeds();
    assert!(!planned.err.contains("RAW"), "{}", planned.err);
    lab.clws("rotate dev/web/TOKEN --yes").succeeds();
    assert_ne!(value(&lab, "dev/api/TOKEN"), SHARED);
    assert_eq!(value(&lab, "dev/api/RAW"), SHARED);
}

#[test]
fn two_runs_do_not_rotate_at_once() {
    let lab = lab();
    lab.clws("rotate dev/web/OTHER --dry-run").run();
    let vaults = lab.home("ada").join(".local/state/clws/vaults");
    let vault = std::fs::read_dir(vaults).unwrap().next().unwrap().unwrap();
    let rotations = vault.path().join("rotations");
    std::fs::create_dir_all(&rotations).unwrap();
    let held = std::fs::File::create(rotations.join("lock")).unwrap();
    held.lock().unwrap();
    for words in [
        "rotate dev/web/TOKEN --yes",
        "rotate --resume",
        "rotate --undo --yes",
    ] {
        let busy = lab.clws(words).exits(31);
        assert!(busy.err.contains("another"), "{words}: {}", busy.err);
    }
    assert_eq!(value(&lab, "dev/web/TOKEN"), SHARED);
    drop(held);
    lab.clws("rotate dev/web/TOKEN --yes").succeeds();
}

#[test]
fn who_names_two_that_are_the_same_means_both() {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben dev/web --read --write --yes")
        .succeeds();
    let lab = lab
        .secret("dev/db/TOKEN", SHARED)
        .secret("dev/web/COPY", SHARED);
    lab.clws("secret policy dev/db/TOKEN --rotator random")
        .succeeds();
    lab.clws("secret policy dev/web/COPY --rotator random")
        .succeeds();
    lab.clws("rotate dev/db/TOKEN dev/web/COPY --yes")
        .succeeds();
    let new = value(&lab, "dev/db/TOKEN");
    assert_ne!(new, SHARED);
    assert_eq!(value(&lab, "dev/web/COPY"), new);
}

#[test]
fn a_short_value_is_the_same_by_chance() {
    let lab = lab().secret("dev/web/USER", "codalab");
    lab.clws("secret policy dev/web/USER --rotator random")
        .succeeds();
    let rotated = lab.clws("rotate dev/web/USER --yes").succeeds();
    assert!(
        rotated
            .err
            .contains("`dev/api/USER` has the same value, which is too short"),
        "{}",
        rotated.err
    );
    assert_ne!(value(&lab, "dev/web/USER"), "codalab");
    assert_eq!(value(&lab, "dev/api/USER"), "codalab");
}

#[test]
fn what_a_person_makes_for_one_is_for_all() {
    let lab = lab();
    lab.clws("secret policy dev/api/TOKEN --rotator by-hand")
        .succeeds();
    let rotated = lab
        .clws("rotate dev/web/TOKEN --yes")
        .stdin(b"what-the-provider-made")
        .succeeds();
    assert!(
        rotated
            .err
            .contains("dev/web/TOKEN, which has the same value as dev/api/TOKEN"),
        "{}",
        rotated.err
    );
    for path in ["dev/web/TOKEN", "dev/api/TOKEN", "prod/web/TOKEN"] {
        assert_eq!(value(&lab, path), "what-the-provider-made", "{path}");
    }
}

#[test]
fn what_waits_and_needs_nobody_is_rotated_and_the_rest_is_listed() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/TOKEN", SHARED)
        .secret("dev/api/TOKEN", SHARED)
        .secret("dev/web/KEY", "made-in-a-console-somewhere")
        .secret("dev/web/ALONE", "nobody-knows-what-makes-it")
        .secret("dev/web/ENDS", "it-ends-on-some-day-soon")
        .secret("dev/web/NEW", "nobody-has-seen-this-one");
    for (name, policy) in [
        ("TOKEN", "--rotator random"),
        ("KEY", "--rotator by-hand"),
        ("ENDS", "--rotator random --expires 2001-01-01"),
        ("NEW", "--rotator random"),
    ] {
        lab.clws(&format!("secret policy dev/web/{name} {policy}"))
            .succeeds();
    }
    let values = || {
        let of = |name: &str| value(&lab, &format!("dev/{name}"));
        ["web/KEY", "web/ALONE", "web/ENDS", "web/NEW"].map(of)
    };
    let before = values();
    // All but what is given later was readable by him.
    lab.clws("access grant ben dev --read --yes").succeeds();
    lab.clws("recipient remove ben --yes").succeeds();
    lab.clws("secret set dev/web/NEW")
        .stdin(b"nobody-has-seen-this-one-either")
        .succeeds();
    let ran = lab.clws("rotate --due --yes").succeeds();
    let new = value(&lab, "dev/web/TOKEN");
    assert_ne!(new, SHARED);
    assert_eq!(value(&lab, "dev/api/TOKEN"), new);
    let after = values();
    assert_eq!(after[..2], before[..2], "nobody is asked");
    assert_ne!(after[2], before[2], "he knew it, whenever it ends");
    assert_eq!(after[3], "nobody-has-seen-this-one-either");
    // What is left, each with what a person is to do.
    let left = ran.text();
    for part in [
        "dev/web/KEY\n  exposed",
        "  next: clws rotate dev/web/KEY\n",
        "dev/web/ALONE\n  exposed",
        "  next: clws secret set dev/web/ALONE\n",
        "dev/web/ENDS\n  expired since 2001-01-01",
    ] {
        assert!(left.contains(part), "no {part}: {left}");
    }
    assert!(!left.contains("TOKEN") && !left.contains("NEW"), "{left}");
    // Once more there is nothing that needs nobody.
    lab.clws("rotate --due --yes").succeeds();
    assert_eq!((value(&lab, "dev/web/TOKEN"), values()), (new, after));
    lab.clws("check --full").succeeds();
}

#[test]
fn one_that_fails_holds_no_other_up() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/A", "the-first-of-the-two-values")
        .secret("dev/web/B", "the-second-of-the-two-values");
    lab.clws("secret policy dev/web/A --rotator mysql")
        .succeeds();
    lab.clws("secret policy dev/web/B --rotator random")
        .succeeds();
    lab.clws("access grant ben dev --read --yes").succeeds();
    lab.clws("recipient remove ben --yes").succeeds();
    let ran = lab.clws("rotate --due --yes").exits(23);
    assert!(
        ran.err
            .contains("no hook says what has `dev/web/A` as its password"),
        "{}",
        ran.err
    );
    assert!(ran.text().contains("dev/web/A\n") && !ran.text().contains("dev/web/B\n"));
    assert_eq!(value(&lab, "dev/web/A"), "the-first-of-the-two-values");
    assert_ne!(value(&lab, "dev/web/B"), "the-second-of-the-two-values");
}

#[test]
fn a_wrong_rotator_of_one_that_shares_a_value_holds_no_other_up() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/A", SHARED)
        .secret("dev/web/B", "the-second-of-the-two-values")
        .secret("shared/api/COPY", SHARED)
        .secret("dev/web/D", "the-fourth-which-two-have")
        .secret("shared/api/OTHER", "the-fourth-which-two-have");
    for name in ["A", "B", "D"] {
        lab.clws(&format!("secret policy dev/web/{name} --rotator random"))
            .succeeds();
    }
    let script = lab.vault().join("hooks/gone/rotate.sh");
    std::fs::create_dir_all(script.parent().unwrap()).unwrap();
    std::fs::write(&script, "true\n").unwrap();
    for name in ["COPY", "OTHER"] {
        lab.clws(&format!("secret policy shared/api/{name} --rotator gone"))
            .succeeds();
    }
    std::fs::remove_file(script).unwrap();
    lab.clws("access grant ben dev --read --yes").succeeds();
    lab.clws("recipient remove ben --yes").succeeds();
    let ran = lab.clws("rotate --due --yes --json").exits(23);
    let report = ran.json();
    let told = report["failed"][0]["error"].to_string();
    for part in [
        "there is no rotator `gone`",
        "the policy of `shared/api/COPY` names it",
        "has the same value as `dev/web/A`",
        "`clws rotate --apart dev/web/A`",
    ] {
        assert!(told.contains(part), "no {part}: {told}");
    }
    let told = report["failed"][1]["error"].to_string();
    assert!(told.contains("`clws rotate --apart dev/web/D`"), "{told}");
    assert_eq!(report["findings"][0]["path"], "dev/web/A");
    assert_eq!(value(&lab, "dev/web/A"), SHARED);
    assert_ne!(value(&lab, "dev/web/B"), "the-second-of-the-two-values");
    let ran = lab.clws("rotate dev/web/A --yes").exits(18);
    assert!(ran.err.contains("shared/api/COPY"), "{}", ran.err);
    lab.clws("rotate --apart dev/web/A --yes").succeeds();
    assert_ne!(value(&lab, "dev/web/A"), SHARED);
}

#[test]
fn what_does_not_open_holds_no_other_up() {
    let lab = Lab::new()
        .people(&["ben", "eve"])
        .secret("dev/web/A", "the-first-of-the-two-values")
        .secret("prod/web/B", "the-second-of-the-two-values")
        .secret("prod/web/C", "the-third-of-the-two-values");
    for path in ["dev/web/A", "prod/web/B", "prod/web/C"] {
        lab.clws(&format!("secret policy {path} --rotator random"))
            .succeeds();
    }
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    for scope in ["dev", "prod"] {
        lab.clws(&format!("access grant eve {scope} --read --yes"))
            .succeeds();
    }
    lab.clws("recipient remove eve --yes").succeeds();
    lab.accepted_by(&["ben"]);
    let ran = lab.clws("rotate --due --yes").by("ben").exits(23);
    let told = "your identity does not open `prod/web`";
    assert_eq!(ran.err.matches(told).count(), 1, "{}", ran.err);
    assert_ne!(value(&lab, "dev/web/A"), "the-first-of-the-two-values");
    assert_eq!(value(&lab, "prod/web/B"), "the-second-of-the-two-values");
    assert!(ran.text().contains("prod/web/B\n") && !ran.text().contains("dev/web/A\n"));
}

#[test]
fn a_new_value_is_as_long_as_somebody_wants() {
    let lab = lab();
    lab.clws("rotate dev/web/TOKEN --length 40 --alphabet hex --yes")
        .succeeds();
    let new = value(&lab, "dev/web/TOKEN");
    assert_eq!(new.len(), 40);
    assert!(new.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(value(&lab, "dev/api/TOKEN"), new);
    lab.clws("secret policy dev/web/OTHER --rotator by-hand")
        .succeeds();
    let refused = lab
        .clws("rotate dev/web/OTHER --length 40 --yes")
        .stdin(b"from-a-console")
        .exits(2);
    assert!(
        refused.err.contains("to no length of your choosing"),
        "{}",
        refused.err
    );
    lab.clws("rotate dev/web/TOKEN --length 0 --yes").exits(2);
    lab.clws("rotate --due --length 9").exits(2);
}
