//! A new vault: its settings, its first party, its rules, and trust version 1.

use std::collections::BTreeMap;
use std::path::Path;

use super::Rules;
use super::sign::hashes;
use crate::crypto::from_hex;
use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::error::{Code, Error, Explain as _, Problem};
use crate::fs::{Edit, FsError, Journal, Lock, New, Tree, names};
use crate::name::PartyName;
use crate::recipients::{
    Access, Kind, Party, PublicRecipient, RecipientKey, Right, Rule, Use, VerifyingKey,
};
use crate::trust::{
    Draft, Pins, SETTINGS_FILE, Step, TrustError, Version, newest_number, read_version,
    version_file,
};
use crate::vault::Signs;
use crate::world::World;

/// git must not turn line ends in files whose every byte is signed.
const ATTRIBUTES: &str = "clws.toml -text\nsecrets/** -text\nrecipients/** -text\nhooks/** -text\n";

/// What a new vault begins with.
#[derive(Debug)]
pub struct Founding<'a> {
    /// The vault's name.
    pub name: &'a str,
    /// The first party and administrator.
    pub founder: PartyName,
    /// What is sealed to the founder.
    pub recipient: &'a str,
    /// What the founder signs with.
    pub signing: &'a PublicKey,
}

/// Refuses a folder that has a vault, before anything is made for a new one.
///
/// # Errors
/// CONFLICT if there is a vault; [`crate::fs::FsError`].
pub fn demand_no_vault(dir: &Path) -> Result<(), Error> {
    match dir.exists() {
        true => demand_none_in(&Tree::open(dir)?, dir),
        false => Ok(()),
    }
}

fn demand_none_in(tree: &Tree, dir: &Path) -> Result<(), Error> {
    let there = || {
        Problem::new(
            Code::Conflict,
            format!("there is a vault in {}", dir.display()),
        )
    };
    match newest_number(tree) {
        Err(halved @ TrustError::NoVault(_)) if tree.exists(SETTINGS_FILE)? => {
            let why = there().note("clws.toml is here, and its rules are not");
            let hints = halved.hints().into_iter();
            Err(hints.fold(why, Problem::hint).into())
        }
        Err(TrustError::NoVault(_)) => Ok(()),
        other => {
            other?;
            Err(there()
                .hint("`clws secret list` shows what is in it")
                .into())
        }
    }
}

/// Makes a vault in a folder, or finishes one that was cut off; gives trust version 1's fingerprint.
/// Nothing is committed to git.
///
/// # Errors
/// CONFLICT if there is a vault; [`crate::fs::FsError`].
pub fn found(
    world: &World,
    dir: &Path,
    founding: &Founding<'_>,
    signer: &dyn Signs,
) -> Result<String, Error> {
    crate::fs::ensure_private_dir(dir)?;
    let tree = Tree::open(dir)?;
    // Two foundings in one folder would each write a part of the files.
    let _lock = Lock::take(&world.state_dir()?.join("init.lock"), "making a vault")?;
    if let Some(fingerprint) = finish(world, &tree)? {
        return Ok(fingerprint);
    }
    demand_none_in(&tree, dir)?;
    let mut founder = Party::new(founding.founder.clone(), Kind::Person);
    let key = RecipientKey::parse(founding.recipient)?;
    founder.recipients.push(PublicRecipient {
        name: "main".into(),
        key,
    });
    founder.signing.push(VerifyingKey {
        name: "main".into(),
        key: founding.signing.clone(),
        usable: Use::Sign,
    });
    let mut access = Access::default();
    for scope in ["dev", "prod", "shared", "test"] {
        let mut rule = Rule::default();
        for right in [Right::Deploy, Right::Read, Right::Write] {
            rule.add(right, &founding.founder);
        }
        access.rules.insert(scope.to_owned(), rule);
    }
    let settings = settings(founding.name);
    let mut rules = Rules::new(BTreeMap::from([(
        SETTINGS_FILE.to_owned(),
        settings.into_bytes(),
    )]));
    rules.set_access(&access);
    rules.set_party(&founder);
    rules.check()?;
    let draft = Draft {
        number: 1,
        previous: world.random()?,
        also: None,
        threshold: 1,
        admins: BTreeMap::from([(founding.founder.clone(), founding.signing.clone())]),
        files: hashes(rules.files()),
    };
    let signed = signer.sign(Namespace::Trust, draft.body().as_bytes())?;
    let signed = SignedBy {
        party: founding.founder.to_string(),
        ..signed
    };
    let printed = draft.print(&[signed]);
    let version = Version::parse(printed.as_bytes())?;
    version.check_founding()?;

    let pins = Pins::of(world, &version.hash)?;
    // The trust version comes first: no part of the rest is taken for a vault without rules.
    let printed = New::Bytes(printed.into_bytes());
    let mut edits = vec![Edit::of(version_file(1), None, printed)];
    edits.extend(
        rules
            .files()
            .iter()
            .map(|(file, bytes)| Edit::of(file.clone(), None, New::Bytes(bytes.clone()))),
    );
    edits.extend(attributes(&tree)?);
    let journal = Journal::at(pins.journal_file());
    let founded = pins
        .accept(&[Step::of(version.hash)], rules.files())
        .map_err(Error::from)
        // After the pin: nobody has to tell the founder's own machine what it may trust.
        .and_then(|_| Ok(journal.commit(&tree, world, edits)?));
    if founded.is_err() && !journal.is_pending()? {
        // Nothing came of it; what is left of the pin speaks of no vault.
        std::fs::remove_dir_all(pins.dir()).unwrap_or_default();
    }
    founded?;
    Ok(version.fingerprint())
}

/// Finishes a founding that was cut off in this folder; gives its fingerprint.
///
/// It is looked for among all journals of this machine: the trust version whose hash would lead to its
/// journal may not be there yet.
fn finish(world: &World, tree: &Tree) -> Result<Option<String>, Error> {
    let vaults = world.state_dir()?.join("vaults");
    for name in names(&vaults).map_err(FsError::io("list", &vaults))? {
        let Ok(id) = from_hex::<32>(&name.to_string_lossy()) else {
            continue;
        };
        let pins = Pins::of(world, &id)?;
        let journal = Journal::at(pins.journal_file());
        if journal.is_pending()? && journal.is_changing(tree, &version_file(1))? {
            let _lock = Lock::take(&pins.lock_file(), "finishing a new vault")?;
            journal.recover(tree)?;
            return Ok(Some(read_version(tree, 1)?.fingerprint()));
        }
    }
    Ok(None)
}

fn settings(name: &str) -> String {
    use crate::lines::{Value, print, render};
    let vault = print(
        "vault",
        None,
        &[("format", Value::Integer(1)), ("name", name.into())],
    );
    // On a developer's machine an old branch is everyday work; it is said, not refused.
    let dev = print("scope", Some("dev"), &[("rollback", "warn".into())]);
    render("", &[vault, dev])
}

/// Adds our lines to `.gitattributes`, keeping what is there.
fn attributes(tree: &Tree) -> Result<Option<Edit>, Error> {
    let old = tree.read(".gitattributes", 1024 * 1024)?;
    let text = old
        .as_deref()
        .map(String::from_utf8_lossy)
        .unwrap_or_default()
        .into_owned();
    let missing: Vec<&str> = ATTRIBUTES
        .lines()
        .filter(|line| !text.lines().any(|there| there == *line))
        .collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let new = format!("{text}{gap}{}\n", missing.join("\n"));
    Ok(Some(Edit::of(
        ".gitattributes",
        old.as_deref(),
        New::Bytes(new.into_bytes()),
    )))
}
