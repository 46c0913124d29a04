//! A file of SOPS that was changed, cut or never whole stands against the import, with a code of its own;
//! one that is merely for others, or goes a way of its own, comes in as it is and is named.

use std::fs;
use std::path::Path;

use crate::lab::{Lab, Ran};
use crate::sops::Sops;
use crate::what_was_imported_can_be_exported::tree;

const YAML: &str =
    "db:\n    user: ada\n    password: hunter2hunter2\n    port: 5432\nopen_unencrypted: 1\n";

/// Tries to import one text; nothing may have changed unless it went well.
fn import(lab: &Lab, name: &str, text: impl AsRef<[u8]>) -> Ran {
    let source = lab.root().join("source");
    let _gone = fs::remove_dir_all(&source);
    fs::create_dir(&source).unwrap();
    fs::write(source.join(name), text).unwrap();
    fs::write(source.join("beside.env"), "A=1\n").unwrap();
    let before = tree(&lab.vault());
    let ran = lab
        .clws("import --yes")
        .word(source.to_str().unwrap())
        .run();
    if ran.code != 0 {
        assert_eq!(tree(&lab.vault()), before, "{name} changed something");
        assert!(ran.err.contains("nothing was changed"), "{}", ran.err);
    }
    assert!(
        !ran.err.contains("hunter2") && !ran.err.contains("ENC["),
        "{}",
        ran.err
    );
    ran
}

/// The text of a value, `ENC[…]`, by its name.
fn value<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with(name))
        .unwrap();
    line.split_once(": ").unwrap().1
}

fn swapped(text: &str, a: &str, b: &str) -> String {
    let (a, b) = (value(text, a), value(text, b));
    text.replace(a, "\0").replace(b, a).replace('\0', b)
}

#[test]
fn what_was_changed_is_refused_as_forged() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let sealed = sops.seal("yaml", YAML, &[]);
    let old = sops.seal("yaml", &YAML.replace("5432", "5433"), &[]);
    let flipped = |name: &str| {
        let value = value(&sealed, name);
        let at = value.find("data:").unwrap() + 5;
        let other = if value[at..].starts_with('A') {
            "B"
        } else {
            "A"
        };
        sealed.replace(
            value,
            &format!("{}{other}{}", &value[..at], &value[at + 1..]),
        )
    };
    let without = |name: &str| {
        let lines = sealed.split_inclusive('\n');
        lines
            .filter(|line| !line.trim_start().starts_with(name))
            .collect::<String>()
    };
    for (what, text) in [
        ("a bit of a value", flipped("password")),
        ("a bit of the MAC", flipped("mac")),
        ("two values", swapped(&sealed, "user", "password")),
        ("a name", sealed.replace("    user:", "    login:")),
        (
            "a value in clear",
            sealed.replace("open_unencrypted: 1", "open_unencrypted: 2"),
        ),
        ("a value that is gone", without("user")),
        (
            "a value that is new",
            sealed.replace("sops:\n", "x_unencrypted: new\nsops:\n"),
        ),
        (
            "the time",
            sealed.replace("lastmodified: \"2", "lastmodified: \"3"),
        ),
        (
            "an older MAC",
            sealed.replace(value(&sealed, "mac"), value(&old, "mac")),
        ),
        (
            "a value of another file",
            sealed.replace(value(&sealed, "port"), value(&old, "port")),
        ),
        (
            "what the MAC goes over",
            sealed.replace("    version:", "    mac_only_encrypted: true\n    version:"),
        ),
        (
            "the type of a value",
            sealed
                .replace("type:int", "type:str")
                .replace(value(&sealed, "user"), "\"\""),
        ),
    ] {
        let ran = import(&lab, "web.yaml", &text);
        assert_eq!(ran.code, 12, "{what}: {}", ran.err);
        assert!(
            ran.err.contains("not what was sealed"),
            "{what}: {}",
            ran.err
        );
        let plan = lab
            .clws("import --plan")
            .word(lab.root().join("source").to_str().unwrap());
        plan.exits(1);
    }
    assert_eq!(import(&lab, "web.yaml", &sealed).code, 0);
}

