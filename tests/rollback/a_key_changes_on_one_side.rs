//! One branch changes a document's key, and the other goes on under the one from before, or changes it too.

use crate::branches::{commits, git, installed, merged, reads, said, set, succeeded};
use crate::lab::Lab;

fn rekeys(lab: &Lab) {
    lab.clws("rekey dev/web --yes").succeeds();
}

/// Signs the document's own record again, twice.
fn signs_twice(lab: &Lab) {
    for owner in ["ada", "ben"] {
        lab.clws(&format!("secret policy dev/web --owner {owner}"))
            .by("ben")
            .succeeds();
    }
}

#[test]
fn a_key_whose_number_is_lower_than_what_was_signed_meanwhile_is_not_taken() {
    for rekeyed_here in [true, false] {
        let lab = installed();
        let done = match rekeyed_here {
            true => merged(&lab, ("ada", &rekeys), ("ben", &signs_twice)),
            false => merged(&lab, ("ben", &signs_twice), ("ada", &rekeys)),
        };
        assert!(!done.status.success(), "{}", said(&done));
        let file = lab.vault().join("secrets/dev/web.toml");
        let before = std::fs::read(&file).unwrap();
        let refused = lab.clws("merge").exits(16);
        assert!(
            refused.err.contains("`dev/web` cannot be joined"),
            "{}",
            refused.err
        );
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}

#[test]
fn a_wrap_that_a_new_key_took_away_is_not_called_lost() {
    let lab = installed();
    lab.clws("access grant cleo dev/web --read --yes")
        .succeeds();
    commits(&lab, "cleo reads");
    let revokes = |lab: &Lab| {
        lab.clws("access revoke cleo dev/web --read --yes")
            .succeeds();
    };
    let done = merged(
        &lab,
        ("ada", &revokes),
        ("ben", &|lab| set(lab, "ben", "MIKE", "added")),
    );
    succeeded(&done);
    let text = said(&done);
    assert!(!text.contains("a wrap of the key from before"), "{text}");
    // She had the key that it was added under.
    lab.clws("secret adopt dev/web/MIKE --yes").succeeds();
    let policy = lab.clws("secret policy dev/web/MIKE").succeeds().text();
    assert!(policy.contains("cleo left"), "{policy}");
}

#[test]
fn a_new_key_on_one_side_and_values_and_a_reader_on_the_other() {
    for rekeyed_here in [true, false] {
        let lab = installed();
        let rekeys = |lab: &Lab| {
            lab.clws("rekey dev/web --yes").succeeds();
        };
        let writes = |lab: &Lab| {
            set(lab, "ben", "MIKE", "added");
            set(lab, "ben", "BASE", "changed");
            lab.clws("secret remove dev/web/ZULU --yes")
                .by("ben")
                .succeeds();
        };
        let done = match rekeyed_here {
            true => merged(&lab, ("ada", &rekeys), ("ben", &writes)),
            false => merged(&lab, ("ben", &writes), ("ada", &rekeys)),
        };
        succeeded(&done);
        // Under the key that is kept as retired: read with a warning, until a writer adopts it.
        for (name, value) in [("MIKE", "added"), ("BASE", "changed")] {
            let got = lab.clws(&format!("secret get dev/web/{name}")).succeeds();
            assert_eq!(got.text(), value);
            assert!(got.err.contains("clws secret adopt"), "{}", got.err);
            lab.clws(&format!("secret adopt dev/web/{name} --yes"))
                .succeeds();
            reads(&lab, name, value);
        }
        lab.clws("secret get dev/web/ZULU").exits(18);
        lab.clws("check --full").succeeds();
    }
}

#[test]
fn a_reader_added_while_the_key_changed_is_named() {
    let lab = installed();
    lab.git(&["checkout", "-qb", "rekeyed"]);
    lab.clws("rekey dev/web --yes").succeeds();
    let rekeyed = std::fs::read(lab.vault().join("secrets/dev/web.toml")).unwrap();
    commits(&lab, "rekeyed");
    lab.git(&["checkout", "-q", "main"]);
    // Ada's other machine has not seen the rekey.
    let other = lab.copy();
    std::fs::remove_dir_all(other.home("ada").join(".local/state/clws/vaults")).unwrap();
    let head = other.head();
    other
        .clws("access grant cleo dev/web --read --yes --expect")
        .word(&head)
        .succeeds();
    commits(&other, "cleo reads");
    let done = git(&other, &["merge", "--no-edit", "rekeyed"]);
    succeeded(&done);
    assert!(
        said(&done).contains("`clws access grant cleo dev/web --read` gives the new one"),
        "{}",
        said(&done)
    );
    let text = std::fs::read_to_string(other.vault().join("secrets/dev/web.toml")).unwrap();
    assert!(!text.contains("cleo") && !rekeyed.is_empty());
    other.clws("check").exits(1);
    other
        .clws("access grant cleo dev/web --read --yes")
        .succeeds();
    other.clws("check --full").succeeds();
    let got = other.clws("secret get dev/web/BASE").by("cleo").succeeds();
    assert_eq!(got.text(), "begin");
}

#[test]
fn two_new_keys_are_refused_with_a_way_that_works() {
    let lab = installed();
    let done = merged(
        &lab,
        ("ada", &|lab| {
            lab.clws("rekey dev/web --yes").succeeds();
        }),
        ("ben", &|lab| {
            set(lab, "ben", "MIKE", "by ben");
            lab.clws("rekey dev/web --yes").by("ben").succeeds();
        }),
    );
    assert!(!done.status.success());
    assert!(
        said(&done).contains("each side changed its data key"),
        "{}",
        said(&done)
    );
    let refused = lab.clws("merge").exits(16);
    assert!(
        refused
            .err
            .contains("git checkout --ours -- secrets/dev/web.toml"),
        "{}",
        refused.err
    );
    lab.git(&["checkout", "-q", "--ours", "--", "secrets/dev/web.toml"]);
    lab.clws("secret restore dev/web/MIKE --from MERGE_HEAD")
        .succeeds();
    lab.clws("rekey dev/web --yes").succeeds();
    // Ben's machine went by his own key, which this one does not follow from.
    let got = lab.clws("secret get dev/web/MIKE").by("ben").succeeds();
    assert!(
        got.err.contains("does not follow from the one"),
        "{}",
        got.err
    );
    let refused = lab
        .clws("secret set dev/web/MIKE")
        .by("ben")
        .stdin(b"more")
        .exits(14);
    assert!(
        refused.err.contains("`clws secret accept dev/web`"),
        "{}",
        refused.err
    );
    lab.clws("secret accept dev/web --yes").by("ben").succeeds();
    reads(&lab, "MIKE", "by ben");
    reads(&lab, "BASE", "begin");
    lab.clws("check --full").succeeds();
}
