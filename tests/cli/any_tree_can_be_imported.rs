//! Any tree can be imported: names that no secret can have, scopes in odd places, and the leftover.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::lab::Lab;

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Source and secret of each source.
fn secrets(json: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sources = json["sources"].as_array().unwrap().iter();
    sources
        .map(|s| (text(&s["source"]), text(&s["secret"])))
        .collect()
}

fn plan(lab: &Lab, source: &Path, words: &str) -> Vec<(String, String)> {
    let run = lab.clws(&format!("import --plan --json {words}"));
    secrets(&run.word(source.to_str().unwrap()).run().json())
}

fn rows<const N: usize>(rows: [(&str, &str); N]) -> Vec<(String, String)> {
    rows.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec()
}

#[test]
fn the_scope_is_where_people_write_it() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    for path in [
        ".env",
        ".env.production",
        "api/.env.local",
        "api/.env.test.local",
        "api/prod/keys/id",
        "dev.yml",
        "hosts/vm-clws-test-rest-server-0/tls.key",
        "Production/Main DB/x.env",
        "shared/x",
        "codalab.dev.key",
    ] {
        write(&tree.join(path), "A=1\n");
    }
    assert_eq!(
        plan(&lab, &tree, ""),
        rows([
            (".env", "shared/env"),
            (".env.production", "prod/env"),
            ("Production/Main DB/x.env", "prod/main_db-x"),
            ("api/.env.local", "shared/api-local"),
            ("api/.env.test.local", "test/api-local"),
            ("api/prod/keys/id", "prod/api/keys/id"),
            ("codalab.dev.key", "shared/codalab.dev.key"),
            ("dev.yml", "dev/dev.yml"),
            (
                "hosts/vm-clws-test-rest-server-0/tls.key",
                "test/hosts/vm-clws-test-rest-server-0/tls.key"
            ),
            ("shared/x", "shared/x"),
        ])
    );
    // What the path says wins; `--scope` is for the rest.
    let scoped = plan(&lab, &tree, "--scope dev");
    assert_eq!(scoped[0].1, "dev/env");
    assert_eq!(scoped[1].1, "prod/env");
    // The name of the folder speaks, unless it is told otherwise.
    let api = tree.join("api/prod");
    assert_eq!(plan(&lab, &api, ""), rows([("keys/id", "prod/keys/id")]));
    assert_eq!(
        plan(&lab, &api, "--scope dev"),
        rows([("keys/id", "dev/keys/id")])
    );
    // One file.
    let file = tree.join("api/.env.local");
    assert_eq!(
        plan(&lab, &file, ""),
        rows([(".env.local", "shared/local")])
    );
}

/// What does not read is sealed whole, and must not reach more people for it.
#[test]
fn a_dotenv_file_that_does_not_read_has_the_scope_of_its_name() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    for path in [".env.prod", ".env.test.local", "web.prod.env"] {
        write(&tree.join(path), "A=1\nBAD LINE\n");
    }
    assert_eq!(
        plan(&lab, &tree, ""),
        rows([
            (".env.prod", "prod/_env.prod"),
            (".env.test.local", "test/_env.test.local"),
            ("web.prod.env", "prod/web.prod.env"),
        ])
    );
}

