//! Writing without reading: a provider's robot, or a colleague, hands values in; nobody but the readers
//! opens them, and nothing counts before a writer took it over.

use crate::lab::Lab;
use crate::terminal::Terminal;

/// Ada reads and writes, ben only hands in, eve may nothing.
fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben", "eve"])
        .secret("dev/web/TOKEN", "live-value");
    lab.clws("access grant ben dev --submit --yes").succeeds();
    lab.accepted_by(&["ben", "eve"]);
    lab
}

fn hand_in(lab: &Lab, name: &str, value: &str) {
    let ran = lab
        .clws(&format!("secret set dev/web/{name}"))
        .by("ben")
        .stdin(value.as_bytes())
        .succeeds();
    assert!(ran.err.contains("clws secret adopt"), "{}", ran.err);
}

fn marks(lab: &Lab) -> Vec<(String, u64, String)> {
    let listed = lab.clws("secret list dev/web --json").succeeds().json();
    let rows = listed["secrets"].as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| {
            (
                text(&row["path"]),
                row["rev"].as_u64().unwrap(),
                text(&row["mark"]),
            )
        })
        .collect()
}

#[test]
fn it_counts_for_nothing_until_a_writer_takes_it_over() {
    let lab = lab();
    hand_in(&lab, "TOKEN", "handed-in-77");
    hand_in(&lab, "FRESH", "quite-new-88");
    lab.nowhere(&["handed-in-77".to_owned(), "quite-new-88".to_owned()]);
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN").succeeds().text(),
        "live-value"
    );
    lab.clws("secret get dev/web/FRESH").exits(18);
    assert_eq!(
        lab.clws("exec dev/web -- sh -c env")
            .succeeds()
            .text()
            .matches("TOKEN=live-value")
            .count(),
        1
    );
    // Who handed it in opens neither.
    for name in ["TOKEN", "FRESH"] {
        let refused = lab
            .clws(&format!("secret get dev/web/{name}"))
            .by("ben")
            .run();
        assert!(matches!(refused.code, 11 | 18), "{}", refused.err);
    }
    assert_eq!(
        marks(&lab),
        [
            ("dev/web/TOKEN".to_owned(), 1, "submitted".to_owned()),
            ("dev/web/FRESH".to_owned(), 0, "submitted".to_owned()),
        ]
    );
    let noted = lab.clws("check --full").succeeds();
    assert!(
        noted.text().contains("clws secret adopt dev/web/FRESH"),
        "{}",
        noted.text()
    );

    let taken = lab.clws("secret adopt dev/web/TOKEN --yes").succeeds();
    assert!(taken.err.contains("what ben handed in"), "{}", taken.err);
    lab.clws("secret adopt dev/web/FRESH --yes").succeeds();
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN").succeeds().text(),
        "handed-in-77"
    );
    assert_eq!(
        lab.clws("secret get dev/web/FRESH").succeeds().text(),
        "quite-new-88"
    );
    let text = std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap();
    assert!(!text.contains("[submission."), "{text}");
    assert_eq!(text.matches("author = \"ben\"").count(), 2, "{text}");
    assert_eq!(text.matches("sig = \"ada/").count(), 3, "{text}");
    lab.clws("check --full").succeeds();
    let again = lab.clws("secret adopt dev/web/TOKEN --yes").succeeds();
    assert!(again.err.contains("counts as it is"), "{}", again.err);
}

#[test]
fn it_can_be_thrown_away_and_a_later_one_replaces_an_earlier() {
    let lab = lab();
    hand_in(&lab, "TOKEN", "first");
    hand_in(&lab, "TOKEN", "second");
    let text = std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap();
    assert_eq!(text.matches("[submission.").count(), 1);
    let lab = lab.secret("dev/web/TOKEN", "meanwhile");
    // It may have been put back, so that no script takes it over.
    let refused = lab.clws("secret adopt dev/web/TOKEN --yes").exits(15);
    assert!(
        refused.err.contains("to replace rev 1, and rev 2 is there"),
        "{}",
        refused.err
    );
    let mut terminal = Terminal::start(lab.clws("secret adopt dev/web/TOKEN").command());
    terminal
        .shows("vouch for `dev/web/TOKEN` as ben handed it in at 20")
        .types("y\n");
    let (code, shown) = terminal.ends();
    assert_eq!(code, 0, "{shown}");
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN").succeeds().text(),
        "second"
    );
    hand_in(&lab, "TOKEN", "third");
    lab.clws("secret adopt dev/web/TOKEN --drop").succeeds();
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN").succeeds().text(),
        "second"
    );
    lab.clws("secret adopt dev/web/TOKEN --drop").exits(18);
}

