//! Takes secrets to where they are used.
//!
//! A deploy drives this machine and a far host with the same code: it runs small POSIX `sh` scripts
//! on the target and hands them what is secret on their standard input. [`Channel`] is the way to a
//! target, [`Local`] or [`ssh`]; everything above it asks for a [`Command`] and gets an [`Outcome`].

mod channel;
mod child;
mod command;
mod error;
mod local;
mod quoting;
pub mod ssh;

pub use channel::{Channel, Held, Holding};
pub use command::{Command, Ended, OUTPUT_CAP, Outcome, Source, Streamed};
pub use error::ChannelError;
pub use local::Local;
