//! What a version must have to read, and to count after another one.

use super::*;

fn founded() -> Version {
    Vault::new().1
}

const ADA: Who<'_> = ("ada", 1);
const BEN: Who<'_> = ("ben", 2);
const EVE: Who<'_> = ("eve", 3);

#[test]
fn a_founding_version_is_signed_by_all_that_it_lists() {
    let one = founded();
    one.check_founding().unwrap();
    let draft = Draft {
        number: 1,
        threshold: 1,
        admins: admins(&[ADA, BEN]),
        ..next(&one, 1, &[])
    };
    signed(&draft, &[ADA, BEN]).check_founding().unwrap();
    let why = refused(signed(&draft, &[ADA]).check_founding());
    assert_eq!(why, "ben, a new administrator, did not sign it");
    for other in [
        Draft {
            number: 2,
            ..draft.clone()
        },
        Draft {
            also: Some([1; 32]),
            ..draft.clone()
        },
    ] {
        let why = refused(signed(&other, &[ADA, BEN]).check_founding());
        assert_eq!(why, "its number is not 1, or it joins another");
    }
}

#[test]
fn a_version_follows_by_number_hash_threshold_and_whom_it_adds() {
    let one = founded();
    let two = signed(&next(&one, 2, &[ADA, BEN]), &[ADA, BEN]);
    two.check_after(&one).unwrap();
    let three = next(&two, 1, &[ADA, BEN]);
    signed(&three, &[ADA, BEN]).check_after(&two).unwrap();
    for (draft, by, why) in [
        (three.clone(), vec![ADA], "1 of 2 administrators signed it"),
        (three.clone(), vec![], "0 of 2 administrators signed it"),
        // Whose key it is counts, and not whose name.
        (
            three.clone(),
            vec![ADA, ("ben", 3)],
            "1 of 2 administrators signed it",
        ),
        (
            three.clone(),
            vec![ADA, ("ada", 2)],
            "1 of 2 administrators signed it",
        ),
        (
            Draft {
                number: 4,
                ..three.clone()
            },
            vec![ADA, BEN],
            "its number does not follow",
        ),
        (
            Draft {
                number: 2,
                ..three.clone()
            },
            vec![ADA, BEN],
            "its number does not follow",
        ),
        (
            Draft {
                previous: one.hash,
                ..three.clone()
            },
            vec![ADA, BEN],
            "it was made for another version before it",
        ),
        (
            Draft {
                also: Some([4; 32]),
                ..three.clone()
            },
            vec![ADA, BEN],
            "the version that it joins is not here",
        ),
        (
            next(&two, 1, &[ADA, BEN, EVE]),
            vec![ADA, BEN],
            "eve, a new administrator, did not sign it",
        ),
        // A new key is a new administrator, and the old one signs for the threshold.
        (
            next(&two, 1, &[ADA, ("ben", 4)]),
            vec![ADA, BEN],
            "ben, a new administrator, did not sign it",
        ),
        (
            next(&two, 1, &[ADA, ("ben", 4)]),
            vec![ADA, ("ben", 4)],
            "1 of 2 administrators signed it",
        ),
    ] {
        assert_eq!(refused(signed(&draft, &by).check_after(&two)), why);
    }
    let other_key = next(&two, 1, &[ADA, ("ben", 4)]);
    signed(&other_key, &[ADA, BEN, ("ben", 4)])
        .check_after(&two)
        .unwrap();
}

