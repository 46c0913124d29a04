//! What went wrong, in a form for people and for scripts alike.
//!
//! Each module has a small enum of its own whose variants carry facts. [`Explain`] turns such an
//! enum into an exit code, notes on what was tried, and hints at what to do next; [`Error`] is any
//! of them. The terminal and `--json` both draw on these facts.

mod masked;

use std::fmt;

pub(crate) use masked::masked;

/// The exit codes of the program. They never change their meaning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    missing_docs,
    reason = "the names are the documented table of docs/cli.md"
)]
pub enum Code {
    Found = 1,
    Usage = 2,
    DataErr = 10,
    NoKey = 11,
    Auth = 12,
    Trust = 13,
    Rollback = 14,
    Denied = 15,
    Conflict = 16,
    Config = 17,
    NotFound = 18,
    Host = 20,
    HostKey = 21,
    Remote = 22,
    Partial = 23,
    Backend = 24,
    IoErr = 30,
    TempFail = 31,
    Audit = 40,
    Bug = 70,
    ExecFailed = 125,
    CannotRun = 126,
    NoCommand = 127,
    Hangup = 129,
    Interrupt = 130,
    Terminated = 143,
}

impl Code {
    /// The number that the process exits with.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name that `--json` errors carry.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "FOUND",
            Self::Usage => "USAGE",
            Self::DataErr => "DATAERR",
            Self::NoKey => "NOKEY",
            Self::Auth => "AUTH",
            Self::Trust => "TRUST",
            Self::Rollback => "ROLLBACK",
            Self::Denied => "DENIED",
            Self::Conflict => "CONFLICT",
            Self::Config => "CONFIG",
            Self::NotFound => "NOTFOUND",
            Self::Host => "HOST",
            Self::HostKey => "HOSTKEY",
            Self::Remote => "REMOTE",
            Self::Partial => "PARTIAL",
            Self::Backend => "BACKEND",
            Self::IoErr => "IOERR",
            Self::TempFail => "TEMPFAIL",
            Self::Audit => "AUDIT",
            Self::Bug => "BUG",
            Self::ExecFailed => "EXECFAILED",
            Self::CannotRun => "CANNOTRUN",
            Self::NoCommand => "NOCOMMAND",
            Self::Hangup => "HANGUP",
            Self::Interrupt => "INTERRUPT",
            Self::Terminated => "TERMINATED",
        }
    }
}

/// Advice on what to do next, with the person's own names filled in.
pub type Hint = String;

/// What brings the newest where something older lies. Where that is nobody can know here: on a server, on another branch,
/// or in a commit that a branch was reset behind.
pub(crate) const MERGE: &str =
    "git pull, or git merge REV (a branch or commit that has the newest)";

/// An error that can say what it means for the person in front of it.
pub trait Explain: std::error::Error + Send + Sync + 'static {
    /// The exit code of the program if this error ends it.
    fn code(&self) -> Code;

    /// What was tried or is known, a line each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// What to do next, a line each.
    fn hints(&self) -> Vec<Hint> {
        Vec::new()
    }
}

/// Any error of this crate.
///
/// Like `anyhow::Error` it is not itself a `std::error::Error`, so that `?` takes every [`Explain`].
pub struct Error(Box<dyn Explain>);

impl Error {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code()
    }

    /// What is the case: the message and its causes, joined by colons. No text of an error repeats a private key.
    #[must_use]
    pub fn message(&self) -> String {
        let mut text = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(inner) = cause {
            let more = inner.to_string();
            if !text.ends_with(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = inner.source();
        }
        masked(&text)
    }

    /// What was tried or is known.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.0.notes().iter().map(|note| masked(note)).collect()
    }

    /// What to do next.
    #[must_use]
    pub fn hints(&self) -> Vec<Hint> {
        self.0.hints().iter().map(|hint| masked(hint)).collect()
    }

    /// The error as a particular type, where it is one.
    #[must_use]
    pub fn downcast_ref<E: Explain>(&self) -> Option<&E> {
        let any: &(dyn std::error::Error + 'static) = &*self.0;
        any.downcast_ref::<E>()
    }

    /// The error as the shape that `--json` prints.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "error": {
            "code": self.code().number(),
            "name": self.code().name(),
            "message": self.message(),
            "notes": self.notes(),
            "hints": self.hints(),
        }})
    }
}

impl<E: Explain> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code().name(), self.message())?;
        for note in self.notes() {
            write!(f, "\n  {note}")?;
        }
        for hint in self.hints() {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// An error that nobody matches on: its facts are the text itself.
///
/// For commands, where a message is used once. Where callers must tell cases apart, an enum beside
/// the code is the better way.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    code: Code,
    message: String,
    notes: Vec<String>,
    hints: Vec<Hint>,
}

impl Problem {
    /// A problem with its exit code and what is the case.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            notes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// The same facts as an error has, for more to be said of it.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        Self {
            code: error.code(),
            message: error.message(),
            notes: error.notes(),
            hints: error.hints(),
        }
    }

    /// The same under another message.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same under another exit code.
    #[must_use]
    pub fn under(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Adds a line on what was tried or is known.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds a line on what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl Explain for Problem {
    fn code(&self) -> Code {
        self.code
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn hints(&self) -> Vec<Hint> {
        self.hints.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_the_same_facts_to_people_and_scripts() {
        let error = Error::from(
            Problem::new(Code::NotFound, "no secret `prod/web/TOKEN`")
                .hint("clws secret list prod"),
        );
        assert_eq!(error.code().number(), 18);
        assert_eq!(error.to_json()["error"]["name"], "NOTFOUND");
        assert_eq!(
            error.to_json()["error"]["hints"][0],
            "clws secret list prod"
        );
        assert!(format!("{error:?}").contains("hint: clws secret list prod"));
    }
}
