//! Commands, locks and streams over a session.

use std::time::Duration;

use russh::client::Msg;
use tokio::time::{Instant, timeout, timeout_at};

use super::running::{Running, Stopped};
use super::{Session, Stream};
use crate::channel::way::{AfterInput, Kept, Sink};
use crate::channel::{ChannelError, Command, Ended, Held, Holding};

impl Session {
    pub(crate) async fn run(
        &self,
        command: &Command,
        sink: Sink<'_>,
    ) -> Result<Ended, ChannelError> {
        let until = Instant::now() + command.within;
        let mut running = self.start(command, until).await?;
        let following = running.follow(&command.input, AfterInput::End, sink);
        let followed = timeout_at(until, following).await;
        match (followed, running.ended()) {
            (Ok(Err(stopped)), _) => Err(self.explain(stopped)),
            (_, Some(ended)) => Ok(ended),
            (Ok(Ok(())), None) => Err(self.explain(Stopped::NoStatus)),
            (Err(_), None) => {
                running.end().await;
                Err(self.too_slow(command.within))
            }
        }
    }

    pub(crate) async fn hold(&self, command: &Command) -> Result<Holding, ChannelError> {
        let until = Instant::now() + command.within;
        let mut running = self.start(command, until).await?;
        let mut kept = Kept::default();
        let mut sink =
            |source, bytes: &[u8]| kept.push_until_line(source, bytes, command.output_cap);
        let following = running.follow(&command.input, AfterInput::KeepOpen, &mut sink);
        let followed = timeout_at(until, following).await;
        match (followed, running.ended(), kept.line()) {
            (Ok(Err(stopped)), ..) => Err(self.explain(stopped)),
            (Ok(Ok(())), None, Some(line)) => {
                let held = Held::new(self.target(), |asks| running.watch(asks));
                Ok(Holding::Held(line, held))
            }
            (_, Some(ended), _) => Ok(Holding::Ended(kept.ended(ended))),
            (Ok(Ok(())), None, None) => Err(self.explain(Stopped::NoStatus)),
            (Err(_), None, _) => {
                running.end().await;
                Err(self.too_slow(command.within))
            }
        }
    }

    /// Opens a stream to a Unix socket of the host, its Docker daemon's say.
    ///
    /// # Errors
    /// [`ChannelError`] if the host does not open it.
    pub async fn open_unix(&self, path: &str) -> Result<Stream, ChannelError> {
        let opening = self.handle.channel_open_direct_streamlocal(path);
        let what = format!("a stream to `{path}`");
        let setting = "AllowStreamLocalForwarding";
        let channel = self.open(opening, self.limits.login, what, setting);
        Ok(Stream(channel.await?.into_stream()))
    }

    /// Opens a stream to a TCP port as the host sees it.
    ///
    /// # Errors
    /// [`ChannelError`] if the host does not open it.
    pub async fn open_tcp(&self, host: &str, port: u16) -> Result<Stream, ChannelError> {
        // The originator is for the server's log; there is none.
        let opening = self
            .handle
            .channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
        let what = format!("a stream to {host}:{port}");
        let channel = self.open(opening, self.limits.login, what, "AllowTcpForwarding");
        Ok(Stream(channel.await?.into_stream()))
    }

    async fn start(&self, command: &Command, until: Instant) -> Result<Running, ChannelError> {
        let opening = self.handle.channel_open_session();
        let what = "one more command".to_owned();
        let channel = self
            .open(opening, command.within, what, "MaxSessions")
            .await?;
        let mut running = Running::new(channel, self.handle.clone(), self.who);
        match timeout_at(until, running.start(command)).await {
            Ok(Ok(())) => Ok(running),
            Ok(Err(stopped)) => Err(self.explain(stopped)),
            Err(_) => Err(self.too_slow(command.within)),
        }
    }

    pub(super) async fn open(
        &self,
        opening: impl Future<Output = Result<russh::Channel<Msg>, russh::Error>>,
        within: Duration,
        what: String,
        setting: &'static str,
    ) -> Result<russh::Channel<Msg>, ChannelError> {
        match timeout(within, opening).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => Err(ChannelError::Refused {
                target: self.target().to_owned(),
                what,
                reason: format!("{reason:?}"),
                setting,
            }),
            Ok(Err(_)) => Err(self.explain(Stopped::Lost)),
            Err(_) => Err(self.too_slow(within)),
        }
    }

    pub(super) fn explain(&self, stopped: Stopped) -> ChannelError {
        let target = self.target().to_owned();
        match stopped {
            Stopped::Lost => ChannelError::Lost {
                target,
                reason: self.farewell(),
            },
            Stopped::NoStatus => ChannelError::NoStatus { target },
            Stopped::NotRun(said) => ChannelError::NotRun { target, said },
        }
    }

    pub(super) fn too_slow(&self, within: Duration) -> ChannelError {
        ChannelError::Slow {
            target: self.target().to_owned(),
            within,
        }
    }
}
