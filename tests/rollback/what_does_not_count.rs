//! The table of `docs/format.md` ("What is refused when"), cell by cell, for what is signed or known by nobody who counts. Each use runs in
//! a copy of the lab, so none prepares the next.

use crate::lab::Lab;
use crate::table::{cell, each, edit, lab, remembered};

#[test]
fn a_signer_who_may_not_write_any_more() {
    let lab = lab();
    lab.git(&["checkout", "-qb", "bens"]);
    lab.clws("secret set prod/web/TOKEN")
        .by("ben")
        .stdin(b"by ben")
        .succeeds();
    let bens = std::fs::read(lab.vault().join("secrets/prod/web.toml")).unwrap();
    lab.commit("ben's");
    lab.git(&["checkout", "-q", "main"]);
    // Ben keeps reading: no new key, so what he signed meanwhile is all that is wrong.
    lab.clws("access revoke ben prod --write --yes").succeeds();
    lab.commit("ben reads");
    let ours = std::fs::read_to_string(lab.vault().join("secrets/prod/web.toml")).unwrap();
    let table = |text: &str| {
        let from = text.find("[secret.TOKEN]").unwrap();
        let to = text[from..].find("\n\n").unwrap();
        text[from..from + to].to_owned()
    };
    let bens = table(std::str::from_utf8(&bens).unwrap());
    edit(&lab, "secrets/prod/web.toml", |text| {
        text.replace(&table(&ours), &bens)
    });
    each(
        &lab,
        &[
            cell("secret list prod", 0, "unvouched"),
            cell("check", 1, "unvouched"),
            cell("secret get prod/web/TOKEN", 13, "ben"),
            cell("secret get prod/web/TOKEN --unvouched", 0, "by ben"),
            cell(
                "secret get prod/web/TOKEN --unvouched",
                0,
                "NOT vouched for",
            ),
            cell("exec prod/web -- true", 125, "ben"),
            cell("secret set prod/web/TOKEN", 0, ""),
            cell("secret adopt prod/web/TOKEN --yes", 0, "signed by ben"),
            cell("rekey prod/web --yes", 13, ""),
            cell("deploy --on prod --dry-run", 13, "ben"),
            cell(
                "secret get prod/web/TOKEN --at bens",
                0,
                "who could write it by trust version",
            ),
            cell("secret list prod --at bens", 0, "former writer"),
            cell(
                "secret restore prod/web/TOKEN --from bens",
                15,
                "may not now",
            ),
            cell(
                "secret restore prod/web/TOKEN --from bens --yes",
                0,
                "rev 3",
            ),
        ],
    );
}

#[test]
fn a_value_under_a_key_from_before() {
    let lab = lab();
    for scope in ["prod", "dev"] {
        lab.git(&["checkout", "-qb", scope]);
        lab.clws(&format!("secret set {scope}/web/ZEBRA"))
            .stdin(b"zebra")
            .succeeds();
        lab.commit("zebra");
        lab.git(&["checkout", "-q", "main"]);
    }
    edit(&lab, "hooks/web.toml", |text| {
        text.replace("web/TOKEN", "web/ZEBRA")
    });
    lab.clws("hook sign --yes").succeeds();
    lab.clws("recipient remove ben --yes").succeeds();
    lab.commit("ben left");
    lab.git(&["merge", "-q", "-m", "m", "prod"]);
    lab.git(&["merge", "-q", "-m", "m", "dev"]);
    each(
        &lab,
        &[
            cell("secret list prod", 0, "other key"),
            cell("check", 1, "other-key: prod/web/ZEBRA"),
            cell("secret get prod/web/ZEBRA", 0, "clws secret adopt"),
            cell("exec prod/web -- true", 125, "clws secret adopt"),
            cell("exec dev/web -- true", 0, "clws secret adopt"),
            cell("secret set prod/web/ZEBRA", 0, ""),
            cell("secret set prod/web/TOKEN", 0, ""),
            cell("secret adopt prod/web/ZEBRA --yes", 0, "ben could read it"),
            cell("secret restore prod/web/ZEBRA", 0, "rev 2"),
            cell("rekey prod/web --yes", 0, ""),
            cell("deploy --on prod --dry-run", 12, "clws secret adopt"),
        ],
    );
    for take in ["rekey prod/web --yes", "secret restore prod/web/ZEBRA"] {
        let copy = lab.copy();
        copy.clws(take).succeeds();
        let policy = copy.clws("secret policy prod/web/ZEBRA").succeeds().text();
        assert!(policy.contains("ben left"), "{take}: {policy}");
    }
}

