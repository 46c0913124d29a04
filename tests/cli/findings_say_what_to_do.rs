//! What is wrong with a tree is found, and said with what to do; its details lie sealed in the vault.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::lab::Lab;
use crate::tool::tool;

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn openssl(folder: &Path, words: &str) {
    let output = Command::new(tool("openssl"))
        .args(words.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {words}: {error}");
}

/// Every finding of a plan as `source: kind`, and its text.
fn findings(plan: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for source in plan["sources"].as_array().unwrap() {
        for finding in source["findings"].as_array().into_iter().flatten() {
            let (name, kind) = (source["source"].as_str(), finding["kind"].as_str());
            let text = finding["text"].as_str().unwrap().to_owned();
            all.push((format!("{}: {}", name.unwrap(), kind.unwrap()), text));
        }
    }
    all
}

fn plan(lab: &Lab, tree: &Path, words: &str) -> Value {
    let run = lab.clws(&format!("import --plan --json {words}"));
    run.word(tree.to_str().unwrap()).run().json()
}

#[test]
fn keys_and_certificates_are_looked_into() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    fs::create_dir(&tree).unwrap();
    for (name, kind) in [
        ("web", "-newkey rsa:2048"),
        ("api", "-newkey ed25519"),
        ("db", "-newkey ec -pkeyopt ec_paramgen_curve:P-256"),
    ] {
        openssl(
            &tree,
            &format!(
                "req -x509 {kind} -nodes -keyout {name}.key -out {name}.crt -days 400 -subj /CN={name}"
            ),
        );
    }
    openssl(
        &tree,
        "req -x509 -key api.key -out api-next.crt -days 10 -subj /CN=api",
    );
    openssl(
        &tree,
        "req -x509 -key db.key -out db.crt -days 400 -subj /CN=db",
    );
    openssl(&tree, "genpkey -algorithm ed25519 -out lost.key");
    openssl(
        &tree,
        "rsa -traditional -in web.key -aes128 -passout pass:x -out weak.key",
    );
    openssl(
        &tree,
        "pkcs8 -topk8 -in api.key -passout pass:x -out closed.key",
    );
    openssl(
        &tree,
        "pkcs12 -export -in db.crt -inkey db.key -passout pass:x -out store.p12",
    );
    openssl(&tree, "x509 -in web.crt -outform der -out web.der");
    for key in ["web", "api", "db", "lost", "weak", "closed"] {
        let path = tree.join(format!("{key}.key"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(tree.join("store.p12"), fs::Permissions::from_mode(0o640)).unwrap();
    let whole = fs::read_to_string(tree.join("db.key")).unwrap();
    write(&tree.join("cut.key"), &whole[..whole.len() / 2]);
    let whole = fs::read_to_string(tree.join("db.crt")).unwrap();
    write(&tree.join("cut.crt"), &whole[..whole.len() / 2]);

    let plan = plan(&lab, &tree, "");
    let found = findings(&plan);
    let kinds: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "api-next.crt: expires-soon",
            "api-next.crt: public",
            "api.crt: public",
            "api.key: several-certificates",
            "closed.key: passphrase",
            "cut.crt: damaged",
            "cut.key: damaged",
            "db.crt: public",
            "lost.key: no-certificate",
            "store.p12: passphrase",
            "store.p12: open-mode",
            "weak.key: weak-encryption",
            "web.crt: public",
            "web.der: public",
        ]
    );
    let several = &found[3].1;
    assert!(several.contains("api-next.crt and api.crt"), "{several}");
    let action = |name: &str| {
        let sources = plan["sources"].as_array().unwrap();
        let source = sources.iter().find(|s| s["source"] == name).unwrap();
        source["action"].as_str().unwrap().to_owned()
    };
    // What may be cut may hide what is behind it, so it is sealed.
    assert_eq!(action("cut.crt"), "file");
    assert_eq!(action("web.der"), "clear");
}

#[test]
fn a_certificate_beside_its_chain_is_one_certificate() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    fs::create_dir_all(tree.join("prod/web")).unwrap();
    let make = "req -x509 -newkey ed25519 -nodes -days 400 -subj /CN=x -keyout";
    openssl(&tree, &format!("{make} ca.key -out chain.pem"));
    openssl(&tree, &format!("{make} privkey.pem -out cert.pem"));
    let read = |name: &str| fs::read_to_string(tree.join(name)).unwrap();
    let whole = read("cert.pem") + &read("chain.pem");
    write(&tree.join("prod/web/fullchain.pem"), whole);
    for name in ["cert.pem", "chain.pem", "privkey.pem"] {
        fs::rename(tree.join(name), tree.join("prod/web").join(name)).unwrap();
    }
    fs::remove_file(tree.join("ca.key")).unwrap();
    let found = findings(&plan(&lab, &tree, ""));
    let several = |(kind, _): &&(String, String)| kind.contains("certificate");
    assert_eq!(found.iter().find(several), None, "{found:?}");
    lab.clws("import --yes")
        .word(tree.to_str().unwrap())
        .succeeds();
    let key = lab.vault().join("secrets/prod/web/privkey.pem.age.toml");
    let key = fs::read_to_string(key).unwrap();
    assert!(key.contains("\nexpires = \""), "{key}");

    // A new certificate of the same key is another one.
    openssl(
        &tree.join("prod/web"),
        "req -x509 -key privkey.pem -days 500 -subj /CN=x -out renewed.pem",
    );
    let found = findings(&plan(&lab, &tree, ""));
    let told = found.iter().find(several).unwrap();
    assert!(told.1.contains("fits 2 certificates"), "{told:?}");
}

