//! The rules by which a machine goes, what they read as, and what is said where they are not trusted.

use std::os::unix::fs::PermissionsExt as _;

use super::super::{
    Accepted, Rollback, SETTINGS_FILE, Settings, Standing, look, rule_files, signed_files,
};
use super::*;
use crate::error::{Code, Explain as _};
use crate::fs::FsError;
use crate::recipients::{ACCESS_FILE, Right};
use crate::world::WorldError;

const ADA: Who<'_> = ("ada", 1);

#[test]
fn the_copy_beside_the_pin_is_gone_by_whatever_the_tree_says() {
    let (vault, one) = Vault::new();
    let accepted = vault.open_expecting(&one).unwrap().accepted;
    vault.write(ACCESS_FILE, "[rule.dev]\nreaders = [\"eve\"]\n\n[end]\n");
    vault.write("recipients/ada.toml", "[end]\n");
    for accepted in [accepted, vault.open().unwrap().accepted] {
        assert_eq!(accepted.number(), 1);
        assert_eq!(accepted.settings().name, "v");
        let rights = accepted.rights("dev/web").unwrap();
        assert!(rights.has(Right::Read, &name("ada")) && !rights.has(Right::Read, &name("eve")));
        assert!(accepted.rights("prod/web").is_none());
        assert!(accepted.access().rule_for("dev/web").is_some());
        assert_eq!(accepted.party(&name("ada")).unwrap().name, name("ada"));
        assert!(matches!(
            accepted.party(&name("eve")),
            Err(TrustError::NoParty { .. })
        ));
        assert_eq!(accepted.party_names().unwrap(), [name("ada")]);
        let files = accepted.files().unwrap();
        assert_eq!(files.len(), 3);
        assert_eq!(files[ACCESS_FILE], ACCESS.as_bytes());
    }
}

#[test]
fn files_that_were_read_are_rules_as_the_copy_is() {
    let (vault, one) = Vault::new();
    vault.write("recipients/zoe.toml", &super::ADA.replace("ada", "zoe"));
    let mut files = signed_files(&vault.tree(), &one).unwrap();
    // Nobody signed zoe.
    assert_eq!(files.len(), 3);
    // A file under another name would lend its keys to that name.
    files.insert("recipients/eve.toml".to_owned(), super::ADA.into());
    let accepted = Accepted::of_files(files.clone(), 7).unwrap();
    assert_eq!(accepted.number(), 7);
    assert_eq!(accepted.party(&name("ada")).unwrap().name, name("ada"));
    let error = accepted.party(&name("eve")).unwrap_err();
    assert!(matches!(&error, TrustError::Rules { number: 7, .. }));
    assert!(error.to_string().contains("recipients/eve.toml"), "{error}");
    assert_eq!(accepted.party_names().unwrap(), [name("ada"), name("eve")]);
    assert_eq!(accepted.files().unwrap(), files);
    assert_eq!(accepted.rollback(&"dev".parse().unwrap()), Rollback::Refuse);
    let lenient = SETTINGS.replace("[end]", "[scope.dev]\nrollback = \"warn\"\n\n[end]");
    files.insert(SETTINGS_FILE.to_owned(), lenient.into());
    let accepted = Accepted::of_files(files.clone(), 7).unwrap();
    assert_eq!(accepted.rollback(&"dev".parse().unwrap()), Rollback::Warn);
    assert_eq!(
        accepted.rollback(&"prod".parse().unwrap()),
        Rollback::Refuse
    );
    files.remove(SETTINGS_FILE);
    assert!(Accepted::of_files(files, 7).is_err());
}

#[test]
fn a_scope_refuses_what_is_old_unless_it_says_otherwise() {
    let read = |lines: &str| {
        let text = format!("[vault]\nformat = 1\nname = \"v\"\n\n{lines}[end]\n");
        Settings::parse(text.as_bytes())
    };
    let settings = read(
        "[scope.dev]\nrollback = \"warn\"\n\n[scope.prod]\nrollback = \"refuse\"\nssh_key = \"shared/keys/prod\"\n\n\
         [ansible.main]\nsecret = \"shared/ansible/PASSWORD\"\n\n",
    )
    .unwrap();
    for (scope, rollback) in [
        ("dev", Rollback::Warn),
        ("prod", Rollback::Refuse),
        ("test", Rollback::Refuse),
    ] {
        assert_eq!(
            settings.rollback(&scope.parse().unwrap()),
            rollback,
            "{scope}"
        );
    }
    let named: Vec<_> = settings
        .named()
        .map(|(what, path)| (what, path.to_string()))
        .collect();
    let wanted = [
        ("the SSH key of `prod`", "shared/keys/prod"),
        (
            "the password of Ansible's `main`",
            "shared/ansible/PASSWORD",
        ),
    ];
    assert_eq!(
        named,
        wanted.map(|(what, path)| (what.to_owned(), path.to_owned()))
    );
    for lines in [
        "[scope.dev]\n\n",
        "[scope.dev]\nrollback = \"never\"\n\n",
        "[scope.DEV]\nrollback = \"warn\"\n\n",
        "[scope.dev]\nssh_key = \"..\"\n\n",
        "[ansible.main]\nsecret = \"..\"\n\n",
    ] {
        assert!(read(lines).is_err(), "{lines}");
    }
    assert!(Settings::parse(b"[vault]\nformat = 2\nname = \"v\"\n\n[end]\n").is_err());
    let (vault, one) = Vault::new();
    let trust = vault.open_expecting(&one).unwrap();
    assert_eq!(
        trust.accepted.rollback(&"dev".parse().unwrap()),
        Rollback::Refuse
    );
}

