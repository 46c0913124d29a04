//! Any tree of files in the formats that are read comes back from `export --format dir` to the byte,
//! and other programs see the same values in what else is exported.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::lab::Lab;
use crate::tool::tool;
use crate::what_was_imported_can_be_exported::{Memory, tree};

/// A file to be: the end of its name, and its text.
type Made = (&'static str, String);

/// Text as it is met in configuration, and text that trips those who quote it wrongly.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9_./@-]{1,16}",
        2 => "[ -~]{0,20}",
        1 => "\\PC{0,8}",
        1 => "[a-z:#'\"\\\\ \n\t{}\\[\\]&*!|>%@$`=;,-]{0,14}",
        1 => prop::sample::select(vec!["no", "00731", "2e5", "1:30", "~", "true", "0x1f", "1_000", "2026-11-24"])
            .prop_map(str::to_owned),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-zA-Z_][a-zA-Z0-9_]{0,8}",
        1 => "[a-zA-Z][a-z. -]{0,5}[a-z]",
    ]
}

/// A value of JSON without null, which is sealed whole (`a_null…` in the plan's own tests).
fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => (any::<i16>(), 1..99_u8).prop_map(|(a, b)| serde_json::from_str(&format!("{a}.{b:02}")).unwrap()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
    .boxed()
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(name(), value(), 1..6)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn json() -> impl Strategy<Value = Made> {
    (object(), any::<bool>()).prop_map(|(value, pretty)| {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap() + "\n"
        } else {
            value
                .to_string()
                .replace("\":", "\" : ")
                .replace("\u{e9}", "\\u00e9")
        };
        (".json", text)
    })
}

fn toml() -> impl Strategy<Value = Made> {
    (object(), "[a-z ]{0,12}").prop_map(|(value, comment)| {
        let table: toml::Table = serde_json::from_value(value).unwrap();
        (
            ".toml",
            format!("# {comment}\n{}", toml::to_string_pretty(&table).unwrap()),
        )
    })
}

fn yaml() -> impl Strategy<Value = Made> {
    (object(), text(), any::<bool>()).prop_map(|(value, more, block)| {
        let mut text = String::from("---\n# a comment\n");
        for (key, value) in value.as_object().unwrap() {
            // JSON is YAML, and quoted names are names.
            match value {
                Value::Array(items) if block && !items.is_empty() => {
                    text += &format!("{}:\n", serde_json::to_string(key).unwrap());
                    for item in items {
                        text += &format!("  -   {item}  # item\n");
                    }
                }
                value => text += &format!("{}: {value}\n", serde_json::to_string(key).unwrap()),
            }
        }
        let more: String = more.chars().filter(|c| !c.is_control()).collect();
        text += &format!(
            "zz_block: |-\n    x{}\n    y\nzz_bare: word # behind\n",
            more.trim_end()
        );
        (".yml", text)
    })
}

fn ini() -> impl Strategy<Value = Made> {
    let sections = prop::collection::btree_map(
        "[a-z]{1,6}",
        prop::collection::btree_map("[a-z_]{1,6}", "[ -~]{0,12}", 1..4),
        1..4,
    );
    (sections, any::<bool>()).prop_map(|(sections, crlf)| {
        let mut text = String::from("; a comment\n");
        for (section, names) in sections {
            text += &format!("[{section}]\n");
            for (name, value) in names {
                text += &format!("{name} = {value}\n");
            }
        }
        (
            ".ini",
            if crlf {
                text.replace('\n', "\r\n")
            } else {
                text
            },
        )
    })
}

fn dotenv() -> impl Strategy<Value = Made> {
    prop::collection::vec(("[A-Z_]{1,8}", text(), 0..3_u8), 1..6).prop_map(|lines| {
        let mut out = String::from("# a comment\n\n");
        for (name, value, style) in lines {
            let value = value.replace(['\'', '\n', '\r'], "");
            out += &match style {
                0 => format!("{name}='{value}' # behind\n"),
                1 => format!("export {name}=\"{}\"\n", value.replace(['"', '\\'], "")),
                _ => format!("{name}={}\n", value.trim_matches(['`', '"', '\\', ' '])),
            };
        }
        (".env", out)
    })
}

fn other() -> impl Strategy<Value = Made> {
    prop_oneof![
        "\\PC{1,40}".prop_map(|text| ("", text)),
        "[ -~\n\r\t]{1,200}".prop_map(|text| (".txt", text)),
        "(machine [a-z]{1,5} login [a-z]{1,5} password [!-~]{6,9}\n){1,3}"
            .prop_map(|text| (".netrc", text)),
    ]
}

