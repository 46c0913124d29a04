//! What became of each component on each host, and how the whole ends.

use std::collections::BTreeSet;

use crate::deploy::bring::component::Done;
use crate::deploy::plan::graph::Left;
use crate::error::{Code, Error};
use crate::name::Component;

/// How far a deploy is.
#[derive(Debug)]
pub enum Event<'a> {
    /// A host is being connected to.
    Connects(&'a str),
    /// A component is looked at and brought.
    Begins(&'a str, &'a Component),
    /// This became of one.
    Ended(&'a Row),
    /// A host is let go.
    Leaves(&'a str),
}

/// A row of the result table.
#[derive(Debug)]
pub struct Row {
    /// The host.
    pub host: String,
    /// The component; none for a host that could not be worked on, with all that was to run there.
    pub component: Option<Component>,
    /// What became of it.
    pub fate: Fate,
    /// How long it took.
    pub seconds: f64,
}

/// What became of a component.
#[derive(Debug)]
pub enum Fate {
    /// It runs.
    Done(Done),
    /// It does not, but perhaps an old one does.
    Failed(Error),
    /// It was not begun.
    Left(Left),
}

/// Whether a signal ended it.
#[must_use]
pub fn is_interruption(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Interrupt | Code::Terminated | Code::Hangup
    )
}

/// How a deploy ends as a whole: well, with the signal that ended it, with the first error where no
/// host was done, else PARTIAL.
///
/// # Errors
/// The code to end with; each error was shown with its row already.
pub fn outcome(rows: &[Row]) -> Result<(), Code> {
    let all: BTreeSet<&str> = rows.iter().map(|row| row.host.as_str()).collect();
    let undone = rows.iter().filter(|row| !matches!(row.fate, Fate::Done(_)));
    let undone: BTreeSet<&str> = undone.map(|row| row.host.as_str()).collect();
    let mut codes = rows.iter().filter_map(|row| match &row.fate {
        Fate::Failed(error) => Some(error.code()),
        Fate::Left(Left::Interrupted(code)) => Some(*code),
        Fate::Done(_) | Fate::Left(_) => None,
    });
    let signal = |code: &Code| matches!(code, Code::Interrupt | Code::Terminated | Code::Hangup);
    match (codes.clone().find(signal), codes.next()) {
        (Some(signal), _) => Err(signal),
        (None, Some(first)) if undone.len() == all.len() => Err(first),
        (None, Some(_)) => Err(Code::Partial),
        (None, None) => Ok(()),
    }
}
