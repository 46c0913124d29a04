//! Mallory makes herself a reader: as a party that nobody signed, by another key in somebody's file, in
//! the rules, in a sidecar. What is there goes on being read; nothing is sealed for her.

use crate::forge::{Known, readers, table, with_table};
use crate::lab::Lab;
use crate::scene::{accept, deployable, plant, read, refused};

const ACCESS: &str = "recipients/access.toml";

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "hunter2")
        .secret("dev/web/TOKEN", "hunter2");
    lab.clws("access grant ben prod --read --write --yes")
        .succeeds();
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"the-key")
        .succeeds();
    deployable(&lab);
    accept(&lab, &["ben"]);
    lab
}

/// Mallory's public half, as she would send it, and the recipient in it.
fn mallorys(lab: &Lab) -> (String, String) {
    lab.clws("identity new mallory --keep file")
        .by("mallory")
        .succeeds();
    let party = lab.clws("identity show").by("mallory").succeeds().text();
    let line = party.lines().find(|line| line.starts_with("age = "));
    let key = line.unwrap().split('"').nth(1).unwrap().to_owned();
    (party, key)
}

/// Everything that is sealed while her change lies there is sealed for those who were accepted.
fn nothing_is_sealed_for_her(lab: &Lab, key: &str) {
    for by in ["ada", "ben"] {
        refused(lab, by, "secret get prod/web/TOKEN", 0);
        refused(lab, by, "rekey prod --yes", 13);
        refused(lab, by, "deploy --on prod --dry-run", 13);
    }
    refused(lab, "ada", "access grant ben dev --read --yes", 13);
    refused(lab, "ada", "recipient remove ben --yes", 13);
    refused(lab, "ada", "check", 1);
    refused(lab, "ada", "trust diff", 1);
    let lab = lab.copy();
    for (by, path) in [
        ("ada", "prod/web/TOKEN"),
        ("ben", "prod/web/NEW"),
        ("ben", "prod/new/TOKEN"),
        ("ada", "prod/keys/new.key --type file"),
        ("ada", "prod/keys/web.key"),
    ] {
        lab.clws(&format!("secret set {path}"))
            .by(by)
            .stdin(b"sealed-after")
            .succeeds();
    }
    for file in ["secrets/prod/web.toml", "secrets/prod/new.toml"] {
        let text = read(&lab, file);
        let known = readers(&text);
        assert_eq!(known.len(), 2, "{known:?}");
        assert!(!text.contains("mallory") && !text.contains(key), "{text}");
    }
    for file in ["new.key", "web.key"] {
        let sidecar = read(&lab, &format!("secrets/prod/keys/{file}.age.toml"));
        assert!(
            sidecar.contains("readers = [\"ada\", \"ben\"]"),
            "{sidecar}"
        );
        // Age hides to whom a file is sealed, so her key is tried.
        let identity = crate::forge::age_key(&lab, "mallory");
        let path = lab.vault().join(format!("secrets/prod/keys/{file}.age"));
        let sealed = std::fs::read(path).unwrap();
        assert!(age::decrypt(&identity, &sealed).is_err());
    }
    // She accepts her own rules, and opens nothing.
    lab.clws("secret get prod/web/TOKEN")
        .by("mallory")
        .exits(13);
}

#[test]
fn as_a_party_that_nobody_signed() {
    let lab = lab();
    let (party, key) = mallorys(&lab);
    plant(&lab, "recipients/mallory.toml", party);
    nothing_is_sealed_for_her(&lab, &key);
}

