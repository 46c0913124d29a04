//! Which of two records is the newer one.
//!
//! Both sides of a branch may write record 12. Compared by (rev, seq, changed, hash), in this order,
//! one of them is the winner for everybody, so no two machines call each other's value a rollback.

use std::cmp::Ordering;

use crate::time::Moment;

/// What a pin remembers of a record, and what records are compared by.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RecordMark {
    /// The value's number: +1 when its plaintext changes.
    pub rev: u64,
    /// The record's number: +1 at any write.
    pub seq: u64,
    /// When the plaintext was given.
    pub changed: Moment,
    /// SHA-256(message ‖ F(signature text)).
    pub hash: [u8; 32],
}

/// A record compared with what was seen of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// Never seen.
    New,
    /// The very record that was seen last.
    Same,
    /// Newer than what was seen.
    Newer,
    /// Older than what was seen, or the lesser of two siblings.
    Older,
}

/// Compares a record with the pinned mark.
#[must_use]
pub fn compare(here: &RecordMark, pinned: Option<&RecordMark>) -> Order {
    match pinned.map(|pinned| here.cmp(pinned)) {
        None => Order::New,
        Some(Ordering::Equal) => Order::Same,
        Some(Ordering::Greater) => Order::Newer,
        Some(Ordering::Less) => Order::Older,
    }
}

/// How far a number may go on between two looks. Whoever may write could else sign the greatest number
/// there is, behind which no next one is left for anybody.
const MOST_AT_ONCE: u64 = 1_000;

/// The greatest number that is believed of what was never seen: at a thousand a look it takes a thousand million
/// looks.
const FARTHEST: u64 = 1 << 40;

/// The greatest number that a person can accept: a next one that TOML and JSON can write is left behind it, for
/// whoever counts on. Nobody counts to it.
pub const LAST: u64 = 1 << 53;

/// Whether a number went further than is believed without a person.
#[must_use]
pub fn is_far(here: u64, seen: Option<u64>) -> bool {
    match seen {
        Some(seen) => here.saturating_sub(seen) > MOST_AT_ONCE,
        None => here > FARTHEST,
    }
}

/// Whether one of a record's numbers did.
#[must_use]
pub fn is_jump(here: &RecordMark, pinned: Option<&RecordMark>) -> bool {
    is_far(here.rev, pinned.map(|pinned| pinned.rev))
        || is_far(here.seq, pinned.map(|pinned| pinned.seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_siblings_one_wins_for_everybody() {
        let mark = |rev, seq, hash: u8| RecordMark {
            rev,
            seq,
            changed: Moment::from_seconds(0),
            hash: [hash; 32],
        };
        let (policy, value) = (mark(1, 5, 9), mark(2, 5, 1));
        assert_eq!(compare(&value, Some(&policy)), Order::Newer);
        assert_eq!(compare(&policy, Some(&value)), Order::Older);
        assert_eq!(compare(&mark(2, 5, 2), Some(&value)), Order::Newer);
        assert_eq!(compare(&value, None), Order::New);
    }
}