#[test]
fn a_private_key_far_behind_a_certificate_is_not_left_in_the_clear() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    fs::create_dir(&tree).unwrap();
    openssl(
        &tree,
        "req -x509 -newkey ed25519 -nodes -keyout k -out c -days 400 -subj /CN=x",
    );
    let read = |name: &str| fs::read_to_string(tree.join(name)).unwrap();
    let (key, certificate) = (read("k"), read("c"));
    write(&tree.join("bundle.crt"), certificate.repeat(20) + &key);
    write(
        &tree.join("noted.crt"),
        certificate.clone() + "password: hunter2\n",
    );
    fs::remove_file(tree.join("k")).unwrap();
    let plan = plan(&lab, &tree, "");
    let actions: Vec<&str> = plan["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["file", "clear", "file"]);
    assert!(
        findings(&plan)
            .iter()
            .any(|(kind, _)| kind == "noted.crt: embedded")
    );
}

#[test]
fn values_are_compared_and_known_ones_named() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    write(
        &tree.join("prod/a.env"),
        "DB_PASSWORD=sh4red-v4lue\nRECAPTCHA_SECRET=6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe\n",
    );
    write(
        &tree.join("test/b.json"),
        r#"{"db": {"password": "sh4red-v4lue"}, "url": "mysql://ada:hunter22@db/x"}"#,
    );
    write(&tree.join("password"), "sh4red-v4lue\n");
    write(
        &tree.join("admin.toml"),
        "admin_password = 'admin'\nadmin = 'admin'\n",
    );
    write(
        &tree.join("run.sh"),
        "#!/bin/sh\nmysql --password=hunter22 x\n",
    );
    write(&tree.join("notes.env~"), "X=1\n");
    write(&tree.join(".DS_Store"), "x");
    write(
        &tree.join(".netrc"),
        "machine h login ada password hunter22\n",
    );
    write(&tree.join("users"), "ada:$2y$05$abcdefghijklmnopqrstuv\n");
    write(&tree.join("latin.env"), b"X=\xe9\n");
    write(
        &tree.join("known_hosts"),
        "h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsABJYwDbf/kw8IvQqCFxGherJuUpxtYTZhdRFUrfJw\n",
    );
    write(&tree.join("notes"), b"Der Schl\xfcssel liegt im Tresor.\n");
    symlink("/etc/passwd", tree.join("link")).unwrap();
    let found = findings(&plan(&lab, &tree, ""));
    let has = |kind: &str, text: &str| {
        assert!(
            found.iter().any(|(k, t)| k == kind && t.contains(text)),
            "no {kind} with {text} in {found:#?}"
        );
    };
    has("prod/a.env: shared-value", "`test/b/db (password)`");
    has("prod/a.env: shared-value", "`shared/password`");
    has("test/b.json: shared-value", "rotated together");
    has("password: shared-value", "`prod/a/DB_PASSWORD`");
    has("prod/a.env: default-password", "reCAPTCHA");
    has("test/b.json: embedded", "`url`");
    has("admin.toml: default-password", "`admin_password`");
    has("run.sh: embedded", "clws exec");
    has("notes.env~: backup", "delete it");
    has(".DS_Store: junk", "delete it");
    has(".netrc: embedded", "--file");
    has("latin.env: sealed-whole", "not UTF-8");
    has("notes: not-utf8", "as it is");
    has("known_hosts: public", "stays where it is");
    has("link: link", "not followed");
    assert!(
        !found
            .iter()
            .any(|(kind, text)| kind == "admin.toml: default-password" && text.contains("`admin`"))
    );
    for (_, text) in &found {
        assert!(
            !text.contains("sh4red") && !text.contains("hunter22"),
            "{text}"
        );
    }

    // The details are in the vault, for its readers alone.
    lab.clws("import --yes")
        .word(tree.to_str().unwrap())
        .succeeds();
    let kept: Value =
        serde_json::from_slice(&lab.clws("secret get shared/import.json").succeeds().out).unwrap();
    let kept = findings(&kept);
    for (kind, text) in &found {
        let scope = kind.starts_with("prod/") || kind.starts_with("test/");
        assert!(
            scope || kept.contains(&(kind.clone(), text.clone())),
            "{kind}: {text}"
        );
    }
    // What was in the clear is due, and that needs no key to see.
    let nobody = lab
        .clws("check --json")
        .env("CLWS_IDENTITY", "/nowhere")
        .run()
        .json();
    let due: Vec<&str> = nobody["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| found["kind"] == "exposed")
        .map(|found| found["path"].as_str().unwrap())
        .collect();
    assert!(
        due.contains(&"prod/a/DB_PASSWORD") && due.contains(&"shared/password"),
        "{due:?}"
    );
    let listed = lab.clws("secret list --json").succeeds().text();
    assert!(listed.contains("exposed"), "{listed}");
    let document = fs::read_to_string(lab.vault().join("secrets/prod/a.toml")).unwrap();
    assert_eq!(document.matches("\nexposed = \"import ").count(), 2);
    lab.clws("secret set prod/a/DB_PASSWORD")
        .stdin(b"new")
        .succeeds();
    let document = fs::read_to_string(lab.vault().join("secrets/prod/a.toml")).unwrap();
    assert_eq!(document.matches("\nexposed = \"import ").count(), 1);
}

