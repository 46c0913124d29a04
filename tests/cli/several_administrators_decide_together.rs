//! Where more than one must sign, the first signature makes a proposal: it counts for nothing, is in
//! nobody's way, and comes in whole with the last signature.

use crate::lab::{Lab, Ran};

const PROPOSAL: &str = "recipients/trust/proposal/version.toml";

/// Ada, ben and cleo decide, two of them together; dora is a party.
fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben", "cleo", "dora"])
        .secret("dev/web/TOKEN", "hunter2");
    lab.accepted_by(&["ben", "cleo", "dora"]);
    let proposed = lab
        .clws("trust sign --admin ben --admin cleo --threshold 2 --yes")
        .succeeds();
    for said in [
        "ben decides too, with ",
        "2 of 3 must sign a change instead of 1 of 1",
        "it counts for nothing until ben, who is new, and cleo, who is new, signed it too",
    ] {
        assert!(proposed.err.contains(said), "{said}: {}", proposed.err);
    }
    lab.clws("trust sign --yes").by("cleo").succeeds();
    assert!(lab.vault().join(PROPOSAL).exists());
    let last = lab.clws("trust sign --yes").by("ben").succeeds();
    assert!(last.err.contains("signed trust version 5"), "{}", last.err);
    assert!(!lab.vault().join(PROPOSAL).exists());
    for name in ["ada", "cleo", "dora"] {
        lab.clws("trust accept").by(name).succeeds();
    }
    lab
}

fn trust(lab: &Lab) -> String {
    lab.clws("trust show").succeeds().text()
}

fn get(lab: &Lab, by: &str) -> Ran {
    lab.clws("secret get dev/web/TOKEN").by(by).run()
}

#[test]
fn a_proposal_counts_for_nothing_until_the_last_one_signs() {
    let lab = lab();
    assert!(
        trust(&lab).contains("administrators  ada, ben, cleo (2 must sign)"),
        "{}",
        trust(&lab)
    );
    let proposed = lab.clws("access grant dora dev --read --yes").succeeds();
    assert!(
        proposed
            .err
            .contains("signed by ada; it counts for nothing until one of ben and cleo"),
        "{}",
        proposed.err
    );
    // It is shown with who signed it and who is waited for.
    let diff = lab.clws("trust diff").by("cleo").exits(1).text();
    assert_eq!(
        diff,
        "proposed: trust version 6, signed by ada; it waits for one of ben and cleo\n  \
         dora may read `dev`\n"
    );
    assert!(
        trust(&lab).contains("proposal        trust version 6, signed by ada; it waits for"),
        "{}",
        trust(&lab)
    );
    let json = lab.clws("trust show --json").succeeds().json();
    assert_eq!(json["proposal"]["of"], serde_json::json!(["ben", "cleo"]));
    let check = lab.clws("check").succeeds().text();
    assert!(
        check.contains("trust version 6 is proposed, signed by ada; it waits"),
        "{check}"
    );
    // Nobody is sealed to dora, and whoever sees the vault for the first time finds it whole.
    assert_eq!(get(&lab, "ada").code, 0);
    let lab = lab.secret("dev/web/OTHER", "more");
    let document = std::fs::read_to_string(lab.vault().join("secrets/dev/web.toml")).unwrap();
    assert!(!document.contains("dora"), "{document}");
    assert_eq!(get(&lab, "dora").code, 11);
    lab.clws("identity new new --keep file")
        .by("new")
        .succeeds();
    lab.accepted_by(&["new"]);
    lab.clws("rekey dev/web --yes").succeeds();
    // Ada has signed; what else she changes would be another proposal.
    let again = lab.clws("trust sign --yes").exits(15);
    assert!(
        again.err.contains("it waits for one of ben and cleo"),
        "{}",
        again.err
    );
    let other = lab.clws("access grant dora prod --read --yes").exits(16);
    assert!(
        other.err.contains("trust version 6 is open"),
        "{}",
        other.err
    );
    lab.clws("trust sign --yes").by("dora").exits(13);
    // Cleo sees what she signs; she is no reader, so what only readers can do is left and said.
    let signed = lab.clws("trust sign --yes").by("cleo").succeeds();
    for said in [
        "dora may read `dev`",
        "ada proposed it",
        "clws rekey dev/web",
    ] {
        assert!(signed.err.contains(said), "{said}: {}", signed.err);
    }
    // Nothing of it is left, no folder either.
    assert!(!lab.vault().join("recipients/trust/proposal").exists());
    lab.clws("access grant dora dev --read --yes").succeeds();
    assert_eq!(get(&lab, "dora").text(), "hunter2");
    lab.clws("check --full").succeeds();
}

