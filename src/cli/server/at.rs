//! A run at the server: begun, kept alive, ended.

use tokio::signal::unix::{SignalKind, signal};

use super::ServerArgs;
use crate::cli::context::Context;
use crate::cli::deploy::{cannot_start, runtime};
use crate::error::{Code, Error, Problem};
use crate::identity::Keyring;
use crate::server::{Kept, Origin, ServerError, Session, Settings, token_of, way_of};
use crate::world::World;

impl ServerArgs {
    /// Does some work at the server: as the environment's token, as whom the environment can log in, or as
    /// the keyring's token. What this run got is given back, also where the work failed or was stopped.
    pub(super) fn at<T>(
        &self,
        cx: &Context,
        work: impl AsyncFnOnce(&Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let settings = self.settings(cx)?;
        let runtime = runtime()?;
        let done = runtime.block_on(async {
            let session = begin(&cx.world, &settings).await?;
            let mut stopped = [SignalKind::interrupt(), SignalKind::terminate()]
                .map(|kind| signal(kind).map_err(cannot_start));
            let [interrupt, terminate] = &mut stopped;
            let (Ok(interrupt), Ok(terminate)) = (interrupt, terminate) else {
                return Err(Problem::new(Code::IoErr, "cannot watch for signals").into());
            };
            let stop = |code| Err(Problem::new(code, "stopped").into());
            let done = tokio::select! {
                biased;
                _ = interrupt.recv() => stop(Code::Interrupt),
                _ = terminate.recv() => stop(Code::Terminated),
                done = session.during(work(&session)) => done,
            };
            if let Err(error) = session.end().await {
                cx.ui.warn(&format!(
                    "the token of this run lasts until its lease ends: {}",
                    Error::from(error).message()
                ));
            }
            done
        });
        // A question that nobody answered must not keep the program.
        runtime.shutdown_background();
        done
    }
}

/// Begins a run as whom [`ServerArgs::at`] says.
pub(super) async fn begin(world: &World, settings: &Settings) -> Result<Session, Error> {
    if let Some(token) = token_of(world)? {
        let begun = Session::with_token(settings, token, Origin::Environment).await;
        return Ok(begun?.0);
    }
    if let Some((way, credential)) = way_of(world)? {
        return Ok(Session::log_in(settings, &way, &credential).await?);
    }
    if let Some(token) = Kept::of(Keyring::of(world), settings).read()? {
        let begun = Session::with_token(settings, token, Origin::Keyring).await;
        return Ok(begun?.0);
    }
    let address = settings.cluster.first().cloned();
    Err(ServerError::NotLoggedIn {
        address: address.ok_or(ServerError::NoAddress)?,
    }
    .into())
}
