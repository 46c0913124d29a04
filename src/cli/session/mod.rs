//! One run at the person's server, for whatever a command asks there.

mod args;
mod begin;
mod beside;
mod desk;

pub(super) use args::BesideArgs;
pub(super) use beside::Beside;
pub(super) use desk::Desk;
