//! Laws of the view, for values that nobody would think of.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::compare::{Before, compare};
use super::parse::parse;
use super::view::{Entry, view};
use crate::secret::Plain;
use crate::vault::{Literal, ValueType};

/// Text that is mostly made of what could go wrong.
fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "'",
        "''",
        "'''",
        "\"",
        "\"\"\"",
        "\\",
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "\t",
        " ",
        "#",
        "#: ",
        "=",
        "[x]",
        "\u{0}",
        "\u{1b}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "\u{e0001}",
        "{ base64 = \"\" }",
    ])
    .prop_map(str::to_owned);
    let piece =
        prop_oneof![3 => odd, 1 => "[a-z ]{0,6}", 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Literals of every type, as people may type them.
fn literal() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u32>().prop_map(|number| format!("0x{number:X}")),
        any::<f64>()
            .prop_filter("TOML has no other", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
        prop::sample::select(vec![
            "true",
            "false",
            "inf",
            "-nan",
            "1_000",
            "+7",
            "0o17",
            "0b1",
            "1979-05-27",
            "07:32:00.5",
            "1979-05-27T07:32:00-08:00",
            "1979-05-27 07:32:00Z",
            "'it''",
            "\"\\u00e4\"",
        ])
        .prop_map(str::to_owned),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[ {} ]", items.join(",  "))),
            prop::collection::vec(("[a-z]{1,4}", inner), 0..4).prop_map(|pairs| {
                let pairs: BTreeMap<String, String> = pairs.into_iter().collect();
                let pairs: Vec<String> = pairs
                    .into_iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                format!("{{{}}}", pairs.join(", "))
            }),
        ]
    })
}

fn value() -> impl Strategy<Value = (ValueType, Vec<u8>)> {
    prop_oneof![
        text().prop_map(|text| (ValueType::String, text.into_bytes())),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| (ValueType::Bytes, bytes)),
        literal().prop_filter_map("a string is no literal", |text| {
            let kind = Literal::parse(&text)?.kind;
            (kind != ValueType::String).then(|| (kind, text.into_bytes()))
        }),
    ]
}

type Document = BTreeMap<String, ((ValueType, Vec<u8>), Option<String>)>;

fn document() -> impl Strategy<Value = Document> {
    let note = prop::option::of(text());
    // Upper case alone, since names that differ in case cannot stand in one document.
    prop::collection::btree_map("[A-Z0-9_][A-Z0-9_.-]{0,6}", (value(), note), 1..6)
}

fn entries(document: &Document) -> Vec<Entry> {
    let entries = document.iter().map(|(name, ((kind, plain), note))| Entry {
        name: name.parse().unwrap(),
        kind: *kind,
        plain: Plain::new(plain.clone()),
        note: note.as_deref().and_then(super::view::shown_note),
    });
    entries.collect()
}

fn before(document: &Document) -> Before {
    let shown = entries(document);
    Before {
        names: shown.iter().map(|entry| entry.name.clone()).collect(),
        shown,
        hidden: BTreeMap::new(),
    }
}

proptest! {
    /// What is shown reads back as the same type and the same bytes, and is no change.
    #[test]
    fn a_view_reads_back_as_it_was(document in document()) {
        let before = before(&document);
        let text = view(&["head".into()], &before.shown);
        let typed = parse(text.as_bytes()).map_err(|at| TestCaseError::fail(format!("{at:?}\n{}", *text)))?;
        for (typed, entry) in typed.iter().zip(&before.shown) {
            prop_assert_eq!(&typed.name, &entry.name);
            prop_assert_eq!(typed.new.kind, entry.kind);
            prop_assert!(typed.new.plain.same_as(&entry.plain));
        }
        prop_assert_eq!(typed.len(), document.len());
        prop_assert!(compare(&before, typed).unwrap().is_empty());
    }

    /// A stock parser reads the same strings.
    #[test]
    fn a_view_is_toml(document in document()) {
        let text = view(&["head".into()], &entries(&document));
        let table: toml::Table = text.parse().unwrap();
        for (name, ((kind, plain), _)) in &document {
            if *kind == ValueType::String {
                prop_assert_eq!(table[name].as_str().unwrap().as_bytes(), plain);
            }
        }
    }

    /// Whoever changes one value changes that one alone.
    #[test]
    fn one_new_value_is_one_change(document in document(), at in any::<prop::sample::Index>(), new in value()) {
        let before = before(&document);
        let name = at.get(&document.keys().collect::<Vec<_>>()).to_string();
        let mut edited = document.clone();
        let (old, _) = std::mem::replace(edited.get_mut(&name).unwrap(), (new.clone(), document[&name].1.clone()));
        let text = view(&[], &entries(&edited));
        let changes = compare(&before, parse(text.as_bytes()).unwrap()).unwrap();
        let names: Vec<String> = changes.names().map(ToString::to_string).collect();
        prop_assert_eq!(names, if old == new { vec![] } else { vec![name] });
    }

    /// Whatever an editor leaves there is read or refused, with a line that the text has.
    #[test]
    fn any_text_is_read_or_refused(text in text()) {
        if let Err((line, _)) = parse(text.as_bytes()) {
            prop_assert!((1..=text.matches('\n').count() + 1).contains(&line));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        drop(parse(&bytes));
    }
}
