//! Somebody who has an SSH key and nothing else reads what was sealed to it, beside readers with age keys.

use std::process::Command;

use crate::lab::Lab;
use crate::support::tool::tool;

#[test]
fn beside_age_keys_in_one_document_and_one_file() {
    let lab = Lab::new().secret("prod/web/TOKEN", "hunter2-token");
    lab.clws("secret set prod/keys/web.key --type file")
        .stdin(b"hunter2-file")
        .succeeds();
    let key = lab.root().join("id_ed25519");
    let mut keygen = Command::new(tool("ssh-keygen"));
    keygen.args(["-q", "-t", "ed25519", "-C", "ben@laptop", "-N", "", "-f"]);
    assert!(keygen.arg(&key).status().unwrap().success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();

    lab.clws("recipient add ben --yes --ssh")
        .word(&public)
        .succeeds();
    lab.clws("access grant ben prod --read --yes").succeeds();
    let party = std::fs::read_to_string(lab.vault().join("recipients/ben.toml")).unwrap();
    assert!(party.contains("ssh = \"ssh-ed25519 AAAA"), "{party}");
    assert!(!party.contains("laptop"), "{party}");

    for (path, value) in [
        ("prod/web/TOKEN", "hunter2-token"),
        ("prod/keys/web.key", "hunter2-file"),
    ] {
        for reader in [Some(&key), None] {
            let mut get = lab.clws(&format!("secret get {path}"));
            if let Some(key) = reader {
                get = get.word("--identity").word(key.to_str().unwrap());
            }
            assert_eq!(get.succeeds().out, value.as_bytes());
        }
    }
    // What he reads he cannot sign: the key opens, and `check` agrees with all of it.
    lab.clws("secret set prod/web/TOKEN --identity")
        .word(key.to_str().unwrap())
        .stdin(b"forged")
        .exits(13);
    lab.clws("check").succeeds();

    // Somebody else's key, and after he left his own, open nothing.
    lab.clws("recipient remove ben --yes").succeeds();
    let refused = lab
        .clws("secret get prod/web/TOKEN --identity")
        .word(key.to_str().unwrap());
    refused.exits(11);
}
