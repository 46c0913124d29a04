//! Values that the vault does not have: what a Vault or OpenBao server keeps, and what it makes for each deploy.
//!
//! A hook names such a value by a [`Reference`]. What is stored has versions, which a plan shows and a receipt
//! records; what is leased is made when a component is brought, and ends.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use super::ComponentPlan;
use crate::deploy::receipt::Given;
use crate::error::Error;
use crate::hook::{Place, Reference};
use crate::secret::Plain;
use crate::time::Moment;

/// A version of what is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version {
    /// Its number.
    pub number: u64,
    /// When it was made, as the server says: numbers begin anew where a secret was removed with all of them, and
    /// each server has its own.
    pub made: String,
}

/// What was seen of what a server stores, by somebody who only looks.
#[derive(Debug, Default)]
pub struct LookedAt {
    /// The versions that it has.
    pub versions: BTreeMap<Place, Version>,
    /// Where it has no value.
    pub gone: BTreeSet<Place>,
    /// What helps where neither is known.
    pub next: String,
}

/// What was asked of a server for the time of a deploy.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>;

/// The server beside the vault, as a deploy needs it.
pub trait Outside {
    /// A value that is stored there, read before the deploy began.
    ///
    /// # Errors
    /// That it was not read.
    fn stored(&self, reference: &Reference) -> Result<Plain, Error>;

    /// Has the server make credentials, which are kept alive from then on.
    fn lease<'a>(&'a self, path: &str) -> Asked<'a, Leased>;

    /// Makes a lease last for as long as the server lets it, and lets go of it; gives when it ends.
    fn let_go<'a>(&'a self, id: &str) -> Asked<'a, Moment>;

    /// Ends a lease.
    fn revoke<'a>(&'a self, id: &str) -> Asked<'a, ()>;
}

/// Credentials that a server made.
pub struct Leased {
    /// The lease's name at the server: with it, it can be prolonged and ended.
    pub id: String,
    /// The credentials, by field.
    pub fields: BTreeMap<String, Plain>,
}

impl ComponentPlan {
    /// Takes in which versions a server has.
    pub(in crate::deploy) fn learn(&mut self, versions: &BTreeMap<Place, Version>) {
        let places = self.outside.values().map(|reference| &reference.place);
        let known = places.filter_map(|place| Some((place.clone(), versions.get(place)?.clone())));
        self.versions = known.collect();
    }

    /// What it runs with, by full name: secrets of the vault with their revs, what a server stores with its
    /// version, if that is known.
    #[must_use]
    pub fn given(&self) -> BTreeMap<String, Given> {
        let stored = self.outside.iter().filter_map(|(name, reference)| {
            let version = self.versions.get(&reference.place)?;
            let given = Given {
                rev: version.number,
                made: Some(version.made.clone()),
            };
            (!self.passing.contains(name)).then(|| (reference.to_string(), given))
        });
        self.lasting()
            .map(|(name, issue)| {
                let (rev, made) = (issue.rev, Some(issue.made.clone()));
                (name.to_string(), Given { rev, made })
            })
            .chain(stored)
            .collect()
    }

    /// What a server stores and of which no version is known, of what it runs with: each name, and whether
    /// there is no value.
    pub(in crate::deploy) fn without_version(&self) -> BTreeMap<String, bool> {
        let stored = self.outside.iter().filter(|(name, reference)| {
            !reference.place.is_lease()
                && !self.passing.contains(*name)
                && !self.versions.contains_key(&reference.place)
        });
        let is_gone = |reference: &Reference| self.gone.contains(&reference.place);
        stored
            .map(|(_, reference)| (reference.to_string(), is_gone(reference)))
            .collect()
    }

    /// What makes the credentials that what runs keeps using.
    pub(in crate::deploy) fn kept_leases(&self) -> BTreeSet<&str> {
        let leased = self.outside.iter().filter(|(name, reference)| {
            reference.place.is_lease() && !self.passing.contains(*name)
        });
        leased
            .map(|(_, reference)| reference.place.path())
            .collect()
    }
}