#[test]
fn what_does_not_read_is_refused_as_damaged() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let sealed = sops.seal("yaml", YAML, &[]);
    let json = sops.seal("json", "{\"a\": \"x\", \"b\": [1, {\"c\": 2}]}", &[]);
    let dotenv = sops.seal("dotenv", "A=1\nB=2\n", &[]);
    let ini = sops.seal("ini", "[a]\nb = 1\n", &[]);
    let user = value(&sealed, "user");
    let deep = format!("a: {}{}\n", "[".repeat(5_000), "]".repeat(5_000));
    let nested = format!("{{\"a\": {}{}, ", "[".repeat(100), "]".repeat(100));
    for (what, name, text) in [
        (
            "cut in front of the metadata",
            "w.yaml",
            sealed.split("sops:\n").next().unwrap().to_owned(),
        ),
        (
            "cut in the metadata",
            "w.yaml",
            sealed[..sealed.find("lastmodified").unwrap()].to_owned(),
        ),
        (
            "no MAC",
            "w.yaml",
            sealed.replace("    mac: ", "    mack: "),
        ),
        (
            "twice a name",
            "w.yaml",
            sealed.replace("db:\n", &format!("db:\n    user: {user}\n")),
        ),
        (
            "twice the metadata",
            "w.yaml",
            format!("{sealed}sops: {{}}\n"),
        ),
        (
            "an alias",
            "w.yaml",
            sealed.replace("db:\n", "x: &a y\nz: *a\ndb:\n"),
        ),
        ("nesting", "w.yaml", format!("{deep}{sealed}")),
        ("nesting of JSON", "w.json", json.replacen('{', &nested, 1)),
        (
            "twice a name of JSON",
            "w.json",
            json.replacen('{', "{\"a\": \"x\", ", 1),
        ),
        ("cut JSON", "w.json", json[..json.len() / 2].to_owned()),
        (
            "a value in the clear",
            "w.yaml",
            sealed.replace(user, "ada"),
        ),
        (
            "half a value",
            "w.yaml",
            sealed.replace(user, "ENC[AES256_GCM,data:AAAA]"),
        ),
        (
            "a short tag",
            "w.yaml",
            sealed.replace(user, &user.replace("tag:", "tag:AAAA,tag:")),
        ),
        (
            "another version of the cipher",
            "w.yaml",
            sealed.replace(user, &user.replace("AES256", "AES128")),
        ),
        (
            "nobody's key",
            "w.yaml",
            sealed.replace("    age:\n", "    old:\n"),
        ),
        (
            "a damaged wrap",
            "w.yaml",
            sealed.replace("-----END AGE", "-----END OLD"),
        ),
        (
            "two rules",
            "w.yaml",
            sealed.replace("    version:", "    encrypted_regex: x\n    version:"),
        ),
        (
            "a rule that is none",
            "w.yaml",
            sealed.replace("unencrypted_suffix: _unencrypted", "encrypted_regex: '('"),
        ),
        ("no line of dotenv", "w.env", format!("A\n{dotenv}")),
        (
            "twice a name of dotenv",
            "w.env",
            format!("{}\n{dotenv}", dotenv.lines().next().unwrap()),
        ),
        ("twice a section", "w.ini", format!("{ini}[a]\nc = 1\n")),
        ("no MAC in INI", "w.ini", ini.replace("mac ", "mad ")),
    ] {
        let ran = import(&lab, name, &text);
        assert_eq!(ran.code, 10, "{what}: {}", ran.err);
        assert!(ran.err.contains("--as file"), "{what}: {}", ran.err);
    }
    let text = [sealed.as_bytes(), b"# \xff\n"].concat();
    assert_eq!(import(&lab, "w.yaml", text).code, 10);
    // What the advice says works.
    let source = lab.root().join("source");
    let run = lab
        .clws("import --yes --as file")
        .word(source.to_str().unwrap());
    run.succeeds();
}

