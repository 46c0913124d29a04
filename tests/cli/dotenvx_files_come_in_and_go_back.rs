//! Files that dotenvx sealed come in opened, by the keys that lie beside them or in the environment, and go
//! back as the very files; the keys themselves are named and left where they are.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::dotenvx::{KeyPair, read};
use crate::lab::{Lab, Ran};
use crate::what_was_imported_can_be_exported::{Memory, tree};

const CANARY: &str = "xo8Gh-dotenvx-canary";

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A file as `dotenvx encrypt` leaves it, with its keys beside it.
fn lay_out(folder: &Path, name: &str, of: &str, lines: &[(&str, &str)], key: &KeyPair) -> PathBuf {
    let mut text = format!(
        "#/-------------------[DOTENV_PUBLIC_KEY]--------------------/\n#/            public-key encryption for .env files          /\n#/----------------------------------------------------------/\nDOTENV_PUBLIC_KEY{of}=\"{}\"\n\n# {name}\n",
        key.public
    );
    for (name, value) in lines {
        text += &format!("{name}=\"{value}\"\n");
    }
    let file = folder.join(name);
    write(&file, text);
    let keys = format!(
        "#/------------------!DOTENV_PRIVATE_KEYS!-------------------/\n#/ private decryption keys. DO NOT commit to source control /\n\n# {name}\nDOTENV_PRIVATE_KEY{of}={}\n",
        key.private
    );
    write(&folder.join(".env.keys"), keys);
    file
}

fn import(lab: &Lab, source: &Path) -> Ran {
    let run = lab.clws("import --yes --json");
    run.word(source.to_str().unwrap()).succeeds()
}

fn findings<'r>(report: &'r Value, source: &str) -> (&'r str, &'r Value) {
    let all = report["sources"].as_array().unwrap();
    let found = all.iter().find(|item| item["source"] == source).unwrap();
    (found["action"].as_str().unwrap(), &found["findings"])
}

#[test]
fn a_file_comes_in_opened_and_goes_back_as_it_was() {
    let lab = Lab::new();
    let key = KeyPair::new();
    let source = lab.root().join("source");
    let long = "x".repeat(5000);
    let values = [
        ("TOKEN", CANARY),
        ("EMPTY", ""),
        ("LINES", "-----BEGIN X-----\nab\"c'\\n\n-----END X-----\n"),
        ("DOLLAR", "a$b`c"),
        ("LONG", long.as_str()),
        ("GREEK", " ψ "),
    ];
    let sealed: Vec<(&str, String)> = values
        .iter()
        .map(|(name, value)| (*name, key.seal(value)))
        .collect();
    let mut lines: Vec<(&str, &str)> = sealed
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    lines.push(("PLAIN_TOKEN", "b2x9-Quahn-4e11"));
    let file = lay_out(&source.join("prod"), ".env.web", "_WEB", &lines, &key);
    // dotenvx reads the file that was laid out: it is one.
    let theirs = read(&file);
    let ran = import(&lab, &source);
    let report = ran.json();
    for (name, value) in values {
        // It expands what was sealed too, where the finding below says so.
        let expanded = value.replace("$b", "");
        assert_eq!(theirs[name], expanded, "{name}");
        let got = lab.clws(&format!("secret get prod/web/{name}")).succeeds();
        assert_eq!(got.text(), value, "{name}");
    }
    let (action, found) = findings(&report, "prod/.env.web");
    assert_eq!(action, "document");
    let told: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["kind"].as_str().unwrap(), f["lines"].to_string()))
        .collect();
    assert_eq!(told, [("unexpanded", "[10]".to_owned())], "{found}");
    let (action, found) = findings(&report, "prod/.env.keys");
    assert_eq!(
        (action, &found[0]["kind"]),
        ("skipped", &Value::from("superseded"))
    );
    let names = lab.clws("secret list prod/web --json").succeeds();
    assert!(!names.text().contains("DOTENV_"), "{}", names.text());
    // What stood in the clear is exposed, and what was sealed is not.
    let document = fs::read_to_string(lab.vault().join("secrets/prod/web.toml")).unwrap();
    assert_eq!(document.matches("\nexposed = ").count(), 1, "{document}");
    lab.nowhere(&[CANARY.to_owned()]);
    let keys = lab.find(std::slice::from_ref(&key.private));
    assert_eq!(keys.len(), 1, "the source's own alone: {keys:?}");
    // Back, to the byte, for dotenvx.
    let memory = Memory::new();
    let out = memory.join("out");
    lab.clws("export --format dir --out")
        .word(out.to_str().unwrap())
        .succeeds();
    assert!(tree(&out)["prod/.env.web"].1 == fs::read(&file).unwrap());
    assert!(!out.join("prod/.env.keys").exists());
    fs::copy(source.join("prod/.env.keys"), out.join("prod/.env.keys")).unwrap();
    assert_eq!(read(&out.join("prod/.env.web")), theirs);
    // With another value it is plaintext, which dotenvx reads too.
    lab.clws("secret set prod/web/TOKEN")
        .stdin(b"another")
        .succeeds();
    let out = memory.join("again");
    let done = lab
        .clws("export --format dir --out")
        .word(out.to_str().unwrap())
        .succeeds();
    let told = done.err.contains("no longer sealed by dotenvx");
    assert!(told && !done.err.contains("SOPS"), "{}", done.err);
    let again = read(&out.join("prod/.env.web"));
    assert_eq!(again["TOKEN"], "another");
    for (name, value) in values.iter().skip(1) {
        // dotenvx takes no `\` back that stands before a quote, as shells and docker compose do.
        let both_quotes = value.contains('"') && value.contains('\'');
        assert_eq!(again[*name] == *value, !both_quotes, "{name}");
    }
    assert!(!again.contains_key("DOTENV_PUBLIC_KEY_WEB"));
}

