//! A value that came in as a number or a switch is not turned into a text by whoever gives it a new one.

use crate::lab::Lab;

fn lab() -> Lab {
    let lab = Lab::new().secret("prod/b/NAME", "hunter2");
    let source = lab.root().join("prod");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(
        source.join("b2.json"),
        r#"{"d": true, "n": 5432, "l": [1]}"#,
    )
    .unwrap();
    lab.clws("import --yes")
        .word(source.join("b2.json").to_str().unwrap())
        .succeeds();
    lab
}

fn json(lab: &Lab) -> String {
    lab.clws("export prod/b2 --format json --out -")
        .succeeds()
        .text()
}

#[test]
fn a_new_value_is_of_the_type_of_the_one_before() {
    let lab = lab();
    let set = |words: &str, value: &str| {
        lab.clws(&format!("secret set {words}"))
            .stdin(value.as_bytes())
    };
    set("prod/b2/d", "false").succeeds();
    set("prod/b2/n", "0x10").succeeds();
    let now = json(&lab);
    assert!(
        now.contains("\"d\": false") && now.contains("\"n\": 16"),
        "{now}"
    );

    for (name, value) in [("d", "nope"), ("n", "5.5"), ("l", "uno"), ("n", "\u{fe}")] {
        let path = format!("prod/b2/{name}");
        let refused = set(&path, value).exits(2);
        assert!(
            refused.err.contains("hint: `--type string`"),
            "{}",
            refused.err
        );
        assert!(!refused.err.contains(value), "{}", refused.err);
    }
    assert_eq!(json(&lab), now);
    set("prod/b2/d --type string", "no").succeeds();
    set("prod/b2/d", "false").succeeds();
    assert!(json(&lab).contains("\"d\": \"false\""));
}

#[test]
fn a_new_name_and_a_removed_one_are_strings() {
    let lab = lab();
    lab.clws("secret remove prod/b2/n --yes").succeeds();
    for name in ["prod/b2/new", "prod/b2/n"] {
        lab.clws(&format!("secret set {name}"))
            .stdin(b"1")
            .succeeds();
    }
    let now = json(&lab);
    assert!(
        now.contains("\"n\": \"1\"") && now.contains("\"new\": \"1\""),
        "{now}"
    );
}

#[test]
fn what_is_generated_takes_the_place_of_a_string_alone() {
    let lab = lab();
    let before = json(&lab);
    let refused = lab.clws("secret generate prod/b2/n --yes").exits(2);
    assert!(
        refused.err.contains("is of type integer") && refused.err.contains("`--type string`"),
        "{}",
        refused.err
    );
    assert_eq!(json(&lab), before);
    lab.clws("secret generate prod/b2/n --yes --type string --length 24")
        .succeeds();
    lab.clws("secret generate prod/b/NAME --yes").succeeds();
}

#[test]
fn a_file_that_is_too_large_is_told_its_own_size() {
    let lab = lab();
    let file = lab.root().join("large");
    std::fs::write(&file, "x".repeat(70_000)).unwrap();
    let refused = lab
        .clws("secret set prod/b/NAME --from-file")
        .word(file.to_str().unwrap())
        .exits(10);
    assert!(refused.err.contains("has 70000 bytes"), "{}", refused.err);
}

#[test]
fn the_newline_of_the_program_that_printed_a_number_is_no_part_of_it() {
    let lab = lab();
    let file = lab.root().join("number");
    std::fs::write(&file, "8\n").unwrap();
    for (words, stdin, value) in [
        ("secret set dev/t/I --type integer", "7\n", "7"),
        ("secret set dev/t/I", "9\n", "9"),
        ("secret set dev/t/I --from-file ../number", "", "8"),
        ("secret set dev/t/ON --type boolean", "true\n", "true"),
        ("secret set dev/t/TEXT", "7\n", "7\n"),
    ] {
        let ran = lab.clws(words).stdin(stdin.as_bytes()).succeeds();
        let is_kept = ran.err.contains("which is kept");
        assert_eq!(is_kept, value.ends_with('\n'), "{words}: {}", ran.err);
        let path = words.split(' ').nth(2).unwrap();
        let shown = lab.clws(&format!("secret get {path}")).succeeds();
        assert_eq!(shown.text(), value, "{words}");
    }
}
