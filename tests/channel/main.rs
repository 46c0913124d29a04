//! A deploy reaches its targets: this machine and SSH hosts, through the same channel.
//!
//! The hosts are real OpenSSH servers on loopback; what no OpenSSH does is done by a server of ours.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod channel;
mod hostile;
mod hostile_session;
mod ssh_logins;
mod ssh_session;
mod ssh_trust;
mod ssh_way;

#[path = "../support/sshd.rs"]
mod sshd;

use clws::channel::ssh::{KnownHost, Limits, Login, Session, SshError, connect};
use clws::channel::{Channel, Local};
use clws::secret::Plain;
use clws::world::World;
use sshd::Sshd;
use std::sync::Arc;

/// The host that a server is, with the keys that it really has.
fn known(server: &Sshd) -> KnownHost {
    known_by(server, &server.host_key_lines)
}

/// The host that a server is, with these keys on record.
fn known_by(server: &Sshd, keys: &[impl AsRef<str>]) -> KnownHost {
    KnownHost::new(
        "vm-clws-test-web-0",
        "127.0.0.1",
        server.port,
        &server.user,
        keys,
    )
    .unwrap()
}

/// The login that the server takes.
fn login(server: &Sshd) -> Login {
    Login::Key(Plain::new(server.login_key_pem.clone()))
}

/// A session with these logins.
async fn session(server: &Sshd, logins: &[Login]) -> Result<Session, SshError> {
    connect(&known(server), logins, &Limits::default()).await
}

async fn open(server: &Sshd) -> Result<Channel, SshError> {
    Ok(Channel::Ssh(Arc::new(
        session(server, &[login(server)]).await?,
    )))
}

fn local() -> Channel {
    Channel::Local(Local::new(&World::of_process()))
}
