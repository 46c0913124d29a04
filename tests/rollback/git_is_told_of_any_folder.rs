//! A vault lies in a folder of a repository, whose name anybody could have chosen. What git is told of it is
//! about that folder and nothing else.

use std::path::Path;
use std::process::Command;

use crate::lab::Lab;

fn git(folder: &Path, words: &[&str]) -> String {
    let out = Command::new("git")
        .args(words)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        out.status.success() && said.is_empty(),
        "git {words:?}: {said}"
    );
    String::from_utf8(out.stdout).unwrap()
}

/// A repository with a vault in a folder of this name.
fn vault_in(name: &str) -> (Lab, std::path::PathBuf) {
    let lab = Lab::empty();
    let folder = lab.vault().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    lab.git(&["init", "-q", "-b", "main"]);
    lab.clws("init --name ada").folder(&folder).succeeds();
    (lab, folder)
}

#[test]
fn a_folders_name_means_itself_whatever_is_in_it() {
    for name in [
        "plain",
        "a b",
        "a*",
        "[attr]x",
        "[b]",
        "a?\"b\"",
        "!x",
        "#x",
        "back\\slash",
        "größe",
        "a/b c",
    ] {
        let (lab, folder) = vault_in(name);
        lab.clws("git install").folder(&folder).succeeds();
        let of = |folder: &Path| {
            let words = [
                "check-attr",
                "-z",
                "diff",
                "merge",
                "--",
                "secrets/prod/web.toml",
            ];
            let said = git(folder, &words);
            let values = said.split('\0').skip(2).step_by(3).map(str::to_owned);
            values.collect::<Vec<_>>()
        };
        assert_eq!(of(&folder), ["clws", "clws"], "{name}");
        for other in ["ab", "axb", "b", "x", "attrx", "a"] {
            let beside = lab.vault().join(other);
            if other != name && !beside.exists() {
                std::fs::create_dir_all(&beside).unwrap();
                assert_eq!(
                    of(&beside),
                    ["unspecified", "unspecified"],
                    "{name}, {other}"
                );
            }
        }
        lab.clws("git install --undo").folder(&folder).succeeds();
        assert_eq!(of(&folder), ["unspecified", "unspecified"], "{name}");
    }
}

#[test]
fn a_folder_whose_name_has_lines_is_refused_before_anything_is_written() {
    let name = "a\n* filter=x\nb";
    let (lab, folder) = vault_in(name);
    let config = std::fs::read(lab.vault().join(".git/config")).unwrap();
    let ran = lab.clws("git install").folder(&folder).exits(17);
    assert!(ran.err.contains("control character"), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 2, "{}", ran.err);
    let attributes = lab.vault().join(".git/info/attributes");
    let attributes = std::fs::read_to_string(attributes).unwrap_or_default();
    assert_eq!(attributes, "");
    assert_eq!(
        std::fs::read(lab.vault().join(".git/config")).unwrap(),
        config
    );
    assert!(!lab.vault().join(".git/hooks/pre-commit").exists());
    lab.clws("git install --undo").folder(&folder).succeeds();
}