#[test]
fn names_that_clash_or_do_not_fit_get_others_and_keep_their_own_in_a_note() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    let names = [
        "Readme",
        "a b",
        "a_b",
        "evil\n\u{1b}[31m\u{202e}name",
        "keys/..hidden",
        "keys/-rf",
        "keys/ID",
        "keys/id",
        "readme",
        "web/x",
        "shared.env",
        "web.env",
        "ключ",
    ];
    for name in names {
        write(&tree.join(name), format!("A={}\n", name.len()));
    }
    let source = tree.to_str().unwrap();
    let done = lab.clws("import --yes --json").word(source).succeeds();
    let got = secrets(&done.json());
    assert_eq!(
        got,
        rows([
            ("Readme", "shared/Readme"),
            ("a b", "shared/a_b-2"),
            ("a_b", "shared/a_b"),
            ("evil\n\u{1b}[31m\u{202e}name", "shared/evil___31m_name"),
            ("keys/-rf", "shared/keys/_rf"),
            ("keys/..hidden", "shared/keys/_.hidden"),
            ("keys/ID", "shared/keys/ID"),
            ("keys/id", "shared/keys/id-2"),
            ("readme", "shared/readme-2"),
            ("shared.env", "shared/env"),
            ("web.env", "shared/web-2"),
            ("web/x", "shared/web/x"),
            ("ключ", "shared/____"),
        ])
    );
    // Nothing that draws on a terminal.
    for output in [&done.err, &done.text()] {
        assert!(!output.contains(['\u{1b}', '\u{202e}']), "{output}");
    }
    assert!(
        done.err.contains("\nevil\\u{a}\\u{1b}[31m\\u{202e}name "),
        "{}",
        done.err
    );
    for (source, secret) in &got {
        let wanted = format!("A={}\n", source.len());
        if source.ends_with(".env") {
            assert_eq!(
                lab.clws(&format!("secret get {secret}/A"))
                    .succeeds()
                    .text(),
                wanted[2..].trim()
            );
            continue;
        }
        assert_eq!(
            lab.clws(&format!("secret get {secret}")).succeeds().text(),
            wanted
        );
        let sidecar = lab.vault().join(format!("secrets/{secret}.age.toml"));
        let sidecar = fs::read_to_string(sidecar).unwrap();
        let kept = sidecar
            .lines()
            .find_map(|line| line.strip_prefix("note = "));
        let kept = kept.map(|note| serde_json::from_str::<String>(note).unwrap());
        let renamed = secret.strip_prefix("shared/") != Some(source);
        assert_eq!(kept.as_ref(), renamed.then_some(source));
    }
    // The same tree again has the same names.
    let again = lab.clws("import --yes").word(source).succeeds();
    assert!(again.err.contains("nothing to seal"), "{}", again.err);
}

#[test]
fn what_a_document_does_not_hold_is_sealed_beside_it() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    write(
        &tree.join("prod/web.env"),
        "# Web server\nTOKEN=one\n# OLD_TOKEN=canary-old\nTOKEN=two # was canary-note1\n",
    );
    write(
        &tree.join("prod/not.env"),
        "if [ -z \"$X\" ]; then\nX=canary-script\nfi\n",
    );
    fs::set_permissions(tree.join("prod/not.env"), fs::Permissions::from_mode(0o750)).unwrap();
    let source = tree.to_str().unwrap();
    let done = lab
        .clws("import --yes --json --shred-source")
        .word(source)
        .succeeds();
    let json = done.json();
    assert_eq!(json["sources"][0]["action"], "file");
    assert_eq!(json["sources"][0]["findings"][0]["kind"], "sealed-whole");
    assert_eq!(json["sources"][0]["findings"][0]["lines"][0], 1);
    assert_eq!(json["sources"][1]["record"], "prod/import.json");
    assert!(
        done.err.contains("kept sealed in prod/import.json"),
        "{}",
        done.err
    );
    let get = |path: &str| lab.clws(&format!("secret get {path}")).succeeds().text();
    assert_eq!(get("prod/web/TOKEN"), "two");
    let kept = get("prod/import.json");
    for line in ["TOKEN=one", "# OLD_TOKEN=canary-old", "# was canary-note1"] {
        assert!(kept.contains(line), "{kept}");
    }
    assert!(get("prod/not.env").ends_with("X=canary-script\nfi\n"));
    let sidecar = fs::read_to_string(lab.vault().join("secrets/prod/not.env.age.toml")).unwrap();
    assert!(sidecar.contains("mode = \"0750\""), "{sidecar}");
    let document = fs::read_to_string(lab.vault().join("secrets/prod/web.toml")).unwrap();
    assert!(document.contains("note = \"Web server\""), "{document}");
    lab.nowhere(&["canary-old", "canary-note1", "canary-script"].map(str::to_owned));
    assert!(!tree.join("prod/web.env").exists() && !tree.join("prod/not.env").exists());
}

#[test]
fn more_files_than_a_process_may_have_open_are_imported_at_once() {
    let lab = Lab::new();
    let tree = lab.root().join("tree");
    for number in 0..200 {
        write(
            &tree.join(format!("{}/{number}", number % 7)),
            format!("canary {number}"),
        );
    }
    let run = lab
        .clws("import --yes")
        .word(tree.to_str().unwrap())
        .command();
    let mut words = vec![
        "ulimit -n 64; exec \"$@\"".into(),
        "sh".into(),
        run.get_program().to_owned(),
    ];
    words.extend(run.get_args().map(ToOwned::to_owned));
    let ran = std::process::Command::new("sh")
        .arg("-c")
        .args(words)
        .current_dir(lab.vault())
        .env_clear()
        .envs(
            run.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(
        lab.clws("secret get shared/3/3").succeeds().text(),
        "canary 3"
    );
    assert!(lab.clws("secret get shared/4/199").run().code != 0);
    assert_eq!(
        lab.clws("secret get shared/3/199").succeeds().text(),
        "canary 199"
    );
}