/// Far below what an import takes, and slow if anything goes with the square of it.
#[test]
fn a_large_file_is_opened_in_its_time() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let text: String = (0..3_000)
        .map(|n| format!("# c{n}\nk{n}: value-{n}\n"))
        .collect();
    let ran = import(&lab, "large.yaml", sops.seal("yaml", &text, &[]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let got = lab.clws("secret get shared/large/k2999").succeeds().text();
    assert_eq!(got, "value-2999");
}

/// As with plaintext: what a document cannot hold is a file, and what is not looked at to its end stays as it is.
#[test]
fn what_is_too_large_is_kept_whole() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let value = "x".repeat(100_000);
    let sealed = sops.seal("yaml", &format!("a: {value}\n"), &[]);
    let ran = import(&lab, "value.yaml", &sealed);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("larger than the 64 KiB"), "{}", ran.err);
    let inside = lab.clws("secret get shared/value.yaml").succeeds().text();
    assert_eq!(inside, format!("a: {value}\n"));
    let huge = format!("{sealed}{}", "# more\n".repeat(2_600_000));
    let ran = import(&lab, "huge.yaml", &huge);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err
            .contains("still as it was sealed: it is larger than 16 MiB"),
        "{}",
        ran.err
    );
    assert!(lab.clws("secret get shared/huge.yaml").succeeds().out == huge.as_bytes());
}

#[test]
fn what_is_not_opened_here_is_named_and_the_rest_goes_on() {
    let lab = Lab::new().people(&["ben"]);
    let (ada, ben) = (Sops::of(&lab, "ada"), Sops::of(&lab, "ben"));
    let sealed = ada.seal("yaml", YAML, &[]);
    let (start, end) = (
        sealed.find("    age:\n").unwrap(),
        sealed.find("    lastmodified").unwrap(),
    );
    let by = |keys: &str| format!("{}{keys}{}", &sealed[..start], &sealed[end..]);
    let groups = lab.root().join("groups.yaml");
    let rule = format!(
        "creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n      - age: [{}]\n      - age: [{}]\n",
        ada.recipient(),
        ben.recipient()
    );
    fs::write(&groups, rule).unwrap();
    let recipient = ada.recipient();
    let sharing = ada.run(
        &[
            "--config",
            groups.to_str().unwrap(),
            "-e",
            "--input-type",
            "yaml",
            "--output-type",
            "yaml",
            "/dev/stdin",
        ],
        YAML,
    );
    assert!(
        sharing.status.success(),
        "{}",
        String::from_utf8_lossy(&sharing.stderr)
    );
    for (name, text, said) in [
        (
            "ben.yaml",
            ben.seal("yaml", YAML, &[]),
            "none of your identities opens it; `clws identity import sops --age FILE`",
        ),
        (
            "pgp.yaml",
            by("    pgp:\n        - fp: AB\n          enc: x\n"),
            "a data key under PGP; where that key is, `sops -d pgp.yaml`",
        ),
        (
            "kms.yaml",
            by("    kms:\n        - arn: x\n          enc: x\n    gcp_kms:\n        - enc: x\n"),
            "under AWS KMS and GCP KMS;",
        ),
        (
            "transit.yaml",
            by("    hc_vault:\n        - vault_address: x\n          enc: x\n"),
            "under HashiCorp Vault;",
        ),
        (
            "azure.yaml",
            by("    azure_kv:\n        - enc: x\n"),
            "under Azure Key Vault;",
        ),
        (
            "shamir.yaml",
            String::from_utf8(sharing.stdout).unwrap(),
            "several groups (Shamir's sharing)",
        ),
        (
            "two.yaml",
            ada.seal("yaml", "a: 1\n---\nb: 2\n", &[]),
            "several documents of YAML",
        ),
    ] {
        assert!(
            !text.contains(&recipient) || name == "shamir.yaml" || name == "two.yaml",
            "{name}"
        );
        let ran = import(&lab, name, &text);
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        let found = ran.err.contains("sealed whole, still by SOPS") && ran.err.contains(said);
        assert!(found, "{name}: {}", ran.err);
        let kept = lab
            .clws(&format!("secret get shared/{name}"))
            .succeeds()
            .text();
        assert_eq!(kept, text);
    }
    lab.clws("secret get shared/beside/A").succeeds();
    // One's own key comes along, and then it opens.
    let key = ben.key_file();
    lab.clws("identity import sops --age")
        .word(key.to_str().unwrap())
        .succeeds();
    let source = lab.root().join("dev");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("ben.yaml"), ben.seal("yaml", YAML, &[])).unwrap();
    opens(&lab, &source);
}

fn opens(lab: &Lab, source: &Path) {
    lab.clws("import --yes")
        .word(source.to_str().unwrap())
        .succeeds();
    let port = lab
        .clws("export dev/ben --format json --out -")
        .succeeds()
        .json();
    assert_eq!(port["db"]["port"], 5432);
}
