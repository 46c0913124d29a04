//! Who founded the vault signs on from his own first version, after he handed it over and left.

use crate::lab::Lab;
use crate::scene::{accept, draft_after, newest, plant, refused, trust_file, version};

/// Fred founded it; ada decides now, and fred is gone. Gives what fred's home still holds.
fn lab() -> Lab {
    let lab = Lab::empty();
    lab.git(&["init", "-q", "-b", "main"]);
    lab.clws("init --name fred").by("fred").succeeds();
    lab.clws("identity new ada --keep file").succeeds();
    let ada = lab.clws("identity show").succeeds().out;
    lab.clws("recipient add ada - --yes")
        .by("fred")
        .stdin(&ada)
        .succeeds();
    lab.clws("access grant ada prod --read --write --yes")
        .by("fred")
        .succeeds();
    lab.clws("trust sign --admin ada --yes")
        .by("fred")
        .succeeds();
    accept(&lab, &["ada"]);
    lab.clws("trust sign --yes").succeeds();
    lab.clws("secret set prod/web/TOKEN")
        .stdin(b"hunter2")
        .succeeds();
    lab.clws("access revoke fred prod --read --write --yes")
        .succeeds();
    lab.clws("trust sign --without-admin fred --yes").succeeds();
    lab.commit("before");
    lab
}

/// Fred takes himself out of his fork's way: another version after the first.
fn fork(lab: &Lab) {
    let last = newest(lab).number;
    for number in (2..=last).rev() {
        std::fs::remove_file(lab.vault().join(trust_file(number))).unwrap();
    }
    let fred = lab.root().join("home/fred");
    // A fresh home with his identity, so that his machine steps from version 1 again.
    let state = fred.join(".local/state");
    std::fs::remove_dir_all(state).unwrap();
    lab.git(&["checkout", "-q", "HEAD", "--", "secrets"]);
    let first = version(lab, 1);
    let mut draft = draft_after(&first);
    draft.files.clear();
    for path in [
        "clws.toml",
        "recipients/access.toml",
        "recipients/fred.toml",
    ] {
        let bytes = std::fs::read(lab.vault().join(path)).unwrap();
        draft
            .files
            .insert(path.into(), clws::crypto::sha256(&bytes));
    }
    let body = draft.body();
    let sealed =
        crate::a_signature_is_reused_elsewhere::sign_as(lab, "fred", "clws.trust.v1", &body);
    plant(lab, &trust_file(2), draft.print(&[sealed]));
}

#[test]
fn a_machine_that_was_told_the_newest_version_refuses_his_chain() {
    let lab = lab();
    let real = lab.head();
    // Named so, it is accepted on a machine without a pin.
    lab.clws("secret list")
        .by("ci")
        .env("CLWS_TRUST", &real)
        .succeeds();
    fork(&lab);
    // His chain holds in itself: whoever asks him for the fingerprint accepts it.
    let his = lab.head();
    assert_ne!(his, real);
    let fresh = lab
        .clws("secret get prod/web/TOKEN")
        .by("runner")
        .env("CLWS_TRUST", &real)
        .exits(13);
    assert!(fresh.err.contains("was expected"), "{}", fresh.err);
    assert!(
        !lab.home("runner").join(".local/state/clws/vaults").exists()
            || crate::scene::files_below(&lab.home("runner").join(".local/state/clws/vaults"))
                .is_empty()
    );
    // Who has a pin goes on by what was accepted, and signs nothing.
    refused(&lab, "ada", "secret get prod/web/TOKEN", 0);
    for words in [
        "secret set prod/web/TOKEN",
        "trust sign --yes",
        "rekey --yes",
    ] {
        let said = refused(&lab, "ada", words, 13);
        assert!(
            said.contains("trust version 2 here is another one"),
            "{said}"
        );
    }
    for number in 3..=9 {
        let before = version(&lab, number - 1);
        let draft = draft_after(&before);
        let body = draft.body();
        let signed =
            crate::a_signature_is_reused_elsewhere::sign_as(&lab, "fred", "clws.trust.v1", &body);
        plant(&lab, &trust_file(number), draft.print(&[signed]));
    }
    refused(&lab, "ada", "secret get prod/web/TOKEN", 0);
    for words in [
        "secret set prod/web/TOKEN",
        "trust sign --yes",
        "rekey --yes",
    ] {
        refused(&lab, "ada", words, 13);
    }
}
