//! Looks for what the vault keeps where it should not lie: its own values in any of the ways in which
//! a value gets written, and private keys.
//!
//! Everything that is looked for is one automaton (Aho and Corasick, 1975), so the time grows with what
//! is read alone, however many values there are. No finding holds a piece of a value.

mod finding;
mod known;
mod plain;
mod staged;
mod stream;
mod walk;

pub use finding::{Finding, What};
pub use known::{Known, learn};
pub use staged::staged;
pub use walk::walk;
