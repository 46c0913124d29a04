//! What is good in its place is put in another: values, documents, files, scopes, and a second vault of the
//! same people with the same keys.

use crate::forge::{table, with_table};
use crate::lab::Lab;
use crate::scene::{accept, plant, read, refused};

fn lab() -> Lab {
    let lab = Lab::new().people(&["ben"]);
    for scope in ["prod", "dev"] {
        lab.clws(&format!("access grant ben {scope} --read --yes"))
            .succeeds();
        for path in ["web/TOKEN", "web/OTHER", "db/TOKEN"] {
            lab.clws(&format!("secret set {scope}/{path}"))
                .stdin(format!("{scope}/{path}").as_bytes())
                .succeeds();
        }
        for path in ["keys/a.key", "keys/b.key"] {
            lab.clws(&format!("secret set {scope}/{path} --type file"))
                .stdin(b"the-key")
                .succeeds();
        }
    }
    accept(&lab, &["ben"]);
    seen(&lab);
    lab
}

fn seen(lab: &Lab) {
    for scope in ["prod", "dev"] {
        for path in [
            "web/TOKEN",
            "web/OTHER",
            "db/TOKEN",
            "keys/a.key",
            "keys/b.key",
        ] {
            lab.clws(&format!("secret get {scope}/{path}"))
                .by("ben")
                .succeeds();
        }
    }
}

fn swap(lab: &Lab, one: &str, other: &str) {
    let bytes = |path: &str| std::fs::read(lab.vault().join(path)).unwrap();
    let (first, second) = (bytes(one), bytes(other));
    plant(lab, one, second);
    plant(lab, other, first);
}

#[test]
fn values_of_one_document_and_of_two() {
    let lab = lab();
    let places = [
        ("prod/web", "TOKEN", "prod/web", "OTHER"),
        ("prod/web", "TOKEN", "prod/db", "TOKEN"),
        ("prod/web", "TOKEN", "dev/web", "TOKEN"),
    ];
    for (here, name, there, other) in places {
        let file = |path: &str| format!("secrets/{path}.toml");
        let (a, b) = (read(&lab, &file(here)), read(&lab, &file(there)));
        let (ours, theirs) = (format!("[secret.{name}]"), format!("[secret.{other}]"));
        let moved = table(&b, &theirs).replace(&theirs, &ours);
        plant(&lab, &file(here), with_table(&a, &ours, &moved));
        for by in ["ada", "ben"] {
            refused(&lab, by, &format!("secret get {here}/{name}"), 12);
            refused(&lab, by, &format!("exec {here} -- true"), 125);
        }
        refused(&lab, "ada", &format!("rekey {here} --yes"), 12);
        // The sealed text alone, under the signed rest of the other.
        let value = |table: &str| {
            let line = table.lines().find(|line| line.starts_with("value = "));
            line.unwrap().to_owned()
        };
        let (own, foreign) = (table(&a, &ours), value(table(&b, &theirs)));
        let mixed = own.replace(&value(own), &foreign);
        plant(&lab, &file(here), with_table(&a, &ours, &mixed));
        for by in ["ada", "ben"] {
            refused(&lab, by, &format!("secret get {here}/{name}"), 12);
        }
        // A second table of the name is no way around the first.
        let twice = a.replace("[end]", &format!("{}\n\n[end]", moved));
        plant(&lab, &file(here), twice);
        refused(&lab, "ben", &format!("secret get {here}/{name}"), 10);
        plant(&lab, &file(here), a);
    }
    seen(&lab);
}

#[test]
fn documents_files_and_scopes() {
    let lab = lab();
    for (one, other) in [
        ("prod/web", "prod/db"),
        ("prod/web", "dev/web"),
        ("prod/web", "dev/db"),
    ] {
        let file = |path: &str| format!("secrets/{path}.toml");
        swap(&lab, &file(one), &file(other));
        for path in [one, other] {
            for by in ["ada", "ben"] {
                refused(&lab, by, &format!("secret get {path}/TOKEN"), 12);
                refused(&lab, by, &format!("exec {path} -- true"), 125);
            }
            refused(&lab, "ada", &format!("secret set {path}/TOKEN"), 12);
            refused(&lab, "ada", &format!("rekey {path} --yes"), 12);
        }
        swap(&lab, &file(one), &file(other));
    }
    for (one, other) in [
        ("prod/keys/a.key", "prod/keys/b.key"),
        ("prod/keys/a.key", "dev/keys/a.key"),
    ] {
        let age = |path: &str| format!("secrets/{path}.age");
        swap(&lab, &age(one), &age(other));
        refused(&lab, "ben", &format!("secret get {one}"), 12);
        let sidecar = |path: &str| format!("secrets/{path}.age.toml");
        swap(&lab, &sidecar(one), &sidecar(other));
        for path in [one, other] {
            refused(&lab, "ben", &format!("secret get {path}"), 12);
            refused(&lab, "ada", &format!("rekey {path} --yes"), 12);
        }
        swap(&lab, &age(one), &age(other));
        swap(&lab, &sidecar(one), &sidecar(other));
    }
    // Whole scopes by their folders.
    let at = |scope: &str| lab.vault().join("secrets").join(scope);
    std::fs::rename(at("prod"), at("aside")).unwrap();
    std::fs::rename(at("dev"), at("prod")).unwrap();
    std::fs::rename(at("aside"), at("dev")).unwrap();
    for scope in ["prod", "dev"] {
        refused(&lab, "ben", &format!("secret get {scope}/web/TOKEN"), 12);
        refused(&lab, "ben", &format!("secret get {scope}/keys/a.key"), 12);
    }
}

#[test]
fn documents_of_two_vaults_of_the_same_people() {
    let lab = lab();
    // Ada founds another vault with the identity that she has, and gives the same names in it.
    let other = lab.root().join("other");
    std::fs::create_dir(&other).unwrap();
    let run = |words: &str| lab.clws(words).folder(&other);
    run("init --name ada").succeeds();
    run("secret set prod/web/TOKEN")
        .stdin(b"of-the-other")
        .succeeds();
    run("secret set prod/keys/a.key --type file")
        .stdin(b"of-the-other")
        .succeeds();
    let theirs = |path: &str| std::fs::read(other.join(path)).unwrap();
    plant(
        &lab,
        "secrets/prod/web.toml",
        theirs("secrets/prod/web.toml"),
    );
    for by in ["ada", "ben"] {
        refused(&lab, by, "secret get prod/web/TOKEN", 12);
        refused(&lab, by, "exec prod/web -- true", 125);
    }
    refused(&lab, "ada", "secret set prod/web/TOKEN", 12);
    for file in ["a.key.age", "a.key.age.toml"] {
        let path = format!("secrets/prod/keys/{file}");
        plant(&lab, &path, theirs(&path));
        refused(&lab, "ben", "secret get prod/keys/a.key", 12);
    }
    // Its trust versions and rules in the place of these: another vault, which nobody accepted here.
    for file in [
        "recipients/trust/1.toml",
        "recipients/access.toml",
        "recipients/ada.toml",
        "clws.toml",
    ] {
        plant(&lab, file, theirs(file));
    }
    refused(&lab, "ben", "secret get prod/web/TOKEN", 13);
}
