//! Identities, judged from outside: by the real `age`, `ssh-keygen`, `ssh-agent`, D-Bus and keyring.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and a child of one answers on stdout"
)]

mod agent;
mod bundle;
mod keyring;
mod lab;
mod order;
mod passphrase;
mod plugin;
mod ssh;
