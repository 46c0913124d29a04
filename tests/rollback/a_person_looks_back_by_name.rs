//! The past is there to be looked at, by name: labelled, judged, and forgotten again.

use std::path::{Path, PathBuf};

use crate::lab::{Lab, Ran};

/// Three values of one name in three commits, tagged `one`, `two`, `three`.
fn lab() -> Lab {
    let lab = Lab::new().people(&["ben"]);
    for (tag, value) in [("one", "first"), ("two", "second"), ("three", "third")] {
        for path in ["prod/web/TOKEN", "prod/keys/web.key"] {
            let kind = if path.ends_with(".key") {
                "file"
            } else {
                "string"
            };
            lab.clws(&format!("secret set {path} --type {kind}"))
                .stdin(value.as_bytes())
                .succeeds();
        }
        lab.commit(tag);
        lab.git(&["tag", tag]);
    }
    lab
}

/// Every file of what a machine remembers, but its log.
fn remembered(lab: &Lab) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![lab.home("ada").join(".local/state/clws/vaults")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.clone(), std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn get(lab: &Lab, words: &str) -> Ran {
    lab.clws(&format!("secret get {words}")).succeeds()
}

#[test]
fn a_value_and_a_file_are_shown_as_they_were_and_nothing_is_remembered() {
    let lab = lab();
    let before = remembered(&lab);
    for path in ["prod/web/TOKEN", "prod/keys/web.key"] {
        for (rev, value) in [("one", "first"), ("two", "second"), ("HEAD", "third")] {
            let got = get(&lab, &format!("{path} --at {rev}"));
            assert_eq!(got.text(), value);
            let id = lab.git(&["rev-parse", "--short=12", &format!("{rev}^{{commit}}")]);
            for said in [id.trim(), "signed by ada, who may write it now"] {
                assert!(got.err.contains(said), "{}", got.err);
            }
        }
        assert_eq!(get(&lab, path).text(), "third");
    }
    let listed = lab.clws("secret list prod --at one --json").succeeds();
    assert_eq!(listed.json()["secrets"][0]["rev"], 1);
    assert!(listed.err.contains("the past"), "{}", listed.err);
    lab.clws("secret history prod/web/TOKEN").succeeds();
    lab.clws("secret diff one two").exits(1);
    assert_eq!(remembered(&lab), before);
    // Each look is in the log, with the commit.
    let log = lab.clws("audit show --json").succeeds().text();
    assert!(log.contains("secret get --at "), "{log}");
    // It is for looking alone.
    for (words, code) in [
        ("exec prod/web --at one -- true", 125),
        ("deploy --on prod --at one", 2),
    ] {
        let refused = lab.clws(words).exits(code);
        let said = "error: unexpected argument '--at' found";
        assert!(refused.err.starts_with(said), "{}", refused.err);
    }
}

#[test]
fn what_no_name_of_a_commit_is_is_refused() {
    let lab = lab();
    for (rev, code) in [
        ("nothing", 18),
        ("one:clws.toml", 18),
        ("one..two", 18),
        ("", 2),
    ] {
        let refused = lab
            .clws("secret get prod/web/TOKEN --at")
            .word(rev)
            .exits(code);
        assert!(refused.out.is_empty());
    }
    let flag = lab.root().join("written");
    let refused = lab
        .clws("secret get prod/web/TOKEN")
        .word(format!("--at=--output={}", flag.display()))
        .exits(2);
    assert!(refused.out.is_empty() && !flag.exists());
    lab.clws("secret get prod/web/NEVER --at one").exits(18);
    let alone = Lab::founded().secret("prod/web/TOKEN", "x");
    let refused = alone.clws("secret get prod/web/TOKEN --at HEAD").exits(18);
    assert!(refused.err.contains("git"), "{}", refused.err);
}

#[test]
fn a_reader_who_came_later_sees_the_past_by_the_keys_that_were_kept() {
    let lab = lab();
    lab.clws("rekey prod/web --yes").succeeds();
    lab.clws("access grant ben prod/web --read --yes")
        .succeeds();
    lab.commit("ben reads");
    lab.accepted_by(&["ben"]);
    let got = lab.clws("secret get prod/web/TOKEN --at one").by("ben");
    assert_eq!(got.succeeds().text(), "first");
    let refused = lab.clws("secret get prod/keys/web.key --at one").by("ben");
    refused.exits(11);
}

#[test]
fn a_forged_commit_is_refused_and_shown_only_when_asked_for() {
    let lab = lab();
    let file = lab.vault().join("secrets/prod/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let forged = text.replace("author = \"ada\"", "author = \"eve\"");
    assert_ne!(forged, text);
    std::fs::write(&file, forged).unwrap();
    lab.commit("forged");
    std::fs::write(&file, text).unwrap();
    let refused = lab.clws("secret get prod/web/TOKEN --at HEAD").exits(12);
    assert!(refused.out.is_empty());
    let shown = get(&lab, "prod/web/TOKEN --at HEAD --unvouched");
    assert_eq!(shown.text(), "third");
    assert!(shown.err.contains("NOT vouched for"), "{}", shown.err);
    lab.clws("secret restore prod/web/TOKEN --from HEAD")
        .exits(12);
    let history = lab.clws("secret history prod/web/TOKEN").succeeds().text();
    assert!(history.contains("BAD"), "{history}");
}

#[test]
fn a_history_says_who_and_when_and_a_diff_says_what() {
    let lab = lab();
    lab.clws("access grant ben prod --read --write --yes")
        .succeeds();
    lab.accepted_by(&["ben"]);
    lab.commit("ben writes");
    lab.clws("secret set prod/web/TOKEN")
        .by("ben")
        .stdin(b"fourth\nwith a line")
        .succeeds();
    lab.clws("secret set prod/web/NEW").stdin(b"new").succeeds();
    lab.commit("four");
    lab.clws("secret remove prod/web/NEW --yes").succeeds();
    lab.clws("secret policy prod/web/TOKEN --owner ada")
        .succeeds();
    lab.commit("five");
    let history = lab.clws("secret history prod/web/TOKEN --json").succeeds();
    let history = history.json()["history"].as_array().unwrap().clone();
    let shown: Vec<_> = history
        .iter()
        .map(|one| {
            (
                one["rev"].as_u64(),
                one["seq"].as_u64(),
                one["author"].as_str(),
                one["signer"].as_str(),
            )
        })
        .collect();
    let row = |rev, seq, author, signer| (Some(rev), Some(seq), Some(author), Some(signer));
    assert_eq!(
        shown,
        [
            row(4, 5, "ben", "ada"),
            row(4, 4, "ben", "ben"),
            row(3, 3, "ada", "ada"),
            row(2, 2, "ada", "ada"),
            row(1, 1, "ada", "ada"),
        ]
    );
    assert_eq!(history[0]["here"], true);
    let tagged = lab.git(&["rev-parse", "two^{commit}"]);
    assert_eq!(history[3]["commit"], tagged.trim());
    let whole = lab.clws("secret history prod/web").succeeds().text();
    assert!(
        whole.contains("prod/web/NEW") && whole.contains("removed"),
        "{whole}"
    );
    lab.clws("secret history prod/keys/web.key").succeeds();
    lab.clws("secret history prod/web/NEVER").exits(18);
    lab.clws("secret history prod").exits(2);

    let diff = |words: &str, code: i32| lab.clws(&format!("secret diff {words}")).exits(code);
    let text = diff("three HEAD~1", 1).text();
    for line in [
        "~ prod/web/TOKEN rev 3 → 4 by ben",
        "+ prod/web/NEW rev 1 by ada",
        "+ prod/web can be opened by ben/main",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("fourth"), "{text}");
    let text = diff("HEAD~1 HEAD", 1).text();
    assert!(text.contains("- prod/web/NEW removed by ada"), "{text}");
    assert!(
        text.contains("~ prod/web/TOKEN rev 4 policy by ada"),
        "{text}"
    );
    let text = diff("three HEAD --values --below prod/web", 1).text();
    for line in ["  - third\n", "  + fourth\n  + with a line\n"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // Nothing is left out without a word.
    let refused = diff("three HEAD --values --json", 2);
    let json = format!("{}{}", refused.err, refused.text());
    assert!(json.contains("secret get PATH --at REV"), "{json}");
    assert!(!json.contains("fourth"), "{json}");
    diff("HEAD", 0);
    diff("", 0);
    // As `get` and `history` take it.
    assert_eq!(diff("--at HEAD~1", 1).out, diff("HEAD~1", 1).out);
    diff("--at HEAD~1 HEAD", 2);
    lab.clws("secret set prod/web/TOKEN")
        .stdin(b"fifth")
        .succeeds();
    let text = diff("", 1).text();
    assert_eq!(text, "~ prod/web/TOKEN rev 4 → 5 by ada\n");
}

/// A repository whose configuration would have git run something at every chance.
#[test]
fn looking_back_runs_nothing_of_the_repository() {
    let lab = lab();
    let ran = lab.root().join("ran");
    let trap = lab.root().join("trap.sh");
    std::fs::write(&trap, format!("#!/bin/sh\ntouch {}\ncat\n", ran.display())).unwrap();
    let trap = format!("sh {}", trap.display());
    for key in [
        "core.fsmonitor",
        "core.pager",
        "pager.log",
        "diff.external",
        "diff.bad.textconv",
        "diff.bad.command",
        "filter.bad.smudge",
        "filter.bad.clean",
        "core.sshCommand",
        "uploadpack.packObjectsHook",
    ] {
        lab.git(&["config", key, &trap]);
    }
    let hooks = lab.root().join("hooks");
    std::fs::create_dir(&hooks).unwrap();
    // The newest commit is signed, and git would ask a program of the repository by whom.
    executable(&hooks.join("gpg"), &trap);
    let program = hooks.join("gpg").display().to_string();
    lab.git(&["config", "gpg.program", &program]);
    lab.git(&["config", "log.showSignature", "true"]);
    let commit = lab.git(&["cat-file", "commit", "HEAD"]);
    let signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n -----END PGP SIGNATURE-----\n\n";
    let signed = lab.root().join("signed");
    std::fs::write(
        &signed,
        commit.replacen("\n\n", &format!("\n{signature}"), 1),
    )
    .unwrap();
    let id = lab.git(&[
        "hash-object",
        "-t",
        "commit",
        "-w",
        signed.to_str().unwrap(),
    ]);
    lab.git(&["update-ref", "HEAD", id.trim()]);
    lab.git(&["log", "-1"]);
    std::fs::remove_file(&ran).unwrap();
    for hook in [
        "post-index-change",
        "reference-transaction",
        "post-checkout",
    ] {
        executable(&hooks.join(hook), &trap);
    }
    lab.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]);
    std::fs::write(
        lab.vault().join(".git/info/attributes"),
        "* diff=bad filter=bad\n",
    )
    .unwrap();
    for (words, code) in [
        ("secret get prod/web/TOKEN --at one", 0),
        ("secret list --at one", 0),
        ("secret history prod/web/TOKEN", 0),
        ("secret diff one two --values", 1),
        ("secret diff one", 1),
        ("secret restore prod/web/TOKEN --from two", 0),
    ] {
        lab.clws(words).exits(code);
        assert!(!ran.exists(), "{words}");
    }
    let said = lab.clws("doctor").run();
    assert!(
        said.text().contains("the newest commit is of"),
        "{}",
        said.text()
    );
    assert!(!ran.exists(), "doctor");
    // The trap itself works.
    lab.git(&["log", "-p", "--ext-diff", "--textconv", "-1"]);
    assert!(ran.exists());
}

