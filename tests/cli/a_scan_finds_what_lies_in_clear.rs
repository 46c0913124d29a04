//! What came out of the vault, or never went in, is found in a tree and before it is committed, and reported as
//! people and programs read it; nothing of it is printed.

use std::fmt::Write as _;

use crate::a_scan_knows_credentials_by_their_form::hex;
use crate::lab::Lab;

const TOKEN: &str = "p@ss w\"rd-77aa01";

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", TOKEN)
        .secret("prod/web/HOST", "vm-clws-prod-mysql-0")
        .secret("prod/web/PORT", "3306");
    lab.clws("secret generate prod/keys/web --kind ed25519")
        .succeeds();
    lab.commit("sealed");
    lab
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn found(lab: &Lab, words: &str) -> Vec<(String, u64, String, String)> {
    let ran = lab.clws(&format!("{words} --json")).exits(1);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = ran.json()["findings"].as_array().unwrap().clone();
    findings
        .iter()
        .map(|finding| {
            assert!(!text(&finding["next"]).is_empty() && !text(&finding["why"]).is_empty());
            (
                text(&finding["path"]),
                finding["line"].as_u64().unwrap(),
                format!("{}{}", text(&finding["kind"]), text(&finding["secret"])),
                text(&finding["form"]),
            )
        })
        .collect()
}

#[test]
fn a_vault_itself_has_nothing_in_clear() {
    let lab = lab();
    let clean = lab.clws("scan").succeeds();
    assert!(clean.err.contains("0 findings"), "{}", clean.err);
    assert!(
        clean.err.contains("2 secrets would turn up by accident"),
        "{}",
        clean.err
    );
}

