use proptest::prelude::*;

use super::*;

static SCHEMA: Schema = Schema {
    what: "test",
    kinds: &[
        Kind {
            name: "document",
            named: false,
            keys: &["path", "seq"],
        },
        Kind {
            name: "secret",
            named: true,
            keys: &["value", "rev", "on", "who"],
        },
    ],
};

const TEXT: &str = "# made by hand\n\n[document]\npath = \"prod/web\"\nseq = 1\n\n[secret.A]\nvalue = \"x\"\n\n[secret.C]\nvalue = \"z\"\nrev = 2\n\n[end]\n";

fn fault(text: &str) -> Fault {
    match scan(text.as_bytes(), &SCHEMA).and_then(|parsed| parsed.all().map(drop)) {
        Ok(()) => panic!("accepted: {text:?}"),
        Err(error) => error.fault,
    }
}

fn applied(text: &str, name: &str, table: Option<String>) -> String {
    let parsed = scan(text.as_bytes(), &SCHEMA).unwrap();
    apply(&parsed, &Changes::from([(("secret", Some(name)), table)]))
}

#[test]
fn a_table_is_inserted_where_its_name_belongs_and_nothing_else_changes() {
    let table = print("secret", Some("B"), &[("value", "y".into())]);
    let text = applied(TEXT, "B", Some(table));
    assert_eq!(
        text,
        TEXT.replace("[secret.C]", "[secret.B]\nvalue = \"y\"\n\n[secret.C]")
    );
    assert!(!scan(text.as_bytes(), &SCHEMA).unwrap().untidy());
    assert_eq!(applied(&text, "B", None), TEXT);
    assert_eq!(applied(TEXT, "B", None), TEXT);
}

#[test]
fn every_table_is_found_whether_or_not_the_text_is_in_order() {
    let swapped = TEXT.replace(
        "[secret.A]\nvalue = \"x\"\n\n[secret.C]\nvalue = \"z\"\nrev = 2\n",
        "[secret.C]\nvalue = \"z\"\nrev = 2\n\n[secret.A]\nvalue = \"x\"\n",
    );
    for text in [TEXT, &swapped] {
        let parsed = scan(text.as_bytes(), &SCHEMA).unwrap();
        for header in parsed.headers() {
            assert_eq!(parsed.find(header.kind, header.name), Some(*header));
            let alone = Parsed::of_one(text, &SCHEMA, *header);
            assert_eq!(alone.text(*header), parsed.text(*header));
        }
        for (kind, name) in [("secret", Some("B")), ("secret", None), ("x", None)] {
            assert_eq!(parsed.find(kind, name), None);
        }
    }
}

#[test]
fn a_table_is_replaced_in_its_place() {
    let table = print("secret", Some("A"), &[("value", "new".into())]);
    assert_eq!(
        applied(TEXT, "A", Some(table)),
        TEXT.replace("\"x\"", "\"new\"")
    );
}

#[test]
fn what_another_writer_would_have_written_is_refused() {
    for (from, to) in [
        ("seq = 1", "seq = 01"),
        ("seq = 1", "seq = +1"),
        ("seq = 1", "seq = 0x1"),
        ("seq = 1", "seq  = 1"),
        ("seq = 1", "seq = 1 "),
        ("seq = 1", " seq = 1"),
        ("seq = 1", "\"seq\" = 1"),
        ("seq = 1", "seq = 1 # one"),
        ("seq = 1", "seq = 1.0"),
        ("\"x\"", "'x'"),
        ("\"x\"", "\"\"\"x\"\"\""),
        ("\"x\"", "\"\\u0078\""),
        ("\"x\"", "\"\\n\""),
        ("\"x\"", "\"\\u000A\""),
        ("\"x\"", "[ \"x\" ]"),
        ("\"x\"", "[\"x\",]"),
        ("[secret.A]", "[ secret.A ]"),
        ("[secret.A]", "[secret.\"A\"]"),
        ("[secret.A]", "[secret.A.B]"),
        ("[secret.A]", "[[secret]]"),
        ("[secret.A]", "[secret.A] "),
        ("[secret.A]", "# note\n[secret.A]"),
        ("[document]", "[document.x]"),
        ("[end]\n", ""),
        ("[end]\n", "[end]"),
        ("[end]\n", "[end]\nx = 1\n"),
    ] {
        let text = TEXT.replace(from, to);
        assert_ne!(text, TEXT);
        fault(&text);
    }
}

