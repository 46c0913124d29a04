//! One component on one target: placed, started, asked; or undone, and the old one back.

pub(super) mod asking;
pub(super) mod component;
pub(super) mod engine;
mod image;
pub(super) mod inside;
pub(super) mod leases;
pub(super) mod opening;
pub(super) mod output;
pub(super) mod place;
pub(super) mod probe;
mod replacing;
pub(super) mod restoring;
mod standing;
pub(super) mod step;
pub(super) mod stop;
mod switch;
mod syncing;

pub mod boot;
