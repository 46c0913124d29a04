//! Values that several names share: one password under the name of each program that was given it, say. What
//! is withdrawn in one place is gone in all, so they are rotated together, to one new value.
//!
//! Not so where that would tell somebody a value who has no right to it: whoever knew a value once can put it under a
//! name that they read, and wait for the next one.
//!
//! Nothing in the clear says which values are the same. Who rotates opens all that they can, and compares
//! fingerprints under a key of this run.

use std::collections::{BTreeSet, HashMap};

use ring::hmac;
use zeroize::Zeroizing;

use super::RotateError;
use super::plan::follower;
use super::policy::about;
use super::record::Turning;
use super::rotators::{Means, is_random};
use crate::error::{Code, Error, Problem};
use crate::name::{PartyName, SecretName, SecretPath};
use crate::secret::Plain;
use crate::vault::{Listed, Opened, Policy, Reader, ValueType, Vault, who_left};

/// Shorter values are the same by chance, or because nobody changed a default.
const TELLING: usize = 12;

/// Who says which values are rotated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Chosen {
    /// A person named them: they may be one value, whoever reads one of them alone.
    ByName,
    /// They wait for a new value.
    AsDue,
}

/// What else has one of some values.
#[derive(Debug, Default)]
pub struct Sharing {
    /// The values in groups, each of which shares one value; the first one's is made, and the others get it.
    pub groups: Vec<Vec<Turning>>,
    /// Names that have a short value of the same text, and keep it.
    pub short: Vec<String>,
    /// Documents that this person cannot open.
    pub closed: Vec<String>,
    /// What does not count or open, and so says nothing.
    pub faults: Vec<Error>,
    /// Why some of the values are in no group: they do not open, one new value would tell somebody of it, or the
    /// rotator of one that shares it is wrong.
    pub left_out: Vec<Error>,
}

/// Finds what shares the values that are to be rotated.
///
/// # Errors
/// [`crate::trust::TrustError`] where the vault cannot be read.
pub fn sharing(
    vault: &Vault,
    reader: &Reader<'_>,
    (values, chosen): (Vec<Turning>, Chosen),
    means: Means<'_>,
) -> Result<Sharing, Error> {
    let key = Key::new(vault)?;
    let named: BTreeSet<String> = values.iter().map(|value| value.path.clone()).collect();
    let mut found = Sharing::default();
    // Where the group of a value is, and whether the value is long enough to tell anything.
    let mut groups: HashMap<Fingerprint, (usize, bool)> = HashMap::new();
    for value in values {
        let opened = match vault.find_secret(&value.path.parse::<SecretPath>()?)? {
            SecretName::Value(path, name) => reader.value(&path, &name).map(Some),
            SecretName::File(_) => Ok(None),
        };
        let print = match opened {
            Ok(opened) => opened.and_then(|opened| key.of(&opened)),
            Err(error) => {
                found.left_out.push(error);
                continue;
            }
        };
        let last = found.groups.len();
        let (at, is_telling) = match print {
            Some((print, is_telling)) => *groups.entry(print).or_insert((last, is_telling)),
            None => (last, false),
        };
        match found.groups.get_mut(at).filter(|_| is_telling) {
            Some(group) => group.push(value),
            None => found.groups.push(vec![value]),
        }
    }
    // By the place of their group.
    let mut wrong: HashMap<usize, Error> = HashMap::new();
    for listed in vault.list(None)? {
        let Listed::Document(path) = &listed else {
            continue;
        };
        let opened = match reader.document(path) {
            Ok(opened) => opened,
            Err(error) if error.code() == Code::NoKey => {
                found.closed.push(path.to_string());
                continue;
            }
            Err(error) => {
                found.faults.push(error);
                continue;
            }
        };
        for value in &opened {
            let full = format!("{path}/{}", value.name);
            let known = key.of(value).and_then(|(print, _)| groups.get(&print));
            match known {
                _ if named.contains(&full) => {}
                None => {}
                Some((_, false)) => found.short.push(full),
                Some((at, true)) => {
                    let Some(group) = found.groups.get_mut(*at) else {
                        continue;
                    };
                    match follower(vault, &full, means) {
                        Ok(like) => group.push(like),
                        Err(error) => {
                            let first = group.first().map_or("", |value| &value.path);
                            wrong.insert(*at, shared_with(first, &full, &error));
                        }
                    }
                }
            }
        }
    }
    for (at, mut group) in std::mem::take(&mut found.groups).into_iter().enumerate() {
        let is_meant = |path: &str| chosen == Chosen::ByName && named.contains(path);
        let why = match wrong.remove(&at) {
            None => would_tell(vault, &group, is_meant)?.map(Error::from),
            wrong => wrong,
        };
        match why {
            Some(error) => found.left_out.push(error),
            None => {
                lead(&mut group);
                found.groups.push(group);
            }
        }
    }
    Ok(found)
}

