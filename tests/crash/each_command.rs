//! The other commands that write: the same failures, and EINTR and EACCES too.
//!
//! Whatever they change, no value is lost, the vault holds together, and the same command goes through
//! afterwards.

use std::fs;
use std::path::Path;

use crate::lab::{Lab, Run};
use crate::strace::{How, is_all};
use crate::tree::Tree;
use crate::trial::{Side, Trial, side_of};

const TOKEN: &str = "hunter2-of-the-web";
const KEY: &str = "battery-in-a-file";

/// One in this many of the calls that change something, unless `CLWS_CRASH=all`: these commands write
/// through the same rooms as those that are tried wholly.
const ONE_IN: usize = 6;

/// Without `CLWS_CRASH=all` those two that the others are not tried with; a call that fails goes one way,
/// whatever the reason.
fn ways() -> &'static [How] {
    match is_all() {
        true => &How::ALL,
        false => &[How::Denied, How::Kill],
    }
}

fn lab() -> Lab {
    let lab = Lab::founded().secret("dev/web/TOKEN", TOKEN);
    lab.clws("secret set dev/keys/web.key --type file")
        .stdin(KEY.as_bytes())
        .succeeds();
    lab
}

/// No value is another one, and the vault, the pins and the log agree.
fn is_whole(lab: &Lab, what: &str) {
    let values = [
        ("dev/web/TOKEN", None, Some(TOKEN)),
        ("dev/keys/web.key", None, Some(KEY)),
    ];
    side_of(lab, &values, what);
}

/// Tries a command; `look` says which side what it makes is on, and is only asked once all is whole.
fn tried<'r>(name: &str, lab: &Lab, command: &dyn Fn() -> Run<'r>, look: &dyn Fn(&str) -> Side) {
    let one_in = if is_all() { 1 } else { ONE_IN };
    Trial {
        name,
        lab,
        command,
        look: &|what| {
            is_whole(lab, what);
            look(what)
        },
        again: &|side, what| {
            let ran = command().run();
            // What is done already is there, taken, gone, or waits for somebody else.
            let codes: &[i32] = match side {
                Side::Old => &[0],
                Side::New => &[0, 15, 16, 18],
            };
            assert!(
                codes.contains(&ran.code),
                "{what}, and then again: {}",
                ran.err
            );
            is_whole(lab, what);
        },
        plaintexts: &[],
        memory: None,
        one_in,
        ways: ways(),
        expected: &["write"],
    }
    .run();
}

/// The same for a command that changes nothing but the vault.
fn changes_the_vault(name: &str, lab: &Lab, words: &str) {
    let old = Tree::read(lab.root());
    let command = || lab.clws(words);
    let look = |_: &str| match Tree::read(lab.root()).kept() == old.kept() {
        true => Side::Old,
        false => Side::New,
    };
    tried(name, lab, &command, &look);
}