#[test]
fn that_two_values_are_the_same_is_kept_from_who_reads_one_of_them() {
    let lab = Lab::new().people(&["ben"]);
    lab.clws("access grant ben test --read --yes").succeeds();
    let tree = lab.root().join("tree");
    write(&tree.join("prod/a.env"), "DB_PASSWORD=sh4red-v4lue\n");
    write(
        &tree.join("test/a.env"),
        "DB_PASSWORD=sh4red-v4lue\nX_TOKEN=0ther-v4lue\n",
    );
    write(&tree.join("test/b.env"), "X_TOKEN=0ther-v4lue\n");
    let told = plan(&lab, &tree, "");
    let finding = &told["sources"][0]["findings"][0];
    assert_eq!(
        finding["secrets"],
        serde_json::json!(["test/a/DB_PASSWORD"])
    );
    lab.clws("import --yes")
        .word(tree.to_str().unwrap())
        .succeeds();
    let kept = |scope: &str| {
        lab.clws(&format!("secret get {scope}/import.json"))
            .succeeds()
            .text()
    };
    // ada reads both, and ben reads one of them.
    assert!(kept("prod").contains("test/a/DB_PASSWORD"));
    assert!(!kept("test").contains("prod/a"));
    assert!(kept("test").contains("test/b/X_TOKEN"));
}

