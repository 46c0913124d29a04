//! Laws that hold for every format, and what each of them refuses.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;
use crate::vault::ValueType;

const FORMATS: [&str; 6] = ["dotenv", "json", "toml", "ini", "my.cnf", "yaml"];

fn read(kind: &str, text: &str) -> Result<Read, Fault> {
    Read::of(
        text.as_bytes(),
        format_named(kind).unwrap(),
        &Passwords::default(),
    )
}

/// The values as JSON, under the names of the source.
fn values(read: &Read) -> serde_json::Value {
    let entries = entries(read);
    let json = Format::print(&Json, &entries).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn entries(read: &Read) -> Vec<(String, Node)> {
    let values = read
        .values
        .iter()
        .map(|v| (v.name.as_str(), v.kind, &v.plain));
    entries_of(values, &read.keys).unwrap()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_format_gives_its_values_with_their_types() {
    for (kind, text, wanted) in [
        (
            "json",
            r#"{"a": "x", "b": [1, {"c": 1.50}], "d": {}, "e": 9007199254740993, "f": true, "g h": "ä\u00e9\n"}"#,
            r#"{"a": "x", "b": [1, {"c": 1.50}], "d": {}, "e": 9007199254740993, "f": true, "g h": "äé\n"}"#,
        ),
        (
            "toml",
            "a = \"x\" # y\nb.c = 1\nt = 2026-11-24\n[d]\ne = '''\ntwo\nlines'''\n[[f]]\ng = 0x1F\n[[f]]\ng = [1, 'x']\n[empty]\n",
            r#"{"a": "x", "b": {"c": 1}, "t": "2026-11-24", "d": {"e": "two\nlines"}, "f": [{"g": 31}, {"g": [1, "x"]}], "empty": {}}"#,
        ),
        (
            "ini",
            "; c\r\n[a]\r\nb = 1 2\r\nempty=\r\nflag\r\n[c d]\r\ne=%(x)s#1\r\n",
            r#"{"a": {"b": "1 2", "empty": "", "flag": true}, "c d": {"e": "%(x)s#1"}}"#,
        ),
        (
            "my.cnf",
            "[client]\nuser=ada\npassword=\"a # b\"\n[mysqldump]\nquick\n",
            r#"{"client": {"user": "ada", "password": "a # b"}, "mysqldump": {"quick": true}}"#,
        ),
        (
            "yaml",
            "---\n# c\na: x y\nb:\n  - 1\n  - c: 1.20\n    d: 'it''s'\ne: |\n  two\n  lines\nf: [a, \"b\\n\"]\ng: {}\nh: no\ni: 00731\nj: >-\n  fol\n  ded\nk: true\n",
            r#"{"a": "x y", "b": [1, {"c": 1.20, "d": "it's"}], "e": "two\nlines\n", "f": ["a", "b\n"], "g": {}, "h": "no", "i": "00731", "j": "fol ded", "k": true}"#,
        ),
    ] {
        let read = read(kind, text).unwrap_or_else(|fault| panic!("{kind}: {fault:?}"));
        assert_eq!(values(&read), json(wanted), "{kind}");
    }
}

#[test]
fn what_readers_differ_on_or_no_document_holds_is_refused_with_its_line() {
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
    for (kind, text, line) in [
        ("json", "{\"a\": 1", Some(1)),
        ("json", "{\"a\": 1,\n\"a\": 2}", Some(2)),
        ("json", "{\"a\":\n null}", Some(2)),
        ("json", "{\"a\": \"\\ud800\"}", Some(1)),
        ("json", "{\"a\": 123456789012345678901234567890}", Some(1)),
        ("json", "[1]", None),
        ("json", &format!("{{\"a\":{}}}", deep("[", "]")), Some(1)),
        ("json", &deep("{\"a\":", "}"), Some(1)),
        ("toml", "a = 1\na = 2\n", Some(2)),
        ("toml", "a = [1", Some(1)),
        ("toml", &format!("a = {}", deep("[", "]")), Some(1)),
        ("toml", "", None),
        ("ini", "a=1\n", Some(1)),
        ("ini", "[a]\nb=1\n[A]\n", Some(3)),
        ("ini", "[a]\nb=1\nB=2\n", Some(3)),
        ("ini", "[a]\nb=1\n  c\n", Some(3)),
        ("ini", "[a]\nb=1 ; c\n", Some(2)),
        ("ini", "[a]\nb=\"x\"\n", Some(2)),
        ("ini", "[a]\nb: 1\n", Some(2)),
        ("ini", "[a]\nb=c\\d\n", Some(2)),
        ("my.cnf", "[a]\nb=c#d\n", Some(2)),
        ("my.cnf", "!include /etc/passwd\n", Some(1)),
        (
            "my.cnf",
            &format!("[a]\n#{}b=c\nb=c\n", "-".repeat(4093)),
            Some(2),
        ),
        ("yaml", bomb, Some(1)),
        ("yaml", "a: 1\na: 2\n", Some(2)),
        ("yaml", "a: 1\n---\nb: 2\n", Some(2)),
        ("yaml", "a: ~\n", Some(1)),
        ("yaml", "a:\n", Some(1)),
        ("yaml", "a: !!python/object:os.system x\n", Some(1)),
        ("yaml", "a: !vault x\n", Some(1)),
        ("yaml", "1: x\n", Some(1)),
        ("yaml", "? [a]\n: x\n", Some(1)),
        ("yaml", "a: .inf\n", Some(1)),
        ("yaml", "- a\n", Some(1)),
        ("yaml", "a: \"x\n", None),
        ("yaml", &format!("a: {}", deep("[", "]")), Some(1)),
        (
            "yaml",
            &(0..10_000)
                .map(|n| " ".repeat(n) + "a:\n")
                .collect::<String>(),
            None,
        ),
    ] {
        let shown = text.get(..40).unwrap_or(text);
        let Err(fault) = read(kind, text) else {
            panic!("{kind}: {shown} is no fault");
        };
        match line {
            Some(line) => assert_eq!(fault.line, Some(line), "{kind}: {shown}: {fault:?}"),
            None => assert!(!fault.why.is_empty()),
        }
    }
    for kind in FORMATS {
        let fault = Read::of(
            b"\n\xff",
            format_named(kind).unwrap(),
            &Passwords::default(),
        );
        assert_eq!(fault.unwrap_err().line, Some(2), "{kind}");
    }
}

#[test]
fn a_changed_value_stands_where_the_old_one_stood() {
    for (kind, text, path, new, wanted) in [
        (
            "json",
            "{\"a\" : \"x\",\n \"b\":2 }",
            "a",
            "new",
            "{\"a\" : \"new\",\n \"b\":2 }",
        ),
        (
            "toml",
            "# c\na = 'x' # d\n",
            "a",
            "new",
            "# c\na = 'new' # d\n",
        ),
        ("toml", "a = 'x'\n", "a", "it's", "a = \"it's\"\n"),
        (
            "yaml",
            "# c\na: x # d\nb: 1\n",
            "a",
            "new",
            "# c\na: new # d\nb: 1\n",
        ),
        (
            "yaml",
            "a: |\n  x\n  y\nb: 1\n",
            "a",
            "n: w",
            "a: \"n: w\"\nb: 1\n",
        ),
        ("dotenv", "# c\nA=x # d\n", "A", "n w", "# c\nA='n w' # d\n"),
    ] {
        let read = read(kind, text).unwrap();
        let mut entries = entries(&read);
        let entry = entries.iter_mut().find(|(name, _)| name == path).unwrap();
        entry.1 = Node::Text(new.to_owned());
        let format = format_named(kind).unwrap();
        assert_eq!(
            read.layout.restore(&entries, format).unwrap(),
            wanted,
            "{kind}"
        );
        // Another shape has no places.
        entries.push(("more".into(), Node::Text("x".into())));
        assert!(read.layout.restore(&entries, format).is_none());
    }
}

#[test]
fn names_that_cannot_be_kept_are_in_the_note() {
    let read = read(
        "json",
        r#"{"a b": 1, "a_b": 2, "A_B": 3, "$(id)": 4, "../x": 5, "": 6}"#,
    )
    .unwrap();
    let told: Vec<(String, Option<String>)> = read
        .values
        .iter()
        .map(|value| (value.name.to_string(), value.note.clone()))
        .collect();
    let told: Vec<(&str, Option<&str>)> = told
        .iter()
        .map(|(name, note)| (name.as_str(), note.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("a_b-2", Some("a b")),
            ("a_b", None),
            ("A_B-3", Some("A_B")),
            ("__id_", Some("$(id)")),
            ("_x", Some("../x")),
            ("_", Some("")),
        ]
    );
    assert_eq!(
        values(&read),
        json(r#"{"a b": 1, "a_b": 2, "A_B": 3, "$(id)": 4, "../x": 5, "": 6}"#)
    );
}

#[test]
fn comments_become_notes_unless_they_may_be_credentials() {
    for (kind, text) in [
        (
            "toml",
            "# the relay\na = 'x'\n# old: hunter2\nb = '''\n# inside\n'''\n",
        ),
        ("yaml", "# the relay\na: x\n# old: hunter2\nb: y\n"),
        ("ini", "# the relay\n[a]\nx=y\n; old: hunter2\n[b]\nx=y\n"),
    ] {
        let read = read(kind, text).unwrap();
        let notes: Vec<_> = read
            .values
            .iter()
            .map(|value| value.note.as_deref())
            .collect();
        assert_eq!(notes, [Some("the relay"), None], "{kind}");
        assert!(read.findings.iter().any(|f| f.matter == Matter::Leftover));
    }
}

/// A tree of values as people write them, and stranger ones.
fn node(depth: u32) -> BoxedStrategy<Node> {
    let text = prop_oneof![
        "[ -~]{0,20}",
        "\\PC{0,8}",
        "[a-z:#'\"\\\\\n\r\t {}\\[\\],&*!|>%@`-]{0,12}",
        Just("no".to_owned()),
        Just("00731".to_owned()),
        Just("2e5".to_owned()),
        Just("1:30".to_owned()),
        Just("~".to_owned()),
    ];
    let literal = prop_oneof![
        any::<i64>().prop_map(|n| (ValueType::Integer, n.to_string())),
        (any::<i16>(), 0..1000_u16).prop_map(|(a, b)| (ValueType::Float, format!("{a}.{b:03}"))),
        any::<bool>().prop_map(|b| (ValueType::Boolean, b.to_string())),
    ];
    let leaf = prop_oneof![
        text.prop_map(Node::Text),
        literal.prop_map(|(kind, text)| Node::Literal(kind, text)),
    ];
    leaf.prop_recursive(depth, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Node::List),
            prop::collection::btree_map("[ -~]{0,6}", inner, 0..4)
                .prop_map(|map| Node::Table(map.into_iter().collect())),
        ]
    })
    .boxed()
}

