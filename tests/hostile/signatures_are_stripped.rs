//! Signatures are taken out, emptied or given to somebody else: of a value, of a document's own line, of a
//! sidecar, of a hook. It is a refusal in every scope, also in one that only warns of what is older.

use crate::forge::{table, with_table};
use crate::lab::Lab;
use crate::scene::{accept, deployable, plant, read, refused};

fn lab() -> Lab {
    let lab = Lab::new().people(&["ben"]);
    for scope in ["prod", "dev"] {
        lab.clws(&format!("access grant ben {scope} --read --yes"))
            .succeeds();
        for path in ["web/TOKEN", "web/GONE"] {
            lab.clws(&format!("secret set {scope}/{path}"))
                .stdin(b"hunter2")
                .succeeds();
        }
        lab.clws(&format!("secret remove {scope}/web/GONE --yes"))
            .succeeds();
        lab.clws(&format!("secret set {scope}/keys/web.key --type file"))
            .stdin(b"the-key")
            .succeeds();
    }
    accept(&lab, &["ben"]);
    for scope in ["prod", "dev"] {
        for path in ["web/TOKEN", "keys/web.key"] {
            lab.clws(&format!("secret get {scope}/{path}"))
                .by("ben")
                .succeeds();
        }
        lab.clws(&format!("exec {scope}/web -- true"))
            .by("ben")
            .succeeds();
    }
    lab
}

/// The ways to take a signature away, with the code that each ends with.
fn stripped(table: &str) -> Vec<(String, i32)> {
    let line = table.lines().find(|line| line.starts_with("sig = "));
    let line = line.unwrap();
    let (start, end) = (line.find(':').unwrap() + 1, line.len() - 1);
    let nothing = "A".repeat(86) + "==";
    [
        (String::new(), 10),
        ("sig = \"\"".to_owned(), 10),
        (format!("{}\"", &line[..start]), 10),
        (format!("{}{nothing}\"", &line[..start]), 12),
        (format!("{}AAAA{}\"", &line[..start], &line[start..end]), 10),
        (line.replace("ada/", "ben/"), 13),
        (line.replace("ada/", "nobody/"), 13),
        (line.replace("ada/", "ada/f"), 10),
        (
            format!("{}0000000000000000{}", &line[..11], &line[27..]),
            13,
        ),
    ]
    .map(|(new, code)| {
        let text = table.replace(
            &format!("\n{line}"),
            &if new.is_empty() {
                new
            } else {
                format!("\n{new}")
            },
        );
        (text, code)
    })
    .into()
}

#[test]
fn of_a_value_and_of_a_tombstone() {
    let lab = lab();
    for scope in ["prod", "dev"] {
        let file = format!("secrets/{scope}/web.toml");
        let good = read(&lab, &file);
        for name in ["TOKEN", "GONE"] {
            let header = format!("[secret.{name}]");
            for (bad, code) in stripped(table(&good, &header)) {
                plant(&lab, &file, with_table(&good, &header, &bad));
                if name == "TOKEN" {
                    refused(&lab, "ben", &format!("secret get {scope}/web/TOKEN"), code);
                    refused(
                        &lab,
                        "ada",
                        &format!("secret policy {scope}/web/TOKEN --owner ada"),
                        code,
                    );
                }
                refused(&lab, "ben", &format!("exec {scope}/web -- true"), 125);
                refused(&lab, "ada", &format!("rekey {scope}/web --yes"), code);
            }
        }
        plant(&lab, &file, good);
    }
}

#[test]
fn of_a_documents_own_line() {
    let lab = lab();
    for scope in ["prod", "dev"] {
        let file = format!("secrets/{scope}/web.toml");
        let good = read(&lab, &file);
        for (bad, code) in stripped(table(&good, "[document]")) {
            plant(&lab, &file, with_table(&good, "[document]", &bad));
            refused(&lab, "ben", &format!("secret get {scope}/web/TOKEN"), code);
            refused(&lab, "ben", &format!("exec {scope}/web -- true"), 125);
            refused(&lab, "ada", &format!("secret set {scope}/web/TOKEN"), code);
            refused(&lab, "ada", &format!("rekey {scope}/web --yes"), code);
        }
        plant(&lab, &file, good);
    }
}

#[test]
fn of_a_sidecar() {
    let lab = lab();
    for scope in ["prod", "dev"] {
        let file = format!("secrets/{scope}/keys/web.key.age.toml");
        let good = read(&lab, &file);
        for (bad, code) in stripped(table(&good, "[file]")) {
            plant(&lab, &file, with_table(&good, "[file]", &bad));
            refused(
                &lab,
                "ben",
                &format!("secret get {scope}/keys/web.key"),
                code,
            );
            refused(
                &lab,
                "ada",
                &format!("secret policy {scope}/keys/web.key --owner ada"),
                code,
            );
            refused(
                &lab,
                "ada",
                &format!("rekey {scope}/keys/web.key --yes"),
                code,
            );
        }
        plant(&lab, &file, good);
    }
}

#[test]
fn of_a_hook() {
    let lab = lab();
    deployable(&lab);
    let file = "hooks/web.sig.toml";
    let good = read(&lab, file);
    for (bad, code) in stripped(table(&good, "[sig.ada]")) {
        // The name stands twice, in the table and in the signature.
        let is_misnamed = bad.contains("\"ben/") || bad.contains("\"nobody/");
        let code = if is_misnamed { 10 } else { code };
        plant(&lab, file, with_table(&good, "[sig.ada]", &bad));
        refused(&lab, "ada", "deploy --on prod --dry-run", code);
        refused(&lab, "ada", "deploy --on prod --yes", code);
    }
    plant(
        &lab,
        file,
        good.replace(&format!("{}\n\n", table(&good, "[sig.ada]")), ""),
    );
    refused(&lab, "ada", "deploy --on prod --dry-run", 13);
    // Without the file, and with one that lists nothing.
    std::fs::remove_file(lab.vault().join(file)).unwrap();
    refused(&lab, "ada", "deploy --on prod --dry-run", 13);
    plant(
        &lab,
        file,
        "[hook]\ncomponent = \"web\"\nseq = 1\n\n[end]\n",
    );
    refused(&lab, "ada", "deploy --on prod --dry-run", 13);
}
