//! A vault lies in a folder of a repository. Whoever may push puts the folders of a git repository of theirs beside its
//! `clws.toml`: git takes a folder that looks so for a repository, before it looks further up for a `.git`.

use crate::lab::Lab;
use crate::scene::refused;

const PARTS: [&str; 4] = ["HEAD", "config", "objects", "refs"];

#[test]
fn its_settings_and_its_history_are_nobodys() {
    let lab = Lab::founded().secret("prod/web/TOKEN", "the-token-of-ada");
    lab.git(&["init", "-q", "-b", "main", ".."]);
    lab.commit("all");
    lab.clws("git install").succeeds();
    lab.clws("secret history prod/web/TOKEN").succeeds();
    lab.git(&["init", "-q", "--bare", "../planted"]);
    for part in PARTS {
        let from = lab.root().join("planted").join(part);
        std::fs::rename(from, lab.vault().join(part)).unwrap();
    }
    let vault = lab.vault().display().to_string();
    lab.git(&["config", "--file", "config", "core.bare", "false"]);
    lab.git(&["config", "--file", "config", "core.worktree", &vault]);
    for words in [
        "git install",
        "secret history prod/web/TOKEN",
        "scan --history",
        "scan --staged",
    ] {
        let told = refused(&lab, "ada", words, 15);
        assert!(told.contains("safe.bareRepository"), "{words}: {told}");
    }
    let told = lab.clws("doctor").exits(1).text();
    assert!(told.contains("remove HEAD, config, objects"), "{told}");
    // What needs no git goes on.
    lab.clws("secret get prod/web/TOKEN").succeeds();
}
