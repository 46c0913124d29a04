//! Values that are sealed as they should be, and signed by nobody who counts: by mallory with public keys
//! alone, by who reads and may not write, and by who left with the data key of then.

use clws::crypto::sshsig::{Namespace, SigningKey};
use clws::vault::Sidecar;

use crate::forge::{Known, file_of, readers, signing_key, table, vault, with_table};
use crate::lab::Lab;
use crate::scene::{accept, files_below, mallory, pins, plant, read, refused};

const WEB: &str = "secrets/prod/web.toml";

/// Ada decides; ben writes, cleo reads, both in prod.
fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben", "cleo"])
        .secret("prod/web/TOKEN", "hunter2")
        .secret("prod/web/OTHER", "other");
    lab.clws("access grant ben prod --read --write --yes")
        .succeeds();
    lab.clws("access grant cleo prod --read --yes").succeeds();
    accept(&lab, &["ben", "cleo"]);
    for name in ["ada", "ben", "cleo"] {
        lab.clws("exec prod/web -- true").by(name).succeeds();
    }
    lab
}

/// Opened by nobody, not even as one of many, and never carried on under a good signature.
fn counts_for_nobody(lab: &Lab, code: i32) {
    for by in ["ada", "cleo"] {
        let said = refused(lab, by, "secret get prod/web/TOKEN", code);
        assert!(!said.contains("forged"), "{said}");
        refused(lab, by, "exec prod/web -- true", 125);
        refused(lab, by, "exec prod/web --only TOKEN -- true", 125);
    }
    refused(lab, "ada", "secret policy prod/web/TOKEN --owner ada", code);
    refused(lab, "ada", "rekey prod/web --yes", code);
    refused(lab, "ada", "check", 1);
}

#[test]
fn with_public_keys_alone() {
    let lab = lab();
    let good = read(&lab, WEB);
    let key = mallory();
    // A data key of hers, wrapped for each reader, and all of it signed.
    let path = "prod/web".parse().unwrap();
    let document = clws::vault::Document::parse(good.as_bytes(), &path, &crate::forge::vault(&lab));
    let document = document.unwrap();
    let hers = Known {
        text: good.clone(),
        place: document.place.clone(),
        key_id: [0; 32],
        data_key: clws::crypto::DataKey::new([7; 32]),
    }
    .rekeyed([7; 32]);
    let ada = signing_key(&lab, "ada");
    let claims: [(&str, i32); 3] = [("mallory", 13), ("ada", 13), ("cleo", 13)];
    for (party, code) in claims {
        let whole = |name: &str| {
            let mut tables = vec![hers.head(9, (party, &key))];
            for (reader, recipient) in readers(&good) {
                tables.push(hers.wrap(&reader, &recipient));
            }
            tables.push(hers.record(name, (9, 9), "forged", (party, &key)).print());
            let tables: Vec<&str> = tables.iter().map(|table| table.trim_end()).collect();
            format!("{}\n\n[end]\n", tables.join("\n\n"))
        };
        plant(&lab, WEB, whole("TOKEN"));
        counts_for_nobody(&lab, code);
        refused(&lab, "ada", "secret set prod/web/TOKEN", code);
        // Her head with ada's values, and ada's head with her value.
        plant(
            &lab,
            WEB,
            with_table(&good, "[document]", &hers.head(9, (party, &key))),
        );
        counts_for_nobody(&lab, code);
        let record = hers.record("TOKEN", (9, 9), "forged", (party, &key));
        plant(
            &lab,
            WEB,
            with_table(&good, "[secret.TOKEN]", &record.print()),
        );
        counts_for_nobody(&lab, code);
    }
    // Under the name and the fingerprint of ada's key, with her own signature.
    let mut record = hers.record("TOKEN", (9, 9), "forged", ("ada", &key));
    record.signed.fingerprint = ada.public().fingerprint();
    plant(
        &lab,
        WEB,
        with_table(&good, "[secret.TOKEN]", &record.print()),
    );
    counts_for_nobody(&lab, 12);
    // Her data key in the place of the one that ada signed: the wraps lead elsewhere.
    let mut wrapped = good.clone();
    let kid = good.split("key_id = \"").nth(1).unwrap()[..8].to_owned();
    for (reader, recipient) in readers(&good) {
        let wrap = hers.wrap(&reader, &recipient);
        let own = wrap.split("key = \"").nth(1).unwrap()[..8].to_owned();
        let wrap = wrap.replace(&format!("\"{own}:"), &format!("\"{kid}:"));
        wrapped = with_table(&wrapped, &format!("[reader.\"{reader}\"]"), &wrap);
    }
    plant(&lab, WEB, &wrapped);
    for by in ["ada", "ben", "cleo"] {
        refused(&lab, by, "secret get prod/web/TOKEN", 12);
    }
    refused(&lab, "ada", "secret set prod/web/TOKEN", 12);
    plant(&lab, WEB, good);
    lab.clws("secret get prod/web/TOKEN").succeeds();
}

