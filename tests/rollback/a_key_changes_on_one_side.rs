//! One branch changes a document's key, and the other goes on under the one from before.

use crate::lab::Lab;
use crate::two_branches_become_one::{commits, installed, merged, said, set, succeeded};

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
