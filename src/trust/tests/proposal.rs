//! What is proposed counts for nothing, and is whole or refused.

use super::super::{PROPOSAL_FOLDER, Proposal, Proposed, proposal_files};
use super::*;

const ADA: Who<'_> = ("ada", 1);
const BEN: Who<'_> = ("ben", 2);

const OTHER: &str = "[rule.dev]\nreaders = [\"eve\"]\n\n[end]\n";
const FILE: &str = "recipients/access.toml";

/// A version that two must sign, and the draft of a next one with other rules.
fn proposed() -> (Vault, Version, Draft) {
    let (vault, one) = Vault::new();
    let two = vault.put(&next(&one, 2, &[ADA, BEN]), &[ADA, BEN]);
    let mut draft = next(&two, 2, &[ADA, BEN]);
    draft
        .files
        .insert(FILE.to_owned(), sha256(OTHER.as_bytes()));
    (vault, two, draft)
}

fn lay(vault: &Vault, draft: &Draft, by: &[Who<'_>]) {
    vault.write(Proposal::version_file(), &printed(draft, by));
}

fn read(vault: &Vault, before: &Version) -> Result<Proposed, TrustError> {
    let now = super::super::signed_files(&vault.tree(), before).unwrap();
    Proposal::read(&vault.tree(), before, &now)
}

#[test]
fn a_proposal_brings_what_it_changes_and_leaves_the_tree_as_it_is() {
    let (vault, two, draft) = proposed();
    assert!(matches!(read(&vault, &two), Ok(Proposed::Nothing)));
    lay(&vault, &draft, &[ADA]);
    assert_eq!(
        Proposal::place_of(FILE),
        format!("{PROPOSAL_FOLDER}/{FILE}")
    );
    // Its file is the tree's own, which is another one.
    assert!(matches!(
        read(&vault, &two),
        Err(TrustError::Proposal {
            why: "is not what it lists",
            ..
        })
    ));
    vault.write(&Proposal::place_of(FILE), OTHER);
    let trust = vault.open_expecting(&two).unwrap();
    let (before, found) = trust.proposed(&vault.tree()).unwrap();
    let Proposed::Open(proposal) = found else {
        panic!("{found:?}")
    };
    assert_eq!(before.hash, two.hash);
    assert_eq!(proposal.files[FILE], OTHER.as_bytes());
    assert_eq!(proposal.files.len(), 3);
    assert_eq!(proposal.state(&two), "signed by ada; it waits for ben");
    lay(&vault, &draft, &[]);
    let Ok(Proposed::Open(proposal)) = read(&vault, &two) else {
        panic!("it is open")
    };
    let state = proposal.state(&two);
    assert_eq!(
        state,
        "signed by no administrator; it waits for ada and ben"
    );
    // What goes when it goes.
    fs::create_dir_all(vault.tree().join(&format!("{PROPOSAL_FOLDER}/a-folder"))).unwrap();
    let files: Vec<_> = proposal_files(&vault.tree()).unwrap().into_keys().collect();
    assert_eq!(
        files,
        [
            Proposal::place_of(FILE),
            Proposal::version_file().to_owned()
        ]
    );
    trust.demand_clean(&vault.tree()).unwrap();
}

#[test]
fn one_for_another_version_before_it_is_stale() {
    let (vault, two, draft) = proposed();
    vault.write(&Proposal::place_of(FILE), OTHER);
    for (number, previous) in [(4, two.hash), (2, two.hash), (3, [8; 32])] {
        let draft = Draft {
            number,
            previous,
            ..draft.clone()
        };
        lay(&vault, &draft, &[ADA]);
        let found = read(&vault, &two).unwrap();
        assert!(
            matches!(found, Proposed::Stale(stale) if stale == number),
            "{found:?}"
        );
    }
}

#[test]
fn nothing_but_rules_is_written_by_signing_it() {
    let (vault, two, draft) = proposed();
    vault.write(&Proposal::place_of(FILE), OTHER);
    for file in [
        "hooks/web.toml",
        "../elsewhere",
        "recipients/trust/9.toml",
        "recipients/Eve.toml",
        "secrets/dev/web.toml",
    ] {
        let mut draft = draft.clone();
        draft.files.insert(file.to_owned(), sha256(b"x"));
        lay(&vault, &draft, &[ADA]);
        vault.write("recipients/trust/proposal/hooks/web.toml", "x");
        let error = read(&vault, &two).unwrap_err();
        let TrustError::Proposal { file: named, why } = error else {
            panic!("{error:?}")
        };
        assert_eq!((named.as_str(), why), (file, "is no file of rules"));
    }
    // A party that is to be new, and whose file is not there.
    let mut draft = draft;
    draft
        .files
        .insert("recipients/eve.toml".to_owned(), sha256(b"x"));
    lay(&vault, &draft, &[ADA]);
    assert!(matches!(
        read(&vault, &two),
        Err(TrustError::Proposal {
            why: "is missing",
            ..
        })
    ));
    vault.write(&Proposal::place_of("recipients/eve.toml"), "x");
    assert!(matches!(read(&vault, &two), Ok(Proposed::Open(_))));
}

#[test]
fn one_that_joins_a_branch_needs_that_branch() {
    let (vault, two, draft) = proposed();
    vault.write(&Proposal::place_of(FILE), OTHER);
    let beside = Draft {
        admins: admins(&[ADA]),
        threshold: 1,
        number: 2,
        ..draft.clone()
    };
    let beside = Draft {
        previous: vault.open().unwrap().vault,
        ..beside
    };
    let other = signed(&beside, &[ADA]);
    lay(
        &vault,
        &Draft {
            also: Some(other.hash),
            ..draft
        },
        &[ADA, BEN],
    );
    assert!(matches!(read(&vault, &two), Err(TrustError::NotJoined(_))));
    vault.put_beside(&beside, &[ADA]);
    let Ok(Proposed::Open(proposal)) = read(&vault, &two) else {
        panic!("it is open")
    };
    assert_eq!(proposal.version.side.unwrap().hash, other.hash);
}