#[test]
fn a_value_that_was_tampered_with() {
    let lab = lab();
    edit(&lab, "secrets/prod/web.toml", |text| {
        let at = text.find("[secret.TOKEN]").unwrap();
        let (before, after) = text.split_at(at);
        format!("{before}{}", after.replacen("rev = 1", "rev = 2", 1))
    });
    each(
        &lab,
        &[
            cell("secret list prod", 0, "BAD"),
            cell("check", 1, "prod/web/TOKEN"),
            cell("secret get prod/web/TOKEN", 12, "does not verify"),
            cell("secret get prod/web/OTHER", 0, "first"),
            cell("secret set prod/web/TOKEN", 0, ""),
            cell("rekey prod/web --yes", 12, ""),
            cell("deploy --on prod --dry-run", 12, "does not verify"),
            cell("secret restore prod/web/TOKEN --from HEAD", 0, "rev 2"),
        ],
    );
}

#[test]
fn a_number_that_jumped() {
    let lab = lab();
    lab.clws("secret get prod/web/TOKEN").by("ben").succeeds();
    lab.clws("secret get prod/keys/web.key")
        .by("ben")
        .succeeds();
    counts_on(&lab, "ada", ["TOKEN", "prod/keys/web.key"], "5000");
    for path in ["prod/web/TOKEN", "prod/keys/web.key"] {
        lab.clws(&format!("secret set {path}"))
            .stdin(b"jumped")
            .succeeds();
    }
    lab.commit("jumped");
    let ben = |words: &'static str, code: i32, says: &str| {
        let copy = lab.copy();
        let ran = copy.clws(words).by("ben").stdin(b"new").run();
        let text = format!("{}{}", ran.text(), ran.err);
        assert_eq!(ran.code, code, "{words}: {text}");
        assert!(text.contains(says), "{words}: {text}");
        copy
    };
    ben("secret list prod", 0, "jumped");
    ben("check", 1, "jump: prod/web/TOKEN");
    ben(
        "secret get prod/web/TOKEN",
        14,
        "clws secret accept prod/web/TOKEN",
    );
    ben(
        "secret get prod/keys/web.key",
        14,
        "clws secret accept prod/keys/web.key",
    );
    ben("exec prod/web -- true", 125, "jumped");
    ben("secret set prod/web/TOKEN", 14, "jumped");
    ben("secret set prod/keys/web.key", 14, "jumped");
    ben("secret remove prod/web/TOKEN --yes", 14, "jumped");
    ben("secret policy prod/web/TOKEN --owner ben", 14, "jumped");
    ben("secret restore prod/web/TOKEN", 14, "jumped");
    ben("rekey prod/web --yes", 14, "jumped");
    ben("deploy --on prod --dry-run", 14, "jumped");
    ben("secret accept prod/web/TOKEN", 15, "5001");
    let copy = ben("secret accept prod/web/TOKEN --yes", 0, "taken as it is");
    let got = copy.clws("secret get prod/web/TOKEN").by("ben").succeeds();
    assert_eq!(got.text(), "jumped");
    let copy = ben("secret accept prod/keys/web.key --yes", 0, "taken as it is");
    copy.clws("secret get prod/keys/web.key")
        .by("ben")
        .succeeds();
    ben("secret accept prod/web/OTHER --yes", 0, "did not jump");
}

/// A writer can sign any number. The memory of this one says that those of a value and of a file are higher.
fn counts_on(lab: &Lab, who: &str, [value, file]: [&str; 2], number: &str) {
    let vaults = lab.home(who).join(".local/state/clws/vaults");
    let vault = std::fs::read_dir(vaults).unwrap().next().unwrap().unwrap();
    for seen in remembered(&vault.path()) {
        let text = std::fs::read_to_string(&seen).unwrap();
        let lines = text.lines().map(|line| {
            let mut words: Vec<&str> = line.split(' ').collect();
            words.pop();
            // A value's line begins with its name, a sealed file's with id and path.
            if let Some(numbers) = match words[..] {
                [name, ..] if name == value => Some(1),
                [_, path, _, _, _, _] if path == file => Some(2),
                _ => None,
            } {
                words[numbers..numbers + 2].fill(number);
            }
            let line = words.join(" ");
            let sum = clws::crypto::hex(&clws::crypto::sha256(line.as_bytes())[..4]);
            format!("{line} {sum}\n")
        });
        let text: String = lines.collect();
        std::fs::write(&seen, text).unwrap();
    }
}

