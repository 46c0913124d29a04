//! A real signature of ada's, made for something else, does not sign a trust version; nor does a real
//! one over another version.

use std::process::Command;

use clws::crypto::decode_base64;
use clws::crypto::sshsig::{Signature, SignedBy};

use crate::lab::Lab;
use crate::scene::{
    accept, admin_key, draft_after, newest, nothing_works, plant, trust_file, version,
};

/// Has OpenSSH sign with a person's own key in a namespace.
pub(crate) fn sign_as(lab: &Lab, name: &str, namespace: &str, body: &str) -> SignedBy {
    let folder = lab.home(name).join(".config/clws/identities").join(name);
    let file = lab.root().join("to-sign");
    std::fs::write(&file, body).unwrap();
    let signature = lab.root().join("to-sign.sig");
    if signature.exists() {
        std::fs::remove_file(&signature).unwrap();
    }
    let out = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", namespace, "-f"])
        .arg(folder.join("signing_key"))
        .arg(&file)
        .output()
        .expect("ssh-keygen is missing: run bash .ci/install");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let armor = std::fs::read_to_string(signature).unwrap();
    let base64: String = armor
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let blob = decode_base64(&base64).unwrap();
    let bytes = blob[blob.len() - 64..].to_vec();
    let key = admin_key(&newest(lab), name)
        .or_else(|| admin_key(&version(lab, 1), name))
        .unwrap();
    SignedBy {
        party: name.to_owned(),
        fingerprint: key.fingerprint(),
        signature: Signature::new(bytes).unwrap(),
    }
}

#[test]
fn each_namespace_signs_for_itself_alone() {
    let lab = Lab::new()
        .people(&["ben", "mallory"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("access grant ben prod --read --yes").succeeds();
    accept(&lab, &["ben"]);
    let draft = draft_after(&newest(&lab));
    let file = trust_file(draft.number);
    for namespace in [
        "clws.value.v1",
        "clws.document.v1",
        "clws.file.v1",
        "clws.hooks.v1",
        "clws.audit.v1",
        "clws.submit.v1",
        "git",
        "file",
        "clws.trust.v2",
    ] {
        let signed = sign_as(&lab, "ada", namespace, &draft.body());
        plant(&lab, &file, draft.print(&[signed]));
        let said = nothing_works(&lab, "ben", 13);
        assert!(said.contains("0 of 1 administrators signed it"), "{said}");
    }
    // Over the version before, and over the vault's own other signatures.
    let before = std::fs::read_to_string(lab.vault().join(trust_file(draft.number - 1))).unwrap();
    let document = std::fs::read_to_string(lab.vault().join("secrets/prod/web.toml")).unwrap();
    for text in [&before, &document] {
        let old = text
            .lines()
            .find(|line| line.starts_with("sig = \"ada/"))
            .unwrap();
        let old = old.trim_start_matches("sig = \"").trim_end_matches('"');
        plant(&lab, &file, draft.print(&[old.parse().unwrap()]));
        nothing_works(&lab, "ben", 13);
    }
    // The right one is taken, or none of the above would say anything.
    let signed = sign_as(&lab, "ada", "clws.trust.v1", &draft.body());
    plant(&lab, &file, draft.print(&[signed]));
    lab.clws("secret get prod/web/TOKEN").by("ben").succeeds();
}