/// What Python's reader of a format makes of a file, as JSON; nothing if it cannot read it.
const JUDGE: &str = r#"
import configparser, json, sys, tomllib, yaml
yaml.SafeLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
kind, path = sys.argv[1:]
text = open(path, newline="").read()
if kind == ".json":
    value = json.loads(text)
elif kind == ".toml":
    value = tomllib.loads(text)
elif kind == ".yml":
    value = yaml.safe_load(text)
else:
    parser = configparser.RawConfigParser(allow_no_value=True, strict=True)
    parser.optionxform = str
    parser.read_string(text)
    value = {s: {k: True if v is None else v for k, v in parser.items(s)} for s in parser.sections()}
print(json.dumps(value))
"#;

fn judged(kind: &str, path: &Path) -> Value {
    // The interpreter that Debian's python3-yaml belongs to; another one may come first in PATH.
    let debians = Path::new("/usr/bin/python3");
    let python = if debians.is_file() {
        debians.to_owned()
    } else {
        tool("python3")
    };
    let output = Command::new(python)
        .args(["-c", JUDGE, kind])
        .arg(path)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "`bash .ci/install` brings python3-yaml: {error}: {}",
        fs::read_to_string(path).unwrap()
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn try_tree(files: &BTreeMap<String, (Made, u32)>, documents: &mut BTreeMap<&'static str, usize>) {
    let lab = Lab::new();
    let source = lab.root().join("tree");
    for (path, ((ending, content), mode)) in files {
        let path = source.join(format!("{path}{ending}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
    }
    let imported = lab
        .clws("import --yes --json")
        .word(source.to_str().unwrap())
        .succeeds()
        .json();
    let memory = Memory::new();
    let out = memory.join("tree");
    lab.clws("export --format dir --out")
        .word(out.to_str().unwrap())
        .succeeds();
    let mut wanted = tree(&source);
    wanted.retain(|path, _| {
        let sources = imported["sources"].as_array().unwrap();
        let source = sources
            .iter()
            .find(|s| s["source"] == path.as_str())
            .unwrap();
        source["action"] != "clear" && source["kind"] != "backup" && source["kind"] != "junk"
    });
    assert_eq!(tree(&out), wanted);
    for source_of in imported["sources"].as_array().unwrap() {
        let name = source_of["source"].as_str().unwrap();
        let kinds = [".json", ".toml", ".ini", ".yml"];
        let Some(kind) = kinds.into_iter().find(|kind| name.ends_with(kind)) else {
            continue;
        };
        if source_of["action"] == "document" {
            *documents.entry(kind).or_default() += 1;
            let secret = source_of["secret"].as_str().unwrap();
            let export = |format: &str| {
                let run = lab.clws(&format!("export {secret} --format {format} --out -"));
                let file = memory.join(format);
                fs::write(&file, run.succeeds().out).unwrap();
                file
            };
            let values = judged(".json", &export("json"));
            assert_eq!(values, judged(kind, &source.join(name)), "{name}");
            let vars = judged(".yml", &export("ansible"));
            assert_eq!(vars, values, "{name} for Ansible");
        }
    }
}

#[test]
fn any_tree_of_files_comes_back_equal() {
    let file = prop_oneof![json(), toml(), yaml(), ini(), dotenv(), other()];
    let path =
        "((prod|test|[a-zA-Z][a-zA-Z0-9 ._-]{0,5}|ä€)/){0,2}[a-zA-Z0-9][a-zA-Z0-9 _-]{0,6}[a-z]";
    let mode = prop::sample::select(vec![0o600_u32, 0o644, 0o400, 0o755]);
    let trees = prop::collection::btree_map(path, (file, mode), 20..30)
        // A file and a folder cannot share a name.
        .prop_map(|files| {
            let numbered = files.into_iter().enumerate();
            numbered
                .map(|(at, (path, file))| (format!("{path}{at}"), file))
                .collect::<BTreeMap<_, _>>()
        });
    let mut documents = BTreeMap::new();
    let config = Config {
        cases: 6,
        failure_persistence: None,
        ..Config::default()
    };
    let counted = std::cell::RefCell::new(&mut documents);
    TestRunner::new(config)
        .run(&trees, |files| {
            try_tree(&files, *counted.borrow_mut());
            Ok(())
        })
        .unwrap();
    // The judges had something to judge.
    for kind in [".json", ".toml", ".ini", ".yml"] {
        assert!(
            documents.get(kind).is_some_and(|count| *count >= 3),
            "{kind}: {documents:?}"
        );
    }
}

#[test]
fn malformed_files_are_told_sealed_whole_and_run_nothing() {
    let lab = Lab::new();
    let source = lab.root().join("tree");
    let deep = |open: &str| open.repeat(10_000);
    let trap = lab.root().join("trap");
    let run = format!("$(touch {})", trap.display());
    let files: Vec<(&str, Vec<u8>, Option<u64>)> = vec![
        ("cut.json", b"{\"a\": 1,\n \"b\": ".to_vec(), Some(2)),
        (
            "deep.json",
            ("{\"a\": ".to_owned() + &deep("[")).into_bytes(),
            Some(1),
        ),
        ("twice.json", b"{\"a\": 1,\n \"a\": 2}".to_vec(), Some(2)),
        ("bytes.json", b"{\n\"a\": \"\xff\"}".to_vec(), Some(2)),
        ("cut.toml", b"a = 1\nb = \"".to_vec(), Some(2)),
        (
            "deep.toml",
            ("a = ".to_owned() + &deep("[") + &deep("]")).into_bytes(),
            Some(1),
        ),
        ("twice.toml", b"a = 1\na = 2\n".to_vec(), Some(2)),
        ("bytes.toml", b"a = 1\n\xff".to_vec(), Some(2)),
        ("cut.yml", b"a: 1\nb: \"".to_vec(), None),
        (
            "deep.yml",
            ("a: ".to_owned() + &deep("[")).into_bytes(),
            Some(1),
        ),
        ("twice.yml", b"a: 1\na: 2\n".to_vec(), Some(2)),
        (
            "bomb.yml",
            b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n".to_vec(),
            Some(1),
        ),
        (
            "object.yml",
            b"a: !!python/object/apply:os.system [\"touch x\"]\n".to_vec(),
            Some(1),
        ),
        ("bytes.yml", b"a: 1\n\xff".to_vec(), Some(2)),
        ("cut.ini", b"[a]\nb=1\n[c".to_vec(), Some(3)),
        ("twice.ini", b"[a]\nb=1\nb=2\n".to_vec(), Some(3)),
        (
            "include.cnf",
            b"!include /etc/passwd\n[a]\nb=1\n".to_vec(),
            Some(1),
        ),
        ("bytes.ini", b"[a]\n\xff".to_vec(), Some(2)),
        ("cut.env", b"A=1\nB='x\n".to_vec(), Some(2)),
        ("bytes.env", b"A=1\n\xff".to_vec(), Some(2)),
        (
            "cut-vault.yml",
            b"$ANSIBLE_VAULT;1.1;AES256\n3135".to_vec(),
            None,
        ),
    ];
    for (name, content, _) in &files {
        let path = source.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    // Traps that read well: they are values, and nothing else.
    fs::write(
        source.join("trap.env"),
        format!("A={run}\nB=\"{run}\"\nC=$(< /etc/passwd)\n"),
    )
    .unwrap();
    fs::write(
        source.join("trap.json"),
        serde_json::json!({"../../x": run, "a\nb": "`id`", "\u{1b}[31m": 1}).to_string(),
    )
    .unwrap();
    fs::write(
        source.join("trap.yml"),
        format!(
            "a: \"{{{{ lookup('pipe', 'touch {}') }}}}\"\n",
            trap.display()
        ),
    )
    .unwrap();

    let done = lab
        .clws("import --yes --json")
        .word(source.to_str().unwrap())
        .succeeds();
    let sources = done.json()["sources"].as_array().unwrap().clone();
    for (name, _, line) in &files {
        let found = sources.iter().find(|s| s["source"] == *name).unwrap();
        assert_eq!(found["action"], "file", "{name}");
        let finding = &found["findings"][0];
        let kind = finding["kind"]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {found}"));
        assert!(
            matches!(kind, "sealed-whole" | "ansible-vault"),
            "{name}: {finding}"
        );
        if let Some(line) = line {
            assert_eq!(finding["lines"], serde_json::json!([line]), "{name}");
        }
    }
    assert!(!done.err.contains('\u{1b}'), "{}", done.err);
    let get = |path: &str| lab.clws(&format!("secret get {path}")).succeeds().text();
    assert_eq!(get("shared/trap/A"), run);
    assert_eq!(get("shared/trap/C"), "$(< /etc/passwd)");
    let memory = Memory::new();
    let out = memory.join("tree");
    lab.clws("export --format dir --out")
        .word(out.to_str().unwrap())
        .succeeds();
    assert_eq!(tree(&out), tree(&source));
    // Ansible would run a template: what is written for it says that it is none.
    let vars = lab
        .clws("export shared/trap-3 --format ansible --out -")
        .succeeds()
        .text();
    assert!(vars.contains("!unsafe \"{{"), "{vars}");
    assert!(!trap.exists());
}
