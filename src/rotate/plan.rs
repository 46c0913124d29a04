//! What a rotation will do, before anything is opened.

use super::RotateError;
use super::pairing::pair_of;
use super::policy::policy_of;
use super::record::{Shape, Turning};
use super::rotators::{Means, RANDOM, is_random, is_tls, rotator};
use crate::error::Error;
use crate::name::{SecretName, SecretPath};
use crate::vault::{PolicyKey, Vault};

/// The values at `paths`, each with its rotator by its policy or its document's, which is there; the other
/// half of a pair comes along.
///
/// # Errors
/// [`super::RotateError::NoRotator`], [`VaultError`] for what is not there or does not
/// count.
pub fn planned(
    vault: &Vault,
    paths: &[SecretPath],
    means: Means<'_>,
) -> Result<Vec<Turning>, Error> {
    let named: Result<Vec<SecretName>, _> =
        paths.iter().map(|path| vault.find_secret(path)).collect();
    let named = named?;
    let mut all: Vec<Turning> = Vec::new();
    for secret in &named {
        vault.peek(secret)?;
        let mut turning = Vec::new();
        match pair_of(vault, secret, &named)? {
            Some((other, rotator)) => {
                vault.peek(&other)?;
                turning
                    .extend([secret, &other].map(|one| (one.to_string(), Some(rotator.clone()))));
            }
            None => {
                let policy = policy_of(vault, secret)?;
                let named = policy.value(PolicyKey::Rotator).map(str::to_owned);
                turning.push((secret.to_string(), named));
            }
        }
        for (path, named) in turning {
            rotator(&path, named.as_deref(), means)?;
            if all.iter().all(|value| value.path != path) {
                all.push(Turning::new(path, named.unwrap_or_default()));
            }
        }
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(all)
}

/// Says what the new values are to be that are made at random.
///
/// # Errors
/// [`RotateError::NotMade`] for one that comes from elsewhere.
pub fn give_shape(values: &mut [Turning], shape: Shape) -> Result<(), RotateError> {
    for value in values.iter_mut().filter(|value| value.like.is_none()) {
        if !is_random(&value.rotator) {
            let path = value.path.clone();
            let why = "its rotator makes it, or a person, to no length of your choosing";
            return Err(RotateError::NotMade { path, why });
        }
        value.shape = Some(shape);
    }
    Ok(())
}

/// A value that gets the new one of another, with its own rotator. Nothing has to be accepted anywhere if it has
/// none, or one of a pair, which is nowhere but in the vault.
///
/// # Errors
/// As for [`planned`].
pub(super) fn follower(vault: &Vault, path: &str, means: Means<'_>) -> Result<Turning, Error> {
    let policy = policy_of(vault, &vault.find_secret(&path.parse::<SecretPath>()?)?)?;
    let named = policy.value(PolicyKey::Rotator);
    let named = named.filter(|named| !is_tls(named)).unwrap_or(RANDOM);
    rotator(path, Some(named), means)?;
    Ok(Turning::new(path.to_owned(), named.to_owned()))
}
