//! Why an edit was not saved.

use crate::error::{Code, Explain, Hint};
use crate::text::{clean_line, list};

use super::fault::Fault;

/// What came between a person and the saved edit.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum EditError {
    #[error("line {line} of the edited text: {fault}")]
    Text { line: usize, fault: Fault },
    #[error("the edited text of `{name}`: {fault}")]
    Value { name: String, fault: Fault },
    #[error("{} changed meanwhile, by {}", list(&quoted(.names)), list(.by))]
    Conflict {
        /// What was opened.
        path: String,
        /// The names of those that changed, with their paths.
        names: Vec<String>,
        by: Vec<String>,
    },
    #[error("`{path}` is not the document any more that was opened")]
    OtherDocument { path: String },
    #[error("{}", saved(*.because))]
    GivenUp { because: Code },
    #[error("there is no editor: VISUAL and EDITOR are not set, and PATH has neither vi nor nano")]
    NoEditor,
    #[error("`{}` draws on a terminal, and there is none, or nobody is to be asked", clean_line(.program))]
    NoTerminal { program: String },
    #[error("{from} does not read as words: {why}")]
    BadWords {
        from: &'static str,
        why: &'static str,
    },
    #[error("there is no program `{}`, which {from} names", clean_line(.program))]
    NotFound { program: String, from: &'static str },
    #[error("the editor `{}` does not start", clean_line(.program))]
    NotStarted {
        program: String,
        source: std::io::Error,
    },
    #[error("the editor `{}` ended with {}, and nothing was saved", clean_line(.program), how(*.code, *.signal))]
    Failed {
        program: String,
        code: Option<i32>,
        signal: Option<i32>,
    },
    #[error("the editor `{}` came back at once, and nothing was saved", clean_line(.program))]
    CameBack { program: String },
    #[error("{}, and nothing was saved", signal_name(*.signal))]
    Stopped { signal: i32 },
    #[error("`{name}` is not to be shown: its policy says no_print")]
    NotShown { name: String },
    #[error("cannot watch for signals and the end of the editor")]
    CannotWatch(#[source] std::io::Error),
}

/// What became of a change that failed. Where the system failed it may have been after the new counts:
/// a remembered number that could not be written down, a folder that could not be synced.
pub(super) fn saved(because: Code) -> &'static str {
    if because == Code::IoErr {
        "the vault holds what was there before or what was saved, whole"
    } else {
        "nothing was saved"
    }
}

fn quoted(names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}

fn how(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => signal_name(signal.unwrap_or_default()),
    }
}

fn signal_name(signal: i32) -> String {
    let known = signal_hook::low_level::signal_name(signal);
    known.map_or_else(|| format!("signal {signal}"), str::to_owned)
}

impl Explain for EditError {
    fn code(&self) -> Code {
        use signal_hook::consts::{SIGHUP, SIGINT};
        match self {
            Self::Text { .. } | Self::Value { .. } => Code::DataErr,
            Self::Conflict { .. } | Self::OtherDocument { .. } => Code::Conflict,
            Self::GivenUp { because } => *because,
            Self::NoEditor
            | Self::BadWords { .. }
            | Self::NotFound { .. }
            | Self::NotStarted { .. }
            | Self::CameBack { .. } => Code::Config,
            Self::Failed { signal, .. } if *signal == Some(SIGINT) => Code::Interrupt,
            Self::Failed { .. } => Code::Backend,
            Self::Stopped { signal } if *signal == SIGHUP => Code::Hangup,
            Self::Stopped { signal } if *signal == SIGINT => Code::Interrupt,
            Self::Stopped { .. } => Code::Terminated,
            Self::NotShown { .. } | Self::NoTerminal { .. } => Code::Denied,
            Self::CannotWatch(_) => Code::IoErr,
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::Value {
                name,
                fault: Fault::OtherType(..),
            } => vec![format!(
                "`clws secret set {name} --type TYPE` gives it another type"
            )],
            Self::Conflict { path, .. } => vec![format!(
                "`clws secret edit {path}` starts from what is there now"
            )],
            Self::OtherDocument { path } => vec![format!(
                "if another branch is checked out, switch back; else `clws secret edit {path}`"
            )],
            Self::NoEditor => vec!["set EDITOR, or `editor = [\"vim\"]` in config.toml".into()],
            Self::NoTerminal { .. } => vec![
                "set EDITOR to a program that edits on its own; or `clws secret set`, which takes stdin".into(),
            ],
            Self::BadWords { .. } => {
                vec!["it is split as a shell splits words; close each quote".into()]
            }
            Self::NotFound { .. } => vec![
                "no shell reads it: `~`, `$NAME` and aliases are not expanded; a full path works"
                    .into(),
            ],
            Self::CameBack { program } => vec![format!(
                "if it edits in a window of its own: `EDITOR=\"{} --wait\"`, or what its manual calls it",
                clean_line(program)
            )],
            Self::NotShown { name } => {
                vec![format!("`clws secret set {name}` gives it a new value")]
            }
            _ => Vec::new(),
        }
    }
}