proptest! {
    #[test]
    fn what_a_format_prints_reads_back_the_same(
        map in prop::collection::btree_map("[a-zA-Z_][a-z_.: #-]{0,8}", node(3), 1..6),
    ) {
        let entries: Vec<(String, Node)> = map.into_iter().collect();
        for kind in FORMATS {
            let format = format_named(kind).unwrap();
            let Ok(text) = format.print(&entries) else { continue };
            let parsed = format.parse(&text, &Passwords::default());
            let parsed = parsed.unwrap_or_else(|fault| panic!("{kind}: {fault:?}: {text}"));
            let again = parsed.entries.into_iter().map(|entry| (entry.key, entry.node)).collect();
            let typed = !matches!(kind, "dotenv");
            prop_assert!(!typed || Node::Table(again) == Node::Table(entries.clone()), "{}: {}", kind, text);
        }
        for kind in ["json", "toml", "yaml"] {
            prop_assert!(format_named(kind).unwrap().print(&entries).is_ok());
        }
    }

    #[test]
    fn any_text_gives_a_result_in_every_format(
        text in "([a-z]{1,3}[:=] ?|\\[|\\]|[ \n\r\t\"'#&*!|>{},-]|\\\\|[0-9.]{1,3}|é|\u{feff}){0,30}",
    ) {
        for kind in FORMATS {
            drop(read(kind, &text));
        }
    }
}

