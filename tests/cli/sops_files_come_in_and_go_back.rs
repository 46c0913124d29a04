//! What SOPS sealed comes in as what SOPS prints, and goes back to what SOPS opens, with the real SOPS as
//! the judge in both directions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::lab::{Lab, find_below};
use crate::sops::Sops;
use crate::tool::{run, run_by, said as said_by, tool};
use crate::what_was_imported_can_be_exported::{Memory, tree};

const CANARY: &str = "wUgLi4Ohsh-sops-canary";

/// With everything that SOPS has in YAML and a document too.
const YAML: &str = "# who asks for it
# asks again
db:
    password: wUgLi4Ohsh-sops-canary # said behind
    port: 5432
    ratio: 1.50
    big: 1000000.0
    negative: -7
    \"on\": true
    off_: false
    empty: \"\"
    e: {}
    l: []
    # of the hosts
    hosts:
        # the first
        - a
        - 2
        - x: [y, true, 1.5]
    multi: |
        one
          two

        three
    oct: 0777
    under: 1_000
    quoted: \"a: b # c \\u00e9 \\\"q\\\" \\\\\"
    keys_unencrypted:
        shown: 1e6
        half: .5
        word: yes
        hex: 0xff
url: https://x.example/?a=b&c=d
long: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
# the end
";

const JSON: &str = r#"{"a": {"b": "wUgLi4Ohsh-sops-canary", "n": 5432, "f": 1.5, "t": true, "l": ["x", 1, {"y": "z"}, [], {}],
"esc": "tab\there \"q\" é 😀 \n end", "e": ""}, "open_unencrypted": 15e9, "sopsy": "sops"}"#;

const DOTENV: &str = "# a comment\nTOKEN=wUgLi4Ohsh-sops-canary\nQUOTED=\"with blanks\"\nEMPTY=\nEQ=a=b==\n#another\nLAST=x#y\n";

const INI: &str = "[db]\n; about it\npassword = wUgLi4Ohsh-sops-canary\nport = 5\n\n[web]\nurl = https://x.example\n";

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn import(lab: &Lab, source: &Path) -> Value {
    let run = lab.clws("import --yes --json");
    run.word(source.to_str().unwrap()).succeeds().json()
}

fn json_of(lab: &Lab, document: &str) -> Value {
    let text = lab.clws(&format!("export {document} --format json --out -"));
    text.succeeds().json()
}

/// Numbers are floats to JSON's readers.
fn leveled(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.iter().map(leveled).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(k, v)| (k.clone(), leveled(v)))
            .collect(),
        other => other.clone(),
    }
}

/// The lines of a document's own file that say something about its values in the clear.
fn said(lab: &Lab, document: &str, what: &str) -> Vec<String> {
    let file = lab.vault().join(format!("secrets/{document}.toml"));
    let text = fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("{what} = ")));
    lines.map(str::to_owned).collect()
}