#[test]
fn a_number_that_leaves_none_behind_it() {
    let lab = lab();
    let by_ben = |path: &str| {
        let set = lab.clws(&format!("secret set {path}")).by("ben");
        set.stdin(b"bens").succeeds();
    };
    by_ben("prod/keys/bens.key --type file");
    lab.commit("another file");
    // Greater than any that a person can accept.
    let number = "9007199254741000";
    counts_on(&lab, "ben", ["BENS", "prod/keys/bens.key"], number);
    by_ben("prod/web/BENS");
    by_ben("prod/keys/bens.key");
    lab.commit("the greatest numbers");
    // Ada has seen neither of them.
    each(
        &lab,
        &[
            cell("check", 1, "jump: prod/web/BENS"),
            cell("check", 1, "jump: prod/keys/bens.key"),
            cell(
                "secret get prod/web/BENS",
                14,
                "put the version before back",
            ),
            cell(
                "secret get prod/keys/bens.key",
                14,
                "put the version before back",
            ),
            cell("secret get prod/web/TOKEN", 0, "first"),
            cell("secret set prod/web/BENS", 14, "jumped"),
            cell("secret set prod/keys/bens.key", 14, "jumped"),
            cell(
                "secret accept prod/web/BENS --yes",
                14,
                "nobody counts to that number",
            ),
            cell(
                "secret accept prod/keys/bens.key --yes",
                14,
                "nobody counts to that number",
            ),
            cell("rekey prod/web --yes", 14, "jumped"),
            // Who did it does not stay because of it.
            cell(
                "recipient remove ben --yes",
                0,
                "prod/web does not follow the rules yet",
            ),
        ],
    );
    lab.git(&["checkout", "-q", "HEAD~1", "--", "secrets"]);
    lab.clws("recipient remove ben --yes").succeeds();
    assert!(!lab.clws("check --full").succeeds().text().contains("jump"));
}

#[test]
fn a_machine_that_has_accepted_nothing() {
    let lab = lab();
    // Ada's new machine: her identity, and nothing that it has seen.
    let (old, here) = (lab.home("ada"), lab.home("new"));
    std::fs::create_dir_all(&here).unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([old.join(".config"), here])
        .status();
    assert!(copied.unwrap().success());
    let new = |words: &str, code: i32| {
        let ran = lab.clws(words).by("new").stdin(b"x").run();
        assert_eq!(ran.code, code, "{words}: {}", ran.err);
        ran
    };
    new("secret list prod", 0);
    new("check", 0);
    for words in [
        "secret get prod/web/TOKEN",
        "secret get prod/web/TOKEN --at HEAD",
        "secret get prod/web/TOKEN --unvouched",
        "secret set prod/web/TOKEN",
        "rekey prod/web --yes",
        "deploy --on prod --dry-run",
    ] {
        let refused = new(words, 13);
        assert!(refused.err.contains("--expect"), "{words}: {}", refused.err);
        assert!(refused.out.is_empty());
    }
    new("secret list prod --at HEAD", 0);
}

#[test]
fn a_memory_that_is_damaged() {
    let lab = lab();
    let vaults = lab.home("ada").join(".local/state/clws/vaults");
    let vault = std::fs::read_dir(vaults).unwrap().next().unwrap().unwrap();
    for file in remembered(&vault.path()) {
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(" 1 ", " 2 ")).unwrap();
    }
    each(
        &lab,
        &[
            cell("secret list prod", 0, "TOKEN"),
            cell("secret list prod", 0, "warning: "),
            cell("secret get prod/web/TOKEN", 13, "damaged"),
            cell("secret set prod/web/TOKEN", 13, "damaged"),
            cell("rekey prod/web --yes", 13, "damaged"),
            cell("deploy --on prod --dry-run", 13, "damaged"),
        ],
    );
}