#[test]
fn by_who_reads_and_may_not_write() {
    let lab = lab();
    let good = read(&lab, WEB);
    let known = Known::of(&lab, "prod/web", "cleo");
    let cleo = signing_key(&lab, "cleo");
    // The right key, the right place, the next number: everything but the right to write.
    for party in ["cleo", "ada", "ben"] {
        let record = known.record("TOKEN", (2, 2), "forged", (party, &cleo));
        plant(
            &lab,
            WEB,
            with_table(&good, "[secret.TOKEN]", &record.print()),
        );
        counts_for_nobody(&lab, 13);
    }
    let fresh = known.record("ZEBRA", (1, 1), "forged", ("cleo", &cleo));
    plant(
        &lab,
        WEB,
        good.replace(
            "[end]\n",
            &format!("{}\n\n[end]\n", fresh.print().trim_end()),
        ),
    );
    refused(&lab, "ada", "secret get prod/web/ZEBRA", 13);
    refused(&lab, "ada", "exec prod/web -- true", 125);
    // A data key of cleo's own choice, with all values under it.
    let own = known.rekeyed([3; 32]);
    let mut text = with_table(&good, "[document]", &own.head(2, ("cleo", &cleo)));
    for (reader, recipient) in readers(&good) {
        let wrap = own.wrap(&reader, &recipient);
        text = with_table(&text, &format!("[reader.\"{reader}\"]"), &wrap);
    }
    plant(&lab, WEB, text);
    counts_for_nobody(&lab, 13);
    // A wrap for a stranger, which cleo can make: nothing more is sealed into the document.
    let stranger = age::x25519::Identity::generate().to_public().to_string();
    for reader in ["mallory/main", "ada/second", "cleo/phone"] {
        let wrap = format!(
            "{}\n\n[secret.OTHER]",
            known.wrap(reader, &stranger).trim_end()
        );
        plant(&lab, WEB, good.replace("[secret.OTHER]", &wrap));
        refused(&lab, "ada", "secret set prod/web/TOKEN", 13);
        refused(&lab, "ada", "secret remove prod/web/TOKEN --yes", 13);
        refused(&lab, "ben", "secret set prod/web/NEW", 13);
        refused(&lab, "ben", "secret get prod/web/TOKEN", 0);
    }
    plant(&lab, WEB, good);
}

/// Ben left; what he knows is the document as it was, its data key, and his own keys.
fn ben_left() -> (Lab, Known, SigningKey) {
    let lab = lab();
    let known = Known::of(&lab, "prod/web", "ben");
    lab.clws("recipient remove ben --yes").succeeds();
    for name in ["ada", "cleo"] {
        lab.clws("exec prod/web -- true").by(name).succeeds();
    }
    let ben = signing_key(&lab, "ben");
    (lab, known, ben)
}

#[test]
fn with_the_data_key_of_somebody_who_left() {
    let (lab, known, ben) = ben_left();
    let good = read(&lab, WEB);
    assert!(good.contains("[retired."), "{good}");
    // Under the old key, which the retired table still leads to, by his own good signature.
    for (party, numbers) in [("ben", (2, 9)), ("ben", (1, 1)), ("ada", (2, 9))] {
        let record = known.record("TOKEN", numbers, "forged", (party, &ben));
        plant(
            &lab,
            WEB,
            with_table(&good, "[secret.TOKEN]", &record.print()),
        );
        counts_for_nobody(&lab, 13);
    }
    // What ada signed under the old key, put back: older than what everybody has seen.
    let old = table(&known.text, "[secret.TOKEN]");
    plant(&lab, WEB, with_table(&good, "[secret.TOKEN]", old));
    for by in ["ada", "cleo"] {
        refused(&lab, by, "secret get prod/web/TOKEN", 14);
        refused(&lab, by, "exec prod/web -- true", 125);
    }
    refused(&lab, "ada", "rekey prod/web --yes", 14);
    // All of the old document, and its line and wraps with the values of now.
    plant(&lab, WEB, &known.text);
    for words in [
        "secret get prod/web/TOKEN",
        "secret set prod/web/TOKEN",
        "rekey prod/web --yes",
    ] {
        refused(&lab, "ada", words, 14);
    }
    plant(
        &lab,
        WEB,
        with_table(&good, "[document]", table(&known.text, "[document]")),
    );
    refused(&lab, "ada", "secret set prod/web/TOKEN", 12);
    refused(&lab, "ada", "secret get prod/web/TOKEN", 12);
}

