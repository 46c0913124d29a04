//! Ben may write, and signs what nobody opens: a value, the other value of a rotation, and the other content of a
//! sealed file. All signatures are good, so only opening tells; what is given out is not touched by what lies beside it.

use clws::crypto::sshsig::{Namespace, SigningKey};
use clws::crypto::{encode_base64, field, sha256};
use clws::vault::{Record, Sidecar};

use crate::forge::{Known, signing_key, vault, with_table};
use crate::lab::Lab;
use crate::scene::{accept, plant, read, refused};

const WEB: &str = "secrets/prod/web.toml";
const SIDECAR: &str = "secrets/prod/keys/web.key.age.toml";

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"the-key")
        .succeeds();
    lab.clws("access grant ben prod --read --write --yes")
        .succeeds();
    accept(&lab, &["ben"]);
    for name in ["ada", "ben"] {
        lab.clws("secret get prod/web/TOKEN").by(name).succeeds();
        lab.clws("secret get prod/keys/web.key").by(name).succeeds();
    }
    lab
}

/// The second TOKEN, sealed as the third.
fn closed(known: &Known, ben: &SigningKey) -> Record {
    let mut record = known.record("TOKEN", (3, 2), "forged", ("ben", ben));
    record.rev = 2;
    record
}

/// A message under another tag.
fn retagged(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    let tag = |text: &str| {
        let mut bytes = Vec::new();
        field(&mut bytes, text.as_bytes());
        bytes
    };
    let rest = message.strip_prefix(&*tag(from)).unwrap();
    [&*tag(to), rest].concat()
}

/// A full check says it of this one thing; the usual one opens nothing.
fn told_by_opening(lab: &Lab, path: &str) {
    lab.clws("check").succeeds();
    let found = lab.clws("check --full --json").exits(1).json();
    let sealed: Vec<_> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["kind"] == "seal")
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    assert_eq!(sealed, [path], "{found}");
}

#[test]
fn a_value() {
    let lab = lab();
    let ben = signing_key(&lab, "ben");
    let known = Known::of(&lab, "prod/web", "ben");
    let mut record = closed(&known, &ben);
    let message = record.message(&known.place, &known.key_id, ben.public());
    record.signed.signature = ben.sign(Namespace::Value, &message);
    let text = with_table(&known.text, "[secret.TOKEN]", &record.print());
    plant(&lab, WEB, text);
    refused(&lab, "ada", "secret get prod/web/TOKEN", 12);
    refused(&lab, "ada", "exec prod/web -- true", 125);
    refused(&lab, "ada", "export prod/web --format json --out -", 12);
    refused(&lab, "ada", "rekey prod/web --yes", 12);
    // What it was can be put back: nothing of what did not open is remembered.
    plant(&lab, WEB, &known.text);
    lab.clws("exec prod/web -- true").succeeds();
    plant(
        &lab,
        WEB,
        with_table(&known.text, "[secret.TOKEN]", &record.print()),
    );
    told_by_opening(&lab, "prod/web/TOKEN");
}

#[test]
fn the_other_value_of_a_rotation() {
    let lab = lab();
    let ben = signing_key(&lab, "ben");
    let known = Known::of(&lab, "prod/web", "ben");
    let mut record = closed(&known, &ben);
    let message = record.message(&known.place, &known.key_id, ben.public());
    let message = retagged(&message, "clws.v1.value", "clws.v1.pending");
    record.signed.signature = ben.sign(Namespace::Value, &message);
    let table = record.print().replace("[secret.", "[pending.");
    let text = format!("{}\n\n[end]", table.trim_end());
    plant(&lab, WEB, known.text.replace("[end]", &text));
    refused(&lab, "ada", "rekey prod/web --yes", 12);
    let given = lab.clws("secret get prod/web/TOKEN").succeeds().text();
    assert_eq!(given, "hunter2");
    lab.clws("exec prod/web -- true").succeeds();
    told_by_opening(&lab, "prod/web/TOKEN");
}

#[test]
fn the_other_content_of_a_sealed_file() {
    let lab = lab();
    let ben = signing_key(&lab, "ben");
    let good = read(&lab, SIDECAR);
    // Of the same place, to the same readers; the last byte of the content is another one.
    let mut age = std::fs::read(lab.vault().join("secrets/prod/keys/web.key.age")).unwrap();
    *age.last_mut().unwrap() ^= 1;
    let path = "prod/keys/web.key".parse().unwrap();
    let mut other = Sidecar::parse(good.as_bytes(), &path).unwrap();
    (other.rev, other.seq) = (2, 2);
    let content = other.content.as_mut().unwrap();
    content.sha256 = sha256(&age);
    let size = content.size;
    other.signed.party = "ben".to_owned();
    other.signed.fingerprint = ben.public().fingerprint();
    let message = other.message(&vault(&lab), ben.public());
    let message = retagged(&message, "clws.v1.file", "clws.v1.file-pending");
    other.signed.signature = ben.sign(Namespace::File, &message);
    let readers = good.lines().find(|line| line.starts_with("readers = "));
    let table = format!(
        "[pending]\nage = \"{}\"\nmode = \"0600\"\nsize = {size}\n{}\nrev = 2\nseq = 2\nchanged = \"{}\"\n\
         author = \"{}\"\nsig = \"{}\"\n\n[end]",
        encode_base64(&age),
        readers.unwrap(),
        other.changed,
        other.author,
        other.signed
    );
    plant(&lab, SIDECAR, good.replace("[end]", &table));
    refused(&lab, "ada", "rekey prod/keys --yes", 12);
    let given = lab.clws("secret get prod/keys/web.key").succeeds().text();
    assert_eq!(given, "the-key");
    told_by_opening(&lab, "prod/keys/web.key");
}