/// Found by fuzzing: quotes and backslashes count, and readers give up beyond that.
#[test]
fn a_key_that_is_too_long_for_yaml_is_said() {
    let yaml = format_named("yaml").unwrap();
    for (key, fits) in [
        ("a".repeat(1024), true),
        ("a".repeat(1025), false),
        ("\\".repeat(511), true),
        ("\\".repeat(512), false),
        ("é".repeat(1022), true),
        ("é".repeat(1023), false),
    ] {
        let inner = Node::Table(vec![(key.clone(), Node::Text("x".into()))]);
        for entries in [
            vec![(key, Node::Text("x".into()))],
            vec![("a".into(), inner)],
        ] {
            let printed = yaml.print(&entries);
            assert_eq!(printed.is_ok(), fits, "{printed:?}");
            if let Ok(text) = printed {
                let parsed = yaml.parse(&text, &Passwords::default()).unwrap();
                assert_eq!(parsed.into_entries(), entries);
            }
        }
    }
}

/// PyYAML reads YAML 1.1. What we take for a number, a boolean or plain text has to be the same to
/// it; what readers differ on is told.
#[test]
fn bare_words_of_yaml_are_what_another_reader_takes_them_for() {
    let word = prop_oneof![
        "[0-9]{1,4}([._:xeE+-][0-9a-fA-F_]{0,4}){0,3}",
        "[+-]?[0-9.]{1,6}([eE][+-]?[0-9]{1,3})?",
        "[a-zA-Z0-9_./@+%=~-]{1,6}",
        "[0-9a-f]{6,12}",
        "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}Z?)?",
        "(y|n|yes|no|on|off|true|false|null|none|nan|inf)",
        "(Y|N|Yes|NO|On|OFF|True|FALSE|Null|\\.NaN|\\.inf|=|<<)",
    ];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut words: Vec<String> = (0..3_000)
        .map(|_| word.new_tree(&mut runner).unwrap().current())
        .collect();
    words.retain(|word| word.trim() == word && !word.is_empty());
    let program = "
import json, sys, yaml
for line in sys.stdin:
    try:
        value = yaml.safe_load('k: ' + line)['k']
        plain = isinstance(value, (str, int, float, bool))
        print(json.dumps([type(value).__name__, value if plain else None], allow_nan=False))
    except Exception:
        print(json.dumps(['error', None]))
";
    let mut python = std::process::Command::new("/usr/bin/python3")
        .args(["-c", program])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    let input: String = words.iter().map(|word| word.clone() + "\n").collect();
    let feeder =
        std::thread::spawn(move || std::io::Write::write_all(&mut stdin, input.as_bytes()));
    let output = python.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        told.lines().count(),
        words.len(),
        "`bash .ci/install` brings python3-yaml"
    );
    let mut compared = 0;
    for (word, told) in words.iter().zip(told.lines()) {
        let theirs: serde_json::Value = serde_json::from_str(told).unwrap();
        let Ok(read) = read("yaml", &format!("k: {word}\n")) else {
            continue;
        };
        if read
            .findings
            .iter()
            .any(|found| found.matter == Matter::Doubtful)
        {
            continue;
        }
        if theirs[0] == "error" {
            continue;
        }
        compared += 1;
        let ours = &values(&read)["k"];
        let same = match (ours, &theirs[1]) {
            (serde_json::Value::Number(a), serde_json::Value::Number(b)) => {
                a.as_f64() == b.as_f64()
            }
            (a, b) => a == b,
        };
        assert!(
            same && theirs[0] != "NoneType",
            "{word}: ours {ours}, theirs {theirs}"
        );
    }
    assert!(compared > 500, "{compared}");
}

