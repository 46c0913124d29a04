//! Values that several names share: one password under the name of each program that was given it, say. What
//! is withdrawn in one place is gone in all, so they are rotated together, to one new value.
//!
//! Nothing in the clear says which values are the same. Who rotates opens all that they can, and compares
//! fingerprints under a key of this run.

use std::collections::{BTreeSet, HashMap};

use ring::hmac;
use zeroize::Zeroizing;

use super::plan::follower;
use super::record::Turning;
use super::rotators::{Means, is_random};
use crate::error::{Code, Error};
use crate::name::{SecretName, SecretPath};
use crate::secret::Plain;
use crate::vault::{Listed, Opened, Reader, ValueType, Vault};

/// Shorter values are the same by chance, or because nobody changed a default.
const TELLING: usize = 12;

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
}

/// Finds what shares the values that are to be rotated.
///
/// # Errors
/// What opening one of them can; what is wrong with the rotator of one that shares.
pub fn sharing(
    vault: &Vault,
    reader: &Reader<'_>,
    values: Vec<Turning>,
    means: Means<'_>,
) -> Result<Sharing, Error> {
    let key = Key::new(vault)?;
    let named: BTreeSet<String> = values.iter().map(|value| value.path.clone()).collect();
    let mut found = Sharing::default();
    // Where the group of a value is, and whether the value is long enough to tell anything.
    let mut groups: HashMap<Fingerprint, (usize, bool)> = HashMap::new();
    for value in values {
        let print = match vault.find_secret(&value.path.parse::<SecretPath>()?)? {
            SecretName::Value(path, name) => key.of(&reader.value(&path, &name)?),
            SecretName::File(_) => None,
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
                    let like = follower(vault, &full, means)?;
                    found
                        .groups
                        .get_mut(*at)
                        .into_iter()
                        .for_each(|group| group.push(like.clone()));
                }
            }
        }
    }
    found.groups.iter_mut().for_each(|group| lead(group));
    Ok(found)
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