#[test]
fn what_comes_in_is_what_sops_prints() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let source = lab.root().join("source");
    for (name, form, text) in [
        ("web.enc.yaml", "yaml", YAML),
        ("api.json", "json", JSON),
        (".env.prod", "dotenv", DOTENV),
        ("my.ini", "ini", INI),
        (
            "key.pem",
            "binary",
            "-----BEGIN X-----\nwUgLi4Ohsh-sops-canary\n",
        ),
    ] {
        write(&source.join(name), &sops.seal(form, text, &[]));
    }
    let before = tree(&source);
    let report = import(&lab, &source);
    let action = |name: &str| {
        let all = report["sources"].as_array().unwrap();
        let found = all.iter().find(|item| item["source"] == name).unwrap();
        [&found["kind"], &found["action"], &found["secret"]].map(|v| v.as_str().unwrap().to_owned())
    };
    assert_eq!(
        action("web.enc.yaml"),
        ["sops-yaml", "document", "shared/web"]
    );
    assert_eq!(action("api.json"), ["sops-json", "document", "shared/api"]);
    assert_eq!(action(".env.prod"), ["sops-dotenv", "document", "prod/env"]);
    assert_eq!(action("my.ini"), ["sops-ini", "document", "shared/my"]);
    assert_eq!(action("key.pem"), ["sops", "file", "shared/key.pem"]);
    for (name, form, document) in [
        ("web.enc.yaml", "yaml", "shared/web"),
        ("api.json", "json", "shared/api"),
        ("my.ini", "ini", "shared/my"),
    ] {
        let text = fs::read_to_string(source.join(name)).unwrap();
        let printed = sops.open(form, &text, "json");
        let mut printed: Value = serde_json::from_str(&printed).unwrap();
        // What stands before the first section of INI.
        printed.as_object_mut().unwrap().remove("DEFAULT");
        assert_eq!(
            leveled(&json_of(&lab, document)),
            leveled(&printed),
            "{name}"
        );
    }
    // Its quotes are a part of a value to SOPS, and to the readers of what it prints they are none.
    assert_eq!(json_of(&lab, "prod/env")["QUOTED"], "with blanks");
    assert_eq!(json_of(&lab, "prod/env")["EQ"], "a=b==");
    let pem = lab.clws("secret get shared/key.pem").succeeds().text();
    assert_eq!(pem, "-----BEGIN X-----\nwUgLi4Ohsh-sops-canary\n");
    // Types and comments.
    let db = &json_of(&lab, "shared/web")["db"];
    assert!(db["port"].is_i64() && db["ratio"].is_f64() && db["big"].is_f64() && db["on"] == true);
    let notes = said(&lab, "shared/web", "note");
    assert_eq!(notes, [r#""who asks for it\u000aasks again""#]);
    // It lay there sealed, and is not known to others for it.
    assert_eq!(said(&lab, "shared/web", "exposed"), [""; 0]);
    lab.clws("check").succeeds();
    // And again: nothing to seal. The tree comes back to the byte.
    let again = lab
        .clws("import --yes")
        .word(source.to_str().unwrap())
        .succeeds();
    assert!(again.err.contains("nothing to seal"), "{}", again.err);
    let memory = Memory::new();
    let out = memory.join("out");
    lab.clws("export --format dir --out")
        .word(out.to_str().unwrap())
        .succeeds();
    assert_eq!(tree(&out), before);
    lab.nowhere(&[CANARY.to_owned()]);
    // What was verified may go.
    let run = lab.clws("import --yes --shred-source");
    run.word(source.to_str().unwrap()).succeeds();
    assert!(tree(&source).is_empty());
}

/// To SOPS there is neither a quote nor a comment behind a value of dotenv.
#[test]
fn a_value_of_dotenv_is_sealed_to_its_last_character() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let source = lab.root().join("dev/web.env");
    let text = "PASSPHRASE=correct horse # battery staple\nLINES=a\\nb\nBLANK=ends in one \nTAB=a\t#x\nOPEN=x\\ny # of the database\n";
    write(
        &source,
        &sops.seal("dotenv", text, &["--unencrypted-regex", "^OPEN$"]),
    );
    import(&lab, &lab.root().join("dev"));
    let values = json_of(&lab, "dev/web");
    for (name, value) in [
        ("PASSPHRASE", "correct horse # battery staple"),
        ("LINES", "a\nb"),
        ("BLANK", "ends in one "),
        ("TAB", "a\t#x"),
        ("OPEN", "x\ny # of the database"),
    ] {
        assert_eq!(values[name], value, "{name}");
    }
    assert_eq!(said(&lab, "dev/web", "note"), [""; 0]);
    lab.nowhere(&["battery staple".to_owned()]);
}

/// A whole file with nothing in it goes there and comes back.
#[test]
fn an_empty_file_comes_back_from_sops() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let source = lab.root().join("dev/empty.bin");
    write(&source, &sops.seal("binary", "", &[]));
    import(&lab, &lab.root().join("dev"));
    assert_eq!(
        lab.clws("secret get dev/empty.bin").succeeds().out,
        Vec::<u8>::new()
    );
}

#[test]
fn a_whole_file_is_as_sops_had_it_while_it_is_the_same() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let source = lab.root().join("dev/site.key");
    let sealed = sops.seal("binary", "a file of its own", &[]);
    write(&source, &sealed);
    import(&lab, &lab.root().join("dev"));
    let memory = Memory::new();
    let export = |name: &str| {
        let out = memory.join(name);
        let run = lab.clws("export --format dir --out");
        run.word(out.to_str().unwrap()).succeeds();
        fs::read_to_string(out.join("site.key")).unwrap()
    };
    assert_eq!(export("first"), sealed);
    lab.clws("secret set dev/site.key")
        .stdin(b"another one")
        .succeeds();
    assert_eq!(export("second"), "another one");
}

