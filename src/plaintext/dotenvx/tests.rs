//! A file as eciespy sealed it, and what must not open.

use proptest::prelude::*;

use super::*;

/// Made once by eciespy 0.4.7; nobody's.
const PRIVATE_KEY: &str = "e520872701d9ec44dbac2eab85512ad14ad0c42e01de56d7b528abd8524fcb47";
const PUBLIC_KEY: &str = "03bd4020e9268ebc459da5992b74ef0001f06731b0e4aff951e7dc4a40a51c649c";
const MESSAGE: &str = "BF32D+26t0tZVt8C6+TL3calYK8vuNFJ2EAUMMr6s22yV+qagsbVWjsmJFTshlUX+8yxN9dkJKog53t4ONYbpKHeLMod2fJoj65F3tDmMV9Doa2pyLTdXqEANGsDkiJeOEkM+beTQVIWXa9wKg0iFuTDlHhX1g==";
const VALUE: &str = "hunter2 $x, it's \"é\"";

/// The order of the curve (SEC 2, 2.4.1), which is no key, as 0 is none.
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

fn keys(all: &[(&str, &str)]) -> PrivateKeys {
    let mut keys = PrivateKeys::default();
    for (name, value) in all {
        keys.add(name, value);
    }
    keys
}

fn mine() -> PrivateKeys {
    keys(&[("DOTENV_PRIVATE_KEY", PRIVATE_KEY)])
}

fn text(opened: &Opened) -> String {
    let bytes = opened.plain.with(Clone::clone);
    String::from_utf8(bytes).unwrap()
}

fn sealed(bytes: &[u8]) -> String {
    format!("A=\"encrypted:{}\"\n", STANDARD.encode(bytes))
}

#[test]
fn a_file_is_opened_in_its_own_text_without_its_public_key() {
    let file = format!(
        "# ours\n#/---[DOTENV_PUBLIC_KEY]---/\n#/ how it works /\nDOTENV_PUBLIC_KEY=\"{PUBLIC_KEY}\"\n\n# .env\nA='encrypted:{MESSAGE}' # a\nexport B=encrypted:{MESSAGE}\nC=\"plain $x\"\nD=\"encrypted:{MESSAGE}\"\n"
    );
    let opened = open(&file, &mine()).unwrap();
    let double = "\"hunter2 \\$x, it's \\\"é\\\"\"";
    assert_eq!(
        text(&opened),
        format!(
            "# ours\n\n# .env\nA={double} # a\nexport B={double}\nC=\"plain $x\"\nD={double}\n"
        )
    );
    assert_eq!(opened.sealed, ["A", "B", "D"].map(str::to_owned).into());
    let told: Vec<_> = opened
        .findings
        .iter()
        .map(|f| (f.matter, &f.lines))
        .collect();
    assert_eq!(told, [(Matter::Unexpanded, &vec![7, 8, 10])]);
    let read = Dotenv.parse(&text(&opened), &Passwords::default()).unwrap();
    let (_, node) = read.into_entries().swap_remove(0);
    assert!(matches!(node, Node::Text(value) if value == VALUE));
}

#[test]
fn no_flipped_bit_and_no_cut_message_opens() {
    let message = STANDARD.decode(MESSAGE).unwrap();
    assert!(open(&sealed(&message), &mine()).is_ok());
    for at in 0..message.len() {
        for bit in 0..8 {
            let mut flipped = message.clone();
            flipped[at] ^= 1 << bit;
            assert!(open(&sealed(&flipped), &mine()).is_err(), "{at}, {bit}");
        }
        assert!(open(&sealed(&message[..at]), &mine()).is_err(), "{at}");
    }
    // The same point in its compressed form is another message.
    let odd = 2 + (message[64] & 1);
    let compressed = [&[odd], &message[1..33], &message[65..]].concat();
    assert!(open(&sealed(&compressed), &mine()).is_err());
}

#[test]
fn a_value_that_stays_closed_is_left_and_its_line_told() {
    let file = format!("A=1\nB=\"encrypted:{MESSAGE}\"\nC=encrypted:AAAA\nD=\"encrypted:€\"\n");
    let opened = open(&file, &mine()).unwrap();
    assert!(text(&opened).ends_with("\nC=encrypted:AAAA\nD=\"encrypted:€\"\n"));
    assert_eq!(opened.findings[0].matter, Matter::StillSealed);
    assert_eq!(opened.findings[0].lines, [3, 4]);
}