/// The public half of somebody who is not of the vault yet.
fn party(lab: &Lab, name: &str) -> String {
    lab.clws(&format!("identity new {name} --keep file"))
        .by(name)
        .succeeds();
    let file = lab.root().join(format!("{name}.toml"));
    fs::write(&file, lab.clws("identity show").by(name).succeeds().out).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_policy() {
    changes_the_vault(
        "secret policy",
        &lab(),
        "secret policy dev/web/TOKEN --owner ada",
    );
}

#[test]
fn a_copy() {
    changes_the_vault(
        "secret copy",
        &lab(),
        "secret copy dev/keys/web.key dev/keys/copy",
    );
}

#[test]
fn a_generated_value() {
    changes_the_vault(
        "secret generate",
        &lab(),
        "secret generate dev/web/NEW --yes",
    );
}

#[test]
fn a_removal() {
    let lab = lab().secret("dev/web/GOES", "goes");
    changes_the_vault("secret remove", &lab, "secret remove dev/web/GOES --yes");
}

#[test]
fn new_data_keys() {
    changes_the_vault("rekey", &lab(), "rekey dev --yes");
}

#[test]
fn a_new_party() {
    let lab = lab();
    let file = party(&lab, "ben");
    changes_the_vault(
        "recipient add",
        &lab,
        &format!("recipient add ben {file} --yes"),
    );
}

#[test]
fn another_key_of_a_party() {
    let lab = lab();
    let file = party(&lab, "ada-too");
    let text = fs::read_to_string(&file).unwrap();
    let key = text
        .split('"')
        .find(|word| word.starts_with("age1"))
        .unwrap();
    changes_the_vault(
        "recipient update",
        &lab,
        &format!("recipient update ada --age {key} --yes"),
    );
}

#[test]
fn rights_that_are_taken_away() {
    let lab = lab().people(&["ben"]);
    lab.clws("access grant ben dev --read --yes").succeeds();
    changes_the_vault("access revoke", &lab, "access revoke ben dev --read --yes");
}

/// Ben may hand values in; he has handed in this one.
fn lab_with_one_handed_in() -> Lab {
    let lab = lab().people(&["ben"]);
    lab.clws("access grant ben dev --submit --yes").succeeds();
    lab.accepted_by(&["ben"]);
    hand_in(&lab, "FRESH").succeeds();
    lab
}

fn hand_in<'r>(lab: &'r Lab, name: &str) -> Run<'r> {
    lab.clws(&format!("secret set dev/web/{name}"))
        .by("ben")
        .stdin(b"handed-in")
}

#[test]
fn what_is_handed_in() {
    let lab = lab_with_one_handed_in();
    let old = Tree::read(lab.root());
    let command = || hand_in(&lab, "ANOTHER");
    tried("secret set by who hands in", &lab, &command, &|_| {
        // Whoever was killed clears up with the next command.
        lab.clws("secret list").by("ben").succeeds();
        match Tree::read(lab.root()).kept() == old.kept() {
            true => Side::Old,
            false => Side::New,
        }
    });
}

#[test]
fn what_was_handed_in_is_taken_over() {
    let lab = lab_with_one_handed_in();
    changes_the_vault("secret adopt", &lab, "secret adopt dev/web/FRESH --yes");
}

#[test]
fn a_number_that_jumped() {
    let lab = lab().people(&["ben"]);
    lab.clws("access grant ben dev --read --yes").succeeds();
    lab.accepted_by(&["ben"]);
    lab.clws("secret get dev/web/TOKEN").by("ben").succeeds();
    // Ada's memory says that the number is higher, so that she signs one that no other machine believes.
    let vaults = lab.home("ada").join(".local/state/clws/vaults");
    let vault = fs::read_dir(vaults).unwrap().next().unwrap().unwrap();
    for file in fs::read_dir(vault.path().join("documents")).unwrap() {
        let file = file.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| {
            let mut words: Vec<&str> = line.split(' ').collect();
            words.pop();
            if words[0] == "TOKEN" {
                words[1..3].fill("5000");
            }
            let line = words.join(" ");
            let sum = clws::crypto::hex(&clws::crypto::sha256(line.as_bytes())[..4]);
            format!("{line} {sum}\n")
        });
        let text: String = lines.collect();
        fs::write(&file, text).unwrap();
    }
    lab.clws("secret set dev/web/TOKEN")
        .stdin(TOKEN.as_bytes())
        .succeeds();
    let command = || lab.clws("secret accept dev/web/TOKEN --yes").by("ben");
    tried("secret accept", &lab, &command, &|what| {
        let got = lab.clws("secret get dev/web/TOKEN").by("ben").run();
        match got.code {
            0 => Side::New,
            code => {
                assert_eq!(code, 14, "{what}: {}", got.err);
                Side::Old
            }
        }
    });
}

