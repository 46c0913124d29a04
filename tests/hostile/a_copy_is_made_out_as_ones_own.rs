//! What somebody cannot open is made out as their own: ben copies a document, or a sealed file, to a path that he writes and
//! signs there what lies in clear. Whoever reads both is not to give him the rest, nor to sign what counts in the original.

use clws::crypto::sshsig::Namespace;
use clws::vault::Sidecar;

use crate::forge::{Known, signing_key, table, vault, with_table};
use crate::lab::Lab;
use crate::scene::{accept, plant, read, refused};

const DB: &str = "secrets/prod/db.toml";

/// Ada writes and reads all; ben writes `prod/web` and `dev`, and so does nobody else but ada; cleo reads `prod`. `more` are
/// rights of ben's on `prod/db`.
fn lab(more: &str) -> Lab {
    let lab = Lab::new().people(&["ben", "cleo"]);
    for grant in [
        "cleo prod --read",
        "cleo prod/db --read",
        "ben prod/web --read --write",
        "ben dev --read --write",
    ] {
        lab.clws(&format!("access grant {grant} --yes")).succeeds();
    }
    if !more.is_empty() {
        lab.clws(&format!("access grant ben prod/db {more} --yes"))
            .succeeds();
    }
    let lab = lab
        .secret("prod/db/TOKEN", "the-database-password")
        .secret("prod/web/TOKEN", "first");
    accept(&lab, &["ben", "cleo"]);
    for by in ["ada", "cleo"] {
        lab.clws("secret get prod/db/TOKEN").by(by).succeeds();
    }
    lab
}

/// The document `prod/db` as one of `path`: its id, commitment, wraps and values lie in clear, and ben signs the rest.
fn copy_to(lab: &Lab, path: &str) -> Known {
    let mut known = Known::of(lab, "prod/db", "ada");
    let text = known.text.clone();
    known.place.path = path.parse().unwrap();
    known.text = text.replace("\"prod/db\"", &format!("\"{path}\""));
    let head = known.head(9, ("ben", &signing_key(lab, "ben")));
    let copied = with_table(&text, "[document]", &head);
    plant(lab, &format!("secrets/{path}.toml"), copied);
    known
}

#[test]
fn a_document_by_who_cannot_open_it() {
    let lab = lab("");
    lab.clws("secret get prod/db/TOKEN").by("ben").exits(11);
    copy_to(&lab, "prod/web");
    for (words, code) in [
        ("secret get prod/web/TOKEN", 12),
        ("secret set prod/web/OTHER", 12),
        ("secret policy prod/web/TOKEN --owner ada", 12),
        ("exec prod/web -- true", 125),
        ("rekey prod/web --yes", 12),
        ("access grant ben prod/web --read --yes", 12),
        ("access grant cleo prod/web --read --yes", 12),
    ] {
        let said = refused(&lab, "ada", words, code);
        assert!(said.contains("the id of `prod/db`"), "{words}: {said}");
    }
    // Nobody is kept from the original by it, and who looks is told.
    lab.clws("secret get prod/db/TOKEN").succeeds();
    lab.clws("secret get prod/db/TOKEN").by("cleo").succeeds();
    lab.clws("secret set prod/db/OTHER").stdin(b"x").succeeds();
    let found = lab.clws("check").exits(1).text();
    assert!(found.contains("duplicate-id: prod/web"), "{found}");
    let left = read(&lab, "secrets/prod/web.toml");
    assert!(!left.contains("[reader.\"ben"), "{left}");
    // Who loses a right loses it at once, and the copy is left as it is.
    revoke_is_all_that_is_done(&lab);
}

