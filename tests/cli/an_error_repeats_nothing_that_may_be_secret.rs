//! What is wrong with a file is said by its line and its key: errors go to logs, and a file that was made
//! by hand may hold a private key or a value where none belongs.

use crate::lab::Lab;

const KEY: &str = "AGE-SECRET-KEY-1QQPQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ";
const PIECE: &str = "QQQQQQQQ";

#[test]
fn a_private_key_in_a_party_is_not_printed_whatever_is_wrong_around_it() {
    let lab = Lab::founded();
    for line in [
        format!("age = \"{KEY}"),
        format!("age = {KEY}"),
        format!("age = \" {KEY}\""),
        format!("age = [\"{KEY}\"]"),
        format!("age: {KEY} = x"),
        format!("ssh = \"ssh-{KEY}\""),
        format!("ssh = \"sk-{KEY}\""),
        format!("{KEY} = \"x\""),
        KEY.to_owned(),
    ] {
        let party = format!(
            "[party]\nkind = \"person\"\nname = \"grace\"\n\n[recipient.main]\n{line}\n\n[end]\n"
        );
        let ran = lab
            .clws("recipient add grace - --yes")
            .stdin(party.as_bytes())
            .exits(10);
        assert!(ran.err.contains("line 6"), "{line}: {}", ran.err);
        assert!(!ran.err.contains(PIECE), "{line}: {}", ran.err);
    }
    let ran = lab.clws("recipient add grace --age").word(KEY).exits(2);
    assert!(!ran.err.contains(PIECE), "{}", ran.err);
    let ran = lab
        .clws("host add box --address 10.0.0.4 --host-key")
        .word(KEY)
        .exits(2);
    assert!(!ran.err.contains(PIECE), "{}", ran.err);
}

