//! A generated value is sealed without being shown; of a key pair only the public half comes out.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::lab::Lab;
use crate::support::tool::{run, tool};

/// Generates, and gives the value that was sealed.
fn generated(lab: &Lab, words: &str) -> String {
    let path = "dev/web/TOKEN";
    let ran = lab
        .clws(&format!("secret generate {path} {words} --yes"))
        .succeeds();
    let value = lab.clws(&format!("secret get {path}")).succeeds().text();
    assert_eq!(ran.text(), "", "data is for what was asked for");
    assert!(!ran.err.contains(&value), "{}", ran.err);
    lab.nowhere(std::slice::from_ref(&value));
    value
}

#[test]
fn passwords_have_the_length_and_the_characters_that_were_asked_for() {
    let lab = Lab::new();
    let plain = generated(&lab, "");
    assert_eq!(plain.len(), 32);
    assert!(plain.starts_with(|c: char| c.is_ascii_alphabetic()));
    assert_ne!(generated(&lab, ""), plain);
    assert_eq!(generated(&lab, "--length 100").len(), 100);
    let hex = generated(&lab, "--alphabet hex");
    assert!(hex.len() == 64 && hex.bytes().all(|b| b"0123456789abcdef".contains(&b)));
    assert_eq!(generated(&lab, "--alphabet base64").len(), 44);
    let words = generated(&lab, "--alphabet words --length 7");
    assert_eq!(words.split('-').count(), 7);
    let warned = lab
        .clws("secret generate dev/web/PIN --length 6 --alphabet hex")
        .succeeds();
    assert!(warned.err.contains("24 bits"), "{}", warned.err);
    for wrong in [
        "--length 0",
        "--length 5000",
        "--kind ed25519 --length 3",
        "--kind x25519 --alphabet hex",
        "--alphabet rot13",
    ] {
        lab.clws(&format!("secret generate dev/web/X {wrong}"))
            .exits(2);
    }
    lab.clws("secret generate dev/web").exits(2);
    lab.clws("secret generate dev").exits(2);
}

#[test]
fn a_value_that_is_there_is_replaced_only_after_a_question() {
    let lab = Lab::new().secret("dev/web/TOKEN", "hunter2");
    let refused = lab.clws("secret generate dev/web/TOKEN").exits(15);
    assert!(
        refused.err.contains("replace `dev/web/TOKEN`"),
        "{}",
        refused.err
    );
    assert_eq!(
        lab.clws("secret get dev/web/TOKEN").succeeds().text(),
        "hunter2"
    );
    // A tombstone is no value.
    lab.clws("secret remove dev/web/TOKEN --yes").succeeds();
    lab.clws("secret generate dev/web/TOKEN").succeeds();
    lab.clws("secret generate dev/ssh/id --type file")
        .succeeds();
    lab.clws("secret generate dev/ssh/id").exits(15);
    lab.clws("secret generate dev/ssh/id --type string --yes")
        .exits(2);
}

#[test]
fn ssh_keygen_and_age_take_generated_keys() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    // As a file …
    let ran = lab
        .clws("secret generate dev/ssh/deploy_key --kind ed25519 --type file")
        .succeeds();
    let public = ran.text();
    assert!(public.starts_with("ssh-ed25519 AAAA"), "{public}");
    assert!(public.ends_with(" dev/ssh/deploy_key\n"), "{public}");
    let private = lab.clws("secret get dev/ssh/deploy_key").succeeds().out;
    let key = folder.path().join("key");
    std::fs::write(&key, &private).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let shown = Command::new(tool("ssh-keygen"))
        .args(["-y", "-P", "", "-f"])
        .arg(&key)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), public);
    let sidecar = lab.vault().join("secrets/dev/ssh/deploy_key.age.toml");
    assert!(
        std::fs::read_to_string(sidecar)
            .unwrap()
            .contains("mode = \"0600\"")
    );
    // … and as a value, with the public half as JSON.
    let ran = lab
        .clws("secret generate dev/backup/IDENTITY --kind x25519 --json")
        .succeeds();
    let public = ran.json()["public"].as_str().unwrap().to_owned();
    let identity = lab.clws("secret get dev/backup/IDENTITY").succeeds().out;
    std::fs::write(&key, &identity).unwrap();
    let sealed = run("age", ["-r", &public], b"hello").stdout;
    let opened = run("age", ["-d", "-i", &key.display().to_string()], &sealed);
    assert_eq!(opened.stdout, b"hello");
    let private = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let lines = text
            .lines()
            .filter(|line| line.len() > 40 && !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    drop(folder);
    lab.nowhere(&private(&identity));
}
