//! Makes, brings in and takes away identities.

use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::IdentityError;
use super::age_file::{self, Key};
use super::ask::{Ask, Nobody, ask_for};
use super::bundle::{Bundle, Reach};
use super::config::Config;
use super::file::{self, FileError, Links, Rights, shown};
use super::keyring::KeyringError;
use super::place::{Kept, Where};
use super::shelf::{Shelf, is_half_taken};
use super::source;
use super::ssh_agent::AgentKey;
use super::ssh_key::KeyFile;
use crate::crypto::sshsig::PublicKey;
use crate::name::IdentityName;
use crate::secret::Plain;
use crate::world::World;

/// Where a new identity is to be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the keyring where one answers within a second and takes it, else in files.
    Auto,
    /// In two files of mode 0600.
    File,
    /// In the keyring, or not at all.
    Keyring,
}

/// A signing key to bring in.
#[derive(Clone, Copy, Debug)]
pub enum SigningSource<'a> {
    /// An OpenSSH Ed25519 private key, which is copied.
    File(&'a Path),
    /// The key of that fingerprint (`SHA256:…`) in the ssh-agent, which stays there.
    Agent(&'a str),
}

/// What to bring in. A half that is not named is made anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Import<'a> {
    /// An age identity file, in the clear or under a passphrase.
    pub age: Option<&'a Path>,
    /// A signing key.
    pub signing: Option<SigningSource<'a>>,
}

/// The age half, ready to be kept.
struct AgeHalf {
    text: Plain,
    recipient: Option<String>,
    /// Why the keyring does not take it, if it does not.
    not_for_keyring: Option<&'static str>,
}

/// The signing half, ready to be kept.
struct SignHalf {
    /// Nothing for a key that stays in its agent.
    text: Option<Plain>,
    public: PublicKey,
    not_for_keyring: Option<&'static str>,
}

const SEALED: &str = "an age identity or signing key under a passphrase";
const PLUGIN: &str = "the identity of an age plugin";
const SSH: &str = "an OpenSSH private key that opens";

/// Makes a new identity; it is on the disk, or read back from the keyring, when this returns.
///
/// # Errors
/// [`IdentityError::Exists`]; [`IdentityError::NotForKeyring`] for a passphrase with
/// [`Place::Keyring`]; what the disk or the keyring said. Nothing is left then.
pub fn create(
    world: &World,
    name: &IdentityName,
    place: Place,
    passphrase: Option<&Plain>,
) -> Result<Bundle, IdentityError> {
    import(world, name, Import::default(), place, passphrase, &Nobody)
}

/// Makes an identity of existing keys.
///
/// A half under a passphrase stays under it; `passphrase` is for the halves that are in the clear.
///
/// # Errors
/// As [`create`]; what is wrong with the keys, or with the passphrase that `ask` gives for them.
pub fn import(
    world: &World,
    name: &IdentityName,
    from: Import<'_>,
    place: Place,
    passphrase: Option<&Plain>,
    ask: &dyn Ask,
) -> Result<Bundle, IdentityError> {
    let is_text = |bytes: &Vec<u8>| !bytes.is_empty() && std::str::from_utf8(bytes).is_ok();
    if passphrase.is_some_and(|passphrase| !passphrase.with(is_text)) {
        return Err(IdentityError::BadPassphrase);
    }
    // Before anything is asked; whoever comes between is found when it is put in place.
    if source::shelf_path(world)?.join(name.as_str()).exists() {
        return Err(IdentityError::Exists { name: name.clone() });
    }
    let age = match from.age {
        None => new_age(world),
        Some(path) => age_from(world, path, ask)?,
    };
    let age = seal_age(world, age, passphrase)?;
    let sign = match from.signing {
        None => sign_of(&KeyFile::generate(
            &Zeroizing::new(world.random()?),
            name.as_str(),
        )?)?,
        Some(SigningSource::File(path)) => sign_from(world, path)?,
        Some(SigningSource::Agent(fingerprint)) => SignHalf {
            text: None,
            public: AgentKey::find(world, fingerprint)?.public().clone(),
            not_for_keyring: None,
        },
    };
    let sign = seal_sign(world, sign, passphrase)?;
    keep(world, name, &age, &sign, place)
}

fn new_age(world: &World) -> AgeHalf {
    let (text, public) = age_file::generate(world.now());
    AgeHalf {
        text,
        recipient: Some(public),
        not_for_keyring: None,
    }
}