#[test]
fn what_a_version_joins_asks_for_as_many_signatures_as_it_did() {
    let one = founded();
    let two = signed(&next(&one, 1, &[ADA, BEN]), &[ADA, BEN]);
    // Of the other branch eve and fay decide, together.
    let fay = ("fay", 4);
    let mut beside = signed(&next(&one, 2, &[EVE, fay]), &[ADA, EVE, fay]);
    let mut draft = next(&two, 1, &[ADA, BEN, EVE, fay]);
    draft.also = Some(beside.hash);
    let joined = |by: &[Who<'_>], beside: &Version| {
        let mut version = signed(&draft, by);
        version.side = Some(Box::new(beside.clone()));
        version
    };
    joined(&[ADA, EVE, fay], &beside).check_after(&two).unwrap();
    for (by, why) in [
        (
            vec![ADA, EVE],
            "1 of 2 administrators of the other branch signed it",
        ),
        (
            vec![ADA, BEN],
            "0 of 2 administrators of the other branch signed it",
        ),
        (vec![EVE, fay], "0 of 1 administrators signed it"),
    ] {
        assert_eq!(refused(joined(&by, &beside).check_after(&two)), why);
    }
    let lacking = joined(&[ADA], &beside).lacking(&two);
    assert_eq!((lacking.more, lacking.beside), (0, 2));
    assert_eq!(lacking.of, [name("ben")]);
    assert_eq!(lacking.of_beside, [name("eve"), name("fay")]);
    assert_eq!(lacking.added, [name("eve"), name("fay")]);
    assert!(!lacking.is_nothing());
    assert!(joined(&[ADA, EVE, fay], &beside).lacking(&two).is_nothing());
    let everybody = joined(&[ADA, EVE, fay], &beside);
    let who = |names: std::collections::BTreeSet<PartyName>| {
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(who(everybody.proposers(&two)), ["ada", "eve", "fay"]);
    assert_eq!(who(everybody.signed_by(&two)), ["ada", "eve", "fay"]);
    assert_eq!(everybody.concerned(&two).count(), 2 + 4 + 2);
    // It brings in what is older than itself alone.
    for (number, is_older) in [(2, true), (3, false), (4, false)] {
        beside.number = number;
        let result = joined(&[ADA, EVE, fay], &beside).check_after(&two);
        assert_eq!(result.is_ok(), is_older, "{number}");
    }
    let mut other = beside.clone();
    other.hash = [5; 32];
    let why = refused(joined(&[ADA, EVE, fay], &other).check_after(&two));
    assert_eq!(why, "the version that it joins is not here");
}

#[test]
fn what_is_lacking_is_said_in_words() {
    let one = founded();
    let two = signed(&next(&one, 2, &[ADA, BEN, EVE]), &[ADA, BEN, EVE]);
    let said = |draft: &Draft, by: &[Who<'_>]| signed(draft, by).lacking(&two).to_string();
    let same = next(&two, 1, &[ADA, BEN, EVE]);
    assert_eq!(said(&same, &[]), "2 of ada, ben and eve");
    assert_eq!(said(&same, &[ADA]), "one of ben and eve");
    assert_eq!(said(&same, &[ADA, BEN]), "nobody");
    let all = next(&two, 3, &[ADA, BEN, EVE]);
    let three = signed(&all, &[ADA, BEN, EVE]);
    let lacking = signed(&next(&three, 1, &[ADA]), &[ADA]).lacking(&three);
    assert_eq!(lacking.to_string(), "ben and eve");
    let more = next(&two, 1, &[ADA, BEN, ("eve", 5), ("fay", 4)]);
    assert_eq!(
        said(&more, &[ADA, BEN]),
        "eve with the new key and fay, who is new"
    );
    let more = signed(&more, &[ADA, BEN, ("eve", 5)]);
    let lacking = more.lacking(&two);
    assert_eq!(lacking.added, [name("fay")]);
    assert!(lacking.more == 0 && !lacking.is_nothing());
    // Who signed for the threshold, and who for a new key.
    assert_eq!(more.proposers(&two), [name("ada"), name("ben")].into());
    assert_eq!(
        more.signed_by(&two),
        [name("ada"), name("ben"), name("eve")].into()
    );
    // Who is on both branches is named once.
    let twice = super::super::Lacking {
        more: 1,
        of: vec![name("ben")],
        beside: 2,
        of_beside: vec![name("ben"), name("cleo"), name("dan")],
        added: vec![],
    };
    assert_eq!(twice.to_string(), "ben and 2 of ben, cleo and dan");
    let once = super::super::Lacking {
        beside: 1,
        of_beside: vec![name("ben")],
        ..twice
    };
    assert_eq!(once.to_string(), "ben");
}

#[test]
fn a_key_waits_until_it_has_signed() {
    let one = founded();
    let version = signed(&next(&one, 1, &[ADA, BEN]), &[ADA]);
    let awaits = |number: u8| version.awaits(&one, key(number).public());
    assert_eq!(awaits(1), None);
    assert_eq!(awaits(2), Some(name("ben")));
    assert_eq!(awaits(3), None);
}

#[test]
fn signatures_that_do_not_verify_are_left_out_and_none_stands_twice() {
    let one = founded();
    let draft = next(&one, 1, &[ADA, ("ben", 2)]);
    let body = draft.body();
    let version = signed(&draft, &[ADA, EVE]);
    assert_eq!(version.body(), body.as_bytes());
    let more = vec![
        signature(&body, ADA),
        signature(&body, BEN),
        signature("another text\n", ("ben", 2)),
        // With the right key, under another name.
        signature(&body, ("ben", 1)),
    ];
    let text = version.print_with(&one, more);
    assert_eq!(text, printed(&draft, &[ADA, BEN]));
    // One who signs with two keys has two tables, and both read.
    let two = signed(&draft, &[ADA, BEN]);
    let draft = next(&two, 1, &[ADA, ("ben", 4)]);
    let text = printed(&draft, &[ADA, BEN, ("ben", 4)]);
    assert_eq!(text.matches("[sig.").count(), 3, "{text}");
    let version = Version::parse(text.as_bytes()).unwrap();
    assert_eq!(version.print_with(&two, vec![]), text);
}

#[test]
fn what_is_not_signed_does_not_read() {
    let one = founded();
    let draft = next(&one, 1, &[ADA]);
    let good = printed(&draft, &[ADA]);
    let fails = |text: &str| Version::parse(text.as_bytes()).unwrap_err();
    let also = Draft {
        also: Some([4; 32]),
        ..draft.clone()
    };
    assert_eq!(signed(&also, &[ADA]).also, Some([4; 32]));
    // A table behind the body would change neither the hash nor a signature.
    let key = key(2).public().to_string();
    let behind = good.replace("[end]", &format!("[admin.eve]\nkey = \"{key}\"\n\n[end]"));
    assert!(matches!(
        fails(&behind),
        TrustError::BehindBody { number: 2 }
    ));
    for (from, to, why) in [
        ("format = 1", "format = 2", "this clws knows format 1 alone"),
        ("threshold = 1", "threshold = 0", "a number from 1 to 1"),
        ("threshold = 1", "threshold = 2", "a number from 1 to 1"),
        ("[sig.ada]", "[sig.ben]", "it names another party"),
    ] {
        let text = good.replace(from, to);
        assert_ne!(text, good);
        let error = fails(&text).to_string();
        assert!(error.contains(why), "{error}");
    }
    let twice = Draft {
        admins: admins(&[ADA, ("ben", 1)]),
        ..draft
    };
    let error = fails(&printed(&twice, &[ADA])).to_string();
    assert!(error.contains("two administrators have one key"), "{error}");
    // The hash is of what is signed, whoever signed it.
    assert_eq!(
        Version::body_hash(good.as_bytes()),
        sha256(next(&one, 1, &[ADA]).body().as_bytes())
    );
    let unsigned = next(&one, 1, &[ADA]).print(&[]);
    assert_eq!(
        Version::body_hash(unsigned.as_bytes()),
        Version::body_hash(good.as_bytes())
    );
}

#[test]
fn the_version_of_the_specification_comes_out_to_the_byte() {
    let counting = |from: u8| std::array::from_fn(|at| from + u8::try_from(at).unwrap());
    let draft = Draft {
        number: 1,
        previous: counting(0),
        also: None,
        threshold: 1,
        admins: admins(&[ADA]),
        files: BTreeMap::from([("clws.toml".to_owned(), counting(0xc0))]),
    };
    let version = signed(&draft, &[ADA]);
    version.check_founding().unwrap();
    let page = include_str!("../../../docs/format.md");
    let shown = draft
        .body()
        .replace('\n', "\n    ")
        .replace("\n    \n", "\n\n");
    for vector in [
        shown.trim_end().to_owned(),
        version.fingerprint(),
        signature(&draft.body(), ADA).to_string(),
    ] {
        assert!(page.contains(&vector), "{vector}");
    }
}
