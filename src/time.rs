//! Moments to the second in UTC, written one way: `2026-11-24T10:00:00Z`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// A moment in UTC, to the second.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(Timestamp);

/// A text that is no moment in the one accepted form.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no UTC time like 2026-11-24T10:00:00Z")]
pub struct NotAMoment(String);

impl Moment {
    pub(crate) fn of_system_clock() -> Self {
        Self::from_seconds(Timestamp::now().as_second())
    }

    /// The moment that many seconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.as_second()
    }

    /// Whole days from `earlier` to this moment; negative if it is the later one.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> i64 {
        (self.seconds() - earlier.seconds()).div_euclid(86_400)
    }

    /// The form of deploy ids and folder names: `20261124T100000Z`.
    #[must_use]
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// The day alone: `2026-11-24`.
    #[must_use]
    pub fn date(self) -> String {
        self.0.strftime("%Y-%m-%d").to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").fmt(f)
    }
}

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let wrong = || NotAMoment(text.to_owned());
        let moment = Self(text.parse().map_err(|_| wrong())?);
        // One spelling only: what is printed again must be what was read.
        if moment.to_string() == text {
            Ok(moment)
        } else {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_one_spelling() {
        let moment: Moment = "2026-11-24T10:00:00Z".parse().unwrap();
        assert_eq!(moment.compact(), "20261124T100000Z");
        for other in [
            "2026-11-24T10:00:00+00:00",
            "2026-11-24T10:00:00.5Z",
            "2026-11-24",
        ] {
            assert!(other.parse::<Moment>().is_err(), "{other}");
        }
    }
}