#[test]
fn what_is_in_the_vault_is_removed_and_its_keys_stay() {
    let lab = Lab::new();
    let key = KeyPair::new();
    let source = lab.root().join("source");
    lay_out(&source, ".env", "", &[("A", &key.seal("one"))], &key);
    write(
        &source.join("sub/.env"),
        fs::read(source.join(".env")).unwrap(),
    );
    let run = lab.clws("import --yes --shred-source");
    let ran = run.word(source.to_str().unwrap()).succeeds();
    assert!(
        ran.err.contains("still sealed") || ran.err.contains("there is no `DOTENV_PRIVATE_KEY`"),
        "{}",
        ran.err
    );
    let left: Vec<String> = tree(&source).into_keys().collect();
    assert_eq!(left, [".env.keys"]);
    // The other lay in a folder without keys, and is kept as it was.
    assert!(
        lab.clws("secret get shared/sub/_env")
            .succeeds()
            .text()
            .contains("encrypted:")
    );
}

#[test]
fn a_damaged_value_is_told_and_the_rest_goes_on() {
    let lab = Lab::new();
    let key = KeyPair::new();
    let source = lab.root().join("source");
    let mut damaged = key.seal("lost").into_bytes();
    let at = damaged.len() - 8;
    damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
    let damaged = String::from_utf8(damaged).unwrap();
    lay_out(
        &source,
        ".env",
        "",
        &[
            ("A", &key.seal("one")),
            ("B", &damaged),
            ("C", &key.seal("two")),
        ],
        &key,
    );
    write(&source.join("beside.env"), "D=1\n");
    let ran = import(&lab, &source);
    let report = ran.json();
    let (action, found) = findings(&report, ".env");
    assert_eq!(action, "document");
    assert_eq!(found[0]["kind"], "still-sealed");
    assert_eq!(found[0]["lines"], serde_json::json!([8]));
    let shown = ran.err;
    assert!(
        shown.contains(".env") && shown.contains("line 8: still sealed by dotenvx"),
        "{shown}"
    );
    assert!(
        !shown.contains("encrypted:") && !shown.contains(&key.private),
        "{shown}"
    );
    let document = report["sources"][0]["secret"].as_str().unwrap();
    for (name, value) in [("A", "one"), ("B", damaged.as_str()), ("C", "two")] {
        let got = lab
            .clws(&format!("secret get {document}/{name}"))
            .succeeds();
        assert_eq!(got.text(), value);
    }
    // All of it damaged: whole, with its lines.
    let whole = lab.root().join("whole");
    lay_out(&whole, ".env.all", "_ALL", &[("B", &damaged)], &key);
    let ran = import(&lab, &whole);
    let report = ran.json();
    let (action, found) = findings(&report, ".env.all");
    assert_eq!(
        (action, &found[0]["lines"]),
        ("file", &serde_json::json!([7]))
    );
    assert!(
        found[0]["text"]
            .as_str()
            .unwrap()
            .contains("they are damaged"),
        "{found}"
    );
}

#[test]
fn keys_come_from_the_environment_too_and_from_nowhere_else() {
    let lab = Lab::new();
    let (key, old) = (KeyPair::new(), KeyPair::new());
    let source = lab.root().join("source");
    let lines = [
        ("A", old.seal("of-the-old-key")),
        ("B", key.seal("of-the-new-key")),
    ];
    let lines: Vec<(&str, &str)> = lines
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let file = lay_out(&source, ".env.prod", "_PROD", &lines, &key);
    let keys = source.join(".env.keys");
    let real = lab.root().join("keys");
    fs::rename(&keys, &real).unwrap();
    // A link is not followed, and a key of another name is no key.
    std::os::unix::fs::symlink(&real, &keys).unwrap();
    let plan = |name: &str, value: &str| {
        let run = lab.clws("import --plan --json").env(name, value);
        let ran = run.word(source.to_str().unwrap()).run();
        assert!(!ran.err.contains(value) && !ran.text().contains(value));
        ran.json()
    };
    let report = plan("OTHER_PRIVATE_KEY", &key.private);
    let (action, found) = findings(&report, ".env.prod");
    assert_eq!(action, "file");
    let text = found[0]["text"].as_str().unwrap();
    assert!(
        text.contains("there is no `DOTENV_PRIVATE_KEY_PROD`"),
        "{text}"
    );
    let report = plan("DOTENV_PRIVATE_KEY_PROD", "abc");
    let text = findings(&report, ".env.prod").1[0]["text"]
        .as_str()
        .unwrap();
    assert!(
        text.contains("`DOTENV_PRIVATE_KEY_PROD` is no key"),
        "{text}"
    );
    fs::remove_file(&keys).unwrap();
    let both = format!("{},{}", key.private, old.private);
    let run = lab
        .clws("import --yes")
        .env("DOTENV_PRIVATE_KEY_PROD", &both);
    run.word(file.to_str().unwrap()).succeeds();
    for (name, value) in [("A", "of-the-old-key"), ("B", "of-the-new-key")] {
        let got = lab.clws(&format!("secret get prod/env/{name}")).succeeds();
        assert_eq!(got.text(), value);
    }
    fs::remove_file(real).unwrap();
    lab.nowhere(&[key.private, old.private]);
}
