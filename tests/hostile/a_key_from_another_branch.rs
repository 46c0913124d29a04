//! Mallory puts a document in the place of the newest that an honest writer signed once: before the key was changed, or on
//! a branch that nobody merged. Who left can open it; nothing more may be sealed into it.

use crate::forge::{Known, readers, signing_key, table, with_table};
use crate::lab::Lab;
use crate::scene::{accept, plant, read, refused};

const WEB: &str = "secrets/prod/web.toml";

/// Ben founded the document and writes it, cleo read it and has left since; ada decides. Beside it, what cleo knows.
fn cleo_left() -> (Lab, Known) {
    let lab = Lab::new().people(&["ben", "cleo"]);
    lab.clws("access grant ben prod --read --write --yes")
        .succeeds();
    lab.clws("access grant cleo prod --read --yes").succeeds();
    accept(&lab, &["ben", "cleo"]);
    lab.clws("secret set prod/web/TOKEN")
        .by("ben")
        .stdin(b"first")
        .succeeds();
    let known = Known::of(&lab, "prod/web", "cleo");
    lab.clws("recipient remove cleo --yes").succeeds();
    for by in ["ada", "ben"] {
        lab.clws("exec prod/web -- true").by(by).succeeds();
    }
    (lab, known)
}

/// A document's text without a reader's wrap.
fn without_reader(text: &str, reader: &str) -> String {
    let (name, _) = readers(text)
        .into_iter()
        .find(|(name, _)| name.starts_with(reader))
        .unwrap();
    let header = format!("[reader.\"{name}\"]");
    text.replace(&format!("{}\n\n", table(text, &header)), "")
}

#[test]
fn what_is_older_is_signed_on_by_no_change_of_rules() {
    let (lab, known) = cleo_left();
    let now = read(&lab, WEB);
    plant(&lab, WEB, without_reader(&known.text, "cleo/"));
    for words in [
        "secret get prod/web/TOKEN",
        "secret set prod/web/TOKEN",
        "access revoke ben prod --write --yes",
        "rekey prod/web --yes",
    ] {
        refused(&lab, "ada", words, 14);
    }
    plant(&lab, WEB, now);
    lab.clws("access revoke ben prod --write --yes").succeeds();
    lab.clws("secret get prod/web/TOKEN").succeeds();
}

#[test]
fn a_key_that_was_changed_on_a_branch_is_not_the_next_one() {
    let (lab, known) = cleo_left();
    let ben = signing_key(&lab, "ben");
    let branch = known.rekeyed([5; 32]);
    // As many changes of the key as on the branch that counts, or more of them.
    for seq in [2, 3, 4] {
        let mut tables = vec![branch.head(seq, ("ben", &ben))];
        for (reader, recipient) in readers(&known.text) {
            if !reader.starts_with("cleo/") {
                tables.push(branch.wrap(&reader, &recipient));
            }
        }
        tables.push(
            branch
                .record("TOKEN", (9, 9), "first", ("ben", &ben))
                .print(),
        );
        let tables: Vec<&str> = tables.iter().map(|table| table.trim_end()).collect();
        plant(&lab, WEB, format!("{}\n\n[end]\n", tables.join("\n\n")));
        for by in ["ada", "ben"] {
            refused(&lab, by, "secret get prod/web/TOKEN", 14);
            refused(&lab, by, "secret set prod/web/TOKEN", 14);
            refused(&lab, by, "rekey prod/web --yes", 14);
            refused(&lab, by, "exec prod/web -- true", 125);
        }
        refused(&lab, "ada", "check", 1);
    }
    // A person can say that it is meant. Its values are then known to be.
    let done = lab.clws("secret restore prod/web --yes").succeeds();
    assert!(done.err.contains("with a new data key"), "{}", done.err);
    assert!(
        read(&lab, WEB).contains("exposed = \"somebody left "),
        "{}",
        read(&lab, WEB)
    );
    lab.clws("secret set prod/web/TOKEN")
        .stdin(b"next")
        .succeeds();
    assert_eq!(
        lab.clws("secret get prod/web/TOKEN").succeeds().text(),
        "next"
    );
    // Who saw the other one believes it by name.
    let said = refused(&lab, "ben", "secret get prod/web/TOKEN", 14);
    assert!(said.contains("clws secret accept prod/web"), "{said}");
    lab.clws("secret accept prod/web --yes")
        .by("ben")
        .succeeds();
    assert_eq!(
        lab.clws("secret get prod/web/TOKEN")
            .by("ben")
            .succeeds()
            .text(),
        "next"
    );
    lab.clws("check").by("ben").succeeds();
}

#[test]
fn what_is_older_is_taken_over_by_nobody() {
    let (lab, known) = cleo_left();
    let lab = lab.secret("prod/web/TOKEN", "second");
    lab.clws("secret get prod/web/TOKEN").succeeds();
    // Under the key from before, which the document keeps.
    let old = table(&known.text, "[secret.TOKEN]").to_owned();
    plant(
        &lab,
        WEB,
        with_table(&read(&lab, WEB), "[secret.TOKEN]", &old),
    );
    let said = refused(&lab, "ada", "secret adopt prod/web/TOKEN --yes", 14);
    assert!(said.contains("clws secret restore"), "{said}");
    let found = lab.clws("check").exits(1).text();
    assert!(!found.contains("adopt"), "{found}");
}

#[test]
fn whoever_writes_in_one_environment_cannot_take_the_id_of_another() {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben dev --read --write --yes")
        .succeeds();
    let lab = lab.secret("prod/web/TOKEN", "first");
    lab.clws("access grant ben prod --read --yes").succeeds();
    accept(&lab, &["ben"]);
    let old = read(&lab, WEB);
    let known = Known::of(&lab, "prod/web", "ben");
    let lab = lab.secret("prod/web/TOKEN", "second");
    lab.clws("secret get prod/web/TOKEN").succeeds();
    // His own document under prod's id, with numbers that nobody reaches.
    let ben = signing_key(&lab, "ben");
    let mut evil = known.rekeyed([6; 32]);
    evil.place.path = "dev/evil".parse().unwrap();
    evil.text = evil.text.replace("\"prod/web\"", "\"dev/evil\"");
    let mut tables = vec![evil.head(900, ("ben", &ben))];
    for (reader, recipient) in readers(&known.text) {
        tables.push(evil.wrap(&reader, &recipient));
    }
    tables.push(
        evil.record("TOKEN", (902, 902), "evil", ("ben", &ben))
            .print(),
    );
    let tables: Vec<&str> = tables.iter().map(|table| table.trim_end()).collect();
    plant(
        &lab,
        "secrets/dev/evil.toml",
        format!("{}\n\n[end]\n", tables.join("\n\n")),
    );
    refused(&lab, "ada", "secret get dev/evil/TOKEN", 12);
    std::fs::remove_file(lab.vault().join("secrets/dev/evil.toml")).unwrap();
    // Nothing of it is held against prod, and nothing of prod is forgotten.
    assert_eq!(
        lab.clws("secret get prod/web/TOKEN").succeeds().text(),
        "second"
    );
    plant(&lab, WEB, &old);
    refused(&lab, "ada", "secret get prod/web/TOKEN", 14);
    std::fs::remove_file(lab.vault().join(WEB)).unwrap();
    let set = lab
        .clws("secret set prod/web/TOKEN")
        .stdin(b"third")
        .succeeds();
    assert!(set.err.contains("rev 3"), "{}", set.err);
    plant(&lab, WEB, &old);
    refused(&lab, "ada", "secret get prod/web/TOKEN", 14);
}