fn age_from(world: &World, path: &Path, ask: &dyn Ask) -> Result<AgeHalf, IdentityError> {
    let path = world.folder().join(path);
    let label = shown(&path);
    let text = file::read(&path, Links::Follow, Rights::Any)?;
    if text.with(|bytes| age_file::is_sealed(bytes)) {
        let (open, _) = ask_for(&label, ask, |passphrase| {
            Ok(text.with(|bytes| age_file::unseal(bytes, passphrase, &label))?)
        })?;
        let mut half = age_of(world, &open, &label)?;
        half.text = text;
        half.not_for_keyring = Some(SEALED);
        return Ok(half);
    }
    age_of(world, &text, &label)
}

/// The half of a text in the clear: as it is if it shows its own public key, else written anew.
fn age_of(world: &World, text: &Plain, label: &str) -> Result<AgeHalf, IdentityError> {
    text.with(|bytes| {
        let entry = age_file::one_entry(bytes, label)?;
        let key = match entry.key {
            Key::Native(key) => key,
            Key::Ssh(key) => {
                let key = KeyFile::parse(key, label)?;
                return Ok(AgeHalf {
                    text: Plain::new(bytes.clone()),
                    recipient: Some(key.public()?.to_string()),
                    not_for_keyring: Some(if key.is_sealed() { SEALED } else { SSH }),
                });
            }
            Key::Plugin(_) => {
                return Ok(AgeHalf {
                    text: Plain::new(bytes.clone()),
                    recipient: entry.claimed.map(str::to_owned),
                    not_for_keyring: Some(PLUGIN),
                });
            }
        };
        let public = age_file::native(key, label)?.public().to_owned();
        let text = match entry.claimed {
            Some(claimed) if claimed == public => Plain::new(bytes.clone()),
            None => age_file::compose(key, &public, world.now()),
            Some(claimed) => {
                return Err(IdentityError::Mismatch {
                    label: label.to_owned(),
                    public: claimed.to_owned(),
                });
            }
        };
        Ok(AgeHalf {
            text,
            recipient: Some(public),
            not_for_keyring: None,
        })
    })
}

fn seal_age(
    world: &World,
    half: AgeHalf,
    passphrase: Option<&Plain>,
) -> Result<AgeHalf, IdentityError> {
    match passphrase {
        // It keeps its own form, which has room for a passphrase.
        Some(passphrase) if half.not_for_keyring == Some(SSH) => {
            let key = half.text.with(|text| KeyFile::parse(text, "age.txt"))?;
            Ok(AgeHalf {
                text: key.seal(passphrase, world.random()?)?.text()?,
                not_for_keyring: Some(SEALED),
                ..half
            })
        }
        Some(passphrase) if half.not_for_keyring != Some(SEALED) => Ok(AgeHalf {
            text: age_file::seal(&half.text, passphrase)
                .map_err(|_| IdentityError::BadPassphrase)?,
            not_for_keyring: Some(SEALED),
            ..half
        }),
        _ => Ok(half),
    }
}

fn sign_of(key: &KeyFile) -> Result<SignHalf, IdentityError> {
    Ok(SignHalf {
        text: Some(key.text()?),
        public: key.public()?,
        not_for_keyring: key.is_sealed().then_some(SEALED),
    })
}

fn sign_from(world: &World, path: &Path) -> Result<SignHalf, IdentityError> {
    let path = world.folder().join(path);
    let text = file::read(&path, Links::Follow, Rights::Any)?;
    sign_of(&text.with(|text| KeyFile::parse(text, &shown(&path)))?)
}

fn seal_sign(
    world: &World,
    half: SignHalf,
    passphrase: Option<&Plain>,
) -> Result<SignHalf, IdentityError> {
    match (passphrase, &half.text) {
        (Some(passphrase), Some(text)) if half.not_for_keyring.is_none() => {
            let key = text.with(|text| KeyFile::parse(text, "signing_key"))?;
            sign_of(&key.seal(passphrase, world.random()?)?)
        }
        _ => Ok(half),
    }
}