fn revoke_is_all_that_is_done(lab: &Lab) {
    let before = read(lab, "secrets/prod/web.toml");
    let said = lab
        .clws("access revoke ben prod/web --write --yes")
        .succeeds();
    assert!(said.err.contains("the id of `prod/db`"), "{}", said.err);
    // A new key is refused as well, until the copy is gone.
    assert!(
        said.err.contains("put what was before back"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("once it is mended, somebody"),
        "{}",
        said.err
    );
    assert_eq!(read(lab, "secrets/prod/web.toml"), before);
}

#[test]
fn a_document_in_another_environment() {
    let lab = lab("");
    copy_to(&lab, "dev/web");
    let alone = read(&lab, "secrets/dev/web.toml");
    let alone = alone.replace(&format!("{}\n\n", table(&alone, "[secret.TOKEN]")), "");
    plant(&lab, "secrets/dev/web.toml", &alone);
    // A wrap of its key for anybody is a wrap of the key of `prod/db`.
    for words in [
        "access grant cleo dev --read --yes",
        "rekey dev/web --yes",
        "secret set dev/web/TOKEN",
    ] {
        lab.clws(words).stdin(b"new").run();
        let now = read(&lab, "secrets/dev/web.toml");
        assert_eq!(now, alone, "{words}");
    }
    // Also where the original was taken away: this machine has seen it.
    std::fs::remove_file(lab.vault().join(DB)).unwrap();
    refused(&lab, "ada", "secret set dev/web/TOKEN", 12);
}

#[test]
fn a_document_that_he_reads_and_may_not_write() {
    let lab = lab("--read");
    let known = Known::of(&lab, "prod/db", "ben");
    let ben = signing_key(&lab, "ben");
    let mut copy = copy_to(&lab, "prod/web");
    copy.place.path = "prod/web".parse().unwrap();
    let evil = copy.record("TOKEN", (7, 7), "evil", ("ben", &ben)).print();
    let copied = with_table(
        &read(&lab, "secrets/prod/web.toml"),
        "[secret.TOKEN]",
        &evil,
    );
    plant(&lab, "secrets/prod/web.toml", copied);
    // What ada signs there would be hers in `prod/db`, too.
    refused(&lab, "ada", "secret policy prod/web/TOKEN --owner ada", 12);
    revoke_is_all_that_is_done(&lab);
    let lent = table(&read(&lab, "secrets/prod/web.toml"), "[secret.TOKEN]").to_owned();
    plant(&lab, DB, with_table(&known.text, "[secret.TOKEN]", &lent));
    accept(&lab, &["cleo"]);
    refused(&lab, "cleo", "secret get prod/db/TOKEN", 13);
}

/// While ben had the same rights on both, the copy was harmless, and ada's machine has seen it.
#[test]
fn a_document_that_was_harmless_until_a_right_was_taken_away() {
    let lab = Lab::new().people(&["ben", "cleo"]);
    for path in ["prod/web", "prod/db"] {
        lab.clws(&format!("access grant ben {path} --read --write --yes"))
            .succeeds();
    }
    let lab = lab.secret("prod/db/TOKEN", "the-database-password");
    accept(&lab, &["ben"]);
    copy_to(&lab, "prod/web");
    let got = lab.clws("secret get prod/web/TOKEN").succeeds();
    assert_eq!(got.text(), "the-database-password");
    lab.clws("access revoke ben prod/db --write --yes")
        .succeeds();
    let before = read(&lab, "secrets/prod/web.toml");
    for words in [
        "secret set prod/web/OTHER",
        "secret policy prod/web/TOKEN --owner ada",
        "rekey prod/web --yes",
    ] {
        let said = refused(&lab, "ada", words, 12);
        assert!(said.contains("the id of `prod/db`"), "{words}: {said}");
        assert_eq!(read(&lab, "secrets/prod/web.toml"), before, "{words}");
    }
    // Rules are signed whatever lies there, and nobody is given a wrap by them.
    let granted = lab
        .clws("access grant cleo prod/web --read --yes")
        .succeeds();
    let said = granted.err;
    assert!(said.contains("the id of `prod/db`"), "{said}");
    assert_eq!(read(&lab, "secrets/prod/web.toml"), before);
    lab.clws("secret set prod/db/OTHER").stdin(b"x").succeeds();
}

#[test]
fn a_sealed_file_by_who_cannot_open_it() {
    let lab = lab("");
    lab.clws("secret set prod/keys/site.key --type file")
        .stdin(b"the-private-key")
        .succeeds();
    let original = std::fs::read(lab.vault().join("secrets/prod/keys/site.key.age")).unwrap();
    // In armor it is another file with the same content.
    let mut armored = Vec::new();
    let mut armor =
        age::armor::ArmoredWriter::wrap_output(&mut armored, age::armor::Format::AsciiArmor)
            .unwrap();
    std::io::Write::write_all(&mut armor, &original).unwrap();
    armor.finish().unwrap();
    let ben = signing_key(&lab, "ben");
    let of_prod = read(&lab, "secrets/prod/keys/site.key.age.toml");
    let mut sidecar =
        Sidecar::parse(of_prod.as_bytes(), &"prod/keys/site.key".parse().unwrap()).unwrap();
    for bytes in [original, armored] {
        sidecar.path = "dev/keys/mine".parse().unwrap();
        sidecar.content.as_mut().unwrap().sha256 = clws::crypto::sha256(&bytes);
        sidecar.author = "ben".to_owned();
        sidecar.signed.party = "ben".to_owned();
        sidecar.signed.fingerprint = ben.public().fingerprint();
        let message = sidecar.message(&vault(&lab), ben.public());
        sidecar.signed.signature = ben.sign(Namespace::File, &message);
        plant(&lab, "secrets/dev/keys/mine.age", &bytes);
        plant(&lab, "secrets/dev/keys/mine.age.toml", sidecar.print());
        refused(&lab, "ada", "secret get dev/keys/mine", 12);
        refused(&lab, "ada", "rekey dev/keys/mine --yes", 12);
        lab.clws("access grant cleo dev --read --yes").run();
        let now = std::fs::read(lab.vault().join("secrets/dev/keys/mine.age")).unwrap();
        assert_eq!(now, bytes, "it was sealed anew");
        let found = lab.clws("check").exits(1).text();
        assert!(found.contains("content: dev/keys/mine"), "{found}");
    }
    lab.clws("secret get prod/keys/site.key").succeeds();
}
