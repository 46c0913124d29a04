//! Age plugins: a toy one that the real age takes too, and others that break the protocol.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clws::crypto::{CryptoError, DataKey, unwrap, wrap};
use clws::error::{Code, Explain as _};
use clws::identity::{
    Bundle, Config, IdentityError, Import, Nobody, Place, PluginFault, PublicFolder, all, import,
    plugin_recipient,
};

use crate::lab::{Home, Person, name, output, real};

/// Speaks both state machines; a file key is "wrapped" by writing it into the stanza as it is.
const TOY: &str = r#"#!/bin/sh
reply() { IFS= read -r head; IFS= read -r body; }
key=
while IFS= read -r line; do
    case "$line" in
    "-> done") IFS= read -r blank; break ;;
    "-> wrap-file-key"|"-> recipient-stanza 0 toy") IFS= read -r key ;;
    esac
done
EXTRA
case "$1" in
--age-plugin=recipient-v1) printf -- '-> recipient-stanza 0 toy\n%s\n' "$key"; reply ;;
--age-plugin=identity-v1)
    if [ -n "$key" ]; then printf -- '-> file-key 0\n%s\n' "$key"; reply; fi ;;
*) exit 2 ;;
esac
printf -- '-> done\n\n'
"#;

fn home_with(script: &str, variables: &[(&str, &str)]) -> Home {
    let mut home = Home::new();
    let tools = home.write("bin/age-plugin-toy", script, 0o755);
    home.write(
        ".config/clws/config.toml",
        "[age]\nplugins = [\"toy\"]\n",
        0o600,
    );
    for (variable, value) in variables {
        home = home.with(variable, *value);
    }
    let path = home.world().variable("PATH").unwrap().to_owned();
    let mut path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    path.insert(0, tools.parent().unwrap().into());
    home.with("PATH", std::env::join_paths(path).unwrap())
}

fn toy(extra: &str) -> String {
    TOY.replace("EXTRA", extra)
}

/// Bech32 (BIP 173) of `data` under a prefix.
fn bech32(prefix: &str, data: &[u8]) -> String {
    const LETTERS: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let polymod = |values: &[u8]| {
        values.iter().fold(1_u32, |check, value| {
            let top = check >> 25;
            let check = (check & 0x1ff_ffff) << 5 ^ u32::from(*value);
            [
                0x3b6a_57b2,
                0x2650_8e6d,
                0x1ea1_19fa,
                0x3d42_33dd,
                0x2a14_62b3,
            ]
            .iter()
            .enumerate()
            .fold(check, |c, (i, g)| if top >> i & 1 == 1 { c ^ g } else { c })
        })
    };
    let bits: Vec<u8> = data
        .iter()
        .flat_map(|b| (0..8).rev().map(move |i| b >> i & 1))
        .collect();
    let mut words: Vec<u8> = bits
        .chunks(5)
        .map(|five| five.iter().fold(0, |w, bit| w << 1 | bit) << (5 - five.len()))
        .collect();
    let prefix_bytes = prefix.as_bytes();
    let mut values: Vec<u8> = prefix_bytes.iter().map(|b| b >> 5).collect();
    values.push(0);
    values.extend(prefix_bytes.iter().map(|b| b & 31));
    values.extend(&words);
    values.extend([0; 6]);
    let check = polymod(&values) ^ 1;
    words.extend((0..6).rev().map(|i| (check >> (5 * i) & 31) as u8));
    let text: String = words
        .iter()
        .map(|w| LETTERS[usize::from(*w)] as char)
        .collect();
    format!("{prefix}1{text}")
}

fn recipient() -> String {
    bech32("age1toy", b"toy")
}

fn identity() -> String {
    bech32("age-plugin-toy-", b"toy").to_uppercase()
}

/// A wrap that the toy "opens".
fn wrapped(home: &Home, person: &Person) -> Result<Vec<u8>, CryptoError> {
    let config = Config::read(&home.world()).unwrap();
    let recipient = plugin_recipient(&home.world(), &config.plugins, &recipient(), person).unwrap();
    wrap(&DataKey::new([7; 32]), &recipient)
}

