//! Two of three must sign. One real signature is there, from a proposal; mallory was an administrator
//! once and makes the second one up.

use clws::crypto::sshsig::SignedBy;
use clws::trust::Draft;

use crate::lab::Lab;
use crate::scene::{
    accept, admin_key, draft_after, mallory, newest, nothing_works, party, plant, refused, signed,
    trust_file, version,
};

const PROPOSAL: &str = "recipients/trust/proposal/version.toml";

/// Ada, ben and cleo decide, two of them; mallory did and does no longer. Ada has signed a proposal.
fn lab() -> (Lab, String) {
    let lab = Lab::new()
        .people(&["ben", "cleo", "dora"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("recipient add mallory - --yes")
        .stdin(party("mallory", mallory().public()).as_bytes())
        .succeeds();
    // Mallory signs with a key that no identity of the lab holds.
    lab.clws("trust sign --admin mallory --yes").succeeds();
    let proposed = std::fs::read(lab.vault().join(PROPOSAL)).unwrap();
    let proposed = clws::trust::Version::parse(&proposed).unwrap();
    let before = newest(&lab);
    let hers = signed(&mallory(), "mallory", proposed.body());
    plant(
        &lab,
        &trust_file(proposed.number),
        proposed.print_with(&before, vec![hers]),
    );
    std::fs::remove_dir_all(lab.vault().join("recipients/trust/proposal")).unwrap();
    lab.clws("trust accept").succeeds();
    assert!(admin_key(&newest(&lab), "mallory").is_some());
    accept(&lab, &["ben", "cleo"]);
    lab.clws("trust sign --without-admin mallory --admin ben --admin cleo --threshold 2 --yes")
        .succeeds();
    lab.clws("trust sign --yes").by("ben").succeeds();
    lab.clws("trust sign --yes").by("cleo").succeeds();
    lab.clws("trust accept").succeeds();
    lab.clws("trust accept").by("ben").succeeds();
    lab.clws("access grant dora prod --read --yes").succeeds();
    let proposal = std::fs::read_to_string(lab.vault().join(PROPOSAL)).unwrap();
    std::fs::remove_dir_all(lab.vault().join("recipients/trust/proposal")).unwrap();
    assert_eq!(newest(&lab).threshold, 2);
    (lab, proposal)
}

/// Puts `more` behind ada's signature.
fn with(proposal: &str, more: &str) -> String {
    proposal.replace("[end]", &format!("{more}\n\n[end]"))
}

fn table(name: &str, signed: &SignedBy) -> String {
    format!("[sig.{name}]\nsig = \"{signed}\"")
}

#[test]
fn one_signature_does_not_count_twice() {
    let (lab, proposal) = lab();
    let number = newest(&lab).number + 1;
    let adas = proposal
        .lines()
        .find(|line| line.starts_with("sig = \"ada/"))
        .unwrap();
    let adas: SignedBy = adas
        .trim_start_matches("sig = \"")
        .trim_end_matches('"')
        .parse()
        .unwrap();
    let second = format!("\"ada/{}\"", adas.fingerprint);
    let as_ben = SignedBy {
        party: "ben".into(),
        ..adas.clone()
    };
    let bens_key = admin_key(&newest(&lab), "ben").unwrap();
    let with_bens_print = SignedBy {
        fingerprint: bens_key.fingerprint(),
        ..as_ben.clone()
    };
    for (name, signed, code) in [
        // The same table twice, and a table that names another party, are malformed.
        ("ada", &adas, 10),
        ("ben", &adas, 10),
        (second.as_str(), &adas, 13),
        ("ben", &as_ben, 13),
        ("ben", &with_bens_print, 13),
    ] {
        plant(
            &lab,
            &trust_file(number),
            with(&proposal, &table(name, signed)),
        );
        let said = nothing_works(&lab, "ada", code);
        if code == 13 {
            assert!(said.contains("1 of 2 administrators signed it"), "{said}");
        }
        refused(&lab, "ben", "secret get prod/web/TOKEN", code);
    }
}

#[test]
fn who_decided_once_and_who_never_did_do_not_count() {
    let (lab, proposal) = lab();
    let number = newest(&lab).number + 1;
    let key = mallory();
    let body = clws::trust::Version::parse(proposal.as_bytes()).unwrap();
    let hers = signed(&key, "mallory", body.body());
    let as_ben = signed(&key, "ben", body.body());
    for (name, signed) in [("mallory", &hers), ("ben", &as_ben)] {
        plant(
            &lab,
            &trust_file(number),
            with(&proposal, &table(name, signed)),
        );
        let said = nothing_works(&lab, "ben", 13);
        assert!(said.contains("1 of 2 administrators signed it"), "{said}");
    }
}

#[test]
fn a_proposal_that_calls_itself_complete_is_none() {
    let (lab, proposal) = lab();
    let number = newest(&lab).number + 1;
    plant(&lab, &trust_file(number), &proposal);
    nothing_works(&lab, "ada", 13);
    nothing_works(&lab, "ben", 13);
}

#[test]
fn the_threshold_is_not_lowered_by_hand() {
    let (lab, proposal) = lab();
    let number = newest(&lab).number + 1;
    let lowered = proposal.replace("threshold = 2", "threshold = 1");
    let behind = "[trust]\nformat = 1\nversion = 1\nprev = \"00\"\nthreshold = 1";
    for (text, code) in [
        (lowered, 13),
        // A second [trust] is malformed before anybody asks where it stands.
        (with(&proposal, behind), 10),
    ] {
        plant(&lab, &trust_file(number), text);
        nothing_works(&lab, "ada", code);
    }
    // In the version that counts already it changes the body.
    std::fs::remove_file(lab.vault().join(trust_file(number))).unwrap();
    let path = trust_file(number - 1);
    let text = std::fs::read_to_string(lab.vault().join(&path)).unwrap();
    plant(&lab, &path, text.replace("threshold = 2", "threshold = 1"));
    refused(&lab, "ada", "secret set prod/web/TOKEN", 13);
    refused(&lab, "ada", "trust sign --yes", 13);
    refused(&lab, "ada", "rekey --yes", 13);
    refused(&lab, "ada", "secret get prod/web/TOKEN", 0);
}

#[test]
fn one_key_under_two_names_is_malformed() {
    let (lab, _) = lab();
    let before = version(&lab, newest(&lab).number);
    let mut draft: Draft = draft_after(&before);
    let adas = admin_key(&before, "ada").unwrap();
    draft.admins.insert("ada2".parse().unwrap(), adas);
    let forged = signed(&mallory(), "ada2", draft.body().as_bytes());
    plant(&lab, &trust_file(draft.number), draft.print(&[forged]));
    let said = nothing_works(&lab, "ben", 10);
    assert!(said.contains("two administrators have one key"), "{said}");
}
