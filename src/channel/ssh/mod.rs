//! SSH hosts as targets.
//!
//! A host proves itself first: it must show one of the keys that its party records, and nothing
//! secret is sent before it did. Only then we prove ourselves, with keys. The transport is in this
//! process (russh), so that a login key can come from the vault and never be a file; russh is used
//! in this folder alone, and what it leaves open (clocks, channels that a server opens, algorithms)
//! is settled here.

mod attending;
mod channel;
mod connect;
mod ends;
mod error;
mod halves;
mod host_key;
mod live;
mod login;
mod root;
mod rsa;
mod running;
mod scan;
mod stream;
mod watcher;

use std::time::Duration;

pub use connect::{Hop, Logins, Session, connect, connect_through};
pub use ends::{Change, Ends, Piece, Size};
pub use error::SshError;
pub use halves::has_both_halves;
pub use host_key::KnownHost;
pub use login::Login;
pub use root::RootError;
pub use scan::{ShownKey, scan};
pub use stream::Stream;

/// How long a host may take. Separate clocks, so that a message can say what was slow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To find the addresses of its name.
    pub dns: Duration,
    /// To accept a connection, all addresses together.
    pub tcp: Duration,
    /// For key exchange and login together, and to open a channel later.
    pub login: Duration,
    /// Without any sign of life before the connection is given up.
    pub silence: Duration,
}

impl Default for Limits {
    /// The clocks that docs/security.md promises.
    fn default() -> Self {
        Self {
            dns: Duration::from_secs(5),
            tcp: Duration::from_secs(5),
            login: Duration::from_secs(15),
            silence: Duration::from_secs(30),
        }
    }
}
