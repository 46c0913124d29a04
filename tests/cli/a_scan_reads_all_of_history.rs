//! What was ever committed is found, wherever git still has it, with the commit that brought it in.

use std::fs;

use crate::lab::Lab;

/// Made up, and put together here.
fn token(number: usize) -> String {
    format!(
        "do{}_{}",
        "p_v1",
        format!("{number:04}a9f8c7e6b5d4").repeat(4)
    )
}

/// The path, the line and the commit of each finding of `token(number)`: told apart by their excerpts.
fn found(lab: &Lab, words: &str) -> Vec<(String, u64, String)> {
    let ran = lab.clws(&format!("{words} --json")).exits(1);
    let findings = ran.json()["findings"].as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|f| {
            (
                text(&f["path"]),
                f["line"].as_u64().unwrap(),
                text(&f["commit"]),
            )
        })
        .collect()
}

#[test]
fn branches_tags_stashes_messages_and_what_was_reset_are_read() {
    let lab = Lab::new().secret("prod/web/TOKEN", "p@ss w\"rd-77aa01");
    let write = |name: &str, text: &str| fs::write(lab.vault().join(name), text).unwrap();
    let head = || lab.git(&["rev-parse", "HEAD"]).trim()[..12].to_owned();
    lab.commit("sealed");
    assert!(
        lab.clws("scan --history")
            .succeeds()
            .err
            .contains("0 findings")
    );

    // Brought in, kept in two more versions, and taken out.
    write("notes.txt", &format!("one\n{}\n", token(1)));
    lab.commit("in");
    let brought = head();
    write("notes.txt", &format!("one\ntwo\n{}\n", token(1)));
    lab.commit("moved");
    fs::remove_file(lab.vault().join("notes.txt")).unwrap();
    lab.commit("out");
    // On another branch alone.
    lab.git(&["checkout", "-q", "-b", "side"]);
    write("side.txt", &token(2));
    lab.commit("side");
    let side = head();
    lab.git(&["checkout", "-q", "-"]);
    // In a stash, a message, a tag's message, and a commit that was reset away.
    write("clws.toml.orig", "x");
    lab.git(&["add", "-A"]);
    write("clws.toml.orig", &format!("p@ss w\"rd-77aa01 {}", token(3)));
    lab.git(&["stash", "-q"]);
    lab.git(&[
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        &format!("fix\n\n{}", token(4)),
    ]);
    let message = head();
    lab.git(&["tag", "-a", "v1", "-m", &token(5)]);
    write("gone.txt", &token(6));
    lab.commit("gone");
    lab.git(&["reset", "-q", "--hard", "HEAD~1"]);
    // Nobody's: in no commit at all.
    let loose = lab.root().join("loose");
    fs::write(&loose, token(7)).unwrap();
    lab.git(&["hash-object", "-w", loose.to_str().unwrap()]);

    let all = found(&lab, "scan --history");
    let has = |path: &str, line: u64, commit: &str| {
        let found = all
            .iter()
            .filter(|(p, l, c)| p == path && *l == line && c.starts_with(commit));
        assert_eq!(found.count(), 1, "{path}: {all:#?}");
    };
    has("notes.txt", 2, &brought);
    has("side.txt", 1, &side);
    has("(message)", 8, &message);
    has("gone.txt", 1, "");
    has("(in no commit)", 1, "");
    assert_eq!(
        all.iter().filter(|(path, ..)| path == "notes.txt").count(),
        1,
        "{all:#?}"
    );
    assert_eq!(
        all.iter()
            .filter(|(path, ..)| path == "clws.toml.orig")
            .count(),
        2,
        "{all:#?}"
    );
    assert_eq!(
        all.iter()
            .filter(|(path, ..)| path == "(message of a tag)")
            .count(),
        1,
        "{all:#?}"
    );
    let said = lab.clws("scan --history").exits(1);
    assert!(said.text().contains("revoke it"), "{}", said.text());
    assert!(
        said.text().contains("the value of `prod/web/TOKEN`"),
        "{}",
        said.text()
    );
    for number in 1..=7 {
        assert!(!said.text().contains(&token(number)));
    }
}

/// git fetches what is missing when it is asked for it, and here nothing is fetched.
#[test]
fn what_a_partial_clone_has_not_got_is_told() {
    let lab = Lab::new();
    let (from, to) = (lab.root().join("from"), lab.root().join("to"));
    let [origin, there] = [&from, &to].map(|path| path.to_str().unwrap());
    lab.git(&["init", "-q", origin]);
    let git = |words: &[&str]| lab.git(&[&["-C", origin], words].concat());
    git(&["config", "uploadpack.allowFilter", "true"]);
    for text in [token(1), "clean\n".to_owned()] {
        fs::write(from.join("notes.txt"), text).unwrap();
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "x"]);
    }
    let url = format!("file://{origin}");
    lab.git(&["clone", "-q", "--filter=blob:none", &url, there]);
    let scan = || lab.clws("scan --history").folder(&to);
    let ran = scan().exits(30);
    assert!(
        ran.err.contains("has not got 1 file of its commits"),
        "{}",
        ran.err
    );
    lab.git(&["-C", there, "fetch", "-q", "--refetch", "--no-filter"]);
    let all = scan().exits(1);
    assert!(all.text().contains("notes.txt:1:"), "{}", all.text());
    assert!(!all.err.contains("not looked at"), "{}", all.err);
}
