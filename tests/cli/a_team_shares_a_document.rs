//! A team shares a document: rights decide who reads and who writes it.

use crate::lab::Lab;

#[test]
fn a_value_comes_back_as_it_went_in() {
    let lab = Lab::new();
    for value in [
        "hunter2",
        "",
        "00731",
        "two\nlines\n",
        "ä€\u{1f511}",
        "'\"\\ $x #1",
    ] {
        lab.clws("secret set dev/web/TOKEN")
            .stdin(value.as_bytes())
            .succeeds();
        assert_eq!(
            lab.clws("secret get dev/web/TOKEN").succeeds().text(),
            value
        );
    }
}

#[test]
fn who_is_granted_reads_and_who_is_not_does_not() {
    let lab = Lab::new()
        .people(&["ben", "eve"])
        .secret("dev/web/TOKEN", "hunter2");
    lab.clws("secret get dev/web/TOKEN").by("ben").exits(13);
    let expect = lab.head();
    lab.clws("secret get dev/web/TOKEN --expect")
        .word(&expect)
        .by("ben")
        .exits(11);
    lab.clws("access grant ben dev/web --read --yes").succeeds();
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN")
            .by("ben")
            .succeeds()
            .text(),
        "hunter2"
    );
    lab.clws("secret get dev/web/TOKEN --expect")
        .word(&expect)
        .by("eve")
        .exits(11);
    let refused = lab
        .clws("secret set dev/web/TOKEN")
        .by("ben")
        .stdin(b"mine")
        .exits(13);
    assert!(
        refused.err.contains("ben may not write `dev/web`"),
        "{}",
        refused.err
    );
    lab.clws("access grant ben dev/web --write --yes")
        .succeeds();
    lab.clws("secret set dev/web/TOKEN")
        .by("ben")
        .stdin(b"from ben")
        .succeeds();
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN").succeeds().text(),
        "from ben"
    );
    let elsewhere = lab.copy();
    lab.clws("access revoke ben dev/web --write --yes")
        .succeeds();
    // What ben signed while he might was signed again by who took the right away; he stays its author.
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN").succeeds().text(),
        "from ben"
    );
    let document = std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap();
    assert!(document.contains("author = \"ben\"") && !document.contains("sig = \"ben/"));
    lab.clws("check").succeeds();
    // What he signs from then on, on a machine that knows nothing of it, is refused.
    let again = || elsewhere.clws("secret set dev/web/TOKEN").by("ben");
    for text in ["later", "later still"] {
        again().stdin(text.as_bytes()).succeeds();
    }
    let web = "secrets/dev/web.toml";
    std::fs::copy(elsewhere.vault().join(web), lab.vault().join(web)).unwrap();
    let refused = lab.clws("secret get dev/web/TOKEN").exits(13);
    assert!(
        refused.err.contains("signed by ben, who may not write it"),
        "{}",
        refused.err
    );
    lab.clws("check").exits(1);
}

#[test]
fn what_the_rules_say_already_needs_nobody() {
    let lab = Lab::new().people(&["ben"]);
    let update = || lab.clws("recipient update ben --mail ben@example.org --yes");
    update().succeeds();
    lab.accepted_by(&["eve"]);
    // Eve has no key at all.
    let same = update().by("eve").succeeds();
    assert!(same.err.contains("nothing to change"), "{}", same.err);
}

#[test]
fn a_document_outlives_the_right_of_who_made_it() {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben dev --write --yes").succeeds();
    lab.clws("secret set dev/ours/TOKEN --expect")
        .word(lab.head())
        .by("ben")
        .stdin(b"one")
        .succeeds();
    lab.clws("secret set dev/tls/a.key --type file")
        .by("ben")
        .stdin(b"key")
        .succeeds();
    lab.clws("access revoke ben dev --write --yes").succeeds();
    assert_eq!(
        lab.clws("secret get dev/ours/TOKEN").succeeds().text(),
        "one"
    );
    assert_eq!(
        lab.clws("secret get dev/tls/a.key").succeeds().text(),
        "key"
    );
    lab.clws("secret set dev/ours/OTHER")
        .stdin(b"two")
        .succeeds();
    lab.clws("check --full").succeeds();
    // What he signs from now on counts for nothing, also in a copy of his own.
    lab.clws("secret set dev/ours/TOKEN")
        .by("ben")
        .stdin(b"mine")
        .exits(13);
}

#[test]
fn nobody_is_locked_out_or_believed_to_be() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("dev/web/TOKEN", "hunter2");
    lab.clws("access grant ben dev --read --yes").succeeds();
    let access = lab.vault().join("recipients/access.toml");
    let before = std::fs::read_to_string(&access).unwrap();
    let refused = lab.clws("access revoke ada dev --read --yes").exits(16);
    assert!(
        refused.err.contains("who writes reads too"),
        "{}",
        refused.err
    );
    // Nobody left to read what lies there.
    let refused = lab
        .clws("access revoke ada prod --read --write --yes")
        .exits(13);
    let left = |scope: &str| format!("error: the rule for `{scope}` leaves nobody to read\n");
    assert!(refused.err.starts_with(&left("prod")), "{}", refused.err);
    assert_eq!(std::fs::read_to_string(&access).unwrap(), before);
    // By hand it is no better.
    let readerless = before.replacen(
        "readers = [\"ada\"]\nwriters = [\"ada\"]\n\n[end]",
        "\n[end]",
        1,
    );
    assert_ne!(readerless, before);
    std::fs::write(&access, readerless).unwrap();
    let refused = lab.clws("trust sign --yes").exits(13);
    assert!(refused.err.starts_with(&left("test")), "{}", refused.err);
    std::fs::write(&access, before).unwrap();
    lab.clws("trust diff").succeeds();
    lab.clws("secret get dev/web/TOKEN").succeeds();
}
