//! A command with somebody in front of it: input and output pass through as they come, for as long
//! as it runs.
//!
//! The host can set variables for it, and make it a terminal.

use russh::client::Msg;
use russh::{ChannelMsg, Pty};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::Session;
use super::attending::Over;
use super::ends::{Ends, Size};
use super::running::{Running, Stopped};
use crate::channel::quoting::{self, As};
use crate::channel::{ChannelError, Command, Ended};

/// The channel of a live command that is not yet started.
pub(crate) struct Live<'s> {
    session: &'s Session,
    channel: russh::Channel<Msg>,
    has_terminal: bool,
}

impl Session {
    /// Opens the channel for a live command.
    ///
    /// # Errors
    /// [`ChannelError`] if the host does not open it.
    pub(crate) async fn live(&self) -> Result<Live<'_>, ChannelError> {
        let opening = self.handle.channel_open_session();
        let what = "a session".to_owned();
        let channel = self
            .open(opening, self.limits.login, what, "MaxSessions")
            .await?;
        Ok(Live {
            session: self,
            channel,
            has_terminal: false,
        })
    }
}

impl Live<'_> {
    /// Asks for variables to be set, and says of each whether the host did.
    ///
    /// # Errors
    /// [`ChannelError`] if it does not answer.
    pub(crate) async fn set_variables(
        &mut self,
        variables: &[(&str, Zeroizing<String>)],
    ) -> Result<Vec<bool>, ChannelError> {
        for (name, value) in variables {
            let asked = self.channel.set_env(true, *name, value.as_str()).await;
            asked.map_err(|_| self.session.explain(Stopped::Lost))?;
        }
        let mut answers = Vec::new();
        for _ in variables {
            answers.push(self.answer().await?);
        }
        Ok(answers)
    }

    /// Has a terminal made for the command. `kind` is what `TERM` says.
    ///
    /// # Errors
    /// [`ChannelError`] if the host makes none.
    pub(crate) async fn make_terminal(
        &mut self,
        kind: &str,
        size: Size,
    ) -> Result<(), ChannelError> {
        let (columns, rows) = (size.columns, size.rows);
        let modes = [(Pty::IUTF8, 1)];
        self.channel
            .request_pty(true, kind, columns, rows, 0, 0, &modes)
            .await
            .map_err(|_| self.session.explain(Stopped::Lost))?;
        self.has_terminal = self.answer().await?;
        if self.has_terminal {
            return Ok(());
        }
        Err(ChannelError::Refused {
            target: self.session.target().to_owned(),
            what: "a terminal".to_owned(),
            reason: "it makes none".to_owned(),
            setting: "PermitTTY",
        })
    }

    /// Whether the host did what it was asked last.
    async fn answer(&mut self) -> Result<bool, ChannelError> {
        let limit = self.session.limits.login;
        let answering = async {
            loop {
                match self.channel.wait().await {
                    Some(ChannelMsg::Success) => return Ok(true),
                    Some(ChannelMsg::Failure) => return Ok(false),
                    Some(ChannelMsg::Close) | None => return Err(Stopped::Lost),
                    Some(_) => {}
                }
            }
        };
        match timeout(limit, answering).await {
            Ok(answer) => answer.map_err(|stopped| self.session.explain(stopped)),
            Err(_) => Err(self.session.too_slow(limit)),
        }
    }

    /// Runs a command to its end, from `ends` to `ends`. It must begin within the time for a login,
    /// and has all the time it wants then.
    ///
    /// # Errors
    /// [`ChannelError`] if the host did not run it, or did not say how it ended.
    pub(crate) async fn run(
        self,
        command: &Command,
        ends: &mut Ends,
    ) -> Result<Ended, ChannelError> {
        command.check(self.session.target())?;
        let limit = self.session.limits.login;
        let until = Instant::now() + limit;
        let mut running = Running::new(self.channel, self.session.handle.clone(), As::Login);
        let asked = timeout_at(until, running.exec(quoting::line(command, As::Login))).await;
        let over = match asked {
            Ok(Ok(())) => running.attend(ends, until).await,
            Ok(Err(stopped)) => Err(stopped),
            Err(_) => Ok(Over::Slow),
        };
        match (over, running.ended()) {
            (_, Some(ended)) => Ok(ended),
            (Err(stopped), None) => Err(self.session.explain(stopped)),
            (Ok(Over::Closed), None) => Err(self.session.explain(Stopped::NoStatus)),
            (Ok(Over::Unread), None) => {
                running.end().await;
                Ok(Ended::Signal("PIPE".to_owned()))
            }
            (Ok(Over::Left), None) => {
                match self.has_terminal {
                    true => running.hang_up().await,
                    false => running.end().await,
                }
                Ok(Ended::Signal("TERM".to_owned()))
            }
            (Ok(Over::Slow), None) => {
                running.end().await;
                Err(self.session.too_slow(limit))
            }
        }
    }
}