/// Puts both halves in their place and loads the bundle as every later command will.
fn keep(
    world: &World,
    name: &IdentityName,
    age: &AgeHalf,
    sign: &SignHalf,
    place: Place,
) -> Result<Bundle, IdentityError> {
    let config = Config::read(world)?;
    let reach = Arc::new(Reach::of(world, &config));
    let shelf = source::shelf_path(world)?;
    let kept = match (place, age.not_for_keyring.or(sign.not_for_keyring)) {
        (Place::File, _) | (Place::Auto, Some(_)) => Kept::File,
        (Place::Keyring, Some(what)) => return Err(IdentityError::NotForKeyring { what }),
        (Place::Keyring, None) => {
            into_keyring(&reach, name, age, sign)?;
            Kept::Keyring
        }
        (Place::Auto, None) => match reach.keyring.decide() {
            Err(_) => Kept::File,
            Ok(()) => match into_keyring(&reach, name, age, sign) {
                Ok(()) => Kept::Keyring,
                // It may still be asking its person, and take the keys after they were put in files.
                Err(IdentityError::Keyring(error @ KeyringError::Silent { .. })) => {
                    return Err(error.into());
                }
                Err(_) => Kept::File,
            },
        },
    };
    let stub = Where {
        age: age.recipient.clone().map(|public| (kept, public)),
        sign: Some(match sign.text {
            Some(_) => (kept, sign.public.clone()),
            None => (Kept::Agent, sign.public.clone()),
        }),
    };
    let sealed = age.not_for_keyring == Some(SEALED);
    let needs_stub = kept == Kept::Keyring || sealed || sign.text.is_none();
    let stub_text = stub.text();
    let mut files: Vec<(&str, &Plain)> = Vec::new();
    if kept == Kept::File {
        files.push(("age.txt", &age.text));
        files.extend(sign.text.as_ref().map(|text| ("signing_key", text)));
    }
    if needs_stub {
        files.push(("where", &stub_text));
    }
    let put = Shelf::open(&shelf).and_then(|open| open.put(name.as_str(), &files));
    if let (Err(_), Kept::Keyring, Some(account)) = (&put, kept, &age.recipient) {
        // The first failure is the one to tell; an entry that stays opens nothing by itself.
        drop(reach.keyring.remove(account));
    }
    put.map_err(|error| match error {
        FileError::Taken { .. } => IdentityError::Exists { name: name.clone() },
        other => other.into(),
    })?;
    let bundle = source::one(world, &shelf, name, &reach)?;
    bundle.ok_or_else(|| source::not_found(&shelf, name))
}

fn into_keyring(
    reach: &Reach,
    name: &IdentityName,
    age: &AgeHalf,
    sign: &SignHalf,
) -> Result<(), IdentityError> {
    let account = age.recipient.as_deref();
    let account = account.ok_or(IdentityError::NotForKeyring { what: PLUGIN })?;
    let mut content = age.text.duplicate();
    if let Some(text) = &sign.text {
        text.with(|text| content.with_mut(|content| content.extend_from_slice(text)));
    }
    let label = format!("clws identity {name}");
    Ok(reach.keyring.write(account, &label, &content)?)
}

/// Refuses a name that no identity here has, before somebody is asked whether to remove it.
///
/// # Errors
/// [`IdentityError::NotFound`].
pub fn demand_known(world: &World, name: &IdentityName) -> Result<(), IdentityError> {
    let shelf = source::shelf_path(world)?;
    let is_there = shelf.join(name.as_str()).symlink_metadata().is_ok();
    match is_there || is_half_taken(&shelf, name.as_str()) {
        true => Ok(()),
        false => Err(source::not_found(&shelf, name)),
    }
}

/// Takes an identity away: its entry in the keyring, then its folder as a whole.
///
/// What was sealed to it stays closed for ever. A folder that holds anything else is left alone.
///
/// # Errors
/// [`IdentityError::NotFound`]; what the keyring or the disk said.
pub fn remove(world: &World, name: &IdentityName) -> Result<(), IdentityError> {
    demand_known(world, name)?;
    let shelf = source::shelf_path(world)?;
    let path = shelf.join(name.as_str());
    if path.symlink_metadata().is_err() {
        // Opening the shelf takes the rest of it away.
        drop(Shelf::open(&shelf)?);
        return Ok(());
    }
    // A broken stub must not keep a broken identity from being removed.
    let stub = file::read_if_there(&path.join("where"), Links::Refuse, Rights::Any)?;
    let stub = stub.and_then(|text| text.with(|text| Where::parse(text, "where").ok()));
    if let Some((Kept::Keyring, account)) = stub.and_then(|stub| stub.age) {
        let config = Config::read(world)?;
        Reach::of(world, &config).keyring.remove(&account)?;
    }
    Ok(Shelf::open(&shelf)?.take(name.as_str())?)
}
