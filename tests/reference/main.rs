//! The reference deployment of this repository, deployed whole by the built program to two hosts of the
//! test's own: a real sshd and a real Docker daemon each, a real MariaDB and nginx, and small programs in
//! the place of CodaLab's images.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a helper of a test fails that test"
)]

#[path = "../support/mod.rs"]
mod support;

mod engine;
mod given;
mod host;
mod images;
mod its_passwords_are_rotated_while_everybody_logs_in;
mod processes;
mod the_reference_comes_up_whole_and_nobody_else_sees_its_secrets;
mod the_watcher_finds_what_is_planted;
mod town;
mod watcher;
