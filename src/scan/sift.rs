//! One pass over a text: what may begin where.

use super::anchors::{Anchors, fold};

/// Tells quickly where none of the known values can begin.
pub(super) trait Sieve {
    /// Whether one may begin with these 16 bytes.
    fn may_begin(&self, first: u64, second: u64) -> bool;
}

/// Nothing is known.
pub(super) struct Nothing;

impl Sieve for Nothing {
    #[inline]
    fn may_begin(&self, _: u64, _: u64) -> bool {
        false
    }
}

/// So many bytes behind the last place must be there to be looked at.
pub(super) const PADDING: usize = 16;

/// Calls `hit` for each place from which on a rule, or a known value, may begin; `hit` is told the folded
/// four bytes if a rule may, and whether a value may. `bytes` ends with [`PADDING`] more than is looked at.
#[inline]
pub(super) fn sift<S: Sieve>(
    anchors: &Anchors,
    sieve: &S,
    bytes: &[u8],
    from: usize,
    mut hit: impl FnMut(usize, Option<u32>, bool),
) {
    let looked = bytes.get(from..).unwrap_or_default();
    let windows = looked.windows(16).filter_map(<[u8]>::first_chunk::<16>);
    for (at, window) in windows.enumerate() {
        let [a, b, c, d, e, f, g, h, rest @ ..] = *window;
        let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let gram = fold([a, b, c, d]);
        let rule = anchors.may_begin(gram);
        let value = sieve.may_begin(first, u64::from_le_bytes(rest));
        if rule | value {
            hit(from + at, rule.then_some(gram), value);
        }
    }
}
