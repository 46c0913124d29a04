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
        let places = parsed.places();
        let again = Parsed::again(text, &places);
        assert_eq!(again.headers(), parsed.headers());
        assert_eq!(again.untidy(), parsed.untidy());
        for (at, header) in parsed.headers().iter().enumerate() {
            assert_eq!(places.header(text, at), Some(*header));
            assert_eq!(again.find(header.kind, header.name), Some(*header));
            // Whatever the order is, what is there is replaced and not inserted once more.
            let name = header.name.filter(|name| *name == "C");
            let table = name.map(|name| print("secret", Some(name), &[]));
            let changed = apply(&again, &Changes::from([((header.kind, name), table)]));
            assert_eq!(changed.matches("[secret.C]").count(), 1, "{changed}");
        }
        assert_eq!(places.header(text, parsed.headers().len()), None);
        for (kind, name) in [("secret", Some("B")), ("secret", None), ("x", None)] {
            assert_eq!(parsed.find(kind, name), None);
        }
    }
}

#[test]
fn a_text_out_of_order_is_put_in_order_once_for_all_that_is_looked_for() {
    let c = "[secret.C]\nvalue = \"z\"\nrev = 2\n\n";
    let text = TEXT
        .replace(c, "")
        .replace("[secret.A]", &format!("{c}[secret.A]"));
    for (text, order) in [(TEXT, None), (&*text, Some([0, 2, 1, 3].as_slice()))] {
        let parsed = scan(text.as_bytes(), &SCHEMA).unwrap();
        assert!(parsed.order.get().is_none());
        let find = |name| parsed.find("secret", Some(name)).map(|found| found.name);
        assert_eq!(find("A"), Some(Some("A")));
        let first = parsed.order.get().map(Vec::as_ptr);
        assert!(find("C").is_some() && find("B").is_none());
        assert_eq!(parsed.order.get().map(Vec::as_ptr), first);
        assert_eq!(parsed.order.get().map(Vec::as_slice), order);
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
    for marker in ["<<<<<<< HEAD", "||||||| base", "=======", ">>>>>>> main"] {
        for text in [
            TEXT.replace("[secret.C]", &format!("{marker}\n[secret.C]")),
            format!("{marker}\n{TEXT}"),
        ] {
            // Whoever reads one table of many sees it too.
            let scanned = scan(text.as_bytes(), &SCHEMA).unwrap_err();
            assert_eq!(scanned.fault, Fault::MergeMarker, "{marker}");
        }
    }
    // What stands in no table would be kept by each change of another one.
    for text in [
        format!("junk\n{TEXT}"),
        format!("{TEXT}junk\n"),
        format!("{TEXT}a = 1\n"),
    ] {
        assert!(scan(text.as_bytes(), &SCHEMA).is_err(), "{text}");
    }
    let wrong = fault(&TEXT.replace("[secret.C]", "[secret]"));
    assert_eq!(wrong.to_string(), "`[secret]` is no header of such a file");
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
fn no_fault_repeats_what_may_be_secret() {
    let long = "AGE-SECRET-KEY-1QQPQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ";
    for line in [
        format!("path = \"{long}"),
        format!("path = {long}"),
        format!("path = [\"{long}\", ]"),
        format!("path: {long} = x"),
        format!("{long} = \"x\""),
        format!("\"{long}\" = \"x\""),
        long.to_owned(),
        format!("[\"{long}\", \"x\"],"),
        format!("[{long}]"),
        format!("  {long}"),
    ] {
        let text = TEXT.replace("path = \"prod/web\"", &line);
        assert_ne!(text, TEXT);
        let fault = fault(&text).to_string();
        assert!(!fault.contains("QQQ"), "{line}: {fault}");
    }
    let fault = fault(&TEXT.replace("path = \"prod/web\"", "path = p"));
    assert_eq!(fault, Fault::Value("path".into()));
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
            prop_assert_eq!(table.fields().next(), Some(("value", (*value).clone())));
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

/// Kind, name, key and value of each field, in the order in which they are printed.
type Fields = Vec<(&'static str, String, &'static str, Value)>;

/// What a stock TOML parser reads, as far as it is of the schema and of the types that values have.
fn by_stock_toml(text: &str) -> Option<Fields> {
    let mut all = Vec::new();
    let mut table: toml::Table = text.parse().ok()?;
    if !matches!(table.remove("end")?, toml::Value::Table(end) if end.is_empty()) {
        return None;
    }
    for kind in SCHEMA.kinds {
        let toml::Value::Table(of_kind) = table.remove(kind.name)? else {
            return None;
        };
        let tables = match kind.named {
            true => of_kind.into_iter().collect(),
            false => vec![(String::new(), toml::Value::Table(of_kind))],
        };
        for (name, fields) in tables {
            let toml::Value::Table(mut fields) = fields else {
                return None;
            };
            for key in kind.keys {
                if let Some(value) = fields.remove(*key) {
                    all.push((kind.name, name.clone(), *key, of_stock_toml(value)?));
                }
            }
            if !fields.is_empty() {
                return None;
            }
        }
    }
    table.is_empty().then_some(all)
}

fn of_stock_toml(value: toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Integer(number),
        toml::Value::Boolean(truth) => Value::Boolean(truth),
        toml::Value::Array(values) => {
            let texts = values.into_iter().map(|value| match value {
                toml::Value::String(text) => Some(text),
                _ => None,
            });
            Value::Texts(texts.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// The same by our own reader.
fn by_us(text: &str) -> Option<Fields> {
    let parsed = scan(text.as_bytes(), &SCHEMA).ok()?;
    let tables = parsed.all().ok()?;
    let mut all = Vec::new();
    for kind in SCHEMA.kinds {
        let of_kind = tables.iter().filter(|t| t.header().kind == kind.name);
        let mut of_kind: Vec<_> = of_kind.collect();
        of_kind.sort_by_key(|table| table.name());
        for table in of_kind {
            for key in kind.keys {
                if let Some((_, value)) = table.fields().find(|(of, _)| of == key) {
                    all.push((kind.name, table.name().to_owned(), *key, value));
                }
            }
        }
    }
    Some(all)
}

/// The one text that a writer makes of it; a table without fields has none.
fn written(all: &Fields) -> String {
    let of_table = all.chunk_by(|a, b| (a.0, &a.1) == (b.0, &b.1));
    let tables: Vec<String> = of_table
        .map(|fields| {
            let (kind, name, ..) = &fields[0];
            let fields = fields.iter().map(|(.., key, value)| (*key, value.clone()));
            let fields: Vec<_> = fields.collect();
            print(kind, (!name.is_empty()).then_some(name), &fields)
        })
        .collect();
    render("", &tables)
}

/// Pieces on which readers of TOML stumble.
const PIECES: [&str; 42] = [
    "\"",
    "\\",
    "'",
    "\"\"\"",
    "'''",
    "\\u0041",
    "\\u00",
    "\\u007f",
    "\\U00000041",
    "\\n",
    "\\\\",
    "\\\"",
    "#",
    "# x",
    "[",
    "]",
    "[[",
    "]]",
    ", ",
    ",",
    "=",
    " = ",
    " ",
    "\t",
    "\r\n",
    "\n",
    "\n\n",
    ".",
    "-",
    "+",
    "_",
    "0",
    "1e3",
    "0x1",
    "true",
    "inf",
    "é",
    "\u{202e}",
    "\u{feff}",
    "\u{7f}",
    "[secret.B]\n",
    "value = 1\n",
];

fn any_document() -> impl Strategy<Value = String> {
    let value = || {
        prop_oneof![
            "[ -~é]{0,12}".prop_map(Value::Text),
            any::<i64>().prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
            proptest::collection::vec("[ -~\n]{0,5}", 0..3).prop_map(Value::Texts),
        ]
    };
    let name = "[A-D]|[A-D]\\.[a-d/]|[E-G][0-9_-]";
    let tables = proptest::collection::btree_map(name, (value(), value()), 0..4);
    (value(), tables).prop_map(|(path, tables)| {
        let mut all = vec![("document", String::new(), "path", path)];
        for (name, (value, on)) in tables {
            all.push(("secret", name.clone(), "value", value));
            all.push(("secret", name, "on", on));
        }
        written(&all)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// A text that we read, a stock parser reads as the same. One that it reads we read as well, if it is
    /// what a writer would have written of it.
    #[test]
    fn a_stock_toml_parser_judges_the_lines(
        document in any_document(),
        edits in proptest::collection::vec(
            (any::<proptest::sample::Index>(), 0..3_usize, 0..PIECES.len()), 0..3,
        ),
    ) {
        let mut text: Vec<char> = document.chars().collect();
        for (at, cut, piece) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + cut).min(text.len());
            text.splice(at..end, PIECES[piece].chars());
        }
        let text: String = text.into_iter().collect();
        let (ours, stock) = (by_us(&text), by_stock_toml(&text));
        if let Some(ours) = &ours {
            let has = |kind: &str| ours.iter().any(|(of, ..)| *of == kind);
            // A file need not have tables of each kind; the judge above wants them.
            if has("document") && has("secret") {
                prop_assert_eq!(Some(ours), stock.as_ref(), "{}", &text);
            } else {
                prop_assert!(text.parse::<toml::Table>().is_ok(), "{}", &text);
            }
        } else if let Some(stock) = stock {
            let good = |b: u8| b.is_ascii_alphanumeric() || b"_-./".contains(&b);
            let names: std::collections::BTreeSet<&str> =
                stock.iter().map(|(_, name, ..)| name.as_str()).collect();
            let lower: std::collections::BTreeSet<String> =
                names.iter().map(|name| name.to_ascii_lowercase()).collect();
            let can_be = names.iter().all(|name| name.bytes().all(good));
            let can_be = can_be && lower.len() == names.len();
            prop_assert!(!can_be || written(&stock) != text, "refused: {}", &text);
        }
    }
}
