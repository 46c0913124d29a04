//! Why a program got no secrets, or did not run.

use std::io;

use signal_hook::consts::{SIGHUP, SIGTERM};

use crate::error::{Code, Explain};
use crate::text::{clean_line, quoted};
use crate::vault::ValueType;

/// What stands between a program and its secrets.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum ExecError {
    #[error("nothing is named that the program should get")]
    Nothing,
    #[error("`{path}` is a {what}; a document or a value is wanted")]
    NotValues { path: String, what: &'static str },
    #[error("`{path}` {why}")]
    Unprintable { path: String, why: &'static str },
    #[error("`{path}` is a sealed file, and a variable holds a value")]
    SealedFile { path: String },
    #[error("`{name}` of `{document}` is no name of a variable")]
    NotAVariable { document: String, name: String },
    #[error("`{name}` {why}, so it is passed only if you name it")]
    Dangerous { name: String, why: &'static str },
    #[error("`{name}` says how Ansible itself works, so it is passed only if you name it")]
    OfAnsible { name: String },
    #[error("`{variable}` would get two values: `{first}` and `{second}`")]
    Twice {
        variable: String,
        first: String,
        second: String,
    },
    #[error("`{path}` is of type {}, and a variable holds one plain text", kind.as_str())]
    NotText { path: String, kind: ValueType },
    #[error("`{path}` holds a NUL byte, and a variable cannot")]
    Nul { path: String },
    #[error("there is no value `{name}` in the documents named")]
    NoValue {
        name: String,
        nearest: Option<String>,
    },
    #[error("`{name}` is in `{first}` and in `{second}`")]
    Ambiguous {
        name: String,
        first: String,
        second: String,
    },
    #[error("there is no program `{}`", clean_line(.program))]
    NoCommand { program: String },
    #[error("cannot run `{}`", clean_line(.program))]
    CannotRun {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot wait for the program")]
    Wait(#[source] io::Error),
    #[error("the program's {stream} cannot be written")]
    Unwritten {
        stream: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("stopped before the program was started")]
    Stopped { signal: i32 },
}

impl Explain for ExecError {
    fn code(&self) -> Code {
        match self {
            Self::NoValue { .. } => Code::NotFound,
            Self::NoCommand { .. } => Code::NoCommand,
            Self::CannotRun { .. } => Code::CannotRun,
            Self::Wait(_) | Self::Unwritten { .. } => Code::IoErr,
            Self::Stopped { signal } => match *signal {
                SIGHUP => Code::Hangup,
                SIGTERM => Code::Terminated,
                _ => Code::Interrupt,
            },
            _ => Code::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Nothing => {
                vec!["clws exec scope/document -- CMD; or --map NAME=path, --file NAME=path".into()]
            }
            Self::NotValues { path, .. } => vec![format!("`clws secret list {path}` shows them")],
            Self::Unprintable { path, .. } => {
                vec![format!("--file NAME={path} puts it into one alone")]
            }
            Self::SealedFile { path } => {
                vec![format!(
                    "`--file NAME={path}` puts it into a file, and its path into NAME"
                )]
            }
            Self::NotAVariable { name, .. } => vec![
                format!("`--map NAME={name}` gives it another name"),
                "`--only NAME,…` picks others".into(),
            ],
            Self::Dangerous { name, .. } => vec![
                format!("if it is meant: `--allow {name}`"),
                format!("`--map OTHER={name}` gives it another name"),
            ],
            Self::OfAnsible { name } => vec![format!("if it is meant: `--allow {name}`")],
            Self::Twice { .. } => vec![
                "give one of them another name: `--map OTHER=VALUE`, or `--file OTHER=PATH`".into(),
            ],
            Self::NotText { path, .. } | Self::Nul { path } => {
                vec![format!(
                    "`--file NAME={path}` puts it into a file, and its path into NAME"
                )]
            }
            Self::NoValue {
                nearest: Some(near),
                ..
            } => vec![format!("is `{near}` meant?")],
            Self::Ambiguous { name, first, .. } => {
                vec![format!("write the whole path: `{first}/{name}`")]
            }
            Self::CannotRun { source, .. }
                if source.raw_os_error() == Some(rustix::io::Errno::TOOBIG.raw_os_error()) =>
            {
                vec!["`--file NAME=path` puts a large value into a file".into()]
            }
            Self::NoCommand { program } if program.contains(char::is_whitespace) => {
                let line = quoted(&clean_line(program));
                vec![format!("a line of shell is `-- sh -c {line}`")]
            }
            _ => Vec::new(),
        }
    }
}
