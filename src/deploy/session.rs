//! A session on a host with injected secrets: somebody's shell, or one command.
//!
//! The values go in through the standard input of a holder, a script beside the session. It writes
//! them into a folder of its own in memory (0700, files 0600) and removes that when its input ends:
//! with the session, with the connection, or with this process. The session's own script reads its
//! variables there and removes their file before it becomes the shell or command, so that variables
//! lie in a file for a moment alone. No terminal, whose input may be recorded, carries a value.
//!
//! An SSH server can set variables itself (`AcceptEnv`). That is done on request only: OpenSSH writes
//! each value into its log where it logs at DEBUG2.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use zeroize::Zeroizing;

use super::holder::hold;
use crate::channel::ssh::{Ends, Session, Size};
use crate::channel::{ChannelError, Command, Ended};
use crate::error::{Code, Error, Explain};
use crate::fleet::Host;
use crate::secret::Plain;

/// Reads the variables of the folder `$1`, if there is one. Their lines say `$1` for the folder.
pub(super) const TAKE: &str = r#"
if [ -n "$1" ]; then . "$1/.variables" && rm -f "$1/.variables" || exit 1; fi
shift
"#;

/// What a session is given. Names are those of variables and files, without anything a shell takes
/// for its own.
#[derive(Debug, Default)]
pub struct Injected {
    /// Variables with their values.
    pub variables: Vec<(String, Plain)>,
    /// Files; each in a folder of its variable's name.
    pub files: Vec<InjectedFile>,
}

/// A file for a session.
#[derive(Debug)]
pub struct InjectedFile {
    /// The variable that gets its path.
    pub variable: String,
    /// Its name.
    pub name: String,
    /// Its permission bits.
    pub mode: u32,
    /// Its content.
    pub content: Plain,
}

/// What is run in a session, and how.
#[derive(Debug)]
pub struct Sitting<'a> {
    /// The command; none for the login shell.
    pub words: &'a [String],
    /// The kind and size of the terminal that is made for it, if one is.
    pub terminal: Option<(String, Size)>,
    /// Whether the host's `AcceptEnv` is asked first.
    pub by_request: bool,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SittingError {
    /// Nothing there is memory.
    #[error("{host} has no memory-backed folder, and secrets are not put on its disk")]
    NoMemory {
        /// The host.
        host: String,
    },
    /// The values were not taken.
    #[error("{host} did not take the values: {said}")]
    NotHeld {
        /// The host.
        host: String,
        /// What it said.
        said: String,
    },
    /// Nobody knows how it ended.
    #[error("{host} did not say how the session ended")]
    NoStatus {
        /// The host.
        host: String,
    },
}

impl Explain for SittingError {
    fn code(&self) -> Code {
        match self {
            Self::NoMemory { .. } => Code::Denied,
            Self::NotHeld { .. } | Self::NoStatus { .. } => Code::Remote,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoMemory { .. } => vec!["mount a tmpfs on /run/clws or /dev/shm there".into()],
            Self::NotHeld { .. } | Self::NoStatus { .. } => Vec::new(),
        }
    }
}

/// Gives a session what it is to have, and follows it to its end.
///
/// # Errors
/// [`SittingError`], [`ChannelError`], [`super::TargetError`].
pub async fn attend(
    host: &Host,
    session: &Arc<Session>,
    sitting: &Sitting<'_>,
    mut given: Injected,
    ends: &mut Ends,
    warn: &dyn Fn(&str),
) -> Result<Ended, Error> {
    let mut live = session.live().await?;
    if let Some((kind, size)) = &sitting.terminal {
        live.make_terminal(kind, *size).await?;
    }
    if sitting.by_request {
        let variables = std::mem::take(&mut given.variables);
        let (texts, mut rest): (Vec<_>, Vec<_>) = variables
            .into_iter()
            .partition(|(_, value)| value.with(|bytes| std::str::from_utf8(bytes).is_ok()));
        let asked: Vec<_> = texts
            .iter()
            .map(|(name, value)| {
                let text = value.with(|bytes| String::from_utf8_lossy(bytes).into_owned());
                (name.as_str(), Zeroizing::new(text))
            })
            .collect();
        let accepted = live.set_variables(&asked).await?;
        drop(asked);
        let refused = texts.into_iter().zip(accepted).filter(|(_, done)| !done);
        rest.extend(refused.map(|(variable, _)| variable));
        given.variables = rest;
    }
    let held = match given.variables.is_empty() && given.files.is_empty() {
        true => None,
        false => Some(hold(host, session, &given, warn).await?),
    };
    drop(given);
    let folder = held.as_ref().map_or("", |(folder, _)| folder);
    let ended = live.run(&script(folder, sitting.words), ends).await;
    if let Some((_, held)) = held {
        // On a connection that hangs it goes with that.
        drop(timeout(Duration::from_secs(2), held.close()).await);
    }
    ended.map_err(|error| match error {
        ChannelError::NoStatus { .. } => SittingError::NoStatus {
            host: host.name.to_string(),
        }
        .into(),
        other => other.into(),
    })
}

fn script(folder: &str, words: &[String]) -> Command {
    let then = match words {
        [] => r#"exec "${SHELL:-/bin/sh}" -l"#,
        _ => r#"exec "$@""#,
    };
    let mut command = Command::new(format!("{TAKE}{then}\n")).argument(folder);
    command.arguments.extend_from_slice(words);
    command
}
