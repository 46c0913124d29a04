//! `ssh-keygen -F` finds the same revoked keys as we do, in files that nobody would write by hand.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clws::crypto::{encode_base64, field};
use clws::fleet::Revoked;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;

use crate::support::tool::{run, said};

const NAMES: [&str; 9] = [
    "web",
    "web-1",
    "WEB-10",
    "db.example.org",
    "10.0.0.4",
    "10.0.0.40",
    "fd00::4",
    "vm-clws-prod-web-0",
    "a",
];
const PORTS: [u16; 3] = [22, 2222, 22022];

/// One pattern of a list.
fn pattern() -> impl Strategy<Value = String> {
    let name = select(&NAMES[..]).prop_map(str::to_owned);
    let wild = "[*?]|web-[*?]|\\*\\.example\\.org|10\\.0\\.0\\.[*?]|\\*[a-z]\\*|vm-clws-\\*-0|\\?\\?\\?|[a-z*?.0-4]{1,5}";
    let port = select(vec!["22", "2222", "22022", "*", "2*", "222?"]);
    let plain = prop_oneof![3 => name, 2 => wild];
    let with_port = (plain, proptest::option::weighted(0.3, port));
    let with_port = with_port.prop_map(|(name, port)| match port {
        Some(port) => format!("[{name}]:{port}"),
        None => name,
    });
    (with_port, proptest::bool::weighted(0.2)).prop_map(|(pattern, is_not)| match is_not {
        true => format!("!{pattern}"),
        false => pattern,
    })
}

/// A key that nobody has; OpenSSH, too, takes any 32 bytes for one.
fn key(number: u8) -> String {
    let mut blob = Vec::new();
    field(&mut blob, b"ssh-ed25519");
    field(&mut blob, &[number; 32]);
    format!("ssh-ed25519 {}", encode_base64(&blob))
}

/// Who a line is about: a list, or what OpenSSH's own hashing made of a name.
#[derive(Clone, Debug)]
enum Whom {
    List(Vec<String>),
    Hash(usize),
}

#[derive(Clone, Debug)]
struct Line {
    marker: &'static str,
    whom: Whom,
    blanks: &'static str,
    comment: &'static str,
}

fn line() -> impl Strategy<Value = Line> {
    let marker = select(vec![
        "@revoked ",
        "@revoked  ",
        " @revoked ",
        "\t@revoked ",
        "@cert-authority ",
        "",
        "# @revoked ",
    ]);
    let whom = prop_oneof![
        4 => proptest::collection::vec(pattern(), 1..4).prop_map(Whom::List),
        1 => (0..NAMES.len() * PORTS.len()).prop_map(Whom::Hash),
    ];
    let blanks = select(vec![" ", "\t", "   "]);
    let comment = select(vec!["", " a comment", "  # web", "\tada@web "]);
    let parts = (marker, whom, blanks, comment);
    parts.prop_map(|(marker, whom, blanks, comment)| Line {
        marker,
        whom,
        blanks,
        comment,
    })
}

/// `|1|SALT|HASH` of each name at each port, made by `ssh-keygen -H`.
fn hashes(folder: &Path) -> Vec<String> {
    let file = folder.join("plain");
    let at = |name: &str, port| match port {
        22 => name.to_ascii_lowercase(),
        port => format!("[{}]:{port}", name.to_ascii_lowercase()),
    };
    let names = NAMES
        .iter()
        .flat_map(|name| PORTS.map(|port| at(name, port)));
    let lines: String = names.map(|name| format!("{name} {}\n", key(0))).collect();
    fs::write(&file, lines).unwrap();
    let output = run("ssh-keygen", ["-H", "-f", file.to_str().unwrap()], b"");
    assert!(output.status.success(), "{}", said(&output));
    let text = fs::read_to_string(&file).unwrap();
    let first = |line: &str| line.split(' ').next().unwrap().to_owned();
    let hashed: Vec<String> = text.lines().map(first).collect();
    assert_eq!(hashed.len(), NAMES.len() * PORTS.len());
    assert!(hashed.iter().all(|hash| hash.starts_with("|1|")));
    hashed
}

/// The revoked keys that OpenSSH finds for a name.
fn found(file: &Path, name: &str) -> BTreeSet<String> {
    let output = run(
        "ssh-keygen",
        ["-F", name, "-f", file.to_str().unwrap()],
        b"",
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let mut keys = BTreeSet::new();
    while let Some(heading) = lines.next() {
        assert!(heading.starts_with("# Host "), "{text}");
        let line = lines.next().unwrap();
        if heading.ends_with(" REVOKED") {
            let words = line.split_whitespace();
            let key: Vec<&str> = words
                .skip_while(|word| *word != "ssh-ed25519")
                .take(2)
                .collect();
            keys.insert(key.join(" "));
        }
    }
    keys
}

/// OpenSSH looks for a blank behind a marker before it looks for a tab, and so overlooks this line.
#[test]
fn a_marker_with_a_tab_behind_it_revokes_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    fs::write(&file, format!("@revoked\tweb {}\n", key(1))).unwrap();
    assert_eq!(Revoked::read(&file).unwrap().of(&["web"], 22), [key(1)]);
    assert!(found(&file, "web").is_empty(), "it does now: try it above");
}

#[test]
fn ssh_keygen_finds_the_same_revoked_keys() {
    let folder = tempfile::tempdir().unwrap();
    let hashed = hashes(folder.path());
    let file = folder.path().join("known_hosts");
    // Which cases were met, for the log: a run that never meets a revoked key says nothing.
    let (files, asked, some) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let strategy = (
        proptest::collection::vec(line(), 1..12),
        proptest::collection::vec((select(&NAMES[..]), select(&PORTS[..])), 3),
    );
    let tried = TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
    .run(&strategy, |(lines, questions)| {
        let mut text = String::new();
        for (number, line) in (1..).zip(&lines) {
            let whom = match &line.whom {
                Whom::List(list) => list.join(","),
                Whom::Hash(of) => hashed[*of].clone(),
            };
            let (marker, blanks) = (line.marker, line.blanks);
            text += &format!("{marker}{whom}{blanks}{}{}\n", key(number), line.comment);
        }
        fs::write(&file, &text).unwrap();
        files.set(files.get() + 1);
        let revoked = Revoked::read(&file).unwrap();
        for (name, port) in questions {
            // ssh itself looks names up in lower case; `ssh-keygen` does so for patterns alone.
            let asked_for = name.to_ascii_lowercase();
            // Here a line without a port counts for every port, one with a port for that one.
            let theirs =
                &found(&file, &asked_for) | &found(&file, &format!("[{asked_for}]:{port}"));
            let ours: BTreeSet<String> = revoked.of(&[name], port).into_iter().collect();
            prop_assert_eq!(&ours, &theirs, "{} at {}:\n{}", name, port, text);
            asked.set(asked.get() + 1);
            some.set(some.get() + i32::from(!theirs.is_empty()));
        }
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{error}");
    }
    let (files, asked, some) = (files.get(), asked.get(), some.get());
    println!("{files} files, {asked} questions, {some} with a revoked key");
    assert!(files >= 300 && some > 100 && some < asked);
}