fn bundle(home: &Home) -> Bundle {
    let text = format!("#    Recipient: {}\n{}\n", recipient(), identity());
    home.write("toy.txt", &text, 0o600);
    let from = Import {
        age: Some(Path::new("toy.txt")),
        signing: None,
    };
    import(
        &home.world(),
        &name("ada"),
        from,
        Place::Auto,
        None,
        &Nobody,
    )
    .unwrap()
}

/// What a toy with `extra` makes of a wrap that a good toy made, and what the person heard.
fn opened(extra: &str, person: &Person) -> Result<DataKey, CryptoError> {
    let good = home_with(&toy(""), &[]);
    let wrapped = wrapped(&good, person).unwrap();
    let bad = home_with(&toy(extra), &[]);
    let bundle = bundle(&bad);
    let identity = bundle.open_age(person).unwrap();
    unwrap(&wrapped, &identity)
}

#[test]
fn a_plugin_wraps_and_unwraps_as_it_does_for_the_real_age() {
    let home = home_with(&toy(""), &[]);
    let person = Person::default();
    let ours = wrapped(&home, &person).unwrap();
    let bundle = bundle(&home);
    assert_eq!(bundle.recipient(), Some(recipient().as_str()));
    let age_identity = bundle.open_age(&person).unwrap();
    assert!(
        unwrap(&ours, &age_identity)
            .unwrap()
            .with(|key| *key == [7; 32])
    );

    // The same toy is good enough for age, and each opens what the other sealed.
    let world = home.world();
    let path = world.variable("PATH").unwrap();
    let mut open = real("age");
    open.args(["-d", "-i"])
        .arg(home.bundle("ada/age.txt"))
        .env("PATH", path);
    assert_eq!(output(&mut open, &ours), [7; 32]);
    let mut seal = real("age");
    seal.args(["-r", &recipient()]).env("PATH", path);
    let theirs = output(&mut seal, &[9; 32]);
    assert!(
        unwrap(&theirs, &age_identity)
            .unwrap()
            .with(|key| *key == [9; 32])
    );

    // A wrap for somebody else is not a failure of the plugin.
    let other = age::x25519::Identity::generate();
    let foreign = wrap(&DataKey::new([7; 32]), &other.to_public()).unwrap();
    assert_eq!(
        unwrap(&foreign, &age_identity).unwrap_err(),
        CryptoError::NoIdentity
    );
    assert!(person.told.borrow().is_empty(), "{:?}", person.told);
}

#[test]
fn a_plugin_that_the_configuration_does_not_name_is_not_started() {
    let home = home_with("#!/bin/sh\ntouch \"$HOME/started\"\n", &[]);
    let bundle = bundle(&home);
    home.write(
        ".config/clws/config.toml",
        "[age]\nplugins = [\"yubikey\"]\n",
        0o600,
    );
    let config = Config::read(&home.world()).unwrap();
    let fault =
        plugin_recipient(&home.world(), &config.plugins, &recipient(), &Nobody).unwrap_err();
    assert_eq!(fault.code(), Code::Denied);
    assert_eq!(
        fault.hints(),
        ["if you trust it, add to your config.toml: [age] plugins = [\"toy\"]"]
    );
    // The bundle keeps what was allowed when it was found; a new look is refused.
    drop(bundle);
    let found = all(&home.world(), None, PublicFolder::Refuse).unwrap();
    let error = found[0].open_age(&Nobody).map(|_| ()).unwrap_err();
    assert!(
        matches!(error, IdentityError::Plugin(PluginFault::NotAllowed { .. })),
        "{error}"
    );
    assert!(!home.path("started").exists());
}

#[test]
fn a_name_with_a_path_in_it_starts_nothing() {
    let home = home_with("#!/bin/sh\ntouch \"$HOME/started\"\n", &[]);
    let config = Config::read(&home.world()).unwrap();
    for odd in [
        "toy/../toy",
        "../bin/age-plugin-toy",
        "/bin/sh",
        ".toy",
        "to y",
        "t\u{e4}",
    ] {
        let text = bech32(&format!("age1{odd}"), b"toy");
        let fault = plugin_recipient(&home.world(), &config.plugins, &text, &Nobody).unwrap_err();
        assert!(matches!(fault, PluginFault::NotOne), "{odd}: {fault}");
        let text = bech32(&format!("age-plugin-{odd}-"), b"toy").to_uppercase();
        home.write("odd.txt", &text, 0o600);
        let choice = Some(Path::new("odd.txt"));
        let opened = all(&home.world(), choice, PublicFolder::Refuse)
            .and_then(|found| found[0].open_age(&Nobody).map(|_| ()));
        assert!(opened.is_err(), "{odd}");
    }
    assert!(!home.path("started").exists());
}