#[test]
fn no_number_of_files_fills_the_memory() {
    let (vault, _) = Vault::new();
    // Four of the largest that are read come to what all may have, and a byte of others is too much.
    for name in ["a", "b", "c", "d"] {
        let path = vault.tree().join(&format!("recipients/{name}.toml"));
        let size = u64::try_from(crate::lines::MAX_FILE).unwrap();
        fs::File::create(path).unwrap().set_len(size).unwrap();
    }
    let error = rule_files(&vault.tree()).unwrap_err();
    assert_eq!(error.code(), Code::DataErr);
    vault.remove("recipients/d.toml");
    assert_eq!(rule_files(&vault.tree()).unwrap().len(), 6);
}

#[test]
fn no_other_file_than_rules_is_read_or_lent() {
    let (vault, one) = Vault::new();
    // A folder that has a party's name, a text beside them, and one whose name is none.
    fs::create_dir(vault.tree().join("recipients/bob.toml")).unwrap();
    vault.write("recipients/README", "x");
    vault.write("recipients/Not A Name.toml", "x");
    let files = rule_files(&vault.tree()).unwrap();
    assert_eq!(files.len(), 3, "{:?}", files.keys());
    assert_eq!(signed_files(&vault.tree(), &one).unwrap(), files);
    vault.remove("recipients/ada.toml");
    let error = signed_files(&vault.tree(), &one).unwrap_err();
    assert!(
        matches!(&error, TrustError::Unsigned { file, all: 1, .. } if file == "recipients/ada.toml")
    );
    vault.write(ACCESS_FILE, "[end]\n");
    let error = signed_files(&vault.tree(), &one).unwrap_err();
    assert!(
        matches!(&error, TrustError::Unsigned { all: 2, .. }),
        "{error:?}"
    );
    assert_eq!(error.notes(), ["2 files differ in all"]);
}

#[test]
fn where_the_memory_does_not_read_looking_goes_on_and_nothing_else() {
    let (vault, one) = Vault::new();
    assert!(look(&vault.tree(), &vault.world).unwrap().is_none());
    let trust = vault.open_expecting(&one).unwrap();
    assert!(look(&vault.tree(), &vault.world).unwrap().is_none());
    let chain = trust.pins.dir().join("trust");
    let good = fs::read_to_string(&chain).unwrap();
    fs::write(&chain, "rubbish\n").unwrap();
    assert!(matches!(vault.open(), Err(TrustError::Damaged { .. })));
    let looking = look(&vault.tree(), &vault.world).unwrap().unwrap();
    assert_eq!(
        (looking.standing, looking.accepted.number()),
        (Standing::Forgotten, 1)
    );
    let fault = looking.demand_clean(&vault.tree()).unwrap_err();
    assert!(matches!(fault, TrustError::Damaged { .. }), "{fault:?}");
    // Put right meanwhile.
    fs::write(&chain, &good).unwrap();
    assert!(matches!(looking.fault(&vault.tree()), TrustError::Moved));
    fs::set_permissions(&chain, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(vault.open(), Err(TrustError::Fs(_))));
    fs::set_permissions(&chain, fs::Permissions::from_mode(0o600)).unwrap();
    // The copy of the rules is memory, too.
    fs::remove_file(trust.pins.accepted_dir(1).join(ACCESS_FILE)).unwrap();
    assert!(matches!(vault.open(), Err(TrustError::Damaged { .. })));
    let looking = look(&vault.tree(), &vault.world).unwrap().unwrap();
    assert_eq!(looking.standing, Standing::Forgotten);
    let fault = looking.fault(&vault.tree());
    assert!(matches!(fault, TrustError::Damaged { .. }), "{fault:?}");
}