#[test]
fn the_last_signature_brings_in_what_it_makes_necessary() {
    let lab = lab();
    lab.clws("access grant dora dev --read --yes")
        .by("cleo")
        .succeeds();
    lab.clws("trust sign --yes").succeeds();
    assert_eq!(get(&lab, "dora").text(), "hunter2");
    lab.clws("recipient remove dora --yes").by("ben").succeeds();
    assert!(lab.vault().join("recipients/dora.toml").exists());
    assert_eq!(get(&lab, "dora").code, 0);
    lab.clws("trust sign --yes").succeeds();
    assert!(!lab.vault().join("recipients/dora.toml").exists());
    assert_eq!(get(&lab, "dora").code, 11);
    lab.clws("check --full").succeeds();
}

#[test]
fn what_was_edited_by_hand_moves_into_the_proposal() {
    let lab = lab();
    let path = lab.vault().join("recipients/access.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    let edited = format!("[group.oncall]\nmembers = [\"dora\"]\n\n{before}");
    std::fs::write(&path, &edited).unwrap();
    lab.clws("trust sign --yes").succeeds();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    // The same edit is the same proposal, another one is not.
    std::fs::write(&path, edited.replace("dora", "ben")).unwrap();
    lab.clws("trust sign --yes").by("ben").exits(16);
    std::fs::write(&path, &edited).unwrap();
    lab.clws("trust sign --yes").by("ben").succeeds();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), edited);
    lab.clws("check").succeeds();
}

#[test]
fn an_administrator_goes_and_one_takes_another_key() {
    let lab = lab();
    lab.clws("trust sign --without-admin cleo --yes").succeeds();
    lab.clws("trust sign --yes").by("cleo").succeeds();
    assert!(
        trust(&lab).contains("ada, ben (2 must sign)"),
        "{}",
        trust(&lab)
    );
    lab.clws("trust sign --without-admin ben --yes").exits(2);
    lab.clws("trust sign --without-admin dora --yes").exits(2);
    lab.clws("trust sign --without-admin ben --threshold 1 --yes")
        .succeeds();
    lab.clws("trust sign --yes").by("ben").succeeds();
    // Ada alone again: she brings a new key in with both of hers.
    lab.clws("identity new second --keep file").succeeds();
    let party = lab.clws("identity show second").succeeds().out;
    lab.clws("recipient update ada - --yes")
        .stdin(&party)
        .succeeds();
    let several = lab.clws("trust sign --admin ada --yes").exits(2);
    assert!(several.err.contains("--admin ada/"), "{}", several.err);
    let labels = std::fs::read_to_string(lab.vault().join("recipients/ada.toml")).unwrap();
    let label = labels
        .lines()
        .filter_map(|line| line.strip_prefix("[signing.")?.strip_suffix(']'))
        .find(|label| *label != "main")
        .unwrap();
    let signed = lab
        .clws(&format!("trust sign --admin ada/{label} --yes"))
        .succeeds();
    assert!(
        signed.err.contains("signed trust version"),
        "{}",
        signed.err
    );
    lab.clws("check").succeeds();
    // A key that she gives up still decides, until she says otherwise; nobody is left unaware of it.
    let dropped = lab
        .clws(&format!("recipient update ada --drop {label} --yes"))
        .run();
    assert!(
        dropped
            .err
            .contains("ada decides with a key that is no longer ada's own"),
        "{}",
        dropped.err
    );
    let check = lab.clws("check").exits(1).text();
    assert!(
        check.contains("the party ada does not sign with it"),
        "{check}"
    );
    lab.clws("trust sign --admin ada --yes").succeeds();
    lab.clws("check").succeeds();
    lab.accepted_by(&["eve"]);
}

#[test]
fn who_is_taken_out_of_the_vault_decides_no_longer() {
    let lab = lab();
    lab.clws("recipient remove ben --yes").succeeds();
    lab.clws("trust sign --yes").by("cleo").succeeds();
    assert!(
        trust(&lab).contains("administrators  ada, cleo (2 must sign)"),
        "{}",
        trust(&lab)
    );
    lab.clws("trust accept").by("ben").succeeds();
    let refused = lab.clws("access grant dora dev --read --yes").by("ben");
    let refused = refused.exits(13);
    let said = "error: none of your keys is an administrator's\n";
    assert!(refused.err.starts_with(said), "{}", refused.err);
    // Nobody goes without whom too few would be left.
    let refused = lab.clws("recipient remove cleo --yes").exits(2);
    let said = "error: 2 must sign, and there would be 1 administrator\n";
    assert!(refused.err.starts_with(said), "{}", refused.err);
}
