//! Moments to the second in UTC, written one way: `2026-11-24T10:00:00Z`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A moment in UTC, to the second.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(Timestamp);

/// A text that is no moment in the one accepted form.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a UTC time like 2026-11-24T10:00:00Z is wanted")]
pub struct NotAMoment;

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
        // Each record has one: jiff gives the calendar, and the digits are written here, in a fifth of the time.
        let at = Offset::UTC.to_datetime(self.0);
        let Ok(year) = u16::try_from(at.year()) else {
            return self.0.strftime("%Y-%m-%dT%H:%M:%SZ").fmt(f);
        };
        let mut text = *FORM;
        let digits = |text: &mut [u8; 20], from: usize, to: usize, mut number: u16| {
            for digit in text.get_mut(from..to).into_iter().flatten().rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
                number /= 10;
            }
        };
        digits(&mut text, 0, 4, year);
        let two = [at.month(), at.day(), at.hour(), at.minute(), at.second()];
        for (place, number) in two.into_iter().enumerate() {
            let from = 5 + 3 * place;
            digits(&mut text, from, from + 2, u16::from(number.unsigned_abs()));
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// How a moment is written, with its digits.
const FORM: &[u8; 20] = b"0000-00-00T00:00:00Z";

/// Reads the one spelling: whatever differs from the form by more than a digit is none.
fn read(text: &str) -> Option<Timestamp> {
    let text: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    if !text.iter().zip(FORM).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?.iter();
        let number = digits.fold(0, |all, digit| all * 10 + i16::from(digit - b'0'));
        Some(number)
    };
    let two = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let (month, day) = (two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let at = DateTime::new(number(0, 4)?, month, day, hour, minute, second, 0).ok()?;
    Offset::UTC.to_timestamp(at).ok()
}

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let moment = read(text).ok_or(NotAMoment)?;
        Ok(Self(moment))
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
            "2026-11-24t10:00:00Z",
            "2026-11-24 10:00:00Z",
            "+026-11-24T10:00:00Z",
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T10:00:60Z",
            "２026-11-24T10:0:0Z",
        ] {
            assert!(other.parse::<Moment>().is_err(), "{other}");
        }
    }

    #[test]
    fn a_moment_is_written_and_read_as_jiff_does() {
        let mut seconds: i64 = -62_167_219_200;
        let mut tried = 0;
        while seconds <= 253_402_207_200 {
            let moment = Moment::from_seconds(seconds);
            let text = moment.to_string();
            assert_eq!(text, moment.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            assert_eq!(text.parse::<Moment>().unwrap(), moment);
            seconds += 86_400 * 37 + 12_345;
            tried += 1;
        }
        assert!(tried > 90_000, "{tried}");
        // Before the year 0 there is a sign, and what has one does not read.
        let before = Moment::from_seconds(-62_167_219_201).to_string();
        assert!(before.starts_with('-') && before.parse::<Moment>().is_err());
    }
}
