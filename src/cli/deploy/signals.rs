//! The signals that ask a deploy to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Code;
use crate::exec::ignores;

/// Listens for them; what the deploy was started to ignore stays ignored.
pub(super) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        let listen = |kind: SignalKind| {
            let ignored = ignores(kind.as_raw_value());
            (!ignored).then(|| signal(kind)).transpose()
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// The next one, as the code that a program ends with after it.
    pub(super) async fn next(&mut self) -> Code {
        async fn came(signal: &mut Option<Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = came(&mut self.interrupt) => Code::Interrupt,
            () = came(&mut self.terminate) => Code::Terminated,
            () = came(&mut self.hangup) => Code::Hangup,
        }
    }
}