#[test]
fn a_plugin_is_found_in_absolute_folders_only_and_gets_a_clean_environment() {
    let extra = "env | sed 's/=.*//' | sort >\"$HOME/seen\"; pwd >>\"$HOME/seen\"";
    let home = home_with(
        &toy(extra),
        &[
            ("LANG", "C.UTF-8"),
            ("LC_TIME", "C"),
            ("AGEDEBUG", "plugin"),
            ("VAULT_TOKEN", "hunter2"),
            ("LD_PRELOAD", "/nowhere.so"),
            ("CLWS_TRUST", "x"),
            ("GIT_DIR", "x"),
            ("SSH_AUTH_SOCK", "/nowhere"),
        ],
    );
    wrapped(&home, &Person::default()).unwrap();
    let seen = std::fs::read_to_string(home.path("seen")).unwrap();
    let (names, folder) = seen.trim().rsplit_once('\n').unwrap();
    assert_eq!(folder, "/");
    let names: HashSet<&str> = names.lines().collect();
    // What sh itself sets is not ours.
    let ours: HashSet<&str> = ["HOME", "LANG", "LC_TIME", "PATH", "SSH_AUTH_SOCK"].into();
    let of_sh: HashSet<&str> = ["PWD", "OLDPWD", "SHLVL", "_"].into();
    assert_eq!(&names - &of_sh, ours);

    // A relative folder of PATH would be the repository.
    let home = Home::new().with("PATH", "bin:.:");
    home.write("bin/age-plugin-toy", &toy(""), 0o755);
    home.write(
        ".config/clws/config.toml",
        "[age]\nplugins = [\"toy\"]\n",
        0o600,
    );
    let config = Config::read(&home.world()).unwrap();
    let fault =
        plugin_recipient(&home.world(), &config.plugins, &recipient(), &Nobody).unwrap_err();
    assert!(matches!(fault, PluginFault::NotFound { .. }), "{fault}");
}

#[test]
fn what_a_plugin_asks_goes_to_the_person() {
    // "Touch", "PIN?", "Who?", "Yes", "No" and "Go on?" in base64.
    let extra = r#"
printf -- '-> msg\nVG91Y2gbWzJK\n'; reply
printf -- '-> request-secret\nUElOPw\n'; reply; pin=$body
printf -- '-> request-public\nV2hvPw\n'; reply; who=$body
printf -- '-> confirm WWVz Tm8\nR28gb24/\n'; reply; go=$head
printf -- '-> strange command\n\n'; reply; strange=$head
printf '%s\n' "$pin" "$who" "$go" "$strange" >"$HOME/heard"
"#;
    let home = home_with(&toy(extra), &[]);
    let person = Person {
        passphrase: Some("1234"),
        answers: Some("ada"),
        confirms: Some(true),
        ..Person::default()
    };
    wrapped(&home, &person).unwrap();
    assert_eq!(*person.told.borrow(), ["Touch\\u{1b}[2J"]);
    assert_eq!(
        *person.asked.borrow(),
        ["age-plugin-toy: PIN?", "Who?", "Go on? [Yes|No]"]
    );
    let heard = std::fs::read_to_string(home.path("heard")).unwrap();
    assert_eq!(heard, "MTIzNA\nYWRh\n-> ok yes\n-> unsupported\n");

    // With nobody there each question fails, and the plugin goes on.
    let home = home_with(&toy(extra), &[]);
    let config = Config::read(&home.world()).unwrap();
    let recipient =
        plugin_recipient(&home.world(), &config.plugins, &recipient(), &Nobody).unwrap();
    wrap(&DataKey::new([7; 32]), &recipient).unwrap();
    let heard = std::fs::read_to_string(home.path("heard")).unwrap();
    assert_eq!(heard, "\n\n-> fail\n-> unsupported\n");
}