#[test]
fn with_an_old_key_under_the_name_of_the_new_one() {
    let (lab, known, ben) = ben_left();
    let good = read(&lab, WEB);
    let new_id = good.split("key_id = \"").nth(1).unwrap()[..64].to_owned();
    // The wraps lead to the key that he knows.
    let mut text = good.clone();
    for (reader, recipient) in readers(&good) {
        let wrap = known.wrap(&reader, &recipient);
        let own = wrap.split("key = \"").nth(1).unwrap()[..8].to_owned();
        let wrap = wrap.replace(&format!("\"{own}:"), &format!("\"{}:", &new_id[..8]));
        text = with_table(&text, &format!("[reader.\"{reader}\"]"), &wrap);
    }
    plant(&lab, WEB, &text);
    for by in ["ada", "cleo"] {
        refused(&lab, by, "secret get prod/web/TOKEN", 12);
    }
    refused(&lab, "ada", "secret set prod/web/TOKEN", 12);
    // The document's own line over his key, counted on, by his signature.
    for party in ["ben", "ada"] {
        let head = known.head(9, (party, &ben));
        plant(&lab, WEB, with_table(&known.text, "[document]", &head));
        counts_for_nobody(&lab, 13);
        refused(&lab, "ada", "secret set prod/web/TOKEN", 13);
    }
    // The retired table is signed with the document's line: he is not taken out of it, nor is it prolonged.
    for (from, to) in [
        ("left = [\"ben\"]", "left = []"),
        ("until = \"20", "until = \"30"),
    ] {
        assert!(good.contains(from), "{good}");
        plant(&lab, WEB, good.replace(from, to));
        counts_for_nobody(&lab, 12);
    }
    let retired = good
        .split("\n\n")
        .find(|table| table.starts_with("[retired."));
    plant(
        &lab,
        WEB,
        good.replace(&format!("{}\n\n", retired.unwrap()), ""),
    );
    counts_for_nobody(&lab, 12);
}

#[test]
fn a_file_that_a_reader_or_mallory_sealed() {
    let lab = lab();
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"the-key")
        .succeeds();
    for by in ["ada", "cleo"] {
        lab.clws("secret get prod/keys/web.key").by(by).succeeds();
    }
    let (age, sidecar) = (
        "secrets/prod/keys/web.key.age",
        "secrets/prod/keys/web.key.age.toml",
    );
    let good = read(&lab, sidecar);
    // To the same readers, sealed by the public keys that everybody has.
    let keys: Vec<age::x25519::Recipient> = readers(&read(&lab, WEB))
        .iter()
        .map(|(_, recipient)| recipient.parse().unwrap())
        .collect();
    let keys = keys.iter().map(|key| key as &dyn age::Recipient);
    let mut forged = Vec::new();
    let encryptor = age::Encryptor::with_recipients(keys).unwrap();
    let mut writer = encryptor.wrap_output(&mut forged).unwrap();
    std::io::Write::write_all(&mut writer, b"forged!").unwrap();
    writer.finish().unwrap();
    let original = std::fs::read(lab.vault().join(age)).unwrap();
    plant(&lab, age, &forged);
    refused(&lab, "ada", "secret get prod/keys/web.key", 12);
    refused(&lab, "cleo", "secret get prod/keys/web.key", 12);
    for (party, key) in [
        ("cleo", signing_key(&lab, "cleo")),
        ("ada", signing_key(&lab, "cleo")),
        ("mallory", mallory()),
    ] {
        let path = "prod/keys/web.key".parse().unwrap();
        let mut new = clws::vault::Sidecar::parse(good.as_bytes(), &path).unwrap();
        (new.rev, new.seq) = (2, 2);
        if let Some(content) = &mut new.content {
            content.sha256 = clws::crypto::sha256(&forged);
        }
        new.signed.party = party.to_owned();
        new.signed.fingerprint = key.public().fingerprint();
        let message = new.message(&crate::forge::vault(&lab), key.public());
        new.signed.signature = key.sign(clws::crypto::sshsig::Namespace::File, &message);
        plant(&lab, sidecar, new.print());
        for by in ["ada", "cleo"] {
            refused(&lab, by, "secret get prod/keys/web.key", 13);
        }
        refused(&lab, "ada", "rekey prod --yes", 13);
        refused(
            &lab,
            "ada",
            "secret policy prod/keys/web.key --owner ada",
            13,
        );
    }
    plant(&lab, sidecar, &good);
    plant(&lab, age, &original);
    lab.clws("secret get prod/keys/web.key").succeeds();
    assert!(!files_below(&lab.vault()).is_empty() && !pins(&lab, "cleo").is_empty());
    assert_eq!(file_of("prod/web"), WEB);
}

