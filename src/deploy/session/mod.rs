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

mod holder;
pub(super) mod injected;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use zeroize::Zeroizing;

use self::holder::{TAKE, hold};
use self::injected::{Injected, SittingError};
use crate::channel::ssh::{Ends, Session, Size};
use crate::channel::{ChannelError, Command, Ended};
use crate::error::Error;
use crate::fleet::Host;

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
