//! Mallory was an administrator. Ada took her out, which everybody accepted. She forks from the version
//! before that, where her signature counted, and joins the fork with ada's version.

use clws::trust::{Draft, Version, also_file};

use crate::lab::Lab;
use crate::scene::{
    accept, draft_after, mallory, newest, party, plant, refused, signed, trust_file, version,
};

/// The vault after ada took mallory out, and the number of the version that did it.
fn lab() -> (Lab, u64) {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("access grant ben prod --read --yes").succeeds();
    lab.clws("recipient add mallory - --yes")
        .stdin(party("mallory", mallory().public()).as_bytes())
        .succeeds();
    lab.clws("trust sign --admin mallory --yes").succeeds();
    let path = lab.vault().join("recipients/trust/proposal/version.toml");
    let proposed = Version::parse(&std::fs::read(path).unwrap()).unwrap();
    let hers = signed(&mallory(), "mallory", proposed.body());
    plant(
        &lab,
        &trust_file(proposed.number),
        proposed.print_with(&newest(&lab), vec![hers]),
    );
    std::fs::remove_dir_all(lab.vault().join("recipients/trust/proposal")).unwrap();
    lab.clws("trust accept").succeeds();
    lab.clws("trust sign --without-admin mallory --yes")
        .succeeds();
    accept(&lab, &["ben"]);
    let number = newest(&lab).number;
    lab.clws("secret get prod/web/TOKEN").succeeds();
    (lab, number)
}

fn by_mallory(draft: &Draft) -> String {
    let own = signed(&mallory(), "mallory", draft.body().as_bytes());
    draft.print(&[own])
}

/// Puts her fork in the place of ada's version, and what comes after it.
fn fork(lab: &Lab, number: u64, also: Option<[u8; 32]>, ada: Option<&[u8]>) {
    let before = version(lab, number - 1);
    let draft = draft_after(&before);
    plant(lab, &trust_file(number), by_mallory(&draft));
    let mut joined = draft_after(&version(lab, number));
    joined.also = also;
    plant(lab, &trust_file(number + 1), by_mallory(&joined));
    if let (Some(also), Some(bytes)) = (also, ada) {
        plant(lab, &also_file(&also), bytes);
    }
}

#[test]
fn who_was_taken_out_does_not_come_back_by_a_join() {
    let (lab, number) = lab();
    let ada = std::fs::read(lab.vault().join(trust_file(number))).unwrap();
    let hash = newest(&lab).hash;
    let other = std::fs::read(lab.vault().join(trust_file(number - 2))).unwrap();
    for (also, bytes) in [
        // With ada's version beside it, without it, with something else under its name, with a
        // version that both have, and with no join at all.
        (Some(hash), Some(ada.as_slice())),
        (Some(hash), None),
        (Some(hash), Some(other.as_slice())),
        (Some(version(&lab, number - 1).hash), None),
        (None, None),
    ] {
        fork(&lab, number, also, bytes);
        for by in ["ada", "ben"] {
            refused(&lab, by, "secret get prod/web/TOKEN", 0);
            for words in [
                "secret set prod/web/TOKEN",
                "trust sign --yes",
                "rekey --yes",
            ] {
                let said = refused(&lab, by, words, 13);
                assert!(said.contains("here is another one"), "{said}");
            }
        }
        let also = lab.vault().join("recipients/trust/also");
        if also.exists() {
            std::fs::remove_dir_all(also).unwrap();
        }
    }
}

#[test]
fn a_proposal_of_hers_to_join_says_whom_it_brings_back() {
    let (lab, number) = lab();
    let ada = std::fs::read(lab.vault().join(trust_file(number))).unwrap();
    let hash = newest(&lab).hash;
    fork(&lab, number, Some(hash), Some(&ada));
    let joined = lab.vault().join(trust_file(number + 1));
    let text = std::fs::read(&joined).unwrap();
    std::fs::remove_file(joined).unwrap();
    plant(&lab, "recipients/trust/proposal/version.toml", text);
    refused(&lab, "ben", "secret get prod/web/TOKEN", 0);
    refused(&lab, "ben", "secret set prod/web/TOKEN", 13);
    let diff = lab.clws("trust diff").exits(1).text();
    assert!(
        diff.contains("signed by mallory; it waits for ada"),
        "{diff}"
    );
    assert!(diff.contains("mallory decides too"), "{diff}");
    // Without a yes, ada signs nothing.
    let said = refused(&lab, "ada", "trust sign", 15);
    assert!(said.contains("mallory decides too"), "{said}");
}