/// Files that ask for the most work: each is read in one pass, or refused in one.
#[test]
fn a_long_file_of_one_thing_costs_no_more_than_its_length() {
    let pieces: [(&str, &[&str]); 5] = [
        (
            "json",
            &["{\"a\":", "[", "\"", "\\", " ", "{\"a\": 1, ", "1,"],
        ),
        (
            "toml",
            &["[a.", "[[", "a.", "\"\"\"\n", "#", "a = 1\n", "[a]\n", "'"],
        ),
        ("ini", &["[a]\n", "[", "=", "a=b\n", "#\n", "\r\n"]),
        (
            "yaml",
            &[
                "- ", "[", "{", "? ", "a: ", "\"", "|\n", "#", "&a ", "!x ", ": ", "a: b\n", "'",
                "\n ", "- a\n", "--- \n", "%a\n", "a\n",
            ],
        ),
        ("my.cnf", &["a\n", "\"=", "[a]\nb\n"]),
    ];
    for (kind, pieces) in pieces {
        for piece in pieces {
            for start in ["", "a: ", "[s]\n", "{\"k\": "] {
                let took = |length: usize| {
                    let text = start.to_owned() + &piece.repeat(length / piece.len());
                    // Of this thread alone: others want the processor too.
                    let now = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                    let began = now();
                    drop(read(kind, &text));
                    std::time::Duration::try_from(now() - began).unwrap()
                };
                let (short, long) = (took(50_000), took(400_000));
                // Eight times the length; sixty-four times the work would be the square.
                let slack = std::time::Duration::from_millis(100);
                assert!(
                    long < short * 32 + slack,
                    "{kind} {start:?} {piece:?}: {short:?}, {long:?}"
                );
            }
        }
    }
    // Many different names.
    let many: String = (0..15_000)
        .map(|n| format!("name_{n}: value {n}\n"))
        .collect();
    drop(read("yaml", &many).unwrap());
}