/// What is wrong with the rotator of one that shares a value, which whoever writes that one chooses.
fn shared_with(path: &str, other: &str, error: &Error) -> Error {
    Problem::of(error)
        .note(format!(
            "`{other}`, whose rotator that is, has the same value as `{path}`"
        ))
        .hint(format!(
            "`clws rotate --apart {path}` gives that one a value of its own"
        ))
        .into()
}

/// Who would be told a value by one new value for all of a group: who reads one of two alone, in two scopes, or in one
/// where it was they who put it there, or the other one waits for a new value because they left.
fn would_tell(
    vault: &Vault,
    group: &[Turning],
    is_meant: impl Fn(&str) -> bool,
) -> Result<Option<RotateError>, Error> {
    if group.len() < 2 {
        return Ok(None);
    }
    let reach = group.iter().map(|value| Reach::of(vault, &value.path));
    let reach: Vec<Reach> = reach.collect::<Result<_, _>>()?;
    for (at, one) in reach.iter().enumerate() {
        for other in reach.iter().skip(at + 1) {
            let are_meant = is_meant(&one.path) && is_meant(&other.path);
            if let (false, Some(who)) = (are_meant, one.apart_from(other)) {
                return Ok(Some(RotateError::WouldTell {
                    path: one.path.clone(),
                    other: other.path.clone(),
                    who: who.to_string(),
                }));
            }
        }
    }
    Ok(None)
}

/// Who knows a value, or did.
struct Reach {
    path: String,
    scope: String,
    readers: BTreeSet<PartyName>,
    policy: Policy,
    /// Who gave it, and who vouches for it.
    by: [String; 2],
}

impl Reach {
    fn of(vault: &Vault, path: &str) -> Result<Self, Error> {
        let secret = vault.find_secret(&path.parse::<SecretPath>()?)?;
        let ruled = secret.ruled_path();
        let (policy, by) = about(vault, &secret)?;
        Ok(Self {
            path: path.to_owned(),
            scope: ruled.split('/').next().unwrap_or_default().to_owned(),
            readers: vault.rights(ruled)?.readers,
            policy,
            by,
        })
    }

    fn apart_from<'r>(&'r self, other: &'r Self) -> Option<&'r PartyName> {
        let left = |name: &PartyName| {
            let all = who_left(&self.policy).chain(who_left(&other.policy));
            all.into_iter().any(|who| who == name.as_str())
        };
        // Whoever reads one alone and gave it knew the other one from elsewhere: a leak, say, which is why that is rotated.
        let gave = |name: &PartyName| {
            let theirs = if self.readers.contains(name) {
                self
            } else {
                other
            };
            theirs.by.iter().any(|who| who == name.as_str())
        };
        let mut alone = self.readers.symmetric_difference(&other.readers);
        alone.find(|name| self.scope != other.scope || gave(name) || left(name))
    }
}

/// Has one value of a group made, by a person or as a key where one of them needs that, and gives it to the
/// others.
fn lead(group: &mut [Turning]) {
    let special = group.iter().position(|value| !is_random(&value.rotator));
    if let Some(at) = special {
        group.swap(0, at);
    }
    if let Some((first, others)) = group.split_first_mut() {
        for value in others {
            value.like = Some(first.path.clone());
        }
    }
}

type Fingerprint = [u8; 32];

/// A key that nobody has when the run is over.
struct Key(hmac::Key);

impl Key {
    fn new(vault: &Vault) -> Result<Self, Error> {
        let bytes = Zeroizing::new(vault.world().random::<32>()?);
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &*bytes)))
    }

    /// The fingerprint of a text, and whether it is long enough to be no accident.
    fn of(&self, value: &Opened) -> Option<(Fingerprint, bool)> {
        let of = |plain: &Plain| {
            plain.with(|plain| {
                let tag = hmac::sign(&self.0, plain);
                let print = tag.as_ref().try_into().ok()?;
                Some((print, plain.len() >= TELLING))
            })
        };
        (value.kind == ValueType::String).then(|| of(&value.value))?
    }
}