/// Two branches gave a neighbour each, and git left both between its marks.
#[test]
fn two_branches_that_are_joined() {
    let lab = lab();
    lab.git(&["init", "-q", "-b", "main"]);
    lab.commit("begin");
    for (branch, name) in [("theirs", "MIKE"), ("main", "NOVEMBER")] {
        if branch == "theirs" {
            lab.git(&["checkout", "-q", "-b", branch]);
        } else {
            lab.git(&["checkout", "-q", branch]);
        }
        lab.clws(&format!("secret set dev/web/{name}"))
            .stdin(name.as_bytes())
            .succeeds();
        lab.commit(name);
    }
    let merged = std::process::Command::new(crate::tool::tool("git"))
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(["merge", "-q", "theirs"])
        .current_dir(lab.vault())
        .env("HOME", lab.home("ada"))
        .output()
        .unwrap();
    assert!(!merged.status.success(), "git saw no conflict");
    let file = lab.vault().join("secrets/dev/web.toml");
    let command = || lab.clws("merge");
    Trial {
        name: "merge",
        lab: &lab,
        command: &command,
        look: &|what| {
            // Clears up, whatever it thinks of a file in conflict.
            lab.clws("secret list").run();
            match fs::read_to_string(&file).unwrap().contains("<<<<<<<") {
                true => Side::Old,
                false => {
                    is_whole(&lab, what);
                    Side::New
                }
            }
        },
        again: &|_, what| {
            let ran = command().run();
            assert_eq!(ran.code, 0, "{what}, and then again: {}", ran.err);
            is_whole(&lab, what);
            for name in ["MIKE", "NOVEMBER"] {
                let got = lab.clws(&format!("secret get dev/web/{name}")).succeeds();
                assert_eq!(got.text(), name, "{what}");
            }
        },
        plaintexts: &[TOKEN, KEY],
        memory: None,
        one_in: if is_all() { 1 } else { ONE_IN },
        ways: ways(),
        expected: &["write"],
    }
    .run();
}

#[test]
fn rules_that_are_signed() {
    let lab = lab().people(&["ben"]);
    changes_the_vault("trust sign", &lab, "trust sign --admin ben --yes");
}

#[test]
fn a_host() {
    changes_the_vault(
        "host add",
        &lab(),
        "host add vm-clws-dev-server-0 --address 10.0.0.4 --yes",
    );
}

#[test]
fn hosts_of_another_tool() {
    let lab = lab();
    let file = lab.root().join("hosts.ini");
    fs::write(&file, "[dev]\nvm-clws-dev-web-[0:2] ansible_user=deploy\n").unwrap();
    let words = format!("host import {} --yes", file.display());
    changes_the_vault("host import", &lab, &words);
}

#[test]
fn a_hook() {
    let lab = lab();
    fs::create_dir_all(lab.vault().join("hooks/web")).unwrap();
    fs::write(lab.vault().join("hooks/web.toml"), "").unwrap();
    fs::write(lab.vault().join("hooks/web/run.sh"), "true\n").unwrap();
    changes_the_vault("hook sign", &lab, "hook sign web --yes");
}

#[test]
fn a_document_that_is_sorted() {
    let lab = lab().secret("dev/web/OTHER", "other");
    let file = lab.vault().join("secrets/dev/web.toml");
    let text = fs::read_to_string(&file).unwrap();
    let mut tables: Vec<&str> = text.trim_end().split("\n\n").collect();
    let end = tables.pop().unwrap();
    tables.reverse();
    tables.push(end);
    fs::write(&file, tables.join("\n\n\n") + "\n").unwrap();
    changes_the_vault("fmt", &lab, "fmt");
}

#[test]
fn a_key_that_one_has() {
    let lab = lab();
    let key = lab.root().join("ssh");
    let made = std::process::Command::new(crate::tool::tool("ssh-keygen"))
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()
        .unwrap();
    assert!(made.success());
    let words = format!("identity import extra --ssh-key {}", key.display());
    changes_the_vault("identity import", &lab, &words);
}

#[test]
fn a_first_use() {
    let lab = lab().people(&["ben"]);
    let head = lab.head();
    let command = || lab.clws("trust accept --expect").word(&head).by("ben");
    let look = |what: &str| {
        let shown = lab.clws("trust show --json").by("ben").run();
        assert_eq!(shown.code, 0, "{what}: {}", shown.err);
        match shown.json()["standing"].as_str() {
            Some("accepted") => Side::New,
            other => {
                assert_eq!(other, Some("not accepted on this machine"), "{what}");
                Side::Old
            }
        }
    };
    tried("trust accept", &lab, &command, &look);
}

