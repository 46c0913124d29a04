//! Judges from outside: published vectors, the real `age`, rage's library, the real `ssh-keygen`.
//!
//! What our own code seals and our own code opens again may be wrong twice in the same way. Here
//! somebody else holds the other end.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test fails that test"
)]
#![expect(
    clippy::print_stdout,
    reason = "counts and sizes are what a reader of the log wants"
)]

#[path = "../support/mod.rs"]
mod support;

mod age_program;
mod cctv;
mod format;
mod known_hosts;
mod memory;
mod rage_library;
mod ssh_keygen;
