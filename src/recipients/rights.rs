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