#[test]
fn what_goes_wrong_in_a_plugin_is_told() {
    let person = Person::default();
    // "no key\x1b[31m" in base64.
    let error = opened(
        "key=\nprintf -- '-> error internal\\nbm8ga2V5G1szMW0\\n'; reply",
        &person,
    );
    assert_eq!(error.unwrap_err(), CryptoError::Broken);
    let told = person.told.borrow();
    assert_eq!(*told, ["`age-plugin-toy` failed: no key\\u{1b}[31m"]);
}

#[test]
fn odd_replies_are_errors_and_never_panics() {
    for (what, reply) in [
        ("nothing at all", "exit 0"),
        ("another exit", "exit 3"),
        ("half a stanza", "printf -- '-> file-key 0\\n'; exit 0"),
        ("no stanza", "printf 'hello\\n\\n'"),
        ("a stanza without a tag", "printf -- '-> \\n\\n'"),
        ("padding", "printf -- '-> file-key 0\\nAA==\\n'"),
        ("a line that is too long", "printf -- '-> msg\\n%070d\\n' 0"),
        ("another alphabet", "printf -- '-> file-key 0\\nAA_-\\n'"),
        ("a key of 1 byte", "printf -- '-> file-key 0\\nAA\\n'"),
        (
            "a key of 17 bytes",
            "printf -- '-> file-key 0\\nAAAAAAAAAAAAAAAAAAAAAAA\\n'",
        ),
        (
            "a key for another file",
            "printf -- '-> file-key 1\\n%s\\n' \"$key\"",
        ),
        (
            "a key for no file",
            "printf -- '-> file-key\\n%s\\n' \"$key\"",
        ),
        (
            "two keys",
            "printf -- '-> file-key 0\\n%s\\n' \"$key\"; reply",
        ),
        (
            "a button without a name",
            "printf -- '-> confirm ==\\n\\n'; reply",
        ),
        ("bytes that are no text", "printf -- '-> \\377\\n\\n'"),
        (
            "a line without an end",
            "head -c 100000 /dev/zero | tr '\\0' a",
        ),
        (
            "a body without an end",
            "printf -- '-> msg\\n'; yes AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ),
        (
            "commands without an end",
            "while :; do printf -- '-> msg\\n\\n' || exit; read -r a || exit; read -r b; done",
        ),
    ] {
        let person = Person::default();
        let error = opened(reply, &person).map(|_| ()).unwrap_err();
        assert_eq!(error, CryptoError::Broken, "{what}");
        let told = person.told.borrow();
        let last = told.last().unwrap();
        assert!(last.starts_with("`age-plugin-toy` "), "{what}: {last}");
    }
    for (what, reply) in [
        (
            "neither stanza nor error",
            "printf -- '-> done\\n\\n'; exit",
        ),
        (
            "a stanza for another file",
            "printf -- '-> recipient-stanza 1 toy\\n\\n'",
        ),
        (
            "a stanza without a tag",
            "printf -- '-> recipient-stanza 0\\n\\n'",
        ),
        ("the same label twice", "printf -- '-> labels a a\\n\\n'"),
        (
            "labels twice",
            "printf -- '-> labels a\\n\\n'; reply; printf -- '-> labels b\\n\\n'",
        ),
        (
            "an error beside a stanza",
            "printf -- '-> error recipient 0\\n\\n'; reply",
        ),
    ] {
        let person = Person::default();
        let error = wrapped(&home_with(&toy(reply), &[]), &person).unwrap_err();
        assert_eq!(error, CryptoError::CannotSeal, "{what}");
        assert!(
            person.told.borrow()[0].starts_with("`age-plugin-toy` "),
            "{what}"
        );
    }
}

#[test]
fn a_plugin_that_does_not_end_is_ended() {
    let home = home_with(&toy("trap '' TERM; echo $$ >\"$HOME/pid\""), &[]);
    let script = std::fs::read_to_string(home.path("bin/age-plugin-toy")).unwrap();
    home.write(
        "bin/age-plugin-toy",
        &format!("{script}exec sleep 1000\n"),
        0o755,
    );
    let started = Instant::now();
    wrapped(&home, &Person::default()).unwrap();
    assert!(started.elapsed() < Duration::from_secs(20));
    let pid = std::fs::read_to_string(home.path("pid")).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists());
}