/// What looks like a number or an infinity is what SOPS's reader of YAML takes it for.
#[test]
fn odd_words_in_the_clear_are_no_forgery() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let words = [
        "-inf",
        "+inf",
        "-Infinity",
        "+nan",
        "_1",
        "--5",
        "+-5",
        "0x+5",
        "1e400",
        "-9223372036854775808",
    ];
    let text: String = (0..)
        .zip(words)
        .map(|(number, word)| format!("w{number}_unencrypted: {word}\n"))
        .collect();
    let source = lab.root().join("dev/web.yaml");
    write(
        &source,
        &sops.seal("yaml", &format!("token: x\n{text}"), &[]),
    );
    write(
        &lab.root().join("dev/api.json"),
        &sops.seal("json", "{\"a\": \"x\", \"n_unencrypted\": -0}", &[]),
    );
    let report = import(&lab, &lab.root().join("dev"));
    assert!(!report.to_string().contains("MAC"), "{report}");
    assert_eq!(json_of(&lab, "dev/web")["w9_unencrypted"], i64::MIN);
}

#[test]
fn what_is_sealed_at_all_is_said_by_the_file() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let text = "kind: Secret\n# sops:enc\ndata:\n    a_secret: one\n    b: 2\n# sops:open\nmeta_plain:\n    x: 0777\n    y: [a, .5, ~]\n    z_secret: 2001-01-01\ndata2: x\n";
    let rules: [&[&str]; 7] = [
        &[],
        &["--encrypted-regex", "^(data|stringData)$"],
        &["--unencrypted-regex", "(?i)^META"],
        &["--encrypted-suffix", "_secret"],
        &["--unencrypted-suffix", "_plain"],
        &["--encrypted-comment-regex", "sops:enc"],
        &["--unencrypted-comment-regex", "sops:open"],
    ];
    let mut changed = 0;
    for (at, rule) in rules.iter().enumerate() {
        for only in [false, true] {
            let mut words = rule.to_vec();
            words.extend(only.then_some("--mac-only-encrypted"));
            let sealed = sops.seal("yaml", text, &words);
            let source = lab.root().join(format!("rule-{at}-{only}.yaml"));
            write(&source, &sealed);
            let report = import(&lab, &source);
            let found = report["sources"][0]["findings"].to_string();
            let secret = report["sources"][0]["secret"].as_str().unwrap();
            if only && at >= 5 {
                assert!(
                    found.contains("where comments say which those are"),
                    "{found}"
                );
                continue;
            }
            // `null` is nothing that a document has, so it is a file of what SOPS prints.
            assert!(found.contains("`null`"), "{words:?}: {found}");
            let inside = lab.clws(&format!("secret get {secret}")).succeeds().text();
            let ours = sops.seal("yaml", &inside, &[]);
            assert_eq!(
                sops.open("yaml", &ours, "json"),
                sops.open("yaml", &sealed, "json")
            );
            // What is in the clear may change only where it is none of what the MAC goes over.
            let open = sealed.replace("kind: Secret", "kind: Other");
            if open != sealed {
                write(&source, &open);
                let plan = lab.clws("import --plan").word(source.to_str().unwrap());
                plan.exits(if only { 0 } else { 1 });
                changed += 1;
            }
        }
    }
    assert_eq!(changed, 5);
}