#[test]
fn as_another_key_in_somebodys_file() {
    let lab = lab();
    let (party, key) = mallorys(&lab);
    let good = read(&lab, "recipients/ben.toml");
    let quoted = |text: &str, start: &str| {
        let line = text.lines().find(|line| line.starts_with(start)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let (bens, signs) = (quoted(&good, "age = "), quoted(&good, "key = "));
    let one_more = format!("[recipient.phone]\nage = \"{key}\"\n\n[signing.");
    for bad in [
        good.replace(&bens, &key),
        good.replace("[signing.", &one_more),
        good.replace(&signs, &quoted(&party, "key = ")),
    ] {
        assert_ne!(bad, good);
        plant(&lab, "recipients/ben.toml", bad);
        nothing_is_sealed_for_her(&lab, &key);
        let diff = lab.clws("trust diff").exits(1).text();
        assert!(diff.contains("ben"), "{diff}");
        assert!(diff.contains("no administrator signed"), "{diff}");
    }
    std::fs::remove_file(lab.vault().join("recipients/ben.toml")).unwrap();
    nothing_is_sealed_for_her(&lab, &key);
}

#[test]
fn in_the_rules() {
    let lab = lab();
    let (party, key) = mallorys(&lab);
    plant(&lab, "recipients/mallory.toml", party);
    let good = read(&lab, ACCESS);
    let rule = table(&good, "[rule.prod]");
    let line = rule.lines().find(|line| line.starts_with("readers = "));
    let with_her = line.unwrap().replace('[', "[\"mallory\", ");
    let by_group = line.unwrap().replace('[', "[\"all\", ");
    let group = "[group.all]\nmembers = [\"mallory\"]\n\n";
    for bad in [
        with_table(
            &good,
            "[rule.prod]",
            &rule.replace(line.unwrap(), &with_her),
        ),
        format!(
            "{group}{}",
            with_table(
                &good,
                "[rule.prod]",
                &rule.replace(line.unwrap(), &by_group)
            )
        ),
        // A longer prefix decides alone.
        good.replace(
            "[rule.prod]",
            "[rule.\"prod/web\"]\nreaders = [\"mallory\"]\nwriters = [\"mallory\"]\n\n[rule.prod]",
        ),
        good.replace(
            "[rule.prod]",
            "[rule.\"prod/new\"]\nreaders = [\"ada\", \"ben\", \"mallory\"]\nwriters = [\"ada\", \"ben\"]\n\n[rule.prod]",
        ),
        good.replace("ada", "mallory"),
    ] {
        assert_ne!(bad, good);
        plant(&lab, ACCESS, bad);
        nothing_is_sealed_for_her(&lab, &key);
    }
    std::fs::remove_file(lab.vault().join(ACCESS)).unwrap();
    refused(&lab, "ben", "secret get prod/web/TOKEN", 0);
    refused(&lab, "ada", "rekey prod --yes", 13);
    refused(&lab, "ada", "trust diff", 1);
}

#[test]
fn in_the_document_and_in_the_sidecar() {
    let lab = lab();
    let (_, key) = mallorys(&lab);
    let file = "secrets/prod/web.toml";
    let good = read(&lab, file);
    // She has no data key to wrap; a friend who reads could give her this one.
    let known = Known::of(&lab, "prod/web", "ben");
    for reader in ["mallory/main", "ben/phone", "ada/second", "box/main"] {
        let wrap = known.wrap(reader, &key);
        let wrap = format!("{}\n\n[secret.TOKEN]", wrap.trim_end());
        plant(&lab, file, good.replace("[secret.TOKEN]", &wrap));
        for by in ["ada", "ben"] {
            refused(&lab, by, "secret get prod/web/TOKEN", 0);
            refused(&lab, by, "secret set prod/web/TOKEN", 13);
            refused(&lab, by, "secret set prod/web/NEW", 13);
            refused(&lab, by, "secret policy prod/web/TOKEN --owner ben", 13);
        }
        refused(&lab, "ada", "check", 1);
        // With her wrap in the place of ben's, ben is told that he has none.
        let name = &readers(&good)[1].0;
        let header = format!("[reader.\"{name}\"]");
        plant(
            &lab,
            file,
            with_table(&good, &header, known.wrap(reader, &key).trim_end()),
        );
        refused(&lab, "ben", "secret get prod/web/TOKEN", 11);
        refused(&lab, "ada", "secret set prod/web/TOKEN", 13);
    }
    plant(&lab, file, good);
    let file = "secrets/prod/keys/web.key.age.toml";
    let good = read(&lab, file);
    plant(
        &lab,
        file,
        good.replace("readers = [", "readers = [\"mallory\", "),
    );
    refused(&lab, "ben", "secret get prod/keys/web.key", 12);
    refused(&lab, "ada", "rekey prod --yes", 12);
    refused(
        &lab,
        "ada",
        "secret policy prod/keys/web.key --owner ben",
        12,
    );
}
