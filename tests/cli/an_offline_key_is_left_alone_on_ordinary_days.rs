//! Two keys of one person, one of them under a passphrase: nobody is asked for it where the other will do. Where none
//! will, that nobody can be asked is no fault of the vault.

use crate::lab::Lab;
use crate::terminal::Terminal;

/// Makes an identity of somebody's, with its passphrase typed.
fn under_a_passphrase(lab: &Lab, by: &str, name: &str) {
    let new = lab
        .clws(&format!("identity new {name} --passphrase"))
        .by(by);
    let mut terminal = Terminal::controlling(&new.command());
    for asked in ["new passphrase", "once more"] {
        terminal.shows(asked).types("correct horse\r");
    }
    let (code, shown) = terminal.ends();
    assert_eq!(code, 0, "{shown}");
}

#[test]
fn nobody_is_asked_for_a_passphrase_where_another_key_will_do() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    // Before the everyday one by its name.
    under_a_passphrase(&lab, "ada", "a-offline");
    // It opens nothing yet, and keeps nothing closed that the everyday one opens: not one file, and not many.
    for number in 0..17 {
        lab.clws(&format!("secret set prod/tls/{number}.key --type file"))
            .stdin(format!("the-key-{number}").as_bytes())
            .succeeds();
    }
    let each = |out: &str| {
        let shown = lab.clws("secret get prod/tls/7.key").succeeds();
        assert_eq!(shown.text(), "the-key-7");
        let export = format!("export --format dir --allow-disk --out ../{out}");
        for words in [&export, "scan", "secret set prod/tls/7.key"] {
            lab.clws(words).stdin(b"the-key-7").succeeds();
        }
    };
    each("before");
    lab.clws("check --full").succeeds();
    let party = lab.clws("identity show a-offline").succeeds().text();
    std::fs::write(lab.root().join("offline.toml"), party).unwrap();
    lab.clws("recipient update ada ../offline.toml --offline --yes")
        .succeeds();
    // Nobody is there to be asked.
    lab.clws("secret set prod/web/OTHER")
        .stdin(b"by the everyday key")
        .succeeds();
    for path in ["prod/web/OTHER", "prod/web/TOKEN"] {
        lab.clws(&format!("secret get {path}")).succeeds();
    }
    each("behind");
    lab.clws("rekey prod --yes").succeeds();
    each("anew");
    lab.clws("access grant ada dev --write --yes").succeeds();
    lab.clws("check").succeeds();
}

#[test]
fn a_full_check_that_can_ask_nobody_finds_no_fault_in_the_vault() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2");
    under_a_passphrase(&lab, "ben", "ben");
    let party = lab.clws("identity show ben").by("ben").succeeds().text();
    std::fs::write(lab.root().join("ben.toml"), party).unwrap();
    lab.clws("recipient add ben ../ben.toml --yes").succeeds();
    lab.clws("access grant ben prod --read --yes").succeeds();
    let shown = lab.clws("trust show --json").succeeds().json();
    lab.clws("trust accept --expect")
        .word(shown["head"].as_str().unwrap())
        .by("ben")
        .succeeds();
    lab.clws("check").by("ben").succeeds();
    let refused = lab.clws("check --full").by("ben").exits(15);
    assert_eq!(refused.text(), "");
    assert!(
        refused
            .err
            .contains("needs its passphrase, and nobody can be asked"),
        "{}",
        refused.err
    );
    let mut terminal = Terminal::controlling(&lab.clws("check --full").by("ben").command());
    terminal.shows("passphrase").types("correct horse\r");
    let (code, shown) = terminal.ends();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("0 findings"), "{shown}");
}
