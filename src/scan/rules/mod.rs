//! What a credential looks like, family by family.
//!
//! A rule names a form that its provider documents, or a place in which credentials stand. It begins at an
//! anchor: four bytes or so that text seldom has, so that nothing is looked at twice for nothing. A form with
//! a checksum is believed by its checksum; entropy supports what a name or a place already says and is never
//! a reason of its own.

mod ai;
mod assignment;
mod aws;
mod azure;
mod chat;
mod clouds;
mod code_hosts;
mod delivery;
mod google;
mod headers;
mod keys;
mod login_files;
mod logins;
mod observability;
mod payments;
mod registries;
mod services;
mod tokens;

use std::ops::Range;

use super::text::Text;

/// What makes a match believable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Grounds {
    /// A checksum in the credential itself.
    Checksum,
    /// The provider's own form: a prefix, an alphabet, a length.
    Form,
    /// The place where it stands: a name, a header, a file of this kind.
    Place,
}

impl Grounds {
    /// As the table of docs/scan.md has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checksum => "checksum",
            Self::Form => "form",
            Self::Place => "place",
        }
    }
}

/// One kind of credential.
#[derive(Debug)]
pub struct Rule {
    /// As reports name it; it never changes its meaning.
    pub id: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// Where its form is documented.
    pub source: &'static str,
    /// Why it is believed.
    pub grounds: Grounds,
    /// How it is found.
    pub(super) find: Find,
}

impl Rule {
    /// Whether it finds private keys.
    #[must_use]
    pub fn is_private_key(&self) -> bool {
        keys::RULES.iter().any(|rule| rule.id == self.id)
    }
}

/// Says whether a credential lies at an anchor, and from where to where.
pub(super) type At = fn(&Text<'_>, usize) -> Option<Range<usize>>;

/// How a rule finds.
#[derive(Debug)]
pub(super) enum Find {
    /// By forms, see [`super::form`], of which a check has the last word.
    Forms(&'static [&'static str], fn(&[u8]) -> bool),
    /// By these words, in any case, and what stands around them.
    Words(&'static [&'static [u8]], At),
}

/// For forms without a checksum.
fn any(_: &[u8]) -> bool {
    true
}

const fn form(
    id: &'static str,
    what: &'static str,
    forms: &'static [&'static str],
    source: &'static str,
) -> Rule {
    Rule {
        id,
        what,
        source,
        grounds: Grounds::Form,
        find: Find::Forms(forms, any),
    }
}

const fn checked(
    id: &'static str,
    what: &'static str,
    forms: &'static [&'static str],
    check: fn(&[u8]) -> bool,
    source: &'static str,
) -> Rule {
    Rule {
        id,
        what,
        source,
        grounds: Grounds::Checksum,
        find: Find::Forms(forms, check),
    }
}

const fn at(
    id: &'static str,
    what: &'static str,
    grounds: Grounds,
    words: &'static [&'static [u8]],
    find: At,
    source: &'static str,
) -> Rule {
    Rule {
        id,
        what,
        source,
        grounds,
        find: Find::Words(words, find),
    }
}

/// All rules. Where two find the same text, the earlier one is reported.
const FAMILIES: &[&[Rule]] = &[
    keys::RULES,
    code_hosts::RULES,
    registries::RULES,
    aws::RULES,
    azure::RULES,
    google::RULES,
    clouds::RULES,
    delivery::RULES,
    chat::RULES,
    payments::RULES,
    ai::RULES,
    observability::RULES,
    services::RULES,
    tokens::RULES,
    login_files::RULES,
    logins::RULES,
    headers::RULES,
    assignment::RULES,
];

/// All rules, those that know more first.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

#[cfg(test)]
mod tests;
