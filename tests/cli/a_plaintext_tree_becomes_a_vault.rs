//! A plaintext tree becomes a vault: every value is right, every file equal, and nothing is left out.

use serde_json::{Value, json};

use crate::fixture::{self, Certs};
use crate::lab::{Lab, Ran, contains, forms};
use crate::tool::tool;

/// What becomes of each source of the fixture: kind, action, secret, and what is found.
const PLAN: &[(&str, &str, &str, &str, &[&str])] = &[
    (
        "ansible/README",
        "text",
        "file",
        "shared/ansible/README",
        &["embedded"],
    ),
    (
        "ansible/group_vars/dev.yml",
        "yaml",
        "document",
        "dev/ansible-group_vars",
        &["rekeyed"],
    ),
    (
        "ansible/secrets.yml",
        "ansible-vault",
        "document",
        "shared/ansible-secrets",
        &["rekeyed"],
    ),
    (
        "azure/principal.json",
        "json",
        "document",
        "shared/azure-principal",
        &[],
    ),
    (
        "bin/dump.sh",
        "script",
        "file",
        "shared/bin/dump.sh",
        &["embedded"],
    ),
    (
        "gcp/bundles.json",
        "service-account",
        "file",
        "shared/gcp/bundles.json",
        &["keeps-path"],
    ),
    (
        "keys/ansible_ed25519",
        "ssh-key",
        "file",
        "shared/keys/ansible_ed25519",
        &[],
    ),
    (
        "keys/ansible_ed25519.pub",
        "public-key",
        "clear",
        "",
        &["public"],
    ),
    (
        "keys/vm-clws-prod-gpuworker-2",
        "ssh-key",
        "file",
        "prod/keys/vm-clws-prod-gpuworker-2",
        &["passphrase"],
    ),
    (
        "logins/portal notes.txt",
        "text",
        "file",
        "shared/logins/portal_notes.txt",
        &["embedded", "renamed"],
    ),
    (
        "logins/worker.password",
        "text",
        "file",
        "shared/logins/worker.password",
        &[],
    ),
    ("misc/empty", "empty", "skipped", "", &["empty"]),
    (
        "misc/token.bin",
        "file",
        "file",
        "shared/misc/token.bin",
        &[],
    ),
    (
        "mysql/my.cnf",
        "my.cnf",
        "document",
        "shared/mysql-my",
        &["shared-value"],
    ),
    (
        "prod/monitor.env",
        "dotenv",
        "document",
        "prod/monitor",
        &["unexpanded", "shared-value"],
    ),
    (
        "prod/rest-server.env",
        "dotenv",
        "document",
        "prod/rest-server",
        &["shared-value"],
    ),
    (
        "test/all.env",
        "dotenv",
        "document",
        "test/all",
        &["line-ends", "default-password"],
    ),
    ("tls/current", "link", "skipped", "", &["link"]),
    (
        "tls/dev/codalab.crt",
        "certificate",
        "clear",
        "",
        &["public"],
    ),
    (
        "tls/dev/codalab.key",
        "private-key",
        "file",
        "dev/tls/codalab.key",
        &[],
    ),
    (
        "tls/old-bundle.pem",
        "pem-bundle",
        "file",
        "shared/tls/old-bundle.pem",
        &["expired", "open-mode"],
    ),
];

fn import<'a>(lab: &'a Lab, certs: &Certs, words: &str) -> crate::lab::Run<'a> {
    let source = certs.path().display().to_string();
    // Outside the lab, where no string of the tree may be found afterwards.
    let password = certs.path().parent().unwrap().join("vault-password");
    std::fs::write(&password, "Xt24P6AUtVicstcC\n").unwrap();
    lab.clws(&format!("import {words} --vault-password-file"))
        .word(format!("fixture@{}", password.display()))
        .word(source)
}

fn silent(ran: &Ran) {
    for leak in fixture::leaks() {
        for form in forms(&leak) {
            assert!(!contains(&ran.out, &form), "stdout of {}", ran.words);
            assert!(
                !contains(ran.err.as_bytes(), &form),
                "stderr of {}",
                ran.words
            );
        }
    }
}

