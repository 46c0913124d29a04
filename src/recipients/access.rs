//! `recipients/access.toml`: groups, and rules from path prefixes to rights.

use std::collections::{BTreeMap, BTreeSet};

use crate::lines::{self, LineError, Schema, Value};
use crate::name::PartyName;

/// Where the rules lie in the vault.
pub const ACCESS_FILE: &str = "recipients/access.toml";

/// The tables and keys of `access.toml`.
pub static ACCESS_SCHEMA: Schema = Schema {
    what: "access.toml",
    kinds: &[
        lines::Kind {
            name: "group",
            named: true,
            keys: &["members"],
        },
        lines::Kind {
            name: "rule",
            named: true,
            keys: &["deployers", "readers", "submitters", "writers"],
        },
    ],
};

/// What a rule can give.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Right {
    /// Sign hooks for the scope.
    Deploy,
    /// Open values.
    Read,
    /// Hand values in without opening any.
    Submit,
    /// Sign values; a writer reads too.
    Write,
}

impl Right {
    /// All rights, in the order of the file's keys.
    pub const ALL: [Self; 4] = [Self::Deploy, Self::Read, Self::Submit, Self::Write];

    /// The key of the file.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Deploy => "deployers",
            Self::Read => "readers",
            Self::Submit => "submitters",
            Self::Write => "writers",
        }
    }

    /// As a verb: `ada may read`.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Write => "write",
        }
    }
}

/// Who has which right under one prefix: parties and groups, as the file lists them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rule(BTreeMap<Right, Vec<PartyName>>);

impl Rule {
    /// Parties and groups with a right.
    #[must_use]
    pub fn holders(&self, right: Right) -> &[PartyName] {
        self.0.get(&right).map_or(&[], Vec::as_slice)
    }

    /// Adds a holder; whether it is new.
    pub fn add(&mut self, right: Right, name: &PartyName) -> bool {
        let holders = self.0.entry(right).or_default();
        let new = !holders.contains(name);
        if new {
            holders.push(name.clone());
            holders.sort();
        }
        new
    }

    /// Takes a holder out; whether it was there.
    pub fn remove(&mut self, right: Right, name: &PartyName) -> bool {
        let holders = self.0.entry(right).or_default();
        let before = holders.len();
        holders.retain(|holder| holder != name);
        holders.len() < before
    }
}

/// The rules of a vault.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Access {
    /// Groups and their members, which are parties.
    pub groups: BTreeMap<PartyName, Vec<PartyName>>,
    /// Prefixes (a scope, a document, a folder or a file) and their rules.
    pub rules: BTreeMap<String, Rule>,
}

impl Access {
    /// The scopes that rules are about.
    #[must_use]
    pub fn scopes(&self) -> Vec<String> {
        let scopes = self
            .rules
            .keys()
            .filter_map(|prefix| prefix.split('/').next());
        let scopes: BTreeSet<&str> = scopes.collect();
        scopes.into_iter().map(str::to_owned).collect()
    }

