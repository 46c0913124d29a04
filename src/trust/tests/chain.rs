//! From what was accepted to the newest version, and what stops on the way.

use super::super::{
    Expectation, Standing, Step, look, newest_number, read_to_verify, read_version, rule_files,
};
use super::*;
use crate::error::{Code, Explain as _};

const ADA: Who<'_> = ("ada", 1);
const BEN: Who<'_> = ("ben", 2);

fn standing(result: Result<Trust, TrustError>) -> (Standing, u64) {
    let trust = result.unwrap();
    (trust.standing, trust.accepted.number())
}

#[test]
fn an_expectation_is_a_fingerprint_and_a_number() {
    let hash = "ab".repeat(32);
    let expectation: Expectation = format!("{hash}@7").parse().unwrap();
    assert_eq!((expectation.hash, expectation.number), ([0xab; 32], 7));
    for text in [
        "",
        "@7",
        &hash,
        &format!("{hash}@"),
        &format!("{hash}@x"),
        &format!("{hash}0@7"),
    ] {
        let error = text.parse::<Expectation>().unwrap_err();
        assert!(matches!(error, TrustError::BadExpectation(_)), "{text}");
    }
}

#[test]
fn a_first_use_accepts_what_is_expected_and_nothing_else() {
    let (vault, one) = Vault::new();
    let two = vault.put(&next(&one, 1, &[ADA, BEN]), &[ADA, BEN]);
    let three = vault.put(&next(&two, 2, &[ADA, BEN]), &[BEN]);
    let trust = vault.open().unwrap();
    assert_eq!((trust.standing, trust.seen), (Standing::Unpinned, 0));
    assert_eq!((trust.vault, trust.accepted.number()), (one.hash, 3));
    let error = trust.demand_clean(&vault.tree()).unwrap_err();
    let wanted = (
        three.fingerprint(),
        3,
        vec!["ada".to_owned(), "ben".to_owned()],
    );
    let TrustError::FirstUse {
        fingerprint,
        number,
        admins,
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!((fingerprint, number, admins), wanted);

    for wrong in [
        Expectation {
            hash: two.hash,
            number: 3,
        },
        Expectation {
            hash: two.hash,
            number: 1,
        },
        Expectation {
            hash: two.hash,
            number: 4,
        },
        Expectation {
            hash: two.hash,
            number: 0,
        },
    ] {
        let error = open(&vault.tree(), &vault.world, Some(&wrong)).unwrap_err();
        assert!(matches!(error, TrustError::NotExpected { .. }), "{error:?}");
        assert_eq!(standing(vault.open()).0, Standing::Unpinned);
    }
    // An older one that is on the way will do: the newest follows from it.
    let trust = vault.open_expecting(&two).unwrap();
    assert_eq!((trust.standing, trust.seen), (Standing::Current, 3));
    assert_eq!(trust.accepted.number(), 3);
    trust.demand_clean(&vault.tree()).unwrap();
    let steps = trust.pins.chain().unwrap();
    let hashes: Vec<_> = steps.iter().map(|step| step.hash).collect();
    assert_eq!(hashes, [one.hash, two.hash, three.hash]);
    assert_eq!(standing(vault.open()), (Standing::Current, 3));
    vault.forget();
    assert_eq!(
        standing(vault.open_expecting(&three)),
        (Standing::Current, 3)
    );
}

#[test]
fn a_chain_that_does_not_hold_is_no_vault_to_begin_with() {
    let (vault, one) = Vault::new();
    let tree = vault.tree();
    assert_eq!(newest_number(&tree).unwrap(), 1);
    let two = next(&one, 1, &[ADA]);
    vault.put(&two, &[]);
    assert!(matches!(
        vault.open(),
        Err(TrustError::DoesNotFollow { number: 2, .. })
    ));
    let two = vault.put(&two, &[ADA]);
    vault.put(
        &Draft {
            number: 4,
            ..next(&two, 1, &[ADA])
        },
        &[ADA],
    );
    assert!(matches!(vault.open(), Err(TrustError::Gap(3, _))));
    vault.remove("recipients/trust/4.toml");
    // One that lies under another number.
    vault.write(&version_file(3), &printed(&next(&one, 1, &[ADA]), &[ADA]));
    assert!(matches!(read_version(&tree, 3), Err(TrustError::Gap(3, _))));
    vault.remove("recipients/trust/3.toml");
    assert_eq!(read_version(&tree, 2).unwrap().hash, two.hash);
    // What was founded without a signature is nobody's.
    vault.remove("recipients/trust/2.toml");
    let founding = Draft {
        number: 1,
        ..next(&one, 1, &[ADA])
    };
    vault.put(&founding, &[]);
    assert!(matches!(
        vault.open(),
        Err(TrustError::DoesNotFollow { number: 1, .. })
    ));
    vault.remove("recipients/trust/1.toml");
    fs::create_dir(vault.tree().join("recipients/trust/7.toml")).unwrap();
    assert!(matches!(vault.open(), Err(TrustError::NoVault(_))));
}

#[test]
fn a_machine_steps_on_through_versions_that_follow() {
    let (vault, one) = Vault::new();
    vault.open_expecting(&one).unwrap();
    assert_eq!(standing(vault.open()), (Standing::Current, 1));
    let two = vault.put(&next(&one, 1, &[ADA, BEN]), &[ADA, BEN]);
    let three = vault.put(&next(&two, 1, &[BEN]), &[BEN]);
    let trust = vault.open().unwrap();
    assert_eq!((trust.standing, trust.seen), (Standing::Current, 3));
    assert_eq!(trust.pins.chain().unwrap().len(), 3);
    // An old branch: the rules that count are the newest ones.
    let text = fs::read_to_string(vault.tree().join(&version_file(3))).unwrap();
    vault.remove("recipients/trust/3.toml");
    let trust = vault.open().unwrap();
    assert_eq!(
        (trust.standing, trust.accepted.number(), trust.seen),
        (Standing::Older, 3, 3)
    );
    let error = trust.demand_clean(&vault.tree()).unwrap_err();
    assert!(
        matches!(
            error,
            TrustError::Older {
                here: 2,
                accepted: 3,
                kept: true
            }
        ),
        "{error:?}"
    );
    vault.remove("recipients/trust/2.toml");
    assert_eq!(standing(vault.open()), (Standing::Older, 3));
    // A gap on the way back is no old branch.
    vault.write(&version_file(3), &text);
    assert_eq!(standing(vault.open()), (Standing::Current, 3));
    vault.put(&next(&three, 1, &[BEN]), &[BEN]);
    assert!(vault.open().is_ok());
    vault.remove("recipients/trust/4.toml");
    assert_eq!(standing(vault.open()), (Standing::Older, 4));
}

#[test]
fn a_newer_version_that_does_not_follow_is_refused_and_nothing_moves() {
    let (vault, one) = Vault::new();
    vault.open_expecting(&one).unwrap();
    let two = next(&one, 1, &[ADA, BEN]);
    vault.put(&two, &[BEN]);
    assert!(matches!(
        vault.open(),
        Err(TrustError::DoesNotFollow { number: 2, .. })
    ));
    vault.put(&two, &[ADA, BEN]);
    vault.write("recipients/access.toml", "[end]\n");
    let error = vault.open().unwrap_err();
    assert!(
        matches!(
            error,
            TrustError::Unsigned {
                number: 2,
                all: 1,
                ..
            }
        ),
        "{error:?}"
    );
    vault.write("recipients/access.toml", ACCESS);
    vault.remove("recipients/trust/2.toml");
    let trust = vault.open().unwrap();
    assert_eq!(
        (trust.standing, trust.pins.chain().unwrap().len()),
        (Standing::Current, 1)
    );
}

#[test]
fn another_version_of_an_accepted_number_is_a_sibling() {
    let (vault, one) = Vault::new();
    let two = vault.put(&next(&one, 1, &[ADA]), &[ADA]);
    vault.open_expecting(&two).unwrap();
    let other = vault.put(&next(&one, 1, &[ADA, BEN]), &[ADA, BEN]);
    let trust = vault.open().unwrap();
    assert_eq!(
        (trust.standing, trust.accepted.number()),
        (Standing::Sibling, 2)
    );
    let error = trust.demand_clean(&vault.tree()).unwrap_err();
    assert!(
        matches!(error, TrustError::Sibling { number: 2 }),
        "{error:?}"
    );
    assert_eq!(
        trust.signers_of_sibling(&vault.tree()).unwrap(),
        [name("ada"), name("ben")]
    );
    // A longer branch, and one that does not even hold, are no reason to go by it.
    vault.put(&next(&other, 1, &[ADA, BEN]), &[BEN]);
    let trust = vault.open().unwrap();
    assert_eq!(
        (trust.standing, trust.accepted.number()),
        (Standing::Sibling, 2)
    );
    assert_eq!(
        trust.signers_of_sibling(&vault.tree()).unwrap(),
        [name("ben")]
    );
    vault.put(&next(&other, 1, &[ADA, BEN]), &[]);
    let trust = vault.open().unwrap();
    assert_eq!(
        (trust.standing, trust.accepted.number()),
        (Standing::Sibling, 2)
    );
    let error = trust.sibling(&vault.tree()).unwrap();
    assert!(
        matches!(error, TrustError::Sibling { number: 2 }),
        "{error:?}"
    );
    assert!(trust.signers_of_sibling(&vault.tree()).unwrap().is_empty());
}

#[test]
fn what_differs_from_what_was_signed_is_named() {
    let (vault, one) = Vault::new();
    let trust = vault.open_expecting(&one).unwrap();
    assert!(trust.differences(&vault.tree()).unwrap().is_empty());
    vault.write("recipients/access.toml", "[end]\n");
    vault.write("recipients/eve.toml", "[end]\n");
    vault.remove("recipients/ada.toml");
    let found = trust.differences(&vault.tree()).unwrap();
    let files: Vec<_> = found.iter().map(super::super::Difference::file).collect();
    assert_eq!(
        files,
        [
            "recipients/access.toml",
            "recipients/ada.toml",
            "recipients/eve.toml"
        ]
    );
    use super::super::Difference::{Added, Changed, Missing};
    assert!(
        matches!(&*found, [Changed(_), Missing(_), Added(_)]),
        "{found:?}"
    );
    let error = trust.demand_clean(&vault.tree()).unwrap_err();
    assert!(matches!(&error, TrustError::Unsigned { number: 1, all: 3, file } if file == files[0]));
    // By the copy it goes on all the same.
    let trust = vault.open().unwrap();
    let files = trust.rules_of(&vault.tree(), &one).unwrap();
    assert_eq!(files["recipients/access.toml"], ACCESS.as_bytes());
    assert_eq!(files.len(), 3);
    let there = rule_files(&vault.tree()).unwrap();
    assert!(there.contains_key("recipients/eve.toml") && there.len() == 3);
}

/// Version `before` + 1 over these files, which are laid in the tree.
fn over(vault: &Vault, before: &Version, files: &[(&str, &str)]) -> Version {
    let mut draft = next(before, 1, &[ADA]);
    for (file, text) in files {
        vault.write(file, text);
        draft
            .files
            .insert((*file).to_owned(), sha256(text.as_bytes()));
    }
    vault.put(&draft, &[ADA])
}

const GOOD: [(&str, &str); 3] = [
    ("clws.toml", SETTINGS),
    ("recipients/access.toml", ACCESS),
    ("recipients/ada.toml", super::ADA),
];

#[test]
fn rules_that_do_not_hold_together_are_never_accepted() {
    let access = "recipients/access.toml";
    for (file, text, said) in [
        (
            "clws.toml",
            SETTINGS.replace("name", "nam"),
            "clws.toml line 3",
        ),
        (
            access,
            ACCESS.replace("readers", "reader"),
            "access.toml line 2",
        ),
        (
            access,
            format!("[group.g]\n\n{ACCESS}"),
            "`members` is missing",
        ),
        (
            access,
            format!("[group.ada]\nmembers = []\n\n{ACCESS}"),
            "a party and of a group",
        ),
        (
            access,
            format!("[group.g]\nmembers = [\"h\"]\n\n[group.h]\nmembers = [\"ada\"]\n\n{ACCESS}"),
            "has the group `h` as a member",
        ),
        (
            access,
            ACCESS.replace("\"ada\"", "\"eve\""),
            "mention `eve`",
        ),
        (
            access,
            ACCESS.replace("[rule.dev]", "[rule.\"dev/\"]"),
            "covers nothing",
        ),
        (
            "recipients/ada.toml",
            super::ADA.replace("person", "robot"),
            "recipients/ada.toml, party line 2",
        ),
        (
            "recipients/ada.toml",
            super::ADA.replace("\"ada\"", "\"eve\""),
            "describes a party named `eve`",
        ),
    ] {
        let (vault, one) = Vault::new();
        let trust = vault.open_expecting(&one).unwrap();
        let two = over(&vault, &one, &[(file, &text)]);
        let error = vault.open().unwrap_err();
        assert!(
            matches!(error, TrustError::Rules { number: 2, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.code(), Code::DataErr);
        assert_eq!(trust.pins.chain().unwrap().len(), 1);
        // What was accepted is there to compare.
        let looking = look(&vault.tree(), &vault.world).unwrap().unwrap();
        assert_eq!(looking.standing, Standing::Broken);
        assert_eq!(looking.accepted.number(), 1);
        // What is signed after it counts, and its own rules alone.
        over(&vault, &two, &GOOD);
        assert_eq!(standing(vault.open()), (Standing::Current, 3));
        vault.remove("recipients/trust/3.toml");
        vault.write(file, &text);
        vault.forget();
        let error = vault.open_expecting(&two).unwrap_err();
        assert!(
            matches!(error, TrustError::Rules { number: 2, .. }),
            "{error:?}"
        );
        assert!(trust.pins.chain().unwrap().is_empty());
    }
    // One that leaves a file out that each vault has.
    let (vault, one) = Vault::new();
    vault.open_expecting(&one).unwrap();
    let mut two = next(&one, 1, &[ADA]);
    two.files.remove(access);
    vault.put(&two, &[ADA]);
    let error = vault.open().unwrap_err();
    assert!(error.to_string().contains(access), "{error}");
    assert_eq!(error.code(), Code::DataErr);
}

#[test]
fn a_copy_that_does_not_read_is_left_by_the_next_version() {
    for damage in [Some("[rule.dev]\nreader = [\"ada\"]\n\n[end]\n"), None] {
        let (vault, one) = Vault::new();
        let trust = vault.open_expecting(&one).unwrap();
        let copy = trust.pins.accepted_dir(1).join("recipients/access.toml");
        match damage {
            Some(text) => fs::write(&copy, text).unwrap(),
            None => fs::remove_file(&copy).unwrap(),
        }
        let error = vault.open().unwrap_err();
        match damage {
            Some(_) => assert!(
                matches!(error, TrustError::Rules { number: 1, .. }),
                "{error:?}"
            ),
            None => assert!(error.hints()[0].contains("/trust and accept"), "{error:?}"),
        }
        let two = vault.put(&next(&one, 1, &[ADA]), &[BEN]);
        assert!(
            vault.open().is_err(),
            "nobody who decides signed {}",
            two.number
        );
        vault.put(&next(&one, 1, &[ADA]), &[ADA]);
        assert_eq!(standing(vault.open()), (Standing::Current, 2));
    }
}

#[test]
fn of_an_accepted_version_it_is_read_again_who_signed_it_and_no_more() {
    let (vault, one) = Vault::new();
    assert!(!one.files.is_empty());
    let read = |accepted: &[Step]| read_to_verify(&vault.tree(), 1, accepted).unwrap();
    for accepted in [&[][..], &[Step::of([0; 32])]] {
        assert_eq!(read(accepted).files, one.files);
    }
    let known = read(&[Step::of(one.hash)]);
    assert!(known.files.is_empty());
    assert_eq!(known.hash, one.hash);
    known.check_founding().unwrap();
}