#[test]
fn the_plan_says_what_becomes_of_each_source_and_touches_nothing() {
    let (lab, certs) = (Lab::new(), Certs::lay_out());
    lab.commit("empty");
    let planned = import(&lab, &certs, "--plan --json").succeeds();
    silent(&planned);
    let sources = planned.json()["sources"].as_array().unwrap().clone();
    let rows: Vec<Value> = sources
        .iter()
        .map(|s| {
            json!([
                s["source"],
                s["kind"],
                s["action"],
                s["secret"].as_str().unwrap_or("")
            ])
        })
        .collect();
    let expected: Vec<Value> = PLAN
        .iter()
        .map(|row| json!([row.0, row.1, row.2, row.3]))
        .collect();
    assert_eq!(rows, expected);
    let findings = |source: &str| -> Vec<String> {
        let found = sources.iter().find(|s| s["source"] == source).unwrap();
        let kinds = found["findings"].as_array().unwrap().iter();
        kinds
            .map(|f| f["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    for (source, .., wanted) in PLAN {
        // The certificate that holds today will not for ever.
        let dated = |kind: &String| *source == "tls/dev/codalab.crt" && kind.starts_with("expire");
        let mut found = findings(source);
        found.retain(|kind| !dated(kind));
        assert_eq!(found, *wanted, "{source}");
    }
    // Without the password nothing of Ansible's is a document, and the plan says what is missing.
    let closed = lab
        .clws("import --plan --json")
        .word(certs.path().to_str().unwrap());
    let closed = closed.succeeds().json();
    for source in [1, 2] {
        let source = &closed["sources"][source];
        assert_eq!(source["action"], "file");
        let text = source["findings"][0]["text"].as_str().unwrap();
        assert!(text.contains("--vault-password-file"), "{text}");
    }

    let shown = import(&lab, &certs, "--dry-run").succeeds();
    silent(&shown);
    assert!(shown.text().contains(
        "\nprod/rest-server.env           dotenv           document  prod/rest-server\n"
    ));
    assert_eq!(lab.git(&["status", "--porcelain"]), "");
    // Nobody can be asked, and nobody said yes.
    silent(&import(&lab, &certs, "").exits(15));
    assert_eq!(lab.git(&["status", "--porcelain"]), "");
}

#[test]
fn every_value_and_file_comes_back_and_no_plaintext_is_left_anywhere() {
    let (lab, certs) = (Lab::new(), Certs::lay_out());
    let done = import(&lab, &certs, "--yes --json").succeeds();
    silent(&done);
    assert_eq!(done.json()["sources"].as_array().unwrap().len(), PLAN.len());
    assert!(
        done.err.contains("sealed 7 documents and 10 files"),
        "{}",
        done.err
    );

    let expected = fixture::expected();
    for entry in fixture::manifest() {
        let (_, _, action, secret, _) = PLAN.iter().find(|row| row.0 == entry.path).unwrap();
        if *action == "document" && entry.path.ends_with(".cnf") {
            // EXPECTED.json leaves open what becomes of it.
            let got = lab
                .clws(&format!("secret get {secret}/mysqldump"))
                .succeeds();
            assert_eq!(
                got.text(),
                "{ user = \"backup\", password = \"ISwKS9gn5hLjg_\", quick = true }"
            );
        } else if *action == "document" {
            let wanted = expected[&entry.path].as_object().unwrap();
            for (name, value) in wanted {
                let got = lab.clws(&format!("secret get {secret}/{name}")).succeeds();
                assert_eq!(got.text(), value.as_str().unwrap(), "{secret}/{name}");
            }
            let listed = lab
                .clws(&format!("secret list {secret} --json"))
                .succeeds()
                .json();
            // EXPECTED.json has only one of this file's four.
            let all = if entry.path.ends_with("dev.yml") {
                4
            } else {
                wanted.len()
            };
            assert_eq!(listed["secrets"].as_array().unwrap().len(), all);
        } else if *action == "file" {
            let got = lab.clws(&format!("secret get {secret}")).succeeds();
            let hash = clws::crypto::hex(&clws::crypto::sha256(&got.out));
            assert_eq!(hash, entry.sha256, "{secret}");
            let sidecar = lab.vault().join(format!("secrets/{secret}.age.toml"));
            let sidecar = std::fs::read_to_string(sidecar).unwrap();
            let mode = format!("\nmode = \"{:04o}\"\n", entry.mode.unwrap());
            assert!(sidecar.contains(&mode), "{sidecar}");
        }
    }
    let note = |file: &str| std::fs::read_to_string(lab.vault().join(file)).unwrap();
    assert!(
        note("secrets/shared/logins/portal_notes.txt.age.toml")
            .contains("\nnote = \"logins/portal notes.txt\"\n")
    );
    assert!(note("secrets/prod/rest-server.toml").contains("\nnote = \"rest-server\"\n"));
    assert!(note("secrets/prod/monitor.toml").contains("\nnote = \"relay\"\n"));

    let get = |path: &str| lab.clws(&format!("secret get {path}")).succeeds().text();
    assert_eq!(get("dev/ansible-group_vars/version"), "1.20");
    assert_eq!(
        get("dev/ansible-group_vars/workers"),
        "[\"vm-clws-dev-worker-0\"]"
    );
    // What is due stands in the clear, and until when a key is of use.
    assert!(note("secrets/prod/rest-server.toml").contains("\nexposed = \"import 2"));
    assert!(note("secrets/dev/tls/codalab.key.age.toml").contains("\nexpires = \"2027-01-03\"\n"));
    // What was found is kept, sealed.
    let kept: Value = serde_json::from_str(&get("shared/import.json")).unwrap();
    assert!(kept.to_string().contains("default") || kept.to_string().contains("expired"));

    lab.commit("imported");
    let leaks = fixture::leaks();
    lab.nowhere(&leaks);
    // The finder finds one that was planted, in a file and in git alike.
    std::fs::write(lab.vault().join("planted"), format!("x {} y", leaks[0])).unwrap();
    lab.commit("planted");
    let found = lab.find(&leaks);
    assert!(
        found.iter().any(|place| place.ends_with("/planted")),
        "{found:?}"
    );
    assert!(found.contains(&"git objects".to_owned()), "{found:?}");
}

#[test]
fn an_import_again_changes_nothing_and_says_so() {
    let (lab, certs) = (Lab::new(), Certs::lay_out());
    import(&lab, &certs, "--yes").succeeds();
    lab.commit("imported");
    let again = import(&lab, &certs, "--yes").succeeds();
    assert!(again.err.contains("nothing to seal"), "{}", again.err);
    assert_eq!(lab.git(&["status", "--porcelain"]), "");
    let planned = import(&lab, &certs, "--plan --json").succeeds().json();
    assert_eq!(planned["sources"][0]["findings"][1]["kind"], "exists");

    // A value more, and one file more: only these are new.
    let env = certs.path().join("test/all.env");
    let text = std::fs::read_to_string(&env).unwrap() + "NEW=x\n";
    std::fs::write(&env, text).unwrap();
    std::fs::write(certs.path().join("misc/empty"), "filled").unwrap();
    let more = import(&lab, &certs, "--yes").succeeds();
    assert!(
        more.err.contains("sealed 1 document and 1 file"),
        "{}",
        more.err
    );
    assert_eq!(lab.clws("secret get test/all/NEW").succeeds().text(), "x");
    assert_eq!(
        lab.clws("secret get shared/misc/empty").succeeds().text(),
        "filled"
    );
    let changed = lab.git(&["status", "--porcelain", "-uall"]);
    let changed: Vec<&str> = changed.lines().collect();
    assert_eq!(
        changed,
        [
            " M secrets/shared/import.json.age",
            " M secrets/shared/import.json.age.toml",
            " M secrets/test/all.toml",
            " M secrets/test/import.json.age",
            " M secrets/test/import.json.age.toml",
            "?? secrets/shared/misc/empty.age",
            "?? secrets/shared/misc/empty.age.toml"
        ]
    );
}

#[test]
fn sources_are_removed_only_after_they_were_verified() {
    let (lab, certs) = (Lab::new(), Certs::lay_out());
    let linked = certs.path().parent().unwrap().join("another name");
    std::fs::hard_link(certs.path().join("mysql/my.cnf"), &linked).unwrap();
    let kept = std::fs::read(&linked).unwrap();
    let done = import(&lab, &certs, "--yes --shred-source").succeeds();
    silent(&done);
    assert!(
        done.err.contains("overwrote and removed 17 sources"),
        "{}",
        done.err
    );
    assert!(done.err.contains("no guarantee on SSDs"), "{}", done.err);
    assert!(
        done.err
            .contains("mysql/my.cnf was removed and not overwritten"),
        "{}",
        done.err
    );
    assert_eq!(std::fs::read(&linked).unwrap(), kept);
    for (source, _, action, ..) in PLAN {
        let there = std::fs::symlink_metadata(certs.path().join(source)).is_ok();
        assert_eq!(there, matches!(*action, "skipped" | "clear"), "{source}");
    }
    assert_eq!(
        lab.clws("secret get prod/monitor/CODALAB_EMAIL_PASSWORD")
            .succeeds()
            .text(),
        "xxMUumK74 #1 $x"
    );
    // Sealed by an earlier run, removed by a later one.
    let certs = Certs::lay_out();
    import(&lab, &certs, "--shred-source").exits(15);
    let done = import(&lab, &certs, "--yes --shred-source").succeeds();
    assert!(
        done.err.contains("overwrote and removed 17 sources"),
        "{}",
        done.err
    );
}

/// It opens with the password, and is nothing that a document can hold.
#[test]
fn what_stays_under_ansibles_password_is_said_to() {
    let lab = Lab::new();
    let (source, password) = (lab.root().join("dev"), lab.root().join("vault-password"));
    std::fs::create_dir(&source).unwrap();
    std::fs::write(&password, "Xt24P6AUtVicstcC\n").unwrap();
    let file = source.join("server.key");
    std::fs::write(&file, "-----BEGIN X-----\nno\tdocument\n").unwrap();
    let ran = std::process::Command::new(tool("ansible-vault"))
        .args(["encrypt", "--vault-password-file"])
        .args([&password, &file])
        .env("HOME", lab.root())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let report = lab
        .clws("import --yes --json --vault-password-file")
        .word(password.to_str().unwrap())
        .word(source.to_str().unwrap())
        .succeeds()
        .json();
    let found = &report["sources"][0]["findings"][0];
    assert_eq!(found["kind"], "ansible-vault", "{report}");
    let text = found["text"].as_str().unwrap();
    assert!(text.contains("still under Ansible's password"), "{text}");
}