#[test]
fn with_a_mode_that_lends_the_rights_of_who_is_given_it() {
    let lab = Lab::new();
    lab.clws("secret set dev/bin/tool --type file")
        .stdin(b"#!/bin/sh\n")
        .succeeds();
    let file = "secrets/dev/bin/tool.age.toml";
    let text = read(&lab, file);
    let mut sidecar = Sidecar::parse(text.as_bytes(), &"dev/bin/tool".parse().unwrap()).unwrap();
    // A writer signs what clws itself never does.
    let ada = signing_key(&lab, "ada");
    sidecar.content.as_mut().unwrap().mode = 0o6755;
    sidecar.seq += 1;
    let message = sidecar.message(&vault(&lab), ada.public());
    sidecar.signed.signature = ada.sign(Namespace::File, &message);
    plant(&lab, file, sidecar.print());
    let given = lab
        .clws("exec --file TOOL=dev/bin/tool")
        .word("--")
        .word("sh")
        .word("-c")
        .word("stat -c %a \"$TOOL\"")
        .succeeds();
    assert_eq!(given.text(), "755\n");
}

/// Whoever vouches is told who signed, and never by a signature that somebody else made.
#[test]
fn in_the_name_of_somebody_for_whom_a_writer_is_to_vouch() {
    let lab = lab();
    let cleo = signing_key(&lab, "cleo");
    let forged = |party: &str, as_whose: &SigningKey| {
        let known = Known::of(&lab, "prod/web", "cleo");
        let mut record = known.record("TOKEN", (2, 2), "forged", (party, &cleo));
        let message = record.message(&known.place, &known.key_id, cleo.public());
        record.signed.signature = cleo.sign(Namespace::Value, &message);
        record.signed.fingerprint = as_whose.public().fingerprint();
        plant(
            &lab,
            WEB,
            with_table(&known.text, "[secret.TOKEN]", &record.print()),
        );
    };
    // By whom it is said to be signed did not sign it: a writer, and one who lost that right.
    let (good, ben) = (read(&lab, WEB), signing_key(&lab, "ben"));
    forged("ben", &ben);
    refused(&lab, "ada", "secret adopt prod/web/TOKEN --yes", 12);
    plant(&lab, WEB, good);
    lab.clws("access revoke ben prod --write --yes").succeeds();
    forged("ben", &ben);
    refused(&lab, "ada", "secret adopt prod/web/TOKEN --yes", 12);
    // What nobody can tell is said before the question and behind it.
    let asked = |said: &str| {
        let told = refused(&lab, "ada", "secret adopt prod/web/TOKEN", 15);
        let question = format!("vouch for `prod/web/TOKEN`, {said}?");
        assert!(told.contains(&question), "{told}");
        let before = read(&lab, WEB);
        let taken = lab.clws("secret adopt prod/web/TOKEN --yes").succeeds();
        let done = format!("prod/web/TOKEN, {said}, is now signed by you");
        assert!(taken.err.contains(&done), "{}", taken.err);
        plant(&lab, WEB, before);
    };
    forged("carl", &cleo);
    asked("which names carl as its signer, without a key of theirs");
}

#[test]
fn by_a_reader_for_whom_a_writer_is_to_vouch() {
    let lab = lab();
    let known = Known::of(&lab, "prod/web", "cleo");
    let cleo = signing_key(&lab, "cleo");
    let mut record = known.record("TOKEN", (2, 2), "hers", ("cleo", &cleo));
    let message = record.message(&known.place, &known.key_id, cleo.public());
    record.signed.signature = cleo.sign(Namespace::Value, &message);
    plant(
        &lab,
        WEB,
        with_table(&known.text, "[secret.TOKEN]", &record.print()),
    );
    let told = refused(&lab, "ada", "secret adopt prod/web/TOKEN", 15);
    let question = "vouch for `prod/web/TOKEN`, signed by cleo?";
    assert!(told.contains(question), "{told}");
}
