//! Each system call of a change fails in turn: the old is left or the new, no plaintext, no lock.
//!
//! strace makes one call of the built program fail, then the next one, until none is left; after each,
//! plain commands look at what is there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a helper of a test fails that test, and how many calls were hit is printed"
)]

#[path = "../support/mod.rs"]
mod support;

use support::{desk, lab, machine, random, tool};

mod crowd;
mod each_command;
mod edit;
mod hardship;
mod identity;
mod import;
mod leaving;
mod power;
mod restore;
mod rotate;
mod rotate_account;
mod rules;
mod set;
mod strace;
mod transfer;
mod tree;
mod trial;
