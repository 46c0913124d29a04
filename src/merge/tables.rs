//! Three texts as tables by kind and name.

use std::collections::{BTreeMap, BTreeSet};

use crate::lines::Parsed;
use crate::vault::DOCUMENT_SCHEMA;

/// Kind, by its place in the order, and name.
pub(super) type Key<'a> = (usize, &'a str, Option<&'a str>);

/// The tables of one side, without the blank lines behind them.
pub(super) fn tables<'a>(parsed: &Parsed<'a>) -> BTreeMap<Key<'a>, &'a str> {
    let rank = |kind: &str| DOCUMENT_SCHEMA.kinds.iter().position(|k| k.name == kind);
    let headers = parsed.headers().iter();
    headers
        .filter_map(|header| {
            let key = (rank(header.kind)?, header.kind, header.name);
            Some((key, parsed.text(*header)))
        })
        .collect()
}

/// What became of one table on two sides.
pub(super) enum Join<'a> {
    /// This is it; none if it is gone.
    One(Option<&'a str>),
    /// Both changed it, each in its own way.
    Both(&'a str, &'a str),
}

/// Joins one table by what it was: who changed it counts; a change counts before a removal.
pub(super) fn join<'a>(
    base: Option<&'a str>,
    ours: Option<&'a str>,
    theirs: Option<&'a str>,
) -> Join<'a> {
    match (ours, theirs) {
        (ours, theirs) if ours == theirs => Join::One(ours),
        (ours, theirs) if ours == base => Join::One(theirs),
        (ours, theirs) if theirs == base => Join::One(ours),
        (Some(ours), Some(theirs)) => Join::Both(ours, theirs),
        (one, other) => Join::One(one.or(other)),
    }
}

/// Every table that one of them has.
pub(super) fn keys<'a>(sides: [&BTreeMap<Key<'a>, &'a str>; 3]) -> BTreeSet<Key<'a>> {
    sides.iter().flat_map(|side| side.keys().copied()).collect()
}
