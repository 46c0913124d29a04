//! A doctor looks at the machine, the keys and the clone, and practises a restore.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::lab::{Lab, Ran};

/// Ada's vault, and an identity `recovery` that shall open all of it and nothing yet.
fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["recovery"])
        .secret("dev/web/TOKEN", "hunter2")
        .secret("prod/web/TOKEN", "for-ada-alone");
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"the-key")
        .succeeds();
    lab.clws("access grant recovery dev --read --yes")
        .succeeds();
    lab.accepted_by(&["recovery"]);
    lab.commit("begin");
    lab
}

fn found(ran: &Ran, about: &str) -> Value {
    let all = ran.json()["found"].as_array().unwrap().clone();
    let one = all.iter().find(|found| found["about"] == about);
    one.unwrap_or_else(|| panic!("nothing about {about} in {all:?}"))
        .clone()
}

#[test]
fn a_restore_is_practised_with_the_recovery_identity_alone() {
    let lab = lab();
    let restore = || lab.clws("doctor --restore --json").by("recovery").run();
    let lacking = restore();
    assert_eq!(lacking.code, 1, "{}", lacking.err);
    let told = found(&lacking, "restore");
    let why = told["why"].as_str().unwrap();
    assert!(
        why.contains("prod/keys/web.key and prod/web") && !why.contains("dev/web"),
        "{why}"
    );
    let next = told["next"].as_str().unwrap();
    assert!(next.contains("clws access grant"), "{next}");

    lab.clws("access grant recovery prod --read --yes")
        .succeeds();
    let whole = restore();
    let told = found(&whole, "restore");
    assert_eq!(told["state"], "fine", "{told}");
    assert!(
        told["why"].as_str().unwrap().contains("2 documents"),
        "{told}"
    );

    // One bit of what is sealed is enough.
    let file = lab.vault().join("secrets/prod/keys/web.key.age");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let broken = restore();
    assert_eq!(broken.code, 1);
    let told = found(&broken, "restore prod/keys/web.key");
    assert_eq!(told["state"], "wrong", "{told}");
    lab.nowhere(&["hunter2".to_owned(), "for-ada-alone".to_owned()]);
}

#[test]
fn what_others_can_read_and_what_git_ignores_is_found_with_what_mends_it() {
    let lab = lab();
    let state = lab.home("ada").join(".local/state/clws");
    let healthy = lab.clws("doctor --json").run();
    assert_eq!(found(&healthy, "state")["state"], "fine");
    assert_eq!(found(&healthy, "identity ada")["state"], "fine");
    assert_eq!(found(&healthy, "memory")["state"], "fine");
    assert_eq!(found(&healthy, "git install")["next"], "clws git install");

    let log = state.join("audit/log.jsonl");
    fs::set_permissions(&log, Permissions::from_mode(0o644)).unwrap();
    fs::write(lab.vault().join(".gitignore"), "secrets/\n").unwrap();
    let attributes = lab.vault().join(".gitattributes");
    let kept = fs::read_to_string(&attributes).unwrap();
    fs::write(&attributes, kept.replace("recipients/** -text\n", "")).unwrap();
    let config = lab.home("ada").join(".config/clws/config.toml");
    fs::write(&config, "[age]\nplugins = [\"nowhere\"]\n").unwrap();
    fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();
    lab.clws("git install").succeeds();
    let ill = lab.clws("doctor --json").exits(1);
    let told = found(&ill, "state");
    assert!(
        told["why"].as_str().unwrap().contains("log.jsonl"),
        "{told}"
    );
    let mend = format!("chmod -R go= {}", state.display());
    assert_eq!(told["next"], mend.as_str());
    assert_eq!(found(&ill, "ignored")["state"], "wrong");
    assert_eq!(found(&ill, "git install")["state"], "fine");

    let told = found(&ill, "line ends");
    let ends = told["next"].as_str().unwrap().to_owned();
    assert!(ends.contains("recipients/** -text"), "{told}");
    let told = found(&ill, "plugin");
    assert!(
        told["why"].as_str().unwrap().contains("age-plugin-nowhere"),
        "{told}"
    );
    fs::write(&config, "identty = \"ada\"\n").unwrap();
    let told = found(&lab.clws("doctor --json").exits(1), "config.toml");
    assert_eq!(told["next"], "is `identity` meant?");
    fs::remove_file(&config).unwrap();

    // What it says mends it.
    let mend = format!("{mend} && {ends}");
    let done = std::process::Command::new("sh")
        .args(["-c", &mend])
        .current_dir(lab.vault())
        .status();
    assert!(done.unwrap().success());
    fs::remove_file(lab.vault().join(".gitignore")).unwrap();
    let healthy = lab.clws("doctor").run();
    let shown = healthy.text();
    assert!(!shown.contains("wrong"), "{shown}");
}

#[test]
fn without_a_vault_or_an_identity_the_machine_is_looked_at() {
    let lab = Lab::empty();
    let ran = lab.clws("doctor --json").run();
    assert_eq!(found(&ran, "identity")["next"], "clws identity new NAME");
    assert_eq!(found(&ran, "memory")["state"], "fine");
    lab.clws("doctor --restore").exits(18);
}

#[test]
fn a_key_that_the_agent_or_the_keyring_does_not_give_is_wrong() {
    let lab = lab();
    let party = lab.clws("identity show ada").succeeds().text();
    let key = |name: &str| {
        let line = party.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_matches('"').to_owned()
    };
    let (age, sign) = (key("age = "), key("key = "));
    for (name, text) in [
        ("agent", format!("sign agent {sign}\n")),
        ("ring", format!("age keyring {age}\n")),
    ] {
        let folder = lab.home("ada").join(".config/clws/identities").join(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        fs::write(folder.join("where"), text).unwrap();
        fs::set_permissions(folder.join("where"), Permissions::from_mode(0o600)).unwrap();
    }
    let looked = lab.clws("doctor --json").run();
    assert_eq!(looked.code, 1, "{}", looked.err);
    for (about, state) in [
        ("identity agent", "wrong"),
        ("identity ring", "wrong"),
        ("identity ada", "fine"),
    ] {
        assert_eq!(found(&looked, about)["state"], state, "{about}");
    }
    let alone = found(&looked, "administrator");
    assert_eq!(alone["state"], "note", "{alone}");
    assert!(
        alone["why"].as_str().unwrap().contains("ada decides alone"),
        "{alone}"
    );
}
