//! What is known about a value beside the value: signed, and in clear.

use std::collections::BTreeMap;

use crate::crypto::List;
use crate::lines::{LineError, Table, Value};
use crate::name::Component;
use crate::time::Moment;

/// So many days before its end a value is named: time enough for an order, or a certificate.
const AHEAD: i64 = 30;

const DAY: i64 = 86_400;

/// An end that has come, or comes within 30 days.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// The day: `2026-12-24`.
    pub day: String,
    /// The day since which it is named.
    pub since: String,
    /// Whether it has come.
    pub has_come: bool,
}

impl Ending {
    /// An end on `day`; none if it is far from `now`, or that is no day.
    #[must_use]
    pub fn of(day: &str, now: Moment) -> Option<Self> {
        let end: Moment = format!("{day}T00:00:00Z").parse().ok()?;
        let has_come = end.seconds() <= now.seconds();
        let since = match has_come {
            true => end,
            false => Moment::from_seconds(end.seconds() - AHEAD * DAY),
        };
        (since.seconds() <= now.seconds()).then(|| Self {
            day: day.to_owned(),
            since: since.date(),
            has_come,
        })
    }
}

/// The keys of policy, in their order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(
    missing_docs,
    reason = "as_str and docs/format.md give each key's meaning"
)]
pub enum PolicyKey {
    Expires,
    Exposed,
    MovedTo,
    NoPrint,
    Note,
    Owner,
    RotateEvery,
    Rotator,
}

impl PolicyKey {
    /// All keys; sorted by name, which is also the order of the message.
    pub const ALL: [Self; 8] = [
        Self::Expires,
        Self::Exposed,
        Self::MovedTo,
        Self::NoPrint,
        Self::Note,
        Self::Owner,
        Self::RotateEvery,
        Self::Rotator,
    ];

    /// As the file spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expires => "expires",
            Self::Exposed => "exposed",
            Self::MovedTo => "moved_to",
            Self::NoPrint => "no_print",
            Self::Note => "note",
            Self::Owner => "owner",
            Self::RotateEvery => "rotate_every",
            Self::Rotator => "rotator",
        }
    }

    /// Why a text is none for this key, if it is not: what each is written as.
    ///
    /// # Errors
    /// What is wanted.
    pub fn check(self, text: &str) -> Result<(), &'static str> {
        match self {
            Self::Expires => match format!("{text}T00:00:00Z").parse::<Moment>() {
                Ok(_) => Ok(()),
                Err(_) => Err("a day like `2026-11-24` is wanted"),
            },
            Self::RotateEvery => {
                let wrong = "a number of days like `90d` is wanted, from 1d to 36500d";
                let number = text.strip_suffix('d').ok_or(wrong)?;
                let days: u32 = number.parse().map_err(|_| wrong)?;
                match (1..=36_500).contains(&days) && days.to_string() == number {
                    true => Ok(()),
                    false => Err(wrong),
                }
            }
            Self::Rotator => match text.parse::<Component>() {
                Ok(_) => Ok(()),
                Err(_) => Err("the name of a rotator or of a component is wanted"),
            },
            Self::NoPrint if text != "true" => Err("`true`, or nothing, is wanted"),
            _ => Ok(()),
        }
    }
}

/// The policy of a value, a sealed file, or a document as the default of its values.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy(BTreeMap<PolicyKey, String>);

impl Policy {
    pub(super) fn parse(table: &Table<'_>) -> Result<Self, LineError> {
        let mut policy = Self::default();
        for key in PolicyKey::ALL {
            if let Some(text) = table.optional(key.as_str())? {
                policy.0.insert(key, text.to_owned());
            }
        }
        Ok(policy)
    }

    /// One entry.
    #[must_use]
    pub fn value(&self, key: PolicyKey) -> Option<&str> {
        self.0.get(&key).map(String::as_str)
    }

    /// The entries that do not read, and what each should be.
    pub fn faults(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let wrong = |(key, text): (&PolicyKey, &String)| {
            let why = key.check(text).err()?;
            Some((key.as_str(), why))
        };
        self.0.iter().filter_map(wrong)
    }

    /// Sets an entry, or takes it out.
    pub fn set(&mut self, key: PolicyKey, value: Option<String>) {
        match value {
            Some(value) => self.0.insert(key, value),
            None => self.0.remove(&key),
        };
    }

    /// The entries, sorted by key.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// This policy where a document has `defaults` for its values: the value's own entries win. What was
    /// said of one value alone is no default.
    #[must_use]
    pub fn with(&self, defaults: &Self) -> Self {
        let mut all = self.clone();
        for key in [
            PolicyKey::Expires,
            PolicyKey::Owner,
            PolicyKey::RotateEvery,
            PolicyKey::Rotator,
        ] {
            if let (None, Some(text)) = (all.value(key), defaults.value(key)) {
                all.set(key, Some(text.to_owned()));
            }
        }
        all
    }

    /// Its end, if that is near or over.
    #[must_use]
    pub fn ending(&self, now: Moment) -> Option<Ending> {
        Ending::of(self.value(PolicyKey::Expires)?, now)
    }

    /// The day on which a value that was given at `changed` is due: its end, or so many days later as its
    /// policy says.
    #[must_use]
    pub fn due(&self, changed: Moment) -> Option<String> {
        let expires = self.value(PolicyKey::Expires).map(str::to_owned);
        let rotate = self.rotation_day(changed);
        [expires, rotate].into_iter().flatten().min()
    }

    /// The day on which a value that was given at `changed` is as old as `rotate_every` lets it be.
    #[must_use]
    pub fn rotation_day(&self, changed: Moment) -> Option<String> {
        let days = self
            .value(PolicyKey::RotateEvery)
            .and_then(|text| text.strip_suffix('d'));
        days.and_then(|days| days.parse::<i64>().ok()).map(|days| {
            let seconds = days.saturating_mul(86_400);
            Moment::from_seconds(changed.seconds().saturating_add(seconds)).date()
        })
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.entries().map(|(key, value)| (key, value.into()))
    }

    /// `L("policy", k₁, v₁, …)`, sorted by key.
    pub(super) fn message(&self) -> List {
        self.entries()
            .fold(List::with_room("policy", 64), |list, (key, value)| {
                list.text(key).text(value)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_say_nothing_are_told_from_those_that_do() {
        let faults = |key, text: &str| {
            let mut policy = Policy::default();
            policy.set(key, Some(text.to_owned()));
            policy.faults().count()
        };
        for (key, good, bad) in [
            (PolicyKey::Expires, "2026-11-24", "soon"),
            (PolicyKey::RotateEvery, "90d", "3w"),
            (PolicyKey::Rotator, "by-hand", "By Hand"),
            (PolicyKey::NoPrint, "true", "false"),
        ] {
            assert_eq!((faults(key, good), faults(key, bad)), (0, 1), "{bad}");
        }
        assert_eq!(faults(PolicyKey::Note, "soon"), 0);
    }
}
