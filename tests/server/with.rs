//! A client of ours for a test's server.

use std::path::Path;
use std::time::Duration;

use clws::identity::ServerConfig;
use clws::secret::Plain;
use clws::server::{Client, Flags, Limits, ServerError, Settings, Token};
use clws::world::{Clock, World};

/// Short enough that a test ends, long enough for a busy machine.
pub(crate) fn short() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        silence: Duration::from_secs(2),
        request: Duration::from_secs(4),
        all: Duration::from_secs(6),
        wait: Duration::from_secs(2),
        answer: 1024 * 1024,
    }
}

pub(crate) fn world() -> World {
    World::new(Clock::System, [], Path::new("/").to_path_buf())
}

/// A client for these addresses of one server.
pub(crate) fn client(
    addresses: &[String],
    ca: Option<&Path>,
    token: Option<&str>,
    limits: Limits,
) -> Result<Client, ServerError> {
    let config = ServerConfig {
        address: addresses.first().cloned(),
        nodes: addresses.to_vec(),
        ca: ca.map(Path::to_path_buf),
        ..ServerConfig::default()
    };
    let settings = Settings::of(&world(), &config, &Flags::default())?;
    let token = token.map(|token| Token::new(&Plain::from(token)).unwrap());
    Client::new(&settings, limits, token)
}

/// Runs what the library does in a runtime, as the program does.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}
