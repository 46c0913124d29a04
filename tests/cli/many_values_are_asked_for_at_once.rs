//! What is looked at value by value is read once: a document of ten thousand takes no ten thousand readings of it.

use std::fs;

use crate::lab::Lab;

/// A line for each of these calls of a run that ends with `code`.
fn calls(lab: &Lab, words: &str, calls: &str, code: i32) -> Vec<String> {
    let (ran, lines) = lab.clws(words).traced(calls);
    let err = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(code), "{words}: {err}");
    lines
}

fn import(lab: &Lab, name: &str, text: &str) {
    let file = lab.root().join(name);
    fs::write(&file, text).unwrap();
    lab.clws("import --yes")
        .word(file.to_str().unwrap())
        .succeeds();
}

/// How often git is asked for a document, and how often it is opened in the tree.
fn readings(lab: &Lab, words: &str, path: &str, code: i32) -> (usize, usize) {
    let lines = calls(lab, words, "write,openat,openat2", code);
    let of = |call: &str, end: &str| {
        let is_it = |line: &&String| line.contains(call) && line.contains(&format!("{path}{end}"));
        lines.iter().filter(is_it).count()
    };
    (of("write(", ".toml\\n\""), of("openat", ".toml\""))
}

#[test]
fn a_document_of_a_commit_is_read_once_for_all_of_its_values() {
    let mut seen = Vec::new();
    for number in [2, 40] {
        let lab = Lab::new();
        let line = |number: usize| format!("NAME_{number}=value-{number}\n");
        import(&lab, "big.env", &(0..number).map(line).collect::<String>());
        lab.commit("first");
        lab.clws("rekey shared/big --yes").succeeds();
        let restored = readings(
            &lab,
            "secret restore shared/big --from HEAD --yes",
            "shared/big",
            0,
        );
        let diff = readings(&lab, "secret diff HEAD --values", "shared/big", 1);
        let shown = lab.clws("secret diff HEAD --values").exits(1).text();
        assert_eq!(shown.matches("+ value-").count(), number, "{shown}");
        seen.push((restored, diff));
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].0.0 > 0 && seen[0].1.0 > 0, "{seen:?}");
}

#[test]
fn git_is_not_started_for_each_file_that_is_new() {
    let mut seen = Vec::new();
    for number in [2, 12] {
        let lab = Lab::new().secret("dev/web/TOKEN", "x");
        lab.commit("first");
        for number in 0..number {
            lab.clws(&format!("secret set dev/keys/{number}.key --type file"))
                .stdin(b"x")
                .succeeds();
        }
        lab.commit("second");
        let started = calls(&lab, "secret diff HEAD~1", "execve", 1);
        let shown = lab.clws("secret diff HEAD~1").exits(1).text();
        assert_eq!(shown.matches("+ dev/keys/").count(), number, "{shown}");
        seen.push(started.len());
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn git_is_not_started_for_each_value_that_somebody_signed_who_left() {
    let mut seen = Vec::new();
    for number in [2, 12] {
        let lab = Lab::new().people(&["ben"]);
        lab.clws("access grant ben prod --read --write --yes")
            .succeeds();
        lab.accepted_by(&["ben"]);
        for number in 0..number {
            lab.clws(&format!("secret set prod/web/NAME_{number}"))
                .by("ben")
                .stdin(b"x")
                .succeeds();
        }
        lab.commit("first");
        lab.clws("access revoke ben prod --write --yes").succeeds();
        lab.commit("second");
        let started = calls(&lab, "secret history prod/web", "execve", 0);
        let shown = lab.clws("secret history prod/web").succeeds().text();
        assert_eq!(shown.matches("former writer").count(), number, "{shown}");
        seen.push(started.len());
    }
    assert_eq!(seen[0], seen[1]);
}