#[test]
fn what_is_learned_is_kept_by_one_scan_at_a_time() {
    let lab = lab();
    let scans = lab.home("ada").join(".local/state/clws/scan");
    let kept = || {
        let names = std::fs::read_dir(&scans).unwrap().flatten();
        let mut names = names.map(|entry| entry.path());
        names.find(|path| path.extension().is_none())
    };
    lab.clws("scan").succeeds();
    let file = kept().unwrap();
    std::fs::remove_file(&file).unwrap();
    // Another one is at it.
    let lock = std::fs::File::open(file.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let clean = lab.clws("scan").succeeds();
    assert!(!clean.err.contains("not kept"), "{}", clean.err);
    assert_eq!(kept(), None);
    lock.unlock().unwrap();
    // That it cannot be kept stops nothing.
    std::fs::remove_file(file.with_extension("lock")).unwrap();
    std::fs::create_dir(file.with_extension("lock")).unwrap();
    let clean = lab.clws("scan").succeeds();
    assert!(
        clean.err.contains("warning: what was learned is not kept"),
        "{}",
        clean.err
    );
}

#[test]
fn what_a_program_or_a_runner_escapes_is_found() {
    let lab = Lab::new();
    for (name, value) in [("A", "pässwörd-77bb02"), ("B", "50% @ 77cc03")] {
        lab.clws(&format!("secret set prod/web/{name}"))
            .stdin(value.as_bytes())
            .succeeds();
    }
    let text = "print(b'p\\xc3\\xa4ssw\\xc3\\xb6rd-77bb02')\n::debug::50%25 @ 77cc03\n";
    std::fs::write(lab.vault().join("log"), text).unwrap();
    let found: Vec<_> = found(&lab, "scan")
        .into_iter()
        .map(|(_, line, what, form)| (line, what, form))
        .collect();
    let value =
        |line, name: &str, form: &str| (line, format!("valueprod/web/{name}"), form.to_owned());
    assert_eq!(found, [value(1, "A", "bytes"), value(2, "B", "url")]);
}

#[test]
fn every_form_of_a_value_is_found_by_file_and_line() {
    let lab = lab();
    let key = lab.clws("secret get prod/keys/web").succeeds();
    let write = |name: &str, bytes: &[u8]| {
        let path = lab.vault().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write(
        "notes.txt",
        format!("one\ntwo {TOKEN} three\nvm-clws-prod-mysql-0:3306\n").as_bytes(),
    );
    let hex = TOKEN.bytes().fold(String::new(), |mut out, b| {
        write!(out, "{b:02X}").unwrap();
        out
    });
    write(
        "deep/er/forms",
        format!(
            "{}\n\n{hex}\np%40ss%20w%22rd-77aa01\np%40ss+w%22rd-77aa01\n",
            base64(TOKEN.as_bytes())
        )
        .as_bytes(),
    );
    write("j.json", b"{\"t\": \"p@ss w\\\"rd-77aa01\"}");
    // Behind a large file's first pieces, across a border of two, and in a binary one.
    let mut large = vec![0xff; 256 * 1024 - 7];
    large.extend_from_slice(TOKEN.as_bytes());
    large.extend(vec![b'\n'; 300_000]);
    large.extend_from_slice(TOKEN.as_bytes());
    write("large.bin", &large);
    write("id", &key.out);
    write(
        "talk.md",
        b"look for -----BEGIN OPENSSH PRIVATE KEY----- and AGE-SECRET-KEY-1\n",
    );
    std::os::unix::fs::symlink("/etc", lab.vault().join("link")).unwrap();

    let value = |path: &str, line: u64, form: &str| {
        (
            path.to_owned(),
            line,
            "valueprod/web/TOKEN".to_owned(),
            form.to_owned(),
        )
    };
    let all = found(&lab, "scan");
    let (keys, values): (Vec<_>, Vec<_>) = all.into_iter().partition(|(path, ..)| path == "id");
    assert_eq!(
        values,
        [
            value("deep/er/forms", 1, "base64"),
            value("deep/er/forms", 3, "hex"),
            value("deep/er/forms", 4, "url"),
            value("deep/er/forms", 5, "url"),
            value("j.json", 1, "json"),
            value("large.bin", 1, "clear"),
            value("large.bin", 300_001, "clear"),
            value("notes.txt", 2, "clear"),
        ]
    );
    // The lines of the key are known too, besides what it looks like.
    assert!(
        keys.iter().any(|(.., kind, _)| kind == "private-key"),
        "{keys:?}"
    );
    assert!(
        keys.iter()
            .any(|(.., kind, _)| kind == "valueprod/keys/web"),
        "{keys:?}"
    );
    let said = lab.clws("scan").exits(1);
    assert!(!said.text().contains("77aa01") && !said.err.contains("77aa01"));
    assert!(
        said.text()
            .contains("notes.txt:2: the value of `prod/web/TOKEN`"),
        "{}",
        said.text()
    );
    // One folder alone.
    assert_eq!(found(&lab, "scan deep").len(), 4);
}

#[test]
fn what_is_staged_is_looked_at_as_git_has_it() {
    let lab = lab();
    lab.clws("scan --staged").succeeds();
    let file = lab.vault().join("notes.txt");
    std::fs::write(&file, format!("a\n{TOKEN}\n")).unwrap();
    // Not staged, then staged, then changed back in the tree alone.
    lab.clws("scan --staged").succeeds();
    lab.git(&["add", "notes.txt"]);
    std::fs::write(&file, "clean").unwrap();
    assert_eq!(
        found(&lab, "scan --staged"),
        [(
            "notes.txt".to_owned(),
            2,
            "valueprod/web/TOKEN".to_owned(),
            "clear".to_owned()
        )]
    );
    lab.git(&["add", "notes.txt"]);
    lab.clws("scan --staged").succeeds();
    // A repository's filters and monitors are not run for it.
    lab.git(&["config", "core.fsmonitor", "touch ran"]);
    lab.git(&["config", "filter.evil.smudge", "touch ran"]);
    lab.git(&["config", "diff.evil.textconv", "touch ran"]);
    std::fs::write(
        lab.vault().join(".gitattributes"),
        "* diff=evil filter=evil\n",
    )
    .unwrap();
    std::fs::remove_file(lab.vault().join("ran")).unwrap_or_default();
    lab.clws("scan --staged").succeeds();
    assert!(!lab.vault().join("ran").exists());
}

#[test]
fn around_a_vault_in_a_subfolder_all_of_the_repository_is_looked_through() {
    let lab = lab();
    let inner = lab.vault().join("ops");
    std::fs::create_dir(&inner).unwrap();
    for part in ["clws.toml", "recipients", "secrets"] {
        std::fs::rename(lab.vault().join(part), inner.join(part)).unwrap();
    }
    std::fs::write(lab.vault().join("notes"), TOKEN).unwrap();
    let ran = lab.clws("scan --json").folder(&inner).exits(1);
    assert_eq!(ran.json()["findings"][0]["path"], "notes");
    lab.clws("scan . --json").folder(&inner).succeeds();
}

#[test]
fn before_the_first_commit_and_without_git_it_says_what_is_the_case() {
    let lab = Lab::new().secret("dev/web/TOKEN", TOKEN);
    std::fs::write(lab.vault().join("x"), TOKEN).unwrap();
    lab.git(&["add", "x"]);
    assert_eq!(found(&lab, "scan --staged").len(), 1);
    std::fs::remove_dir_all(lab.vault().join(".git")).unwrap();
    // Ids of another length, and another name for nothing.
    lab.git(&["init", "-q", "--object-format=sha256"]);
    lab.git(&["add", "x"]);
    assert_eq!(found(&lab, "scan --staged").len(), 1);
    std::fs::remove_dir_all(lab.vault().join(".git")).unwrap();
    let refused = lab.clws("scan --staged").exits(18);
    assert!(
        refused.err.contains("not a git repository"),
        "{}",
        refused.err
    );
}

#[test]
fn without_an_identity_private_keys_are_found_all_the_same() {
    let lab = lab();
    let key = lab.clws("secret get prod/keys/web").succeeds();
    let scan = || lab.clws("scan --expect").word(lab.head()).by("nobody");
    std::fs::write(lab.vault().join("notes.txt"), TOKEN).unwrap();
    assert!(
        scan()
            .succeeds()
            .err
            .contains("credentials alone are looked for")
    );
    std::fs::write(lab.vault().join("id"), &key.out).unwrap();
    let found = scan().exits(1);
    assert!(
        found.text().contains("id:1: a private key"),
        "{}",
        found.text()
    );
}

#[test]
fn what_is_sealed_to_others_is_said_not_to_be_known() {
    let lab = lab();
    std::fs::write(lab.vault().join("notes.txt"), TOKEN).unwrap();
    let ran = lab
        .clws("scan --expect")
        .word(lab.head())
        .by("ben")
        .succeeds();
    assert!(
        ran.err.contains("what lies in 2 places sealed to others"),
        "{}",
        ran.err
    );
}

#[test]
fn a_branch_with_older_values_is_looked_through_all_the_same() {
    let lab = Lab::new().secret("prod/web/TOKEN", "of-yesterday-31c9");
    lab.commit("one");
    lab.git(&["checkout", "-q", "-b", "feature"]);
    let lab = lab.secret("prod/web/TOKEN", "of-today-77aa01b2");
    lab.commit("two");
    lab.git(&["checkout", "-q", "main"]);
    lab.clws("secret get prod/web/TOKEN").exits(14);
    for words in ["scan", "scan --staged"] {
        let ran = lab.clws(words).succeeds();
        let told = "older here than this machine has seen, and looked for as it is: prod/web/TOKEN";
        assert!(ran.err.contains(told), "{words}: {}", ran.err);
    }
    std::fs::write(lab.vault().join("notes"), "of-yesterday-31c9").unwrap();
    lab.clws("scan").exits(1);
    lab.clws("secret get prod/web/TOKEN").exits(14);
}

#[test]
fn sarif_has_what_its_schema_requires() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    std::fs::create_dir_all(tree.join("a b")).unwrap();
    std::fs::write(
        tree.join("a b/é.txt"),
        format!("\ndo{}_{}\n", "p_v1", hex(64, 82)),
    )
    .unwrap();
    let ran = lab
        .clws("scan --format sarif")
        .word(tree.to_str().unwrap())
        .exits(1);
    let report = ran.json();
    // Section 3.13 and on of the standard: version, runs; tool.driver.name; of a result its message.
    assert_eq!(report["version"], "2.1.0");
    let run = &report["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "clws");
    let result = &run["results"][0];
    assert!(
        result["message"]["text"]
            .as_str()
            .unwrap()
            .contains("DigitalOcean")
    );
    let rules = driver["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%A9.txt");
    assert_eq!(place["region"]["startLine"], 2);
    let clean = lab.root().join("clean");
    std::fs::create_dir_all(&clean).unwrap();
    let none = lab
        .clws("scan --format sarif")
        .word(clean.to_str().unwrap())
        .succeeds();
    assert_eq!(none.json()["runs"][0]["results"], serde_json::json!([]));
}