#[test]
fn faults_are_named() {
    assert_eq!(fault(&TEXT.replace('\n', "\r\n")), Fault::CarriageReturn);
    assert_eq!(fault(&TEXT.replace("seq", "\tseq")), Fault::Character(9));
    assert_eq!(
        fault(&TEXT.replace("\"x\"", "\"\u{202e}\"")),
        Fault::Character(0x202e)
    );
    assert_eq!(
        fault(&TEXT.replace("[secret.C]", "<<<<<<< HEAD\n[secret.C]")),
        Fault::MergeMarker
    );
    assert_eq!(
        fault(&TEXT.replace("[secret.C]", "[secret.A]")),
        Fault::DuplicateTable("secret.A".into())
    );
    assert_eq!(
        fault(&TEXT.replace("[secret.C]", "[secret.a]")),
        Fault::Case("A".into(), "a".into())
    );
    assert_eq!(
        fault(&TEXT.replace("seq = 1", "path = \"y\"")),
        Fault::DuplicateKey("path".into())
    );
    assert_eq!(
        fault(&TEXT.replace("seq = 1", "sek = 1")),
        Fault::Key {
            kind: "document".into(),
            key: "sek".into(),
            nearest: Some("seq".into())
        }
    );
    assert_eq!(
        fault(&TEXT.replace("[secret.C]", "[sekret.C]")),
        Fault::Kind {
            kind: "sekret".into(),
            nearest: Some("secret".into())
        }
    );
}

#[test]
fn a_plain_merge_may_disturb_order_and_blank_lines() {
    let text = "[secret.C]\nvalue = \"z\"\n\n\n[document]\npath = \"p\"\n[secret.A]\nvalue = \"x\"\n\n[end]\n";
    let parsed = scan(text.as_bytes(), &SCHEMA).unwrap();
    assert!(parsed.all().is_ok() && parsed.untidy());
    let tidied = tidy(&parsed);
    let again = scan(tidied.as_bytes(), &SCHEMA).unwrap();
    assert!(!again.untidy());
    assert_eq!(again.headers().len(), 4);
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::Text),
        (0..=i64::MAX).prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        proptest::collection::vec(any::<String>(), 0..4).prop_map(Value::Texts),
    ]
}

fn as_toml(value: &Value) -> toml::Value {
    match value {
        Value::Text(text) => toml::Value::String(text.clone()),
        Value::Integer(number) => toml::Value::Integer(*number),
        Value::Boolean(truth) => toml::Value::Boolean(*truth),
        Value::Texts(texts) => texts
            .iter()
            .cloned()
            .map(toml::Value::String)
            .collect::<Vec<_>>()
            .into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Printing then reading gives the same, and a stock TOML parser reads the same tables.
    #[test]
    fn printing_and_reading_are_inverse_and_stock_toml_agrees(
        names in proptest::collection::btree_set("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", 1..6),
        values in proptest::collection::vec(any_value(), 6),
    ) {
        let names: std::collections::BTreeMap<String, String> =
            names.into_iter().map(|name| (name.to_ascii_lowercase(), name)).collect();
        let mut tables: Vec<(&String, &Value)> = names.values().zip(&values).collect();
        tables.sort_by_key(|(name, _)| *name);
        let printed: Vec<String> = tables
            .iter()
            .map(|(name, value)| print("secret", Some(name), &[("value", (*value).clone())]))
            .collect();
        let text = render("", &printed);
        let parsed = scan(text.as_bytes(), &SCHEMA).unwrap();
        let read = parsed.all().unwrap();
        prop_assert!(!parsed.untidy());
        let stock: toml::Table = text.parse().unwrap();
        for ((name, value), table) in tables.iter().zip(&read) {
            prop_assert_eq!(table.name(), name.as_str());
            prop_assert_eq!(table.fields().next(), Some(("value", *value)));
            prop_assert_eq!(&stock["secret"][name.as_str()]["value"], &as_toml(value));
        }
    }

    /// Whatever the bytes, reading ends with a verdict, and what is accepted prints as it was.
    #[test]
    fn any_text_is_refused_or_is_its_own_print(text in "(\\[(document|secret\\.[AB\"]{1,3}|end)\\]\n|[a-z]{1,5} = [\"x0-9\\\\]{1,5}\n|\n|.{0,8}\n){0,8}") {
        if let Ok(parsed) = scan(text.as_bytes(), &SCHEMA)
            && parsed.all().is_ok()
        {
            let again = tidy(&parsed);
            let parsed_again = scan(again.as_bytes(), &SCHEMA).unwrap();
            prop_assert!(parsed_again.all().is_ok());
            prop_assert!(text.parse::<toml::Table>().is_ok());
        }
    }
}
