//! Rules resolved for one path: which parties may do what.

use std::collections::BTreeSet;

use super::access::{Access, Right};
use crate::name::PartyName;

/// The parties with each right on one path.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rights {
    /// The prefix of the rule that decides.
    pub prefix: String,
    /// Who opens it; writers among them.
    pub readers: BTreeSet<PartyName>,
    /// Whose signatures on values count.
    pub writers: BTreeSet<PartyName>,
    /// Who may hand values in.
    pub submitters: BTreeSet<PartyName>,
    /// Whose signatures on hooks count.
    pub deployers: BTreeSet<PartyName>,
}

impl Rights {
    /// Resolves the rule of `path`; `None` if no rule covers it.
    #[must_use]
    pub fn on(access: &Access, path: &str) -> Option<Self> {
        let (prefix, rule) = access.rule_for(path)?;
        let of = |right| {
            access
                .members(rule.holders(right))
                .cloned()
                .collect::<BTreeSet<_>>()
        };
        let writers = of(Right::Write);
        // A writer must decrypt what it signs over, so each writer is a reader too.
        let readers = of(Right::Read).union(&writers).cloned().collect();
        Some(Self {
            prefix: prefix.to_owned(),
            readers,
            writers,
            submitters: of(Right::Submit),
            deployers: of(Right::Deploy),
        })
    }

    /// Whether everybody who has a right here has it there, too.
    #[must_use]
    pub fn are_within(&self, there: &Self) -> bool {
        self.readers.is_subset(&there.readers)
            && self.writers.is_subset(&there.writers)
            && self.submitters.is_subset(&there.submitters)
            && self.deployers.is_subset(&there.deployers)
    }

    /// Whether a party has a right here.
    #[must_use]
    pub fn has(&self, right: Right, name: &PartyName) -> bool {
        match right {
            Right::Deploy => &self.deployers,
            Right::Read => &self.readers,
            Right::Submit => &self.submitters,
            Right::Write => &self.writers,
        }
        .contains(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Groups, rules as (prefix, holders of each right), and a path.
    type Case = (
        Vec<(&'static str, Vec<&'static str>)>,
        Vec<(String, [Vec<&'static str>; 4])>,
        String,
    );

    fn any_case() -> impl Strategy<Value = Case> {
        let people = || proptest::sample::subsequence(vec!["ada", "bob", "eve"], 0..=3);
        let holders =
            || proptest::sample::subsequence(vec!["ada", "bob", "eve", "web", "ops"], 0..=3);
        let rights =
            (holders(), holders(), holders(), holders()).prop_map(|(a, b, c, d)| [a, b, c, d]);
        let groups = (people(), people()).prop_map(|(web, ops)| vec![("web", web), ("ops", ops)]);
        let rules = proptest::collection::vec(("[ab]{1,2}(/[ab]{1,2}){0,2}", rights), 0..5);
        (groups, rules, "[ab]{1,2}(/[ab]{1,2}){0,3}")
    }

    proptest! {
        /// Said in the plainest way: of all rules whose prefix is the path or ends at a `/` of it, the longest
        /// one decides, alone; a group stands for its members; whoever writes reads.
        #[test]
        fn rights_are_those_of_the_longest_rule_alone((groups, rules, path) in any_case()) {
            let party = |name: &&str| name.parse::<PartyName>().unwrap();
            let mut access = Access::default();
            for (group, members) in &groups {
                access.groups.insert(party(group), members.iter().map(party).collect());
            }
            for (prefix, holders) in &rules {
                let rule = access.rules.entry(prefix.clone()).or_default();
                *rule = super::super::access::Rule::default();
                for (right, names) in Right::ALL.into_iter().zip(holders) {
                    for name in names {
                        rule.add(right, &party(name));
                    }
                }
            }
            let covers = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}/"));
            // Of two with one prefix the later one is in the file.
            let decides = rules.iter().filter(|(prefix, _)| covers(prefix)).max_by_key(|(prefix, _)| prefix.len());
            let rights = Rights::on(&access, &path);
            prop_assert_eq!(rights.as_ref().map(|rights| &rights.prefix), decides.map(|(prefix, _)| prefix));
            let (Some(rights), Some((_, holders))) = (rights, decides) else {
                return Ok(());
            };
            for person in ["ada", "bob", "eve", "web"] {
                let holds = |right: Right| {
                    let at = Right::ALL.iter().position(|one| *one == right).unwrap();
                    holders[at].iter().any(|holder| match groups.iter().find(|(group, _)| group == holder) {
                        Some((_, members)) => members.contains(&person),
                        None => *holder == person,
                    })
                };
                let name = party(&person);
                prop_assert_eq!(rights.has(Right::Deploy, &name), holds(Right::Deploy));
                prop_assert_eq!(rights.has(Right::Submit, &name), holds(Right::Submit));
                prop_assert_eq!(rights.has(Right::Write, &name), holds(Right::Write));
                let reads = holds(Right::Read) || holds(Right::Write);
                prop_assert_eq!(rights.has(Right::Read, &name), reads);
            }
        }
    }
}