#[test]
fn what_keeps_a_file_closed_is_told() {
    let file = format!("DOTENV_PUBLIC_KEY_PROD={PUBLIC_KEY}\nA=encrypted:{MESSAGE}\n");
    let closed = |keys: &PrivateKeys, file: &str| open(file, keys).map(|_| ()).unwrap_err();
    let wanted = "DOTENV_PRIVATE_KEY_PROD".to_owned();
    let no_key = |unread: &[&str]| Closed::NoKey {
        wanted: wanted.clone(),
        unread: unread.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(closed(&PrivateKeys::default(), &file), no_key(&[]));
    for none in ["0".repeat(64).as_str(), ORDER, "e5", &PRIVATE_KEY[1..], "é"] {
        let given = keys(&[("DOTENV_PRIVATE_KEY_X", none)]);
        assert_eq!(closed(&given, &file), no_key(&["DOTENV_PRIVATE_KEY_X"]));
    }
    let not_opened = |is_named| Closed::NotOpened {
        wanted: wanted.clone(),
        lines: vec![2],
        is_named,
    };
    let other = &ORDER.replace("4141", "4140");
    let given = keys(&[("DOTENV_PRIVATE_KEY", other)]);
    assert_eq!(closed(&given, &file), not_opened(false));
    let damaged = file.replace("encrypted:BF", "encrypted:BG");
    assert_eq!(closed(&mine(), &damaged), not_opened(true));
    assert!(matches!(closed(&mine(), "A=`x"), Closed::Unread(_)));
    for said in [no_key(&["X"]), not_opened(true), not_opened(false)] {
        assert!(said.to_string().contains("`DOTENV_PRIVATE_KEY_PROD`"));
    }
}

#[test]
fn a_key_is_found_by_its_public_half_or_by_its_name() {
    let other = &ORDER.replace("4141", "4140");
    let both = format!("{other}, 0x{}", PRIVATE_KEY.to_uppercase());
    for (given, public) in [
        (keys(&[("DOTENV_PRIVATE_KEY", &both)]), ""),
        (
            keys(&[
                ("DOTENV_PRIVATE_KEY_A", other),
                ("DOTENV_PRIVATE_KEY_B", PRIVATE_KEY),
            ]),
            PUBLIC_KEY,
        ),
        (
            keys(&[
                ("DOTENV_PRIVATE_KEY_A", other),
                ("DOTENV_PRIVATE_KEY", PRIVATE_KEY),
            ]),
            "02ab",
        ),
        (
            keys(&[
                ("DOTENV_PRIVATE_KEY_A", other),
                ("DOTENV_PRIVATE_KEY_B", PRIVATE_KEY),
            ]),
            "02ab",
        ),
    ] {
        let file = format!("DOTENV_PUBLIC_KEY={public}\nA=encrypted:{MESSAGE}\n");
        assert!(open(&file, &given).is_ok(), "{public}");
        assert_eq!(format!("{given:?}"), "PrivateKeys(..)");
    }
    let mut beside = PrivateKeys::default();
    beside
        .add_file(&format!(
            "#/!/\n# .env\nexport DOTENV_PRIVATE_KEY=\"{PRIVATE_KEY}\"\nOTHER=1\n"
        ))
        .unwrap();
    assert!(beside.has(PUBLIC_KEY) && beside.unread().is_empty());
    assert!(beside.add_file("A=`").is_err());
}

#[test]
fn files_of_keys_are_told_from_others() {
    assert!(is_keys(
        "# x\n\nDOTENV_PRIVATE_KEY=1\nexport DOTENV_PRIVATE_KEY_CI=2\n"
    ));
    for other in [
        "",
        "# x\n",
        "DOTENV_PRIVATE_KEY=1\nA=2\n",
        "A=DOTENV_PRIVATE_KEY\n",
    ] {
        assert!(!is_keys(other), "{other}");
    }
}

proptest! {
    #[test]
    fn any_text_is_opened_or_stays_closed(text in "\\PC{0,200}|([A-C]=[\"']?encrypted:[A-Za-z0-9+/]{0,200}=?[\"']?\n){0,4}") {
        prop_assert!(open(&text, &mine()).is_err());
    }

    #[test]
    fn any_message_stays_closed(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open(&sealed(&message), &mine()).is_err());
    }
}
