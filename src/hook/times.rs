//! How long things may take, as hooks write it.

use std::time::Duration;

/// A step has a minute where it does not say otherwise.
pub(crate) const STEP: Duration = Duration::from_secs(60);
/// A probe has half a minute.
pub(crate) const PROBE: Duration = Duration::from_secs(30);

/// How long an image may take to come. The largest known is some GB, over a line of a few MB/s.
pub(crate) const PULL: Duration = Duration::from_secs(15 * 60);
/// How long a health check may take to say `healthy`: an image's own is run every 30 s unless it
/// says otherwise, and counts as failed after three.
pub(crate) const HEALTH: Duration = Duration::from_secs(120);

/// `90s`, `2m`, `26h`, `500ms`.
pub(crate) fn parse_duration(text: Option<&str>, default: Duration) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(default) };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("`{text}` is no time like 90s"))?;
    match text.get(digits.len()..) {
        Some("ms") => Ok(Duration::from_millis(number)),
        Some("s") => Ok(Duration::from_secs(number)),
        Some("m") => Ok(Duration::from_secs(number.saturating_mul(60))),
        Some("h") => Ok(Duration::from_secs(number.saturating_mul(60 * 60))),
        _ => Err(format!("`{text}` is no time like 90s, 2m, 26h or 500ms")),
    }
}