/// A file beside the vault: as it was, or whole and new.
fn side_of_file(file: &Path, old: &str, end: &str, what: &str) -> Side {
    let now = fs::read_to_string(file).unwrap();
    let names = fs::read_dir(file.parent().unwrap()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    if !what.contains("Kill") {
        assert_eq!(names.len(), 1, "{what} left {names:?}");
    }
    if now == old {
        return Side::Old;
    }
    assert!(now.ends_with(end), "{what} left a part: {now}");
    Side::New
}

#[test]
fn a_baseline() {
    let lab = lab();
    let folder = lab.root().join("base");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("base.json");
    let words = format!("scan --baseline {} --baseline-write .", file.display());
    lab.clws(&words).succeeds();
    let old = fs::read_to_string(&file).unwrap();
    fs::write(lab.vault().join("found"), format!("token = {TOKEN}\n")).unwrap();
    let command = || lab.clws(&words);
    let end = &old[old.len() - 2..];
    tried("scan --baseline-write", &lab, &command, &|what| {
        side_of_file(&file, &old, end, what)
    });
}

#[test]
fn a_page() {
    let lab = lab();
    let folder = lab.root().join("page");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("status.html");
    fs::write(&file, "<p>old</p>\n").unwrap();
    let command = || lab.clws("status --html").word(file.to_str().unwrap());
    tried("status --html", &lab, &command, &|what| {
        side_of_file(&file, "<p>old</p>\n", "</html>\n", what)
    });
}

#[test]
fn what_is_exported() {
    let lab = lab();
    let folder = lab.root().join("out");
    let command = || {
        lab.clws("export dev --format dir --allow-disk --out")
            .word(folder.to_str().unwrap())
    };
    let exported = |path: &str| fs::read_to_string(folder.join(path)).unwrap_or_default();
    tried("export", &lab, &command, &|what| {
        let whole = exported("dev/keys/web.key") == KEY && exported("dev/web.env").contains(TOKEN);
        match whole {
            true => Side::New,
            // Plaintext that a killed run leaves lies where its person said, for them to remove.
            false if what.contains("Kill") => {
                fs::remove_dir_all(&folder).unwrap_or_default();
                Side::Old
            }
            false => {
                // On a disk that is so full that no folder opens, nothing can be removed.
                assert!(
                    !folder.exists() || what.contains("a part of it lies in"),
                    "{what} left a part of it"
                );
                fs::remove_dir_all(&folder).unwrap_or_default();
                Side::Old
            }
        }
    });
}

#[test]
fn what_git_is_told() {
    let lab = lab();
    lab.git(&["init", "-q", "-b", "main"]);
    let attributes = lab.vault().join(".git/info/attributes");
    fs::create_dir_all(attributes.parent().unwrap()).unwrap();
    fs::write(&attributes, "*.png binary\n").unwrap();
    let command = || lab.clws("git install");
    tried("git install", &lab, &command, &|what| {
        let text = fs::read_to_string(&attributes).unwrap();
        assert!(text.starts_with("*.png binary\n"), "{what} lost: {text}");
        let hook = lab.vault().join(".git/hooks/pre-commit");
        if let Ok(text) = fs::read_to_string(hook) {
            assert!(text.contains("scan --staged"), "{what} left a part: {text}");
        }
        // Some of git's settings may be there: the next run makes it whole.
        let mut ran = command().run();
        let lock = lab.vault().join(".git/config.lock");
        if lock.exists() {
            // A git that was killed leaves it, and its person removes it.
            assert_eq!(ran.code, 31, "{what}; again: {}", ran.err);
            assert!(ran.err.contains("remove it"), "{what}; again: {}", ran.err);
            fs::remove_file(lock).unwrap();
            ran = command().run();
        }
        assert_eq!(ran.code, 0, "{what}; again: {}", ran.err);
        Side::New
    });
}