#[test]
fn where_the_versions_do_not_hold_the_accepted_rules_are_there_to_compare() {
    let (vault, one) = Vault::new();
    vault.open_expecting(&one).unwrap();
    let two = next(&one, 1, &[ADA]);
    vault.put(&two, &[]);
    let looking = look(&vault.tree(), &vault.world).unwrap().unwrap();
    assert_eq!(
        (looking.standing, looking.seen, looking.accepted.number()),
        (Standing::Broken, 1, 1)
    );
    assert_eq!(looking.vault, one.hash);
    let fault = looking.demand_clean(&vault.tree()).unwrap_err();
    assert!(
        matches!(fault, TrustError::DoesNotFollow { number: 2, .. }),
        "{fault:?}"
    );
    vault.put(&two, &[ADA]);
    assert!(matches!(looking.fault(&vault.tree()), TrustError::Moved));
    // Versions that hold over files that nobody signed.
    vault.write(ACCESS_FILE, "[end]\n");
    let looking = look(&vault.tree(), &vault.world).unwrap().unwrap();
    assert_eq!(looking.standing, Standing::Broken);
    assert!(matches!(
        looking.fault(&vault.tree()),
        TrustError::Unsigned { .. }
    ));
}

#[test]
fn each_refusal_has_its_code_and_says_what_comes_next() {
    let first = || TrustError::FirstUse {
        fingerprint: "f00d".into(),
        number: 7,
        admins: vec!["ada".into(), "ben".into()],
    };
    let unsigned = |all| TrustError::Unsigned {
        file: "clws.toml".into(),
        number: 2,
        all,
    };
    let other = || TrustError::OtherProposal {
        number: 2,
        lacking: "ben".into(),
    };
    let follows = TrustError::DoesNotFollow {
        number: 2,
        why: "why".into(),
    };
    let line = || Settings::parse(b"x\n").unwrap_err();
    for (error, code, hint) in [
        (
            TrustError::NoVault("/x".into()),
            Code::NotFound,
            "`clws init`",
        ),
        (
            TrustError::Gap(3, Some(99)),
            Code::Trust,
            "rm recipients/trust/99.toml",
        ),
        (
            TrustError::Gap(3, None),
            Code::Trust,
            "the whole of recipients/trust/",
        ),
        (
            TrustError::NotJoined("f00d".into()),
            Code::Trust,
            "the whole of recipients/trust/",
        ),
        (
            TrustError::OtherVault("/x".into()),
            Code::Usage,
            "another branch of this vault",
        ),
        (
            TrustError::BehindBody { number: 2 },
            Code::Trust,
            "git log -- recipients/trust",
        ),
        (follows, Code::Trust, "git log -- recipients/trust"),
        (first(), Code::Trust, "--expect f00d@7"),
        (unsigned(1), Code::Trust, "`clws trust sign`"),
        (
            TrustError::Sibling { number: 2 },
            Code::Trust,
            "`clws trust merge REV`",
        ),
        (
            TrustError::BadExpectation("x".into()),
            Code::Usage,
            "`clws trust show` prints it",
        ),
        (
            TrustError::NoParty {
                name: "eve".into(),
                nearest: None,
            },
            Code::NotFound,
            "`clws recipient list`",
        ),
        (
            TrustError::NoParty {
                name: "eev".into(),
                nearest: Some("eve".into()),
            },
            Code::NotFound,
            "is `eve` meant?",
        ),
        (other(), Code::Conflict, "rm -r recipients/trust/proposal"),
        (TrustError::Moved, Code::TempFail, "run the command again"),
        (
            TrustError::Older {
                here: 1,
                accepted: 2,
                kept: true,
            },
            Code::Rollback,
            "`clws trust accept` puts it back",
        ),
        (
            TrustError::Older {
                here: 1,
                accepted: 2,
                kept: false,
            },
            Code::Rollback,
            "git checkout REV -- recipients clws.toml",
        ),
        (
            super::super::register::damaged("/p".as_ref(), "why"),
            Code::Trust,
            "remove /p",
        ),
        (
            TrustError::Proposal {
                file: "x".into(),
                why: "is missing",
            },
            Code::Trust,
            "put the folder back",
        ),
        (
            TrustError::NotExpected {
                number: 1,
                found: "a".into(),
                expected: "b".into(),
            },
            Code::Trust,
            "that `clws trust show` prints",
        ),
    ] {
        assert_eq!(error.code(), code, "{error}");
        let hints = error.hints().join("\n");
        assert!(hints.contains(hint), "{error}: {hints}");
    }
    assert_eq!(first().notes(), ["it is decided by ada and ben"]);
    assert_eq!(other().notes(), ["it waits for ben"]);
    assert!(unsigned(1).notes().is_empty());
    // What another part of clws found keeps its own words.
    let home = || WorldError::NoHome {
        what: "pins",
        variable: "CLWS_STATE_DIR",
    };
    let locked = || FsError::Locked {
        holder: "4711".into(),
    };
    for (error, its) in [
        (TrustError::from(line()), (line().code(), line().hints())),
        (TrustError::from(home()), (home().code(), home().hints())),
        (
            TrustError::from(locked()),
            (locked().code(), locked().hints()),
        ),
    ] {
        assert_ne!(error.code(), Code::Trust);
        assert_eq!((error.code(), error.hints()), its);
    }
}
