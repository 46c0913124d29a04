//! Mallory makes herself an administrator: in a version that she signs, behind the signatures, in the
//! place of ada's key, and by a proposal.

use crate::lab::Lab;
use crate::scene::{
    accept, draft_after, mallory, newest, nothing_works, party, plant, refused, signed, trust_file,
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
fn a_version_that_she_signs_alone_is_refused() {
    let lab = lab();
    let (key, before) = (mallory(), newest(&lab));
    let mut draft = draft_after(&before);
    draft
        .admins
        .insert("mallory".parse().unwrap(), key.public().clone());
    let mallorys = signed(&key, "mallory", draft.body().as_bytes());
    let adas = signed(&key, "ada", draft.body().as_bytes());
    for signatures in [vec![], vec![mallorys.clone()], vec![adas, mallorys]] {
        plant(&lab, &trust_file(draft.number), draft.print(&signatures));
        for by in ["ada", "ben"] {
            let said = nothing_works(&lab, by, 13);
            assert!(said.contains("0 of 1 administrators signed it"), "{said}");
        }
    }
}

#[test]
fn her_key_in_the_place_of_adas_is_refused() {
    let lab = lab();
    let (key, before) = (mallory(), newest(&lab));
    let mut draft = draft_after(&before);
    draft
        .admins
        .insert("ada".parse().unwrap(), key.public().clone());
    let forged = signed(&key, "ada", draft.body().as_bytes());
    plant(&lab, &trust_file(draft.number), draft.print(&[forged]));
    nothing_works(&lab, "ben", 13);
}

#[test]
fn behind_the_signatures_she_is_nobody() {
    let lab = lab();
    let before = newest(&lab);
    let path = trust_file(before.number);
    let text = std::fs::read_to_string(lab.vault().join(&path)).unwrap();
    let admin = format!("[admin.mallory]\nkey = \"{}\"\n\n[end]", mallory().public());
    plant(&lab, &path, text.replace("[end]", &admin));
    // The body is what everybody accepted, so opening goes on; nobody signs on from such a file.
    let said = refused(&lab, "ada", "trust sign --yes", 13);
    assert!(said.contains("behind its signatures"), "{said}");
    refused(&lab, "ada", "access grant ben dev --read --yes", 13);
    refused(&lab, "ben", "rekey --yes", 13);
}

#[test]
fn a_proposal_of_hers_counts_for_nothing() {
    let lab = lab();
    let (key, before) = (mallory(), newest(&lab));
    let mut draft = draft_after(&before);
    draft
        .admins
        .insert("mallory".parse().unwrap(), key.public().clone());
    let file = party("mallory", key.public());
    draft.files.insert(
        "recipients/mallory.toml".into(),
        clws::crypto::sha256(file.as_bytes()),
    );
    let own = signed(&key, "mallory", draft.body().as_bytes());
    plant(
        &lab,
        "recipients/trust/proposal/version.toml",
        draft.print(&[own]),
    );
    plant(
        &lab,
        "recipients/trust/proposal/recipients/mallory.toml",
        file,
    );
    // It changes nothing and stands in nobody's way.
    refused(&lab, "ben", "secret get prod/web/TOKEN", 0);
    refused(&lab, "ben", "rekey --dry-run", 0);
    refused(&lab, "ben", "access grant mallory prod --read --yes", 13);
    let diff = lab.clws("trust diff").exits(1).text();
    assert!(
        diff.contains("signed by mallory; it waits for ada"),
        "{diff}"
    );
    assert!(diff.contains("mallory decides too"), "{diff}");
    // Nobody signs in a hurry what no administrator proposed.
    let said = refused(&lab, "ada", "trust sign --yes", 13);
    assert!(said.contains("no administrator has signed"), "{said}");
    lab.clws("access grant ben dev --read --yes").succeeds();
    assert!(
        !lab.vault()
            .join("recipients/trust/proposal/version.toml")
            .exists()
    );
    assert!(!lab.vault().join("recipients/mallory.toml").exists());
    accept(&lab, &["new"]);
    assert!(
        !lab.clws("trust show").succeeds().text().contains("mallory"),
        "{}",
        lab.head()
    );
}

#[test]
fn a_proposal_brings_no_other_file_in() {
    let lab = lab();
    let (key, before) = (mallory(), newest(&lab));
    for file in [
        ".git/hooks/post-checkout",
        "hooks/web.toml",
        "recipients/trust/9.toml",
        "../x",
    ] {
        let mut draft = draft_after(&before);
        draft
            .files
            .insert(file.into(), clws::crypto::sha256(b"#!/bin/sh\n"));
        let own = signed(&key, "mallory", draft.body().as_bytes());
        plant(
            &lab,
            "recipients/trust/proposal/version.toml",
            draft.print(&[own]),
        );
        let said = refused(&lab, "ada", "trust sign --yes", 13);
        assert!(said.contains("is no file of rules"), "{file}: {said}");
        let check = lab.clws("check").exits(1).text();
        assert!(check.contains("is no file of rules"), "{check}");
    }
}
