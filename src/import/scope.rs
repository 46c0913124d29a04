//! The scope of a source, from its path.
//!
//! Teams sort by environment somewhere in the path: `prod/rest-server.env`, `tls/dev/codalab.key`,
//! `keys/vm-clws-prod-gpuworker-2`, `.env.production`. A folder that is called like a scope gives it,
//! and is taken out of the path; else the name of a machine; else a part of the file's name. What a
//! path says wins over what the command line says, which is for the rest.

use std::collections::BTreeSet;

use crate::name::Scope;
use crate::recipients::Access;

/// What people call scopes elsewhere, beside the names that a new vault has rules for.
const USUAL: [&str; 6] = ["prod", "test", "dev", "demo", "shared", "staging"];
const LONG: [(&str, &str); 3] = [
    ("production", "prod"),
    ("development", "dev"),
    ("testing", "test"),
];

/// The scopes that a path can name.
#[derive(Debug)]
pub(super) struct Scopes {
    known: BTreeSet<String>,
}

/// Where a source belongs.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Placed {
    /// Its scope, if the path says one.
    pub(super) scope: Option<Scope>,
    /// Its folders, without the one that is the scope.
    pub(super) folders: Vec<String>,
    /// The parts of its name, without one that is the scope.
    pub(super) parts: Vec<String>,
    /// Another scope that the path names as well.
    pub(super) other: Option<Scope>,
}

impl Scopes {
    /// The usual ones, and those that the rules speak of.
    pub(super) fn of(access: &Access) -> Self {
        let ruled = access
            .rules
            .keys()
            .filter_map(|prefix| prefix.split('/').next());
        Self {
            known: USUAL.into_iter().chain(ruled).map(str::to_owned).collect(),
        }
    }

    /// The scope that a word names.
    pub(super) fn named(&self, word: &str) -> Option<Scope> {
        let word = word.to_ascii_lowercase();
        let long = LONG
            .iter()
            .find(|(long, _)| *long == word && !self.known.contains(&word));
        let word = long.map_or(word.as_str(), |(_, short)| short);
        self.known.get(word)?.parse().ok()
    }

    /// The scope of a machine: `vm-FLEET-SCOPE-TYPE-NUMBER`.
    fn of_machine(&self, word: &str) -> Option<Scope> {
        let word = word.split('.').next()?;
        let mut parts = word.split('-');
        let (first, fleet, scope) = (parts.next()?, parts.next()?, parts.next()?);
        let (kind, number) = (parts.next()?, parts.next_back()?);
        let is_number = number.bytes().all(|b| b.is_ascii_digit()) && !number.is_empty();
        let is_machine = first == "vm" && !fleet.is_empty() && !kind.is_empty() && is_number;
        is_machine.then(|| self.named(scope)).flatten()
    }

    /// Places a source with these folders, this name, and these parts of the name that a document
    /// would be called by.
    pub(super) fn place(&self, folders: &[&str], name: &str, parts: &[&str]) -> Placed {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut placed = Placed {
            scope: None,
            folders: owned(folders),
            parts: owned(parts),
            other: None,
        };
        let folder = folders
            .iter()
            .position(|folder| self.named(folder).is_some());
        let machine = || {
            folders
                .iter()
                .chain([&name])
                .find_map(|word| self.of_machine(word))
        };
        let part = parts.iter().position(|part| self.named(part).is_some());
        if let Some(at) = folder {
            placed.scope = self.named(&placed.folders.remove(at));
        } else if let Some(scope) = machine() {
            placed.scope = Some(scope);
        } else if let Some(at) = part {
            placed.scope = self.named(&placed.parts.remove(at));
        }
        let words = folders
            .iter()
            .chain([&name])
            .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()));
        placed.other = words
            .filter_map(|word| self.named(word))
            .find(|other| Some(other) != placed.scope.as_ref());
        placed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(path: &str, parts: &[&str]) -> (String, String) {
        let scopes = Scopes::of(&Access::default());
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folders: Vec<&str> = folders
            .split('/')
            .filter(|folder| !folder.is_empty())
            .collect();
        let placed = scopes.place(&folders, name, parts);
        let scope = placed
            .scope
            .map_or(String::new(), |scope| scope.to_string());
        (scope, [placed.folders, placed.parts].concat().join("/"))
    }

    #[test]
    fn a_folder_gives_the_scope_and_is_taken_out() {
        for (path, scope, rest) in [
            ("tls/dev/codalab.key", "dev", "tls"),
            ("prod/rest-server", "prod", ""),
            ("Production/x/test/y", "prod", "x/test"),
            ("keys/ansible", "", "keys"),
            ("staging/x", "staging", ""),
            ("shared/x", "shared", ""),
            ("dev/vm-clws-prod-mysql-0", "dev", ""),
        ] {
            assert_eq!(placed(path, &[]), (scope.into(), rest.into()), "{path}");
        }
    }

    #[test]
    fn a_machine_gives_its_scope_and_keeps_its_name() {
        for (path, scope) in [
            ("keys/vm-clws-prod-gpuworker-2", "prod"),
            ("vm-clws-test-rest-server-0/id.pem", "test"),
            ("vm-clws-dev-mysql-0.key", "dev"),
            ("vm-clws-mysql-0", ""),
            ("vm-clws-prod-2", ""),
            ("vm-clws-prod-mysql-x", ""),
            ("prod-mysql-0", ""),
        ] {
            assert_eq!(placed(path, &[]).0, scope, "{path}");
        }
    }

    #[test]
    fn the_name_gives_the_scope_where_nothing_else_does() {
        assert_eq!(placed("web/x", &["prod"]), ("prod".into(), "web".into()));
        assert_eq!(
            placed("web/x", &["api", "production"]),
            ("prod".into(), "web/api".into())
        );
        assert_eq!(placed("dev/x", &["prod"]), ("dev".into(), "prod".into()));
    }

    #[test]
    fn another_scope_in_the_path_is_seen() {
        let scopes = Scopes::of(&Access::default());
        let other = |folders: &[&str], name: &str| scopes.place(folders, name, &[]).other;
        assert_eq!(other(&["prod"], "x.key"), None);
        assert_eq!(other(&[], "prod-db.key").unwrap().as_str(), "prod");
        assert_eq!(
            other(&["dev"], "vm-clws-prod-mysql-0").unwrap().as_str(),
            "prod"
        );
    }
}
