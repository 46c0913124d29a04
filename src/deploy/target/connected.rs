//! The Docker Engine of a target, connected to once for all that is done there.

use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinSet;

use super::Target;
use crate::channel::{Channel, ChannelError};
use crate::docker::{Clocks, Engine};
use crate::error::{Code, Error, Problem};

/// Where a Docker daemon listens on every host that we know.
const SOCKET: &str = "/var/run/docker.sock";

/// A target's engine, connected to once for all that is done there.
#[derive(Debug, Default)]
pub(in crate::deploy) struct Connected {
    engine: OnceCell<Engine>,
    /// Asked for before anybody needs it; left where this goes before.
    early: Mutex<JoinSet<Result<Engine, Error>>>,
}

impl Connected {
    /// Connects beside whatever comes next, and asks what the engine is like: a daemon takes 10 ms to tell.
    pub(in crate::deploy) fn early(channel: &Channel, host: &str) -> Self {
        let connecting = connect_over(channel, host);
        let mut early = JoinSet::new();
        early.spawn(async move {
            let engine = connecting.await?;
            engine.ask_ahead();
            Ok(engine)
        });
        Self {
            early: Mutex::new(early),
            ..Self::default()
        }
    }

    async fn get(&self, channel: &Channel, host: &str) -> Result<&Engine, Error> {
        let connect = async {
            match self.early.lock().await.join_next().await {
                Some(early) => early.unwrap_or_else(|_| Err(not_asked())),
                None => connect_over(channel, host).await,
            }
        };
        self.engine.get_or_try_init(|| connect).await
    }
}

fn not_asked() -> Error {
    Problem::new(Code::Bug, "the Docker daemon was not asked").into()
}

impl Target {
    /// The target's engine: this machine's, or a host's through its SSH connection.
    ///
    /// # Errors
    /// [`crate::docker::DockerError`].
    pub(in crate::deploy) async fn engine(&self) -> Result<&Engine, Error> {
        let host = self.host.name.as_str();
        self.connected.get(&self.channel, host).await
    }
}

/// Connects to the engine at the other end of a channel to `host`.
pub(in crate::deploy) fn connect_over(
    channel: &Channel,
    host: &str,
) -> impl Future<Output = Result<Engine, Error>> + Send + use<> {
    let host = host.to_owned();
    let session = match channel {
        Channel::Local(_) => None,
        Channel::Ssh(session) => Some(Arc::clone(session)),
    };
    async move {
        let Some(session) = session else {
            return Ok(Engine::connect(None).await?);
        };
        let open = move || {
            let session = Arc::clone(&session);
            async move { session.open_unix(SOCKET).await.map_err(unopened) }
        };
        Ok(Engine::over(&host, Clocks::default(), open).await?)
    }
}

/// Why the socket could not be opened. A host does not say whether nothing listens there or the account
/// may not speak to it, which it must itself, whoever it becomes for commands.
fn unopened(error: ChannelError) -> std::io::Error {
    match error {
        ChannelError::Refused { ref reason, .. } if reason == "ConnectFailed" => {
            let why = format!("{SOCKET} does not open for the account that logs in there");
            std::io::Error::new(std::io::ErrorKind::PermissionDenied, why)
        }
        other => std::io::Error::other(other),
    }
}
