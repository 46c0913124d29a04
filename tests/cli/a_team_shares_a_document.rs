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
    let head = lab.clws("trust show --json").succeeds().json()["head"].clone();
    let expect = head.as_str().unwrap();
    lab.clws("secret get dev/web/TOKEN --expect")
        .word(expect)
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
        .word(expect)
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
    lab.clws("access revoke ben dev/web --write --yes")
        .succeeds();
    // What an ex-writer signed counts for nothing until a writer vouches.
    lab.clws("secret get dev/web/TOKEN").exits(13);
}
