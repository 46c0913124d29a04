//! Values that the vault does not have: what a Vault or OpenBao server keeps, and what it makes for each deploy.
//!
//! A hook says where such a value lies there, and never at which server: that is the person's to say. A
//! [`Reference`] is the place and the field. What is stored has versions, which a plan shows and a receipt
//! records; what is leased is made when a component is brought, and ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;

use super::plan::ComponentPlan;
use super::receipt::Given;
use crate::error::Error;
use crate::secret::Plain;
use crate::time::Moment;

/// What stands before what is stored at a server, where values have names.
pub(super) const SERVER: &str = "server.";

/// What stands before what is leased.
pub(super) const LEASE: &str = "lease.";

/// As `clws export --format vault-references` writes it.
const WRITTEN_OUT: &str = "ref+vault://";

/// No path is longer.
const LONGEST: usize = 512;

/// Where values lie at a server.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// A secret of the key-value store, below where the person's configuration says that documents lie.
    Below(String),
    /// A secret of a key-value store, with its mount.
    Whole(String),
    /// What makes credentials: `MOUNT/creds/ROLE`.
    Lease(String),
}

impl Place {
    /// The path, as it is written; rules speak of it as of a document's.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Below(path) | Self::Whole(path) | Self::Lease(path) => path,
        }
    }

    /// Whether it is made anew each time that it is asked for.
    #[must_use]
    pub fn is_lease(&self) -> bool {
        matches!(self, Self::Lease(_))
    }
}

/// One value of a server.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Reference {
    /// Where it lies.
    pub place: Place,
    /// The field.
    pub field: String,
}

impl Reference {
    /// Reads the name of a value; none for a secret of the vault.
    pub(super) fn parse(name: &str) -> Option<Result<Self, String>> {
        let wrong = |form: &str| format!("`{name}` names nothing of a server: {form}");
        if let Some(text) = name.strip_prefix(LEASE) {
            let read = split(text).filter(|(path, _)| {
                let mut parts = path.rsplit('/');
                let (_, engine) = (parts.next(), parts.next());
                engine == Some("creds") && parts.next().is_some()
            });
            let read = read.map(|(path, field)| Self {
                place: Place::Lease(path.to_owned()),
                field: field.to_owned(),
            });
            return Some(read.ok_or_else(|| wrong("MOUNT/creds/ROLE#FIELD is wanted")));
        }
        let text = name.strip_prefix(SERVER)?;
        let (place, text): (fn(String) -> Place, _) = match text.strip_prefix(WRITTEN_OUT) {
            Some(text) => (Place::Whole, text.to_owned()),
            None => (Place::Below, text.to_owned()),
        };
        // A reference of vals' has a path within the secret behind the `#`.
        let text = match place("".to_owned()) {
            Place::Whole(_) => text.replacen("#/", "#", 1),
            _ => text,
        };
        let read = split(&text).map(|(path, field)| Self {
            place: place(path.to_owned()),
            field: field.to_owned(),
        });
        Some(read.ok_or_else(|| wrong("PATH#FIELD is wanted")))
    }
}

/// A path of names and a field. Nothing that leads elsewhere: it goes into a request with somebody's token.
fn split(text: &str) -> Option<(&str, &str)> {
    let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_name = |part: &str| part.contains(|c: char| c != '.') && part.chars().all(is_one);
    let (path, field) = text.split_once('#')?;
    (text.len() <= LONGEST && path.split('/').all(is_name) && is_name(field))
        .then_some((path, field))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, before) = match self.place {
            Place::Below(_) => (SERVER, ""),
            Place::Whole(_) => (SERVER, WRITTEN_OUT),
            Place::Lease(_) => (LEASE, ""),
        };
        write!(f, "{kind}{before}{}#{}", self.place.path(), self.field)
    }
}

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
    pub(super) fn learn(&mut self, versions: &BTreeMap<Place, Version>) {
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
    pub(super) fn without_version(&self) -> BTreeMap<String, bool> {
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
    pub(super) fn kept_leases(&self) -> BTreeSet<&str> {
        let leased = self.outside.iter().filter(|(name, reference)| {
            reference.place.is_lease() && !self.passing.contains(*name)
        });
        leased
            .map(|(_, reference)| reference.place.path())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Option<Result<Reference, String>> {
        Reference::parse(name)
    }

    #[test]
    fn a_reference_is_a_place_and_a_field() {
        for (name, place, field) in [
            ("server.prod/web#DB", Place::Below("prod/web".into()), "DB"),
            (
                "server.ref+vault://secret/prod/web#/DB",
                Place::Whole("secret/prod/web".into()),
                "DB",
            ),
            (
                "lease.team/db/creds/app-1#username",
                Place::Lease("team/db/creds/app-1".into()),
                "username",
            ),
        ] {
            let read = parse(name).unwrap().unwrap();
            assert_eq!((&read.place, read.field.as_str()), (&place, field));
            let again = parse(&read.to_string()).unwrap().unwrap();
            assert_eq!(again, read);
        }
        assert!(parse("web/TOKEN").is_none());
    }

    #[test]
    fn nothing_leads_elsewhere() {
        for text in [
            "server.prod/web",
            "server.prod/../sys#a",
            "server./prod/web#a",
            "server.prod//web#a",
            "server.prod/web?list=true#a",
            "server.prod/%2e%2e/web#a",
            "server.prod/web#a#b",
            "server.prod/web#",
            "server.prod/web#a\n",
            "server.ref+vault://prod/web?version=1#/a",
            "lease.sys/creds#a",
            "lease.creds/app#a",
            "lease.database/static-creds/app#a",
            "lease.database/creds/app/x#a",
            "lease.database/creds/..#a",
        ] {
            assert!(parse(text).unwrap().is_err(), "{text}");
        }
    }
}