#[test]
fn what_goes_back_is_opened_by_sops_and_comes_in_again_equal() {
    let lab = Lab::new().people(&["ben", "eve"]);
    lab.clws("access grant ben shared --read --yes").succeeds();
    let source = lab.root().join("web.yaml");
    let sops = Sops::of(&lab, "ada");
    write(&source, &sops.seal("yaml", YAML, &[]));
    import(&lab, &source);
    for (path, value) in [
        ("token", "yes"),
        ("multi", "a\n b\n"),
        ("on", "x"),
        ("x_unencrypted", "kept sealed"),
    ] {
        let run = lab.clws(&format!("secret set shared/web/{path}"));
        run.stdin(value.as_bytes()).succeeds();
    }
    let run = lab.clws("secret set shared/files/blob --type file");
    run.stdin(b"\0\xff wUgLi4Ohsh-sops-canary").succeeds();
    // Sealed, so that a disk will do.
    let out = lab.root().join("out");
    let run = lab.clws("export shared --format sops --out");
    run.word(out.to_str().unwrap()).succeeds();
    let names: Vec<String> = tree(&out).into_keys().collect();
    assert_eq!(names, ["shared/files/blob.sops", "shared/web.yaml"]);
    let sealed = fs::read_to_string(out.join("shared/web.yaml")).unwrap();
    let plain = [CANARY, "kept sealed", "asks again"].map(str::to_owned);
    assert_eq!(find_below(&out, &plain), [""; 0]);
    let wanted = leveled(&json_of(&lab, "shared/web"));
    for who in ["ada", "ben"] {
        let opened = Sops::of(&lab, who).open("yaml", &sealed, "json");
        assert_eq!(
            leveled(&serde_json::from_str(&opened).unwrap()),
            wanted,
            "{who}"
        );
    }
    let yaml = sops.open("yaml", &sealed, "yaml");
    assert!(
        yaml.starts_with("# who asks for it\n# asks again\ndb:\n"),
        "{yaml}"
    );
    let eve = Sops::of(&lab, "eve").run(&["decrypt", "out/shared/web.yaml"], "");
    assert!(!eve.status.success());
    let blob = sops.run(&["decrypt", "out/shared/files/blob.sops"], "");
    assert_eq!(blob.stdout, b"\0\xff wUgLi4Ohsh-sops-canary");
    // SOPS goes on with it, and what it made of it comes in again.
    let set = ["set", "out/shared/web.yaml", "[\"added\"]", "\"by sops\""];
    assert!(sops.run(&set, "").status.success());
    let there: PathBuf = lab.root().join("again/dev");
    fs::create_dir_all(&there).unwrap();
    fs::copy(out.join("shared/web.yaml"), there.join("web.yaml")).unwrap();
    fs::copy(out.join("shared/files/blob.sops"), there.join("blob.sops")).unwrap();
    import(&lab, &lab.root().join("again"));
    let mut again = json_of(&lab, "dev/web");
    assert_eq!(
        again.as_object_mut().unwrap().remove("added").unwrap(),
        "by sops"
    );
    assert_eq!(again, json_of(&lab, "shared/web"));
    let notes = said(&lab, "dev/web", "note");
    assert!(!notes.is_empty());
    assert_eq!(notes, said(&lab, "shared/web", "note"));
    let blob = lab.clws("secret get dev/blob.sops").succeeds().out;
    assert_eq!(blob, b"\0\xff wUgLi4Ohsh-sops-canary");
    // On stdout, without a question: it is sealed.
    let text = lab
        .clws("export shared/web --format sops --out -")
        .succeeds()
        .text();
    assert_eq!(
        leveled(&serde_json::from_str(&sops.open("yaml", &text, "json")).unwrap()),
        wanted
    );
    lab.clws("export shared/files --format sops --out -")
        .exits(2);
}

/// SOPS seals to OpenSSH's keys too.
#[test]
fn an_ssh_key_opens_in_both_directions() {
    let lab = Lab::new();
    let sops = Sops::of(&lab, "ada");
    let key = lab.root().join("id_ed25519");
    let words = ["-q", "-t", "ed25519", "-C", "x", "-N", "", "-f"];
    let made = run("ssh-keygen", words.into_iter().chain(key.to_str()), b"");
    assert!(made.status.success(), "{}", said_by(&made));
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let source = lab.root().join("dev/web.yaml");
    // Of two flags the later one counts.
    write(
        &source,
        &sops.seal("yaml", "token: by-ssh-key\n", &["--age", public.trim()]),
    );
    let text = fs::read_to_string(&source).unwrap();
    assert!(
        text.contains("recipient: ssh-ed25519 ") && !text.contains("recipient: age1"),
        "{text}"
    );
    let import_key = lab.clws("identity import ssh --keep file --age");
    import_key.word(key.to_str().unwrap()).succeeds();
    import(&lab, &lab.root().join("dev"));
    assert_eq!(json_of(&lab, "dev/web")["token"], "by-ssh-key");
    lab.clws("recipient add ben --yes --ssh")
        .word(public.trim())
        .succeeds();
    lab.clws("access grant ben dev --read --yes").succeeds();
    let back = lab
        .clws("export dev/web --format sops --out -")
        .succeeds()
        .text();
    let mut by_ssh = Command::new(tool("sops"));
    by_ssh
        .env_clear()
        .env("HOME", lab.root())
        .env("SOPS_AGE_SSH_PRIVATE_KEY_FILE", &key);
    let words = [
        "decrypt",
        "--input-type",
        "yaml",
        "--output-type",
        "yaml",
        "/dev/stdin",
    ];
    let opened = run_by(by_ssh, words, back.as_bytes());
    assert_eq!(
        opened.stdout,
        b"token: by-ssh-key\n",
        "{}",
        said_by(&opened)
    );
}

#[test]
fn a_name_that_sops_keeps_for_itself_is_refused() {
    let lab = Lab::new().secret("dev/web/sops", "x");
    let ran = lab.clws("export dev/web --format sops --out -").exits(10);
    assert!(
        ran.err
            .contains("the name that SOPS keeps its own table under"),
        "{}",
        ran.err
    );
}
