//! What git knows about secrets without opening any: who changed which when, and what differs between
//! two commits.

mod changes;
mod diff;
mod text;

pub use changes::{Entry, History, Of, history};
pub use diff::{Changed, Difference, diff};
pub use text::shortened;
