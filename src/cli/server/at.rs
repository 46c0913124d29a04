//! A run at the server: begun, kept alive, ended.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::ServerArgs;
use crate::cli::context::Context;
use crate::cli::runtime::{cannot_start, runtime};
use crate::error::{Code, Error, Problem};
use crate::server::Client;

/// How long the end of the run is waited for: a new leader is mostly elected by then.
const GOODBYE: Duration = Duration::from_secs(15);

impl ServerArgs {
    /// Does some work at the server: as the environment's token, as whom the environment can log in, or as
    /// the keyring's token. What is opened and sealed by a key of the server meanwhile is of the same run, so one
    /// login does for both. What this run got is given back, also where the work failed or was stopped.
    pub(super) fn at<T>(
        &self,
        cx: &Context,
        work: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let settings = self.settings(cx)?;
        let desk = cx.server()?;
        // The work's own client: connections of the desk's are driven by its thread, and those of the work by the
        // runtime here, which stands still while something is opened.
        let client = desk.ask_now(async move |session| session.client().twin(&settings))?;
        let runtime = runtime()?;
        let done = runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_start)?;
            let mut terminate = signal(SignalKind::terminate()).map_err(cannot_start)?;
            let stop = |code| Err(Problem::new(code, "stopped").into());
            tokio::select! {
                biased;
                _ = interrupt.recv() => stop(Code::Interrupt),
                _ = terminate.recv() => stop(Code::Terminated),
                done = work(&client) => done,
            }
        });
        // A question that nobody answered must not keep the program.
        runtime.shutdown_background();
        if let Err(error) = desk.end_within(GOODBYE) {
            cx.ui.warn(&format!(
                "the token of this run lasts until its lease ends: {}",
                error.message()
            ));
        }
        done
    }
}
