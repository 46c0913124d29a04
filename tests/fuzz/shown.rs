//! What is shown on a terminal: safe whatever it is, and without the values that a run gave out.

use clws::secret::{Plain, Redactor};
use clws::text::{clean, clean_json, clean_line};

use crate::drive::fuzz;
use crate::random::Random;

#[test]
fn text_for_a_terminal() {
    let seed = "name\u{1b}[31mred\u{202e}\n\ttab\u{200b}{\"a\":\"\u{7f}\\u{a}\"}";
    fuzz(
        "clean",
        &[seed.as_bytes()],
        &["\u{1b}]0;", "\u{9b}", "\\u{1b}", "\u{2066}", "\u{e0001}"],
        |text| {
            let text = String::from_utf8_lossy(text);
            for (name, made) in [
                ("clean", clean as fn(&str) -> String),
                ("line", clean_line),
                ("json", clean_json),
            ] {
                let once = made(&text);
                assert_eq!(made(&once), once, "{name} of {name}");
                let stays = |c: char| name != "line" && matches!(c, '\n' | '\t');
                let bad = once.chars().find(|c| c.is_control() && !stays(*c));
                assert_eq!(bad, None, "{name}");
            }
            let json = serde_json::from_str::<serde_json::Value>(&text);
            if let Ok(value) = &json {
                // serde_json reads a number only nearly as it prints it.
                let printed = value.to_string();
                let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
                assert_eq!(
                    read(&clean_json(&printed)),
                    read(&printed),
                    "JSON means the same"
                );
            }
            format!("{} {}", clean(&text).len().min(99) / 10, json.is_ok())
        },
    );
}

#[test]
fn output_of_programs() {
    let seed =
        b"user=root password=hunter2-swordfish token aHVudGVyMi1zd29yZGZpc2g= 68756e74657232";
    let values = [
        "hunter2-swordfish",
        "hunter2",
        "aaaaaaaa",
        "two lines of\na key file",
    ];
    let mut random = Random::from_seed(7);
    fuzz(
        "redactor",
        &[seed],
        &[
            "hunter2",
            "hunter2-swordfish",
            "aaaa",
            "-swordfish",
            "two lines of\na key file",
        ],
        |text| {
            let learned = || {
                let mut redactor = Redactor::new();
                values
                    .iter()
                    .for_each(|value| redactor.learn(&Plain::from(*value)));
                redactor
            };
            let mut whole = learned();
            let mut expected = whole.push(text);
            expected.extend(whole.finish());
            // However the output is cut, the same comes out, and no value.
            let (mut cut, mut out, mut rest) = (learned(), Vec::new(), text);
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(1 + random.below(rest.len().min(4000)));
                out.extend(cut.push(piece));
                rest = more;
            }
            out.extend(cut.finish());
            assert_eq!(out, expected, "cut elsewhere");
            for value in &values[..3] {
                let found = memchr::memmem::find(&out, value.as_bytes());
                assert_eq!(found, None, "{value} is shown");
            }
            let marks = memchr::memmem::find_iter(&out, b"[redacted]").count();
            format!(
                "{}",
                char::from(b'a' + u8::try_from(marks.min(20)).unwrap())
            )
        },
    );
}
