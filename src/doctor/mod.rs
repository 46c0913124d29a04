//! Whether this machine, this person's keys and this clone are as clws needs them, and what mends what is not.
//!
//! Nothing is changed, and nothing is opened but for a practised restore, which opens everything.

mod backup;
mod clone;
mod council;
mod machine;
mod person;
mod restore;

pub use backup::backup;
pub use clone::clone;
pub use council::council;
pub use machine::machine;
pub use person::person;
pub use restore::restore;

use crate::error::masked;

/// How something is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// As it should be.
    Fine,
    /// Worth knowing; it goes on as it is.
    Note,
    /// Something does not work or does not protect.
    Wrong,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnosis {
    /// What: `memory`, `identity ada`.
    pub about: String,
    /// How it is.
    pub state: State,
    /// What was seen.
    pub why: String,
    /// What mends it: a command, or what to do.
    pub next: Option<String>,
}

impl Diagnosis {
    fn fine(about: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            state: State::Fine,
            why: masked(&why.into()),
            next: None,
        }
    }

    fn note(about: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        let (state, next) = (State::Note, Some(masked(&next.into())));
        Self {
            state,
            next,
            ..Self::fine(about, why)
        }
    }

    fn wrong(about: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        let (state, next) = (State::Wrong, Some(masked(&next.into())));
        Self {
            state,
            next,
            ..Self::fine(about, why)
        }
    }

    /// A fault as its error explains it.
    fn of(about: impl Into<String>, error: &crate::error::Error) -> Self {
        let mut notes = vec![error.message()];
        notes.extend(error.notes());
        Self {
            about: about.into(),
            state: State::Wrong,
            why: notes.join(": "),
            next: error.hints().into_iter().next(),
        }
    }
}

/// The first numbers of a version: `6.1.0-30-amd64` is 6 and 1.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let number = |part: &str| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let mut parts = text.split('.');
    Some((number(parts.next()?)?, number(parts.next()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_say() {
        assert_eq!(version_of("6.1.0-30-amd64"), Some((6, 1)));
        assert_eq!(version_of("2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(version_of("5.6"), Some((5, 6)));
        for none in ["", "six.1", "5"] {
            assert_eq!(version_of(none), None, "{none}");
        }
    }
}
