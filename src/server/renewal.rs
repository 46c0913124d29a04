//! When a token or a lease is made to last longer.

use std::time::{Duration, Instant};

/// Between two tries to renew, at least.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// When a token or a lease is made to last again: two thirds of `whole` after it began, of which `left` is left.
pub(super) fn renewal(whole: Duration, left: Duration) -> Instant {
    let gone = whole.saturating_sub(left);
    let wait = (whole * 2 / 3).saturating_sub(gone).max(PAUSE);
    let now = Instant::now();
    now.checked_add(wait).unwrap_or(now)
}