#[test]
fn a_person_overrules_what_becomes_of_a_source() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    write(
        &tree.join("account.json"),
        r#"{"type": "service_account", "private_key": "x"}"#,
    );
    write(&tree.join("web.env"), "A=1\n");
    write(
        &tree.join("x.pub"),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsABJYwDbf/kw8IvQqCFxGherJuUpxtYTZhdRFUrfJw\n",
    );
    let actions = |words: &str| -> Vec<String> {
        let plan = plan(&lab, &tree, words);
        let sources = plan["sources"].as_array().unwrap().iter();
        sources
            .map(|s| s["action"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(actions(""), ["file", "document", "clear"]);
    assert_eq!(actions("--as file"), ["file", "file", "file"]);
    let account = tree.join("account.json");
    let one = plan(&lab, &account, "--as document");
    assert_eq!(one["sources"][0]["action"], "document");
    // What cannot be one stops all of it, and says why.
    write(&tree.join("null.json"), "{\"a\": 1,\n\"b\": null}");
    let run = lab.clws("import --yes --as document");
    let ran = run.word(tree.join("null.json").to_str().unwrap()).exits(10);
    assert!(
        ran.err.contains("line 2: cannot become a document"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("--as file"), "{}", ran.err);
    assert!(!ran.err.contains("SOURCE "), "{}", ran.err);
    assert!(!lab.vault().join("secrets").exists());
}

#[test]
fn git_is_kept_from_taking_the_plaintext_along() {
    let lab = Lab::new();
    let tree = lab.vault().join("certs [x]");
    write(&tree.join("prod/web.env"), "A=1\n");
    write(
        &tree.join("prod/x.pub"),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsABJYwDbf/kw8IvQqCFxGherJuUpxtYTZhdRFUrfJw\n",
    );
    fs::write(lab.vault().join(".gitignore"), "*.log").unwrap();
    // git holds nothing yet of which anybody could be told to take it out.
    let done = lab
        .clws("import --yes")
        .word(tree.to_str().unwrap())
        .succeeds();
    assert!(!done.err.contains("git's history"), "{}", done.err);
    assert!(done.err.contains(".gitignore now keeps"), "{}", done.err);
    let seen = lab.git(&["status", "--porcelain", "-uall"]);
    assert!(
        seen.contains("x.pub") && !seen.contains("web.env"),
        "{seen}"
    );
    let before = fs::read_to_string(lab.vault().join(".gitignore")).unwrap();
    assert!(before.starts_with("*.log\n"), "{before}");
    // A file alone is kept out alone.
    fs::create_dir(lab.vault().join("more")).unwrap();
    fs::write(lab.vault().join("more/one.env"), "B=1\n").unwrap();
    fs::write(lab.vault().join("more/two.txt"), "two").unwrap();
    lab.git(&["add", "more/one.env"]);
    lab.git(&["commit", "-q", "-m", "in the clear"]);
    lab.git(&["rm", "-q", "--cached", "more/one.env"]);
    lab.git(&["commit", "-q", "-m", "taken out"]);
    let one = lab.vault().join("more/one.env");
    let done = lab
        .clws("import --yes")
        .word(one.to_str().unwrap())
        .succeeds();
    let told = "git's history still holds what was ever committed of ";
    assert!(done.err.contains(told), "{}", done.err);
    let told = "more/one.env: give every value a new one";
    assert!(done.err.contains(told), "{}", done.err);
    assert!(done.err.contains("`git rm --cached` it"), "{}", done.err);
    let seen = lab.git(&["status", "--porcelain", "-uall"]);
    assert!(
        seen.contains("two.txt") && !seen.contains("one.env"),
        "{seen}"
    );
    let before = fs::read_to_string(lab.vault().join(".gitignore")).unwrap();
    // Once is enough.
    lab.clws("import --yes")
        .word(tree.to_str().unwrap())
        .succeeds();
    assert_eq!(
        fs::read_to_string(lab.vault().join(".gitignore")).unwrap(),
        before
    );
}

#[test]
fn nothing_is_kept_from_git_where_nothing_was_a_secret() {
    let lab = Lab::new();
    let tree = lab.vault().join("notes");
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsABJYwDbf/kw8IvQqCFxGherJuUpxtYTZhdRFUrfJw\n";
    write(&tree.join("x.pub"), key);
    for source in [tree.clone(), tree.join("x.pub")] {
        let done = lab.clws("import --yes").word(source.to_str().unwrap());
        let done = done.succeeds();
        assert!(done.err.contains("nothing to seal"), "{}", done.err);
        assert!(!done.err.contains("git"), "{}", done.err);
    }
    assert!(!lab.vault().join(".gitignore").exists());
}

#[test]
fn a_password_file_that_is_a_program_is_not_run() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    write(&tree.join("a.env"), "A=1\n");
    let program = lab.root().join("password.sh");
    write(&program, "#!/bin/sh\ntouch \"$0.ran\"\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let run = lab.clws("import --yes --vault-password-file");
    let ran = run
        .word(program.to_str().unwrap())
        .word(tree.to_str().unwrap())
        .exits(2);
    assert!(ran.err.contains("runs none"), "{}", ran.err);
    assert!(!lab.root().join("password.sh.ran").exists());
}