    /// Reads `access.toml`.
    ///
    /// # Errors
    /// [`LineError`] with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        let mut access = Self::default();
        for table in lines::scan(bytes, &ACCESS_SCHEMA)?.all()? {
            let names = |field: &'static str| -> Result<Vec<PartyName>, LineError> {
                let parse = |text: &String| text.parse::<PartyName>();
                let names: Result<Vec<_>, _> = table.texts(field)?.iter().map(parse).collect();
                names.map_err(|error| table.wrong(field, error.to_string()))
            };
            match table.header().kind {
                "group" => {
                    let name = table.name().parse::<PartyName>();
                    let name = name.map_err(|error| table.wrong("members", error.to_string()))?;
                    if table.fields().all(|(key, _)| key != "members") {
                        return Err(table.wrong("members", String::new()));
                    }
                    access.groups.insert(name, names("members")?);
                }
                "rule" => {
                    let mut rule = Rule::default();
                    for right in Right::ALL {
                        rule.0.insert(right, names(right.field())?);
                    }
                    access.rules.insert(table.name().to_owned(), rule);
                }
                _ => {}
            }
        }
        Ok(access)
    }

    /// Prints `access.toml`.
    #[must_use]
    pub fn print(&self) -> String {
        let texts = |names: &[PartyName]| {
            Value::Texts(names.iter().map(|name| name.as_str().to_owned()).collect())
        };
        let groups = self.groups.iter().map(|(name, members)| {
            lines::print("group", Some(name.as_str()), &[("members", texts(members))])
        });
        let rules = self.rules.iter().map(|(prefix, rule)| {
            let fields: Vec<_> = Right::ALL
                .into_iter()
                .filter(|right| !rule.holders(*right).is_empty())
                .map(|right| (right.field(), texts(rule.holders(right))))
                .collect();
            lines::print("rule", Some(prefix), &fields)
        });
        lines::render("", &groups.chain(rules).collect::<Vec<_>>())
    }

    /// The rule for a path: the longest prefix at a `/` wins and replaces shorter ones whole.
    #[must_use]
    pub fn rule_for(&self, path: &str) -> Option<(&str, &Rule)> {
        let mut prefix = path;
        loop {
            if let Some((prefix, rule)) = self.rules.get_key_value(prefix) {
                return Some((prefix, rule));
            }
            prefix = prefix.rsplit_once('/')?.0;
        }
    }

    /// Takes a party out of every group and rule.
    pub fn forget(&mut self, name: &PartyName) {
        for members in self.groups.values_mut() {
            members.retain(|member| member != name);
        }
        for rule in self.rules.values_mut() {
            for right in [Right::Deploy, Right::Read, Right::Submit, Right::Write] {
                rule.remove(right, name);
            }
        }
    }

    /// The parties behind a list of parties and groups.
    pub fn members<'a>(&'a self, holders: &'a [PartyName]) -> impl Iterator<Item = &'a PartyName> {
        holders.iter().flat_map(|name| match self.groups.get(name) {
            Some(members) => members.as_slice(),
            None => std::slice::from_ref(name),
        })
    }

    /// Every name that the rules and groups mention.
    pub fn mentioned(&self) -> impl Iterator<Item = &PartyName> {
        let of_rules = self
            .rules
            .values()
            .flat_map(|rule| rule.0.values().flatten());
        self.groups.values().flatten().chain(of_rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[group.oncall]\nmembers = [\"ada\", \"grace\"]\n\n[rule.prod]\ndeployers = [\"oncall\"]\nreaders = [\"oncall\"]\nwriters = [\"ada\"]\n\n[rule.\"prod/mysql\"]\nreaders = [\"ada\", \"vm-clws-prod-mysql-0\"]\n\n[end]\n";

    #[test]
    fn rules_read_and_print_back() {
        let access = Access::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(access.print(), TEXT);
    }

    #[test]
    fn the_longest_prefix_at_a_slash_wins() {
        let access = Access::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(access.rule_for("prod/mysql").unwrap().0, "prod/mysql");
        assert_eq!(
            access.rule_for("prod/mysql/dump.sql").unwrap().0,
            "prod/mysql"
        );
        assert_eq!(access.rule_for("prod/mysql2").unwrap().0, "prod");
        assert_eq!(access.rule_for("prod").unwrap().0, "prod");
        assert!(access.rule_for("production/x").is_none());
    }

    fn party(name: &str) -> PartyName {
        name.parse().unwrap()
    }

    #[test]
    fn a_right_is_given_once_and_taken_whole() {
        let (ada, bob) = (party("ada"), party("bob"));
        let mut rule = Rule::default();
        assert!(rule.add(Right::Read, &bob) && rule.add(Right::Read, &ada));
        assert!(!rule.add(Right::Read, &ada));
        assert_eq!(rule.holders(Right::Read), [ada.clone(), bob.clone()]);
        for other in [Right::Write, Right::Submit, Right::Deploy] {
            assert!(rule.holders(other).is_empty());
        }
        assert!(rule.remove(Right::Read, &ada) && !rule.remove(Right::Read, &ada));
        assert!(!rule.remove(Right::Write, &bob));
        assert_eq!(rule.holders(Right::Read), [bob]);
    }

    #[test]
    fn who_is_forgotten_is_mentioned_nowhere() {
        let ada = party("ada");
        let mut access = Access::parse(TEXT.as_bytes()).unwrap();
        let mentioned = |access: &Access| {
            let names = access.mentioned().map(ToString::to_string);
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let all = ["ada", "grace", "oncall", "vm-clws-prod-mysql-0"];
        assert_eq!(mentioned(&access), all.map(str::to_owned).into());
        let rule = access.rules.get_mut("prod").unwrap();
        for right in Right::ALL {
            rule.add(right, &ada);
        }
        access.forget(&ada);
        let left = ["grace", "oncall", "vm-clws-prod-mysql-0"];
        assert_eq!(mentioned(&access), left.map(str::to_owned).into());
        let expected = TEXT
            .replace("\"ada\", ", "")
            .replace("writers = [\"ada\"]\n", "");
        assert_eq!(access.print(), expected);
    }

    #[test]
    fn each_right_has_a_verb_and_a_key_of_the_file() {
        let verbs = Right::ALL.map(Right::verb);
        assert_eq!(verbs, ["deploy", "read", "submit", "write"]);
        let keys = ACCESS_SCHEMA.kinds[1].keys;
        assert_eq!(Right::ALL.map(Right::field), keys);
    }
}
