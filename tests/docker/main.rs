//! Containers on a real Docker daemon: what they are given, what shows of it, and what happens when
//! a new one fails, a run dies half-way, or the daemon is not what it seems.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

#[path = "../support/docker_image.rs"]
mod docker_image;

mod daemon;
mod hostile;
mod lab;
mod replacing;
mod running;
mod secrets;
