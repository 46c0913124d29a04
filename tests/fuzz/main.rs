//! Every parser and every dialogue on texts that nobody meant: nothing panics, hangs or takes much memory,
//! and what is accepted prints to itself.
//!
//! The driver has no coverage, which asks for a compiler that is not the stable one. What stands in for it is
//! what the parser says: a text that gets an answer which none before got is mutated further.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a helper of a test fails that test, and how many texts were tried is printed"
)]

#[path = "../support/mod.rs"]
mod support;

use support::{lab, random};

mod drive;
mod mutate;

mod formats;
mod peers;
mod plugins;
mod remembered;
mod sessions;
mod shown;
mod vault;