/// `refs/replace` comes along with an archive of a repository, or a fetch of all refs. git shows another object then
/// wherever one is asked for.
#[test]
fn what_a_repository_puts_in_the_place_of_an_object_is_not_looked_at() {
    let lab = lab();
    let document = |tag: &str| lab.git(&["rev-parse", &format!("{tag}:secrets/prod/web.toml")]);
    let ids = [("one", "two"), (&document("one"), &document("two"))];
    for (one, two) in ids.map(|(one, two)| (one.trim().to_owned(), two.trim().to_owned())) {
        lab.git(&["replace", &one, &two]);
        // git itself takes it for the other one.
        let shown = lab.git(&["show", "one:secrets/prod/web.toml"]);
        assert_eq!(shown, lab.git(&["show", "two:secrets/prod/web.toml"]));
        assert_eq!(get(&lab, "prod/web/TOKEN --at one").text(), "first");
        let history = lab.clws("secret history prod/web/TOKEN").succeeds().text();
        assert!(history.contains("1/1"), "{history}");
        lab.git(&["replace", "-d", &one]);
    }
}

#[test]
fn what_a_clone_does_not_have_is_said_and_not_fetched() {
    let lab = lab();
    lab.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", lab.vault().display());
    lab.git(&["clone", "-q", "--filter=blob:none", &url, "../partial"]);
    lab.git(&["clone", "-q", "--depth=1", &url, "../shallow"]);
    let partial = lab.root().join("partial");
    let objects = || {
        let out = std::process::Command::new("git")
            .args(["cat-file", "--batch-all-objects", "--batch-check"])
            .current_dir(&partial)
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let before = objects();
    let got = lab
        .clws("secret get prod/web/TOKEN --at HEAD")
        .folder(&partial);
    assert_eq!(got.succeeds().text(), "third");
    let refused = lab
        .clws("secret get prod/web/TOKEN --at one")
        .folder(&partial);
    let refused = refused.exits(18);
    assert!(refused.err.contains("does not have it"), "{}", refused.err);
    let listed = lab.clws("secret list --at one").folder(&partial).run();
    assert!(listed.err.contains("does not have it"), "{}", listed.err);
    assert_eq!(objects(), before);
    let shallow = lab.root().join("shallow");
    let history = lab.clws("secret history prod/web/TOKEN").folder(&shallow);
    let history = history.succeeds();
    assert!(history.err.contains("shallow clone"), "{}", history.err);
    assert_eq!(history.text().lines().count(), 2);
}

fn executable(path: &Path, run: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, format!("#!/bin/sh\nexec {run} </dev/null\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_vault_in_a_folder_of_a_repository_and_a_worktree_of_it() {
    let lab = lab();
    // The same vault once more, as a folder of a larger repository.
    let outer = lab.root().join("outer");
    let inner = outer.join("ops/vault");
    std::fs::create_dir_all(&inner).unwrap();
    let sh = |script: &str| {
        let done = std::process::Command::new("sh")
            .args(["-ec", script])
            .current_dir(&outer)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    sh(
        "cp -a ../vault/. ops/vault/ && rm -rf ops/vault/.git && git init -q -b main && git add -A \
        && git -c user.name=t -c user.email=t@example.invalid commit -qm one",
    );
    lab.clws("secret set prod/web/TOKEN")
        .folder(&inner)
        .stdin(b"fourth")
        .succeeds();
    let got = lab
        .clws("secret get prod/web/TOKEN --at HEAD")
        .folder(&inner);
    assert_eq!(got.succeeds().text(), "third");
    let history = lab.clws("secret history prod/web/TOKEN").folder(&inner);
    assert!(history.succeeds().text().contains("3/3"));
    let diff = lab.clws("secret diff").folder(&inner).exits(1);
    assert_eq!(diff.text(), "~ prod/web/TOKEN rev 3 → 4 by ada\n");
    sh("git worktree add -q ../tree HEAD");
    let tree = lab.root().join("tree/ops/vault");
    let got = lab
        .clws("secret get prod/web/TOKEN --at HEAD")
        .folder(&tree);
    assert_eq!(got.succeeds().text(), "third");
}

#[test]
fn values_of_many_differences_are_logged_in_one_line_of_each_side() {
    let lab = lab();
    let names = ["prod/web/OTHER", "prod/web/TOKEN"];
    let lines = || {
        let log = lab.home("ada").join(".local/state/clws/audit/log.jsonl");
        let text = std::fs::read_to_string(log).unwrap();
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        text.lines().map(line).collect::<Vec<_>>()
    };
    let set = |value: &[u8]| {
        for name in names {
            lab.clws(&format!("secret set {name}"))
                .stdin(value)
                .succeeds();
        }
    };
    set(b"fourth");
    lab.commit("four");
    set(b"fifth");
    for (words, code, whats) in [
        (
            "secret diff --values",
            1,
            &["secret diff --at ", "secret diff"][..],
        ),
        (
            "secret restore prod/web --from HEAD --yes",
            0,
            &["secret restore --at ", "secret restore"],
        ),
    ] {
        let before = lines().len();
        lab.clws(words).exits(code);
        let new = lines().split_off(before);
        assert_eq!(new.len(), whats.len(), "{words}: {new:?}");
        for (line, what) in new.iter().zip(whats) {
            assert!(line["what"].as_str().unwrap().starts_with(what), "{line}");
            assert_eq!(line["secrets"], serde_json::json!(names), "{line}");
        }
    }
    let seen = lab.clws("secret get prod/web/TOKEN").succeeds();
    assert_eq!(seen.text(), "fourth");
}
