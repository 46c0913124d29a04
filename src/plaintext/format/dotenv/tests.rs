use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::plaintext::{Read, Value, entries_of};
use crate::vault::MAX_VALUE;

fn of(bytes: &[u8]) -> Result<Read, Fault> {
    Read::of(bytes, &Dotenv, &Passwords::default())
}

fn read(text: &str) -> Read {
    of(text.as_bytes()).unwrap_or_else(|fault| panic!("{text:?}: {fault:?}"))
}

fn values(read: &Read) -> Vec<(String, String)> {
    let shown = |value: &Value| {
        let plain = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
        (value.name.to_string(), value.plain.with(plain))
    };
    read.values.iter().map(shown).collect()
}

/// The value of `A` in a file of one line.
fn value(text: &str) -> String {
    let values = values(&read(text));
    assert_eq!(values.len(), 1, "{text:?}");
    assert_eq!(values[0].0, "A", "{text:?}");
    values[0].1.clone()
}

fn whole(text: impl AsRef<[u8]>) -> String {
    let fault = of(text.as_ref()).unwrap_err();
    let line = fault
        .line
        .map_or(String::new(), |line| format!("line {line}: "));
    format!("{line}{}", fault.why)
}

/// The lines of findings of one kind.
fn lines(read: &Read, matter: Matter) -> Vec<usize> {
    let found = read.findings.iter().filter(|f| f.matter == matter);
    found.flat_map(|f| f.lines.clone()).collect()
}

