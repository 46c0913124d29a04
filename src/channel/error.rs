//! Why a target did not run a command to its end.

use std::io;
use std::time::Duration;

use crate::error::{Code, Explain, Hint};
use crate::text;

/// Why a target did not run a command to its end.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// No target can be given this script.
    #[error("a script for {target} cannot be sent: {why}")]
    Unfit {
        /// The target.
        target: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// This machine's shell did not start, or could not be followed.
    #[error("a shell on {target} cannot be used")]
    Shell {
        /// The target.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// The clock ran out.
    #[error("a step on {target} did not end within {} s", within.as_secs_f32())]
    Slow {
        /// The target.
        target: String,
        /// Its clock.
        within: Duration,
    },
    /// The connection ended first.
    #[error("the connection to {target} ended before the step did")]
    Lost {
        /// The target.
        target: String,
        /// What the target said on leaving, made safe to print.
        reason: Option<String>,
    },
    /// The target closed the channel and did not say how the command ended.
    #[error("{target} did not say how a step ended")]
    NoStatus {
        /// The target.
        target: String,
    },
    /// The target ran something else instead, or nothing.
    #[error("{target} did not run a command of ours")]
    NotRun {
        /// The target.
        target: String,
        /// What it printed instead, made safe to print.
        said: Option<String>,
    },
    /// The target does not want to.
    #[error("{target} refused {what}")]
    Refused {
        /// The target.
        target: String,
        /// What was asked for.
        what: String,
        /// Its reason.
        reason: String,
        /// The setting of its SSH server that decides on this.
        setting: &'static str,
    },
}

impl Explain for ChannelError {
    fn code(&self) -> Code {
        match self {
            Self::Unfit { .. } => Code::DataErr,
            Self::Shell { .. } => Code::IoErr,
            Self::Slow { .. }
            | Self::Lost { .. }
            | Self::NoStatus { .. }
            | Self::NotRun { .. }
            | Self::Refused { .. } => Code::Host,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Lost {
                reason: Some(said), ..
            }
            | Self::NotRun {
                said: Some(said), ..
            } => vec![format!("it said: {said}")],
            Self::Refused { reason, .. } => vec![format!("it said: {}", text::clean(reason))],
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NotRun { .. } => vec![
                "the account needs a login shell (`getent passwd`) and no forced command"
                    .to_owned(),
            ],
            Self::Refused { setting, .. } => {
                vec![format!("look at `{setting}` in its sshd_config")]
            }
            _ => Vec::new(),
        }
    }
}
