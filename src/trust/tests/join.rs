//! Two branches of the rules become one, and each machine goes on from what it accepted.

use super::super::{OtherBranch, Standing, also_file, chain_to, follow, load_side};
use super::*;
use crate::fs::Held;

const ADA: Who<'_> = ("ada", 1);
const BEN: Who<'_> = ("ben", 2);
const EVE: Who<'_> = ("eve", 3);

/// After version 2, of ada and ben: 3 by ada here, 3 by ben on the other branch, and the draft of a 4 that joins them.
fn parted() -> (Vault, [Version; 4], Draft) {
    let (vault, one) = Vault::new();
    let two = vault.put(&next(&one, 1, &[ADA, BEN]), &[ADA, BEN]);
    let here = vault.put(&next(&two, 1, &[ADA]), &[ADA]);
    let there = signed(&next(&two, 1, &[BEN]), &[BEN]);
    let joins = Draft {
        also: Some(there.hash),
        ..next(&here, 1, &[ADA, BEN])
    };
    (vault, [one, two, here, there], joins)
}

fn beside(vault: &Vault, before: &Version, all: &[Who<'_>], by: &[Who<'_>]) -> Version {
    vault.put_beside(&next(before, 1, all), by)
}

#[test]
fn a_joined_version_follows_on_both_branches_or_not_at_all() {
    let (vault, [_, two, here, there], joins) = parted();
    let mut version = signed(&joins, &[ADA, BEN]);
    let error = follow(&vault.tree(), &mut version, &here).unwrap_err();
    assert!(matches!(error, TrustError::NotJoined(_)), "{error:?}");
    beside(&vault, &two, &[BEN], &[BEN]);
    assert_eq!(
        follow(&vault.tree(), &mut version, &here).unwrap(),
        [there.hash]
    );
    assert_eq!(version.side.as_ref().unwrap().hash, there.hash);
    let mut lacks = signed(&joins, &[ADA]);
    let why = refused(follow(&vault.tree(), &mut lacks, &here).map(drop));
    assert_eq!(why, "0 of 1 administrators of the other branch signed it");
    // What lies under its hash is of that hash.
    let text = printed(&next(&two, 1, &[BEN, EVE]), &[BEN, EVE]);
    vault.write(&also_file(&there.hash), &text);
    let error = load_side(&vault.tree(), &mut version).unwrap_err();
    assert!(matches!(error, TrustError::NotJoined(_)), "{error:?}");
    // The other branch has to hold by itself.
    beside(&vault, &two, &[BEN], &[]);
    let why = refused(follow(&vault.tree(), &mut version, &here).map(drop));
    assert_eq!(why, "0 of 1 administrators signed it");
    // One that joins nothing brings nothing.
    assert!(
        load_side(&vault.tree(), &mut here.clone())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn nothing_is_read_that_came_before_both_branches() {
    let (vault, [_, two, here, there], joins) = parted();
    beside(&vault, &two, &[BEN], &[BEN]);
    vault.remove(&version_file(1));
    let mut version = signed(&joins, &[ADA, BEN]);
    let joined = follow(&vault.tree(), &mut version, &here).unwrap();
    assert_eq!(joined, [there.hash]);
}

#[test]
fn a_branch_of_several_steps_is_verified_from_where_it_parted() {
    let (vault, [_, two, here, _], _) = parted();
    let four = vault.put(&next(&here, 1, &[ADA]), &[ADA]);
    let first = beside(&vault, &two, &[BEN], &[BEN]);
    let second = beside(&vault, &first, &[BEN, EVE], &[BEN, EVE]);
    let joins = Draft {
        also: Some(second.hash),
        ..next(&four, 1, &[ADA])
    };
    let mut version = signed(&joins, &[ADA, EVE]);
    let joined = follow(&vault.tree(), &mut version, &four).unwrap();
    assert_eq!(joined, [first.hash, second.hash]);
    // A step of it that does not hold.
    beside(&vault, &first, &[BEN, EVE], &[BEN]);
    let error = follow(&vault.tree(), &mut version, &four).unwrap_err();
    assert!(
        matches!(error, TrustError::DoesNotFollow { number: 4, .. }),
        "{error:?}"
    );
    // What is joined is no newer than what joins it.
    let second = beside(&vault, &first, &[BEN, EVE], &[BEN, EVE]);
    let third = beside(&vault, &second, &[BEN], &[BEN]);
    let joins = Draft {
        also: Some(third.hash),
        ..next(&four, 1, &[ADA])
    };
    let mut version = signed(&joins, &[ADA, BEN]);
    let why = refused(follow(&vault.tree(), &mut version, &four).map(drop));
    assert_eq!(why, "it is joined by an older one");
}

#[test]
fn one_of_the_trunk_may_be_joined_and_brings_nothing() {
    let (vault, [_, two, here, _], _) = parted();
    let joins = Draft {
        also: Some(two.hash),
        ..next(&here, 1, &[ADA])
    };
    let mut version = signed(&joins, &[ADA]);
    assert!(
        follow(&vault.tree(), &mut version, &here)
            .unwrap()
            .is_empty()
    );
    assert_eq!(version.side.unwrap().hash, two.hash);
}

#[test]
fn a_branch_that_joined_another_one_is_followed_through_both() {
    let (vault, [_, two, here, _], _) = parted();
    let four = vault.put(&next(&here, 1, &[ADA]), &[ADA]);
    let five = vault.put(&next(&four, 1, &[ADA]), &[ADA]);
    let ben = beside(&vault, &two, &[BEN], &[BEN]);
    let both = beside(&vault, &two, &[ADA, BEN], &[BEN]);
    let draft = Draft {
        also: Some(both.hash),
        ..next(&ben, 1, &[BEN])
    };
    let joined = vault.put_beside(&draft, &[BEN]);
    let joins = Draft {
        also: Some(joined.hash),
        ..next(&five, 1, &[ADA])
    };
    let mut version = signed(&joins, &[ADA, BEN]);
    let hashes = follow(&vault.tree(), &mut version, &five).unwrap();
    assert_eq!(hashes, [ben.hash, both.hash, joined.hash]);
    // Whoever decides on either must have signed, and whoever is new.
    let eves = beside(&vault, &two, &[ADA, EVE], &[ADA, EVE]);
    for (also, all, wanted) in [
        (
            &eves,
            &[BEN][..],
            "0 of 1 administrators of the other branch signed it",
        ),
        (
            &both,
            &[BEN, EVE],
            "eve, a new administrator, did not sign it",
        ),
    ] {
        let draft = Draft {
            also: Some(also.hash),
            ..next(&ben, 1, all)
        };
        let joined = vault.put_beside(&draft, &[BEN]);
        let joins = Draft {
            also: Some(joined.hash),
            ..next(&five, 1, &[ADA])
        };
        let mut version = signed(&joins, &[ADA, BEN]);
        let why = refused(follow(&vault.tree(), &mut version, &five).map(drop));
        assert_eq!(why, wanted);
    }
}

#[test]
fn whoever_accepted_either_branch_steps_on_to_what_joins_them() {
    let (vault, [_, two, here, there], joins) = parted();
    vault.open_expecting(&here).unwrap();
    // Another machine had accepted ben's version 3.
    let (other, _) = Vault::new();
    other.put(&next(&signed_one(&other), 1, &[ADA, BEN]), &[ADA, BEN]);
    other.put(&next(&two, 1, &[BEN]), &[BEN]);
    other.open_expecting(&there).unwrap();
    for machine in [&vault, &other] {
        machine.put(&next(&two, 1, &[ADA]), &[ADA]);
        beside(machine, &two, &[BEN], &[BEN]);
        let standing = machine.open().unwrap().standing;
        let is_other = std::ptr::eq(machine, &raw const other);
        assert_eq!(standing == Standing::Sibling, is_other);
        let four = machine.put(&joins, &[ADA, BEN]);
        let trust = machine.open().unwrap();
        assert_eq!((trust.standing, trust.seen), (Standing::Current, 4));
        let chain = trust.pins.chain().unwrap();
        let last = chain.last().unwrap();
        assert_eq!((last.hash, &*last.joined), (four.hash, &[there.hash][..]));
        assert_eq!(chain[2].hash, here.hash);
        // On the old branch of the other one it is an old version, not a stranger's.
        machine.remove("recipients/trust/4.toml");
        machine.put(&next(&two, 1, &[BEN]), &[BEN]);
        assert_eq!(machine.open().unwrap().standing, Standing::Older);
        machine.put(&next(&two, 1, &[ADA, EVE]), &[ADA, EVE]);
        assert_eq!(machine.open().unwrap().standing, Standing::Sibling);
    }
}

fn signed_one(vault: &Vault) -> Version {
    super::super::read_version(&vault.tree(), 1).unwrap()
}

#[test]
fn a_chain_goes_on_from_the_newest_version_that_is_known() {
    let (vault, [_, two, here, there], joins) = parted();
    let pins = vault.open_expecting(&two).unwrap().pins;
    assert_eq!(pins.chain().unwrap().len(), 3);
    let (common, chain) = chain_to(&vault.tree(), &pins, 3).unwrap();
    assert_eq!((common, chain.len()), (3, 3));
    let (common, chain) = chain_to(&vault.tree(), &pins, 2).unwrap();
    assert_eq!((common, chain.len()), (2, 2));
    // Version 3 is another one here: what both have ends before it.
    vault.put(&next(&two, 1, &[BEN]), &[BEN]);
    let (common, chain) = chain_to(&vault.tree(), &pins, 3).unwrap();
    assert_eq!((common, chain.len()), (2, 3));
    assert_eq!(chain[2].hash, there.hash);
    vault.put(&next(&two, 1, &[ADA]), &[ADA]);
    beside(&vault, &two, &[BEN], &[BEN]);
    let four = vault.put(&joins, &[ADA, BEN]);
    let (common, chain) = chain_to(&vault.tree(), &pins, 4).unwrap();
    assert_eq!((common, chain.len()), (3, 4));
    assert_eq!(
        (chain[3].hash, &*chain[3].joined),
        (four.hash, &[there.hash][..])
    );
    assert_eq!(chain[2].hash, here.hash);
}

/// Another branch's files, as a commit has them.
fn files_of(versions: &[(&Draft, &[Who<'_>])], beside: &[(&Draft, &[Who<'_>])]) -> Held {
    let mut files = BTreeMap::new();
    for (draft, by) in versions {
        files.insert(version_file(draft.number), printed(draft, by).into_bytes());
    }
    for (draft, by) in beside {
        let hash = signed(draft, by).hash;
        files.insert(also_file(&hash), printed(draft, by).into_bytes());
    }
    Held::new("another branch", files)
}

#[test]
fn of_another_branch_is_taken_what_it_has_since_it_parted() {
    let (vault, [one, two, here, there], joins) = parted();
    let founding = Draft {
        number: 1,
        previous: [9; 32],
        ..next(&one, 1, &[ADA])
    };
    let second = next(&one, 1, &[ADA, BEN]);
    let third = next(&two, 1, &[BEN]);
    let fourth = next(&there, 1, &[BEN, EVE]);
    let trunk: [(&Draft, &[Who<'_>]); 2] = [(&founding, &[ADA]), (&second, &[ADA, BEN])];
    let both = |more: &[(&Draft, &[Who<'_>])], beside: &[(&Draft, &[Who<'_>])]| {
        let all: Vec<_> = trunk.iter().chain(more).copied().collect();
        files_of(&all, beside)
    };
    let read = |other: &Held, joined: &[[u8; 32]]| OtherBranch::read(&vault.tree(), other, joined);

    let other = both(&[(&third, &[BEN]), (&fourth, &[BEN, EVE])], &[]);
    let branch = read(&other, &[]).unwrap();
    let newest = signed(&fourth, &[BEN, EVE]);
    assert_eq!((branch.common.number, branch.newest.hash), (2, newest.hash));
    assert_eq!(branch.hashes, [there.hash, newest.hash]);
    let files: Vec<_> = branch.files.keys().cloned().collect();
    let mut wanted = vec![also_file(&there.hash), also_file(&newest.hash)];
    wanted.sort();
    assert_eq!(files, wanted);
    // What was joined of it before is common.
    let branch = read(&other, &[there.hash]).unwrap();
    assert_eq!(
        (branch.common.hash, &*branch.hashes),
        (there.hash, &[newest.hash][..])
    );
    assert_eq!(branch.files.len(), 2);
    // Ahead of the other branch, or at the same version, there is nothing.
    let branch = read(&both(&[], &[]), &[]).unwrap();
    assert_eq!((branch.common.number, branch.newest.number), (2, 2));
    assert!(branch.hashes.is_empty() && branch.files.is_empty());
    // One may part from the founding version.
    let aside = next(&one, 1, &[ADA, EVE]);
    let parts = [(&founding, &[ADA][..]), (&aside, &[ADA, EVE])];
    let branch = read(&files_of(&parts, &[]), &[]).unwrap();
    let aside = signed(&aside, &[ADA, EVE]);
    assert_eq!((branch.common.number, branch.hashes), (1, vec![aside.hash]));
    // One that does not hold is refused, and so is another vault.
    let why = refused(read(&both(&[(&third, &[])], &[]), &[]).map(drop));
    assert_eq!(why, "0 of 1 administrators signed it");
    let stranger = Draft {
        previous: [7; 32],
        ..founding.clone()
    };
    let error = read(&files_of(&[(&stranger, &[ADA])], &[]), &[]).unwrap_err();
    assert!(matches!(error, TrustError::OtherVault(_)), "{error:?}");

    // The other one has joined ours: from there on both have the same.
    let joins = Draft {
        previous: there.hash,
        also: Some(here.hash),
        ..joins
    };
    let mine = next(&two, 1, &[ADA]);
    let other = both(
        &[(&third, &[BEN]), (&joins, &[ADA, BEN])],
        &[(&mine, &[ADA])],
    );
    let branch = read(&other, &[]).unwrap();
    assert_eq!(branch.common.hash, here.hash);
    let joined = signed(&joins, &[ADA, BEN]);
    assert_eq!(branch.hashes, [there.hash, here.hash, joined.hash]);
    assert!(
        branch.files.contains_key(&also_file(&here.hash)),
        "{:?}",
        branch.files.keys()
    );
    assert_eq!(branch.files.len(), 3);
    // What lies there under a name that is not its own is left.
    let mut wrong = BTreeMap::from([(also_file(&[6; 32]), printed(&mine, &[ADA]).into_bytes())]);
    for (draft, by) in trunk.iter().chain(&[(&third, &[BEN][..])]) {
        wrong.insert(version_file(draft.number), printed(draft, by).into_bytes());
    }
    let branch = read(&Held::new("wrong", wrong), &[]).unwrap();
    assert_eq!(
        branch.files.into_keys().collect::<Vec<_>>(),
        [also_file(&there.hash)]
    );
}

#[test]
fn rules_of_a_joined_version_are_found_by_their_hash() {
    let (vault, one) = Vault::new();
    let pins = vault.open_expecting(&one).unwrap().pins;
    let access = sha256(ACCESS.as_bytes());
    let file = "recipients/access.toml";
    assert_eq!(
        pins.rule_file(file, &access).unwrap().as_deref(),
        Some(ACCESS.as_bytes())
    );
    assert_eq!(pins.rule_file(file, &[0; 32]).unwrap(), None);
    assert_eq!(
        pins.rule_file("recipients/eve.toml", &access).unwrap(),
        None
    );
    let other = sha256(b"other");
    pins.keep(
        &[4; 32],
        &BTreeMap::from([(file.to_owned(), b"other".to_vec())]),
    )
    .unwrap();
    assert_eq!(
        pins.rule_file(file, &other).unwrap().as_deref(),
        Some(&b"other"[..])
    );
}

#[test]
fn any_number_of_steps_and_joins_that_nobody_signed_is_refused() {
    let (vault, [_, two, here, _], _) = parted();
    let joined_with = |side: &Version| {
        let joins = Draft {
            also: Some(side.hash),
            number: side.number + 1,
            ..next(&here, 1, &[ADA])
        };
        refused(load_side(&vault.tree(), &mut signed(&joins, &[ADA])).map(drop))
    };
    // More than a stack holds, one after the other, and one within the other.
    let mut last = beside(&vault, &two, &[BEN], &[]);
    for _ in 0..3000 {
        last = beside(&vault, &last, &[BEN], &[]);
    }
    assert_eq!(joined_with(&last), "0 of 1 administrators signed it");
    let mut last = beside(&vault, &two, &[BEN], &[BEN]);
    for _ in 0..100 {
        let joins = Draft {
            also: Some(last.hash),
            number: last.number + 1,
            ..next(&two, 1, &[BEN])
        };
        last = vault.put_beside(&joins, &[BEN]);
    }
    assert_eq!(joined_with(&last), "too many joins lie within one another");
}
