//! Mallory lays another vault under the id of one that ben knows.

use crate::lab::Lab;
use crate::scene::{
    accept, draft_after, mallory, nothing_works, party, plant, refused, signed, trust_file, version,
};

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("access grant ben prod --read --yes").succeeds();
    accept(&lab, &["ben"]);
    lab
}

#[test]
fn her_own_versions_after_the_copied_first_are_refused() {
    let lab = lab();
    let key = mallory();
    let first = version(&lab, 1);
    // Her rules, her party, one version more than ben has seen.
    plant(
        &lab,
        "recipients/mallory.toml",
        party("mallory", key.public()),
    );
    let mut before = first;
    for number in 2..=4 {
        let mut draft = draft_after(&before);
        draft.admins.clear();
        draft
            .admins
            .insert("mallory".parse().unwrap(), key.public().clone());
        draft.files.clear();
        for path in [
            "clws.toml",
            "recipients/access.toml",
            "recipients/mallory.toml",
        ] {
            let bytes = std::fs::read(lab.vault().join(path)).unwrap();
            draft
                .files
                .insert(path.into(), clws::crypto::sha256(&bytes));
        }
        let own = signed(&key, "mallory", draft.body().as_bytes());
        plant(&lab, &trust_file(number), draft.print(&[own]));
        before = version(&lab, number);
    }
    // Other hashes under numbers that ben accepted: he goes on by his copy, and signs nothing.
    refused(&lab, "ben", "secret get prod/web/TOKEN", 0);
    refused(&lab, "ben", "secret set prod/web/TOKEN", 13);
    refused(&lab, "ben", "trust sign --yes", 13);
    refused(&lab, "ben", "rekey --yes", 13);
    // Without a pin not even looking works, whatever is expected.
    let fresh = lab.clws("secret list").by("new").exits(13);
    assert!(
        fresh.err.contains("0 of 1 administrators signed it"),
        "{}",
        fresh.err
    );
}

#[test]
fn what_another_vault_sealed_does_not_open_under_this_id() {
    let lab = lab();
    // The same people have a second vault, and a document of the same name in it.
    let other = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "of-the-other");
    let document = std::fs::read(other.vault().join("secrets/prod/web.toml")).unwrap();
    plant(&lab, "secrets/prod/web.toml", document);
    let said = refused(&lab, "ada", "secret get prod/web/TOKEN", 13);
    assert!(!said.contains("of-the-other"), "{said}");
    // A first version in the place of the first is another vault, of which nothing is known.
    let first = std::fs::read(other.vault().join(trust_file(1))).unwrap();
    plant(&lab, &trust_file(1), first);
    nothing_works(&lab, "ben", 13);
}
