//! `clws fmt` sorts what a merge left out of order, and changes nothing that is signed or hashed.

use crate::lab::Lab;

fn lab() -> Lab {
    let lab = Lab::new()
        .secret("dev/web/ALPHA", "one")
        .secret("dev/web/BETA", "two")
        .secret("dev/web/GAMMA", "three");
    lab.clws("secret set dev/tls/web.key --type file")
        .stdin(b"a key")
        .succeeds();
    lab
}

fn read(lab: &Lab, file: &str) -> String {
    std::fs::read_to_string(lab.vault().join(file)).unwrap()
}

fn write(lab: &Lab, file: &str, text: &str) {
    std::fs::write(lab.vault().join(file), text).unwrap();
}

/// The text with its tables in reverse order, keys too, and blank lines here and there.
fn shuffled(text: &str) -> String {
    let mut tables: Vec<String> = text
        .trim_end()
        .split("\n\n")
        .map(|table| {
            let mut lines: Vec<&str> = table.lines().collect();
            lines[1..].reverse();
            lines.join("\n")
        })
        .collect();
    let end = tables.pop().unwrap();
    tables.reverse();
    tables.push(end);
    format!("{}\n", tables.join("\n\n\n"))
}

#[test]
fn tables_and_keys_are_sorted_and_values_still_open() {
    let lab = lab();
    let files = ["secrets/dev/web.toml", "secrets/dev/tls/web.key.age.toml"];
    let before = files.map(|file| read(&lab, file));
    assert_eq!(lab.clws("fmt --check").succeeds().text(), "");
    for (file, text) in files.iter().zip(&before) {
        write(&lab, file, &shuffled(text));
    }
    let listed = "secrets/dev/tls/web.key.age.toml\nsecrets/dev/web.toml\n";
    let checked = lab.clws("fmt --check").exits(1).text();
    assert_eq!(
        checked.lines().collect::<std::collections::BTreeSet<_>>(),
        listed.lines().collect()
    );
    assert_eq!(read(&lab, files[0]), shuffled(&before[0]), "it only looked");
    // Untidy files read all the same.
    assert_eq!(lab.clws("secret get dev/web/BETA").succeeds().text(), "two");
    assert_eq!(
        lab.clws("fmt dev/web/BETA").succeeds().text(),
        "secrets/dev/web.toml\n"
    );
    let rest = lab.clws("fmt --json").succeeds().json();
    assert_eq!(
        rest["files"],
        serde_json::json!(["secrets/dev/tls/web.key.age.toml"])
    );
    for (file, text) in files.iter().zip(&before) {
        assert_eq!(read(&lab, file), *text);
    }
    assert_eq!(lab.clws("fmt").succeeds().text(), "");
    assert_eq!(
        lab.clws("secret get dev/tls/web.key").succeeds().text(),
        "a key"
    );
}

#[test]
fn comments_stay_and_rules_are_left_alone() {
    let lab = lab();
    let text = format!("# ours\n\n# more\n{}", read(&lab, "secrets/dev/web.toml"));
    write(&lab, "secrets/dev/web.toml", &text);
    let access = shuffled(&read(&lab, "recipients/access.toml"));
    write(&lab, "recipients/access.toml", &access);
    lab.clws("fmt").succeeds();
    assert!(read(&lab, "secrets/dev/web.toml").starts_with("# ours\n# more\n\n[document]\n"));
    assert_eq!(read(&lab, "recipients/access.toml"), access);
}

#[test]
fn what_does_not_read_is_named_and_nothing_changes() {
    let lab = lab();
    let good = read(&lab, "secrets/dev/web.toml");
    write(&lab, "secrets/dev/web.toml", &shuffled(&good));
    let broken = good.replace("[end]", "<<<<<<< HEAD\n[end]");
    write(&lab, "secrets/dev/zzz.toml", &broken);
    let refused = lab.clws("fmt").exits(16);
    assert!(
        refused.err.contains("secrets/dev/zzz.toml, document line"),
        "{}",
        refused.err
    );
    assert_eq!(read(&lab, "secrets/dev/web.toml"), shuffled(&good));
    lab.clws("fmt dev/nothing").exits(18);
    lab.clws("fmt dev/web").succeeds();
    assert_eq!(read(&lab, "secrets/dev/web.toml"), good);
}
