//! How the person is asked for a passphrase and told what happens.

use std::io;

use super::IdentityError;
use crate::secret::Plain;

/// A passphrase may be mistyped twice, as with `ssh`.
const TRIES: usize = 3;

/// How the person is asked and told. The terminal implements it; nothing here reads one.
pub trait Ask {
    /// Asks for the passphrase or PIN of `what`, without echo; `None` if nobody can be asked.
    ///
    /// # Errors
    /// What reading from the terminal gave.
    fn passphrase(&self, what: &str) -> io::Result<Option<Plain>>;

    /// Tells the person something, such as to touch a key. The text is safe to print.
    fn message(&self, text: &str);

    /// Asks a question with one or two named answers; `None` if nobody can be asked.
    fn confirm(&self, text: &str, yes: &str, no: Option<&str>) -> Option<bool>;

    /// Asks for something that is no secret; `None` if nobody can be asked.
    fn answer(&self, text: &str) -> Option<String>;
}

/// Nobody is there: in a script, under `--no-input`.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Ask for Nobody {
    fn passphrase(&self, _: &str) -> io::Result<Option<Plain>> {
        Ok(None)
    }

    fn message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn answer(&self, _: &str) -> Option<String> {
        None
    }
}

/// Asks until `open` takes the passphrase, three times at most.
pub(super) fn ask_for<T>(
    label: &str,
    ask: &dyn Ask,
    open: impl Fn(&Plain) -> Result<Option<T>, IdentityError>,
) -> Result<(T, Plain), IdentityError> {
    let wrong = || IdentityError::WrongPassphrase {
        label: label.to_owned(),
    };
    for _ in 0..TRIES {
        let answer = ask.passphrase(label);
        let answer = answer.map_err(|source| IdentityError::AskFailed {
            label: label.to_owned(),
            source,
        })?;
        let passphrase = answer.ok_or_else(|| IdentityError::NobodyToAsk {
            label: label.to_owned(),
        })?;
        if let Some(opened) = open(&passphrase)? {
            return Ok((opened, passphrase));
        }
        ask.message(&wrong().to_string());
    }
    Err(wrong())
}