/// The text with another signature in a table: as long, and by nobody.
fn forged(text: &str, table: &str) -> String {
    let from = text.find(table).unwrap();
    let sig = from + text[from..].find("\nsig = ").unwrap() + 1;
    let at = sig + text[sig..].find("\"\n").unwrap() - 40;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

#[test]
fn what_nobody_signed_is_not_taken_over() {
    let lab = lab();
    hand_in(&lab, "TOKEN", "handed-in");
    let file = lab.vault().join("secrets/dev/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, forged(&text, "[submission.TOKEN]")).unwrap();
    lab.clws("secret adopt dev/web/TOKEN --yes").exits(12);
    let got = lab.clws("secret get dev/web/TOKEN").succeeds();
    assert_eq!(got.text(), "live-value");
    std::fs::write(&file, &text).unwrap();
    lab.clws("secret adopt dev/web/TOKEN --yes").succeeds();
}

#[test]
fn nothing_is_handed_into_a_document_whose_own_record_nobody_signed() {
    let lab = lab();
    let file = lab.vault().join("secrets/dev/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let forged = forged(&text, "[document]");
    std::fs::write(&file, &forged).unwrap();
    let hand_in = || {
        let set = lab.clws("secret set dev/web/TOKEN").by("ben");
        set.stdin(b"handed-in")
    };
    hand_in().exits(12);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), forged);
    std::fs::write(&file, &text).unwrap();
    hand_in().succeeds();
}

#[test]
fn what_somebody_could_read_who_left_since_says_so() {
    let lab = lab();
    lab.clws("access grant eve dev --read --yes").succeeds();
    hand_in(&lab, "TOKEN", "handed-in");
    hand_in(&lab, "FRESH", "quite-new");
    lab.clws("recipient remove eve --yes").succeeds();
    for name in ["TOKEN", "FRESH"] {
        let taken = lab
            .clws(&format!("secret adopt dev/web/{name} --yes"))
            .succeeds();
        assert!(taken.err.contains("eve could read it"), "{}", taken.err);
    }
    let text = std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap();
    assert_eq!(text.matches("exposed = \"eve left ").count(), 2, "{text}");
    let due = lab.clws("rotate --due --dry-run").succeeds().text();
    for name in ["TOKEN", "FRESH"] {
        assert!(due.contains(&format!("dev/web/{name}")), "{due}");
    }
    // What is handed in later is known to nobody who left.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    hand_in(&lab, "TOKEN", "later");
    let taken = lab.clws("secret adopt dev/web/TOKEN --yes").succeeds();
    assert!(!taken.err.contains("eve"), "{}", taken.err);
}

#[test]
fn who_may_not_hand_in_does_not_and_nothing_of_it_can_be_changed() {
    let lab = lab();
    lab.clws("secret set dev/web/TOKEN")
        .by("eve")
        .stdin(b"x")
        .exits(13);
    lab.clws("secret set dev/none/TOKEN")
        .by("ben")
        .stdin(b"x")
        .exits(18);
    hand_in(&lab, "TOKEN", "handed-in");
    let file = lab.vault().join("secrets/dev/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let from = text.find("[submission.TOKEN]").unwrap();
    let (before, submission) = text.split_at(from);
    let flipped = |a: &str, b: &str| {
        assert!(submission.contains(a), "{a} in {submission}");
        format!("{before}{}", submission.replacen(a, b, 1))
    };
    for changed in [
        flipped("[submission.TOKEN]", "[submission.OTHER]"),
        flipped("type = \"string\"", "type = \"bytes\""),
        flipped("rev = 1", "rev = 2"),
        flipped("age:YWdl", "age:YWdm"),
        flipped("author = \"ben\"", "author = \"ada\""),
        flipped("changed = \"20", "changed = \"19"),
    ] {
        std::fs::write(&file, &changed).unwrap();
        let name = if changed.contains("submission.OTHER") {
            "OTHER"
        } else {
            "TOKEN"
        };
        let refused = lab
            .clws(&format!("secret adopt dev/web/{name} --yes"))
            .run();
        assert!(
            matches!(refused.code, 10 | 12),
            "{}: {}",
            refused.code,
            refused.err
        );
        lab.clws("check").exits(1);
    }
    std::fs::write(&file, &text).unwrap();
    // Who lost the right has handed nothing in.
    lab.clws("access revoke ben dev --submit --yes").succeeds();
    let refused = lab.clws("secret adopt dev/web/TOKEN --yes").exits(13);
    assert!(refused.err.contains("--drop"), "{}", refused.err);
}

#[test]
fn nothing_is_handed_into_a_document_from_before_its_key_was_changed() {
    let lab = lab();
    let file = lab.vault().join("secrets/dev/web.toml");
    let old = std::fs::read(&file).unwrap();
    lab.clws("rekey dev/web --yes").succeeds();
    // Ben's machine has seen what ada's has.
    let seen = lab.home("ada").join(".local/state/clws/vaults");
    let ben = lab.home("ben").join(".local/state/clws/vaults");
    let copied = std::process::Command::new("cp")
        .arg("-aT")
        .args([&seen, &ben])
        .status();
    assert!(copied.unwrap().success());
    hand_in(&lab, "TOKEN", "into the new one");
    std::fs::write(&file, &old).unwrap();
    lab.clws("secret set dev/web/TOKEN")
        .by("ben")
        .stdin(b"into the old one")
        .exits(14);
    assert_eq!(std::fs::read(&file).unwrap(), old);
}

#[test]
fn what_is_put_back_with_the_value_that_it_was_to_replace_is_no_newer_for_it() {
    let lab = lab();
    hand_in(&lab, "TOKEN", "handed-in");
    let file = lab.vault().join("secrets/dev/web.toml");
    let then = std::fs::read(&file).unwrap();
    lab.clws("secret adopt dev/web/TOKEN --yes").succeeds();
    let lab = lab.secret("dev/web/TOKEN", "since");
    // Whoever may push puts all of the document back as it was.
    std::fs::write(&file, &then).unwrap();
    let refused = lab.clws("secret adopt dev/web/TOKEN --yes").exits(15);
    let told = "to replace rev 1, and rev 3 was seen";
    assert!(refused.err.contains(told), "{}", refused.err);
    assert_eq!(std::fs::read(&file).unwrap(), then);
}
