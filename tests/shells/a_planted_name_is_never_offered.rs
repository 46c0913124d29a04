//! Whoever can push plants names of files, headers and groups that would run something when a shell puts
//! them on a line, or draw on the terminal. TAB offers none of them, in no shell.

use std::os::unix::fs::PermissionsExt as _;

use crate::shell::{SHELLS, Typing, asked, fish};
use crate::support::lab::Lab;

/// Names that a shell, a terminal or a flag would make something of.
const NAMES: &[&str] = &[
    "x$(touch${IFS}pwned)",
    "x`touch pwned`",
    "x;touch pwned;",
    "x\ntouch pwned\n",
    "x'; touch pwned; '",
    "x\"; touch pwned; \"",
    "x\u{1b}]0;drawn\u{7}",
    "x\u{1b}[2Jdrawn",
    "x\u{202e}drawn",
    "x|touch pwned",
    "x>pwned",
    "x y",
    "x*",
    "x\\",
    "x:y",
    "x\ty",
    "~root",
    "-x",
    "--yes",
    "!touch",
    "#x",
];

fn planted() -> Lab {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    let vault = lab.vault();
    let file = |path: String, text: &str| {
        std::fs::write(vault.join(path), text).unwrap();
    };
    std::fs::create_dir_all(vault.join("hooks")).unwrap();
    std::fs::create_dir_all(vault.join("secrets/prod/tls")).unwrap();
    let mut text = std::fs::read_to_string(vault.join("secrets/prod/web.toml")).unwrap();
    let mut groups = String::new();
    for name in NAMES {
        file(format!("secrets/prod/{name}.toml"), "");
        file(format!("secrets/prod/tls/{name}.age.toml"), "");
        file(format!("recipients/{name}.toml"), "kind = \"host\"\n");
        file(format!("hooks/{name}.toml"), "");
        std::fs::create_dir_all(vault.join(format!("secrets/{name}"))).unwrap();
        std::fs::create_dir_all(vault.join(format!("secrets/prod/{name}"))).unwrap();
        text.push_str(&format!("[secret.\"{name}\"]\n[secret.{name}]\n"));
        groups.push_str(&format!("[group.\"{name}\"]\nmembers = [\"ada\"]\n"));
    }
    file("secrets/prod/web.toml".into(), &text);
    let access = std::fs::read_to_string(vault.join("recipients/access.toml")).unwrap();
    file(
        "recipients/access.toml".into(),
        &format!("{groups}{access}"),
    );
    // A machine type is any text.
    file(
        "recipients/planted.toml".into(),
        "[party]\nkind = \"host\"\nname = \"planted\"\naddress = \"local\"\nscope = \"prod\"\n\
         machine_type = \"x$(touch pwned)\"\n\n[end]\n",
    );
    // A link to somebody else's names, and a program that waits to be taken for clws.
    std::os::unix::fs::symlink("/etc", vault.join("secrets/linked")).unwrap();
    file(
        "clws".into(),
        "#!/bin/sh\ntouch pwned\necho words; echo pwned\n",
    );
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(vault.join("clws"), mode).unwrap();
    lab
}

const LINES: &[(&str, &[&str])] = &[
    ("secret get ", &["prod/"]),
    (
        "secret get prod/",
        &["prod/web", "prod/web/TOKEN", "prod/tls/"],
    ),
    ("secret get prod/web/", &["prod/web/TOKEN"]),
    ("secret get prod/tls/", &[]),
    ("secret get linked/", &[]),
    ("secret get ../", &[]),
    ("recipient show ", &["ada", "planted"]),
    // With a group that is no name the rules do not read, and no group is offered.
    ("access grant ", &["ada", "planted"]),
    ("ssh ", &["planted"]),
    ("deploy --on ", &["planted", "prod"]),
    ("deploy ", &[]),
];

#[test]
fn clws_answers_with_names_alone() {
    let lab = planted();
    for shell in SHELLS {
        for (line, wanted) in LINES {
            let words: Vec<&str> = line.split(' ').collect();
            let mut offered = asked(&lab, shell, &words);
            assert_eq!(offered.remove(0), "words", "{line}");
            offered.sort();
            let mut wanted = wanted.to_vec();
            wanted.sort_unstable();
            assert_eq!(offered, wanted, "{shell}: {line}");
        }
    }
}

#[test]
fn nothing_runs_and_nothing_is_drawn_in_any_shell() {
    let lab = planted();
    for shell in ["bash", "zsh"] {
        let mut typing = Typing::start(&lab, shell);
        for (line, _) in LINES {
            typing.lists(&format!("clws {line}"), &[]);
        }
        typing
            .completes(
                "clws secret get prod/web/",
                "clws secret get prod/web/TOKEN ",
            )
            // The program in this folder is not asked.
            .completes(
                "./clws secret get prod/web/T",
                "./clws secret get prod/web/TOKEN ",
            );
        let seen = typing.leaves();
        assert!(!seen.contains("touch"), "{seen}");
        assert!(!seen.contains("drawn"), "{seen}");
    }
    for (line, wanted) in LINES {
        let mut offered = fish(&lab, &format!("clws {line}"));
        offered.sort();
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(offered, wanted, "fish: {line}");
    }
    assert_eq!(
        fish(&lab, "./clws secret get prod/web/T"),
        ["prod/web/TOKEN"]
    );
    assert!(!lab.vault().join("pwned").exists());
}

/// Files the shell completes itself, and quotes what it puts on the line.
#[test]
fn a_planted_file_is_quoted_by_the_shell() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    std::fs::write(lab.vault().join("zz$(touch pwned);x"), "").unwrap();
    for (shell, quoted) in [
        ("bash", "zz\\$\\(touch\\ pwned\\)\\;x "),
        ("zsh", "zz\\$\\(touch\\ pwned\\)\\;x "),
    ] {
        let before = "clws secret set prod/web/X --from-file ";
        let mut typing = Typing::start(&lab, shell);
        typing.completes(&format!("{before}zz"), &format!("{before}{quoted}"));
        typing.leaves();
    }
    assert!(!lab.vault().join("pwned").exists());
}