#[test]
fn a_private_key_where_a_path_or_a_name_belongs_is_not_printed() {
    let lab = Lab::founded();
    let file = format!("# created: 2026-01-01\n# public key: age1\n{KEY}\n");
    for (name, value) in [
        ("CLWS_IDENTITY", file.as_str()),
        ("CLWS_IDENTITY", KEY),
        ("CLWS_TRUST", KEY),
        ("CLWS_VAULT", KEY),
    ] {
        for words in [
            "secret get prod/web/T",
            "secret list --json",
            "exec prod/web --json -- true",
            "doctor",
            "check",
        ] {
            let ran = lab.clws(words).env(name, value).run();
            let said = ran.text() + &ran.err;
            assert!(!said.contains(PIECE), "{name}, {words}: {said}");
        }
    }
    let ran = lab
        .clws("secret get prod/web/T")
        .env("CLWS_IDENTITY", &file)
        .exits(2);
    assert!(
        ran.err.contains("private key in `CLWS_IDENTITY`"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("--identity <(printf"), "{}", ran.err);
    // Nor what is typed behind the name of a secret, as other tools take it.
    for words in [
        "secret set prod/web/T hunter2",
        "secret set prod/web/T=hunter2",
        "--json secret set prod/web/T hunter2",
        "secret --json set prod/web/T hunter2",
        "secret set prod/web/T -- -hunter2",
        "secret set prod/web/T:hunter2",
        "secret generate prod/web/T hunter2",
        "rotate prod/web/T=hunter2",
        "server login hunter2 --method token",
    ] {
        let ran = lab.clws(words).exits(2);
        let said = ran.text() + &ran.err;
        assert!(said.contains("a value is never an argument"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    for words in [
        "identity new",
        "identity show",
        "identity import",
        "secret get",
        "secret list",
        "recipient add x --age",
        "recipient update ada --drop",
        "recipient show",
        "access why ada",
        "hook sign",
        "deploy --on",
        "import",
        "--identity",
        "",
    ] {
        for json in ["", "--json "] {
            let ran = lab.clws(&format!("{json}{words}")).word(KEY).run();
            let said = ran.text() + &ran.err;
            assert!(!said.contains(PIECE), "{words}: {said}");
            assert_ne!(ran.code, 0, "{words}: {said}");
        }
    }
}

#[test]
fn a_folder_of_ours_that_is_called_like_a_private_key_is_not_named() {
    let lab = Lab::founded();
    let folder = lab.root().join(KEY);
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut shown = String::new();
    for words in [
        "identity new zoe",
        "identity list",
        "identity list --json",
        "doctor",
        "doctor --json",
        "secret set prod/web/TOKEN",
    ] {
        let run = lab.clws(&format!("{words} --config-dir"));
        let ran = run.word(folder.to_str().unwrap()).stdin(b"x").run();
        let said = ran.text() + &ran.err;
        assert!(!said.contains(PIECE), "{words}: {said}");
        shown.push_str(&said);
    }
    assert!(shown.contains("(a private key)"), "{shown}");
}

#[test]
fn a_host_key_that_is_none_is_not_printed() {
    let lab = Lab::founded();
    let party = format!(
        "[party]\nkind = \"host\"\nname = \"box\"\naddress = \"10.0.0.4\"\nscope = \"prod\"\nmachine_type = \"server\"\n\n[hostkey.main]\nkey = \"{KEY}\"\n\n[end]\n"
    );
    std::fs::write(lab.vault().join("recipients/box.toml"), party).unwrap();
    let shown = lab.clws("trust diff").run();
    assert!(shown.text().contains("box is new"), "{}", shown.text());
    let said = shown.text() + &shown.err;
    assert!(!said.contains(PIECE), "{said}");
}

#[test]
fn a_value_that_was_written_by_hand_is_not_printed() {
    let lab = Lab::founded().secret("prod/web/TOKEN", "of-long-ago");
    let file = lab.vault().join("secrets/prod/web.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let sealed = text.lines().find(|line| line.starts_with("value = "));
    let sealed = sealed.unwrap();
    for line in [
        "value = hunter2plain",
        "value = \"hunter2plain",
        "value = 'hunter2plain'",
        "value = \"hunter2plain\"",
        "value = hunter2plain = x",
        "hunter2plain",
        "value: hunter2plain = x",
        "value = [\n[\"hunter2plain\"],\n]",
    ] {
        std::fs::write(&file, text.replace(sealed, line)).unwrap();
        for words in ["secret get prod/web/TOKEN", "check", "secret list prod"] {
            let ran = lab.clws(words).run();
            let said = ran.text() + &ran.err;
            assert!(!said.contains("hunter2"), "{line}, {words}: {said}");
        }
    }
}

#[test]
fn a_password_where_the_path_of_one_belongs_is_not_printed() {
    let lab = Lab::founded();
    let file = lab.vault().join("clws.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    for table in [
        "[ansible.web]\nsecret = \"hunter2 Plain\"",
        "[scope.prod]\nssh_key = \"hunter2 Plain\"",
    ] {
        std::fs::write(&file, text.replace("[end]", &format!("{table}\n\n[end]"))).unwrap();
        let ran = lab.clws("trust sign --yes").exits(10);
        assert!(ran.err.contains("the path of a secret"), "{}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn a_value_in_a_hook_is_not_printed() {
    let lab = Lab::founded();
    std::fs::create_dir_all(lab.vault().join("hooks")).unwrap();
    for (line, said) in [
        ("PASSWORD = hunter2plain", "line 2"),
        ("PASSWORD = 'hunter2plain", "line 2"),
        ("PASSWORD = { secret = [\"hunter2plain\"] }", "line 2"),
    ] {
        let hook = format!("[env]\n{line}\n");
        std::fs::write(lab.vault().join("hooks/web.toml"), hook).unwrap();
        let ran = lab.clws("hook sign web --yes").run();
        assert_ne!(ran.code, 0, "{line}");
        assert!(ran.err.contains(said), "{line}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{line}: {}", ran.err);
    }
}
