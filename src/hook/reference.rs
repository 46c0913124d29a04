//! Values that the vault does not have, as a hook names them: what a Vault or OpenBao server keeps, and what it
//! makes for each deploy.
//!
//! A hook says where such a value lies there, and never at which server: that is the person's to say. A
//! [`Reference`] is the place and the field.

use std::fmt;

/// What stands before what is stored at a server, where values have names.
pub(crate) const SERVER: &str = "server.";

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
    pub(crate) fn parse(name: &str) -> Option<Result<Self, String>> {
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
