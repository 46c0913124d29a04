//! A text of the repository holds line ends, written as `\u000a`, and behind them what clws itself would say.
//! Whoever can push would so put a verdict of `check`, or a change of the rules, before a person's eyes.

use clws::crypto::sshsig::Namespace;
use clws::vault::PolicyKey;

use crate::forge::{Known, file_of, signing_key, with_table};
use crate::lab::{Lab, Ran};
use crate::scene::{plant, read};

const FORGED: [&str; 2] = [
    "  next: clws trust sign --yes",
    "checked 2 documents with 9 values and 0 files: 0 findings, 0 notes",
];

/// A text whose second and third line are forged, as the form of the vault's files writes it.
fn escaped() -> String {
    format!("x\\u000a{}\\u000a{}\\u000ay", FORGED[0], FORGED[1])
}

fn plain() -> String {
    escaped().replace("\\u000a", "\n")
}

#[track_caller]
fn says_none_of_it(ran: &Ran) {
    let said = ran.text() + &ran.err;
    for line in said.lines() {
        assert!(!FORGED.contains(&line), "clws {}: {said}", ran.words);
        assert_ne!(line, "y", "clws {}: {said}", ran.words);
    }
}

fn lab() -> Lab {
    Lab::new()
        .secret("prod/web/TOKEN", "first")
        .secret("prod/web/OTHER", "second")
}

#[test]
fn in_what_is_known_about_a_value_by_nobody_who_counts() {
    let lab = lab();
    let file = "secrets/prod/web.toml";
    let good = read(&lab, file);
    for key in ["exposed", "note", "owner", "expires", "rotate_every"] {
        let author = "author = \"ada\"\n";
        let more = format!("{author}{key} = \"{}\"\n", escaped());
        plant(&lab, file, good.replace(author, &more));
        let ran = lab.clws("check").exits(1);
        says_none_of_it(&ran);
        assert!(ran.text().contains("signature: prod/web/TOKEN"), "{key}");
        // What nobody vouches for is not known about the value.
        assert!(!ran.text().contains("note: prod/web"), "{}", ran.text());
        for words in [
            "rotate --due --dry-run",
            "status",
            "status --report",
            "secret list",
        ] {
            says_none_of_it(&lab.clws(words).run());
        }
    }
    plant(
        &lab,
        file,
        good.replace("author = \"ada\"", &format!("author = \"{}\"", escaped())),
    );
    for words in ["check", "secret list", "secret history prod/web/TOKEN"] {
        says_none_of_it(&lab.clws(words).run());
    }
    let sig = format!("sig = \"{}/", escaped());
    plant(&lab, file, good.replace("sig = \"ada/", &sig));
    for words in ["check", "secret list", "secret get prod/web/TOKEN"] {
        says_none_of_it(&lab.clws(words).run());
    }
}

#[test]
fn in_what_is_known_about_a_value_by_a_writer() {
    let lab = lab();
    let known = Known::of(&lab, "prod/web", "ada");
    let key = signing_key(&lab, "ada");
    let mut record = known.record("TOKEN", (2, 2), "forged", ("ada", &key));
    for key in [PolicyKey::Exposed, PolicyKey::Owner, PolicyKey::Note] {
        record.policy.set(key, Some(plain()));
    }
    let message = record.message(&known.place, &known.key_id, key.public());
    record.signed.signature = key.sign(Namespace::Value, &message);
    let text = with_table(&known.text, "[secret.TOKEN]", &record.print());
    plant(&lab, &file_of("prod/web"), text);
    let ran = lab.clws("check").succeeds();
    assert!(ran.text().contains("others may know it"), "{}", ran.text());
    says_none_of_it(&ran);
    for words in [
        "rotate --due --dry-run",
        "status",
        "status --report",
        "secret list",
        "secret policy prod/web/TOKEN",
        "secret get prod/web/TOKEN",
    ] {
        says_none_of_it(&lab.clws(words).run());
    }
}

#[test]
fn in_a_party_that_nobody_signed() {
    let lab = lab();
    for key in ["address", "user", "jump", "machine_type"] {
        let address = match key {
            "address" => String::new(),
            _ => "address = \"10.0.0.4\"\n".to_owned(),
        };
        let party = format!(
            "[party]\nkind = \"host\"\nname = \"box\"\n{address}{key} = \"{}\"\n\n[end]\n",
            escaped()
        );
        plant(&lab, "recipients/box.toml", party);
        let ran = lab.clws("trust diff").exits(1);
        assert!(ran.text().contains("box is new"), "{}", ran.text());
        says_none_of_it(&ran);
        for words in [
            "check",
            "trust sign --dry-run",
            "host list",
            "host show box",
        ] {
            says_none_of_it(&lab.clws(words).run());
        }
    }
}

/// A shell puts the names of files among the words, and clap repeats those.
#[test]
fn in_a_word_of_the_command_line() {
    let lab = lab();
    for word in [
        plain(),
        format!("prod/web/{}", plain()),
        "x\u{1b}[2J".to_owned(),
        "##[add-path]/tmp".to_owned(),
        "x\n::error::y".to_owned(),
    ] {
        for words in [
            "check",
            "secret get",
            "fmt --no",
            "secret list --at=x",
            "host",
        ] {
            let ran = lab.clws(words).word(&word).run();
            says_none_of_it(&ran);
            let ours = |line: &str| line.contains("##[") || line.starts_with("::");
            assert!(!ran.err.lines().any(ours), "clws {words}: {}", ran.err);
        }
        let ran = lab
            .clws("deploy")
            .word(format!("--parallel={word}"))
            .exits(2);
        says_none_of_it(&ran);
    }
}

#[test]
fn in_the_name_of_the_vault_and_of_files() {
    let lab = lab();
    let settings = read(&lab, "clws.toml");
    let line = settings.lines().find(|line| line.starts_with("name = "));
    let forged = format!("name = \"{}\"", escaped());
    plant(&lab, "clws.toml", settings.replace(line.unwrap(), &forged));
    says_none_of_it(&lab.clws("trust diff").exits(1));
    plant(&lab, "clws.toml", settings);
    for folder in ["secrets/prod", "recipients", "hooks"] {
        plant(&lab, &format!("{folder}/{}", plain()), "x");
    }
    for words in ["check", "trust diff", "fmt --check", "hook list", "scan"] {
        says_none_of_it(&lab.clws(words).run());
    }
}
