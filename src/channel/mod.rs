//! Ways to a target: this machine, or a host over SSH.
//!
//! A deploy drives both with the same code: it runs small POSIX `sh` scripts on the target and hands them
//! what is secret on their standard input. [`Channel`] is the way, [`Local`] or [`ssh`], which alone knows russh.

mod bound;
mod child;
mod command;
mod conversation;
mod error;
mod local;
mod quoting;
mod stream;
mod way;

pub mod ssh;

pub use command::{Command, Ended, OUTPUT_CAP, Outcome, Source, Streamed};
pub use conversation::Held;
pub use error::ChannelError;
pub use local::Local;
pub use way::{Channel, Holding};

pub(crate) use bound::bound;
pub(crate) use conversation::{MAX_INPUT, SERVE};
pub(crate) use stream::Stream;