#[test]
fn every_quoting_gives_its_value() {
    for (text, expected) in [
        ("A=x", "x"),
        ("A=", ""),
        ("A= ", ""),
        ("A=\n", ""),
        ("export A=x\n", "x"),
        ("  export\tA = x y  \n", "x y"),
        ("A=x # relay", "x"),
        ("A=x#1", "x#1"),
        ("A=#1", "#1"),
        ("A= # nothing", ""),
        ("A=x=y==", "x=y=="),
        ("A=it's \"so\"", "it's \"so\""),
        (r"A=C:\dir\new", r"C:\dir\new"),
        ("A=$x ${y} $(z)", "$x ${y} $(z)"),
        ("A='x # y'", "x # y"),
        ("A='$x \\n' # relay", "$x \\n"),
        ("A=''", ""),
        ("A='two\nlines\n'", "two\nlines\n"),
        ("A=\"x #1 $x\"", "x #1 $x"),
        (r#"A="\"\\\$\`""#, "\"\\$`"),
        (r#"A="a\nb\tc\rd""#, "a\nb\tc\rd"),
        (r#"A="\a\0\x41\u0041\'""#, r"\a\0\x41\u0041\'"),
        ("A=\"\"", ""),
        ("A=\"two\r\nlines\r\n\"\r\n", "two\nlines\n"),
        ("A=\"kept\\\r\nhere\"\r\n", "kept\\\nhere"),
        (r#"A="x\r\ny""#, "x\r\ny"),
        ("\u{feff}A=x\r\n", "x"),
        ("A=00731\r\n", "00731"),
        ("A=ä€\u{1f511}", "ä€\u{1f511}"),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn what_readers_do_not_agree_on_is_sealed_whole() {
    for (text, why) in [
        ("A", "line 1: "),
        ("A=1\nexport B\n", "line 2: "),
        ("A=1\nif true; then\n", "line 2: "),
        ("A: 1\n", "line 1: "),
        ("A B=1\n", "line 1: "),
        ("-A=1\n", "line 1: "),
        ("ä=1\n", "line 1: "),
        ("A[0]=1\n", "line 1: "),
        ("A='x\n\n", "line 1: "),
        ("A=\"x\\\"\n", "line 1: "),
        ("A='x'y\n", "line 1: "),
        ("A='it'\\''s'\n", "line 1: "),
        ("A=\"x\"#y\n", "line 1: "),
        ("A='x\ny'z\n", "line 2: "),
        ("A=`x`\n", "line 1: "),
        ("A=x\\\nB=y\n", "line 1: "),
        ("A=x\rB=y\n", "line 1: "),
        ("A='x\r'\n", "line 1: "),
        ("A=x\0\n", "line 1: "),
        ("A=1\n\na=2\n", "line 3: "),
        (
            "A=-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgk\n",
            "line 2: ",
        ),
        ("q8Zt5LmP2xVb7Kc1Q==\n", "line 1: "),
        ("# nothing here\n", "it has comments"),
    ] {
        let said = whole(text);
        assert!(said.starts_with(why), "{text:?}: {said}");
    }
    whole(b"A=\xff\n");
    whole(format!("A={}\n", "x".repeat(MAX_VALUE + 1)));
    assert!(!whole("q8Zt5LmP2xVb7Kc1Q==\n").contains("q8Zt"));
}

#[test]
fn the_last_of_a_name_counts_and_the_others_are_kept() {
    let contents = read("A=one # first\nB=x\nA='two\nlines'\nexport A=three\n");
    let expected = [("B", "x"), ("A", "three")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(values(&contents), expected);
    assert_eq!(lines(&contents, Matter::Duplicate), [1, 3]);
    // Everything else of the file is in its layout.
    let layout = serde_json::to_string(&contents.layout).unwrap();
    assert!(
        layout.contains("A=one # first") && layout.contains("A='two\\nlines'"),
        "{layout}"
    );
    assert!(!layout.contains("three"));
}

#[test]
fn harmless_comments_become_notes_and_all_others_are_kept_sealed() {
    let contents = read(
        "# ==== mail ====\n#\n# Relay of the university.\nA=x # for now\n\n\
         # old: hunter2\nB=y # was tomato9\n# OLD_PASSWORD=z\n# the end\n",
    );
    let notes: Vec<Option<&str>> = contents.values.iter().map(|v| v.note.as_deref()).collect();
    assert_eq!(
        notes,
        [
            Some("mail\n\nRelay of the university.\nfor now"),
            Some("the end")
        ]
    );
    assert_eq!(lines(&contents, Matter::Leftover), [6, 7, 8]);
}

#[test]
fn what_a_person_may_not_expect_is_found_with_its_lines() {
    let contents = read("A=$x\nB='$x'\nC=\"\\$x\"\r\nD=\"`x`\"\nE=\"\\n\"\nF=\"\\\\\"\n");
    assert_eq!(lines(&contents, Matter::Unexpanded), [1, 4]);
    assert_eq!(lines(&contents, Matter::Escape), [5]);
    assert!(
        contents
            .findings
            .iter()
            .any(|f| f.matter == Matter::LineEnds)
    );
    let many: String = (0..=500).map(|n| format!("A{n}=x\n")).collect();
    assert_eq!(read(&many).findings[0].matter, Matter::ManyValues);
}

/// Files that ask for the most work.
#[test]
fn a_long_file_of_one_thing_is_read_in_one_pass() {
    for piece in [
        "A=\"\n", "A='", "#", "=", "\\", "A=\\n\n", "A=# ", "'\"", "\r\n", "A=\"\\", " #",
    ] {
        drop(of(piece.repeat(4_000_000 / piece.len()).as_bytes()));
    }
}

/// A value in one of the quotings that can hold it.
fn quoted(value: &str, choice: u8) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+@%,".contains(c);
    if choice == 0 && !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    if choice < 2 && !value.contains(['\'', '\r']) {
        return format!("'{value}'");
    }
    let escaped = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\r', "\\r");
    let escaped = if choice == 2 {
        escaped.replace('\n', "\\n")
    } else {
        escaped
    };
    format!("\"{escaped}\"")
}

#[test]
fn what_is_exported_is_what_shells_and_python_read() {
    let print = |text: &str| Dotenv.print_alike(&[("A".to_owned(), Node::Text(text.to_owned()))]);
    for (text, line) in [
        (r"C:\data\", r#"A="C:\\data\\""#),
        (r"x\\y", r#"A="x\\\\y""#),
        (r"C:\data", r"A='C:\data'"),
        ("it's", "A=\"it's\""),
        ("a $5", "A='a $5'"),
        (r"\$x", r"A='\$x'"),
        ("plain", "A=plain"),
    ] {
        assert_eq!(print(text).unwrap(), format!("{line}\n"), "{text}");
        assert_eq!(value(line), text);
    }
    for text in ["it's$5", "it's `x`", r"$x\", r"\\$x"] {
        let error = print(text).unwrap_err();
        assert_eq!(error.name, "A", "{text}");
        // In a file that was imported it keeps a place.
        let node = Node::Text(text.to_owned());
        let spelled = Dotenv.spell(Style::Bare, &node).unwrap();
        assert_eq!(value(&format!("A={spelled}")), text);
    }
}

#[test]
fn a_new_value_before_a_comment_is_no_part_of_it() {
    let contents = read("A= # none\nB=#x\n");
    let values = contents
        .values
        .iter()
        .map(|v| (v.name.as_str(), v.kind, &v.plain));
    let mut entries = entries_of(values, &contents.keys).unwrap();
    for entry in &mut entries {
        entry.1 = Node::Text("new".to_owned());
    }
    let changed = contents.layout.restore(&entries, &Dotenv).unwrap();
    assert_eq!(changed.as_str(), "A=new # none\nB=new\n");
}

proptest! {
    #[test]
    fn whatever_the_bytes_it_gives_a_result(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(of(&bytes));
    }

    #[test]
    fn whatever_reads_can_be_changed_in_its_place(
        text in "([A-C =]|[a-z\"'#\\\\$`\n\r]|export ){0,40}",
        new in "[ -~äß\n\r\t]{0,12}",
    ) {
        let Ok(contents) = of(text.as_bytes()) else { return Ok(()) };
        let values = contents.values.iter().map(|v| (v.name.as_str(), v.kind, &v.plain));
        let mut entries = entries_of(values, &contents.keys).unwrap();
        for entry in &mut entries {
            entry.1 = Node::Text(new.clone());
        }
        let changed = contents.layout.restore(&entries, &Dotenv).unwrap();
        let again = self::values(&read(&changed));
        prop_assert!(again.iter().all(|(_, value)| *value == new), "{:?}", changed);
        prop_assert_eq!(again.len(), entries.len());
    }

    #[test]
    fn what_is_written_in_any_quoting_reads_the_same(
        wanted in prop::collection::vec(("[ -~äß\n\r\t]{0,30}", 0..4_u8, any::<bool>()), 1..20),
        crlf in any::<bool>(),
    ) {
        let mut text = String::from(if crlf { "\u{feff}" } else { "" });
        for (number, (value, choice, export)) in wanted.iter().enumerate() {
            let export = if *export { "export " } else { "" };
            text += &format!("\n# of number\n{export}NAME_{number}={}  # end\n", quoted(value, *choice));
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let got = values(&read(&text));
        let expected = wanted.into_iter().enumerate().map(|(number, (value, ..))| (format!("NAME_{number}"), value));
        prop_assert_eq!(got, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_real_shell_agrees_where_shells_and_dotenv_do(
        wanted in prop::collection::vec(("[ -~äß\n]{0,30}", 0..2_u8), 1..20),
    ) {
        let mut text = String::from("# a comment\n\n");
        for (number, (value, choice)) in wanted.iter().enumerate() {
            let value = value.replace(['\'', '$', '`'], "");
            text += &format!("export NAME_{number}={} # end\n", quoted(&value, *choice));
        }
        let ours = values(&read(&text));
        let mut shell = Command::new("bash")
            .args(["-c", "set -a; . /dev/stdin; exec env -0"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = shell.wait_with_output().unwrap();
        prop_assert!(output.status.success());
        let output = String::from_utf8(output.stdout).unwrap();
        let theirs: BTreeMap<&str, &str> = output
            .split('\0')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| name.starts_with("NAME_"))
            .collect();
        prop_assert_eq!(theirs.len(), ours.len());
        for (name, value) in &ours {
            prop_assert_eq!(theirs.get(name.as_str()), Some(&value.as_str()));
        }
    }
}
