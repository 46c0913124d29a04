//! The local log of uses: a line before each opening, or no opening.
//!
//! JSON lines in the person's state folder. Each holds the hash of the line before and is signed by a
//! key of this machine, so that a line cannot be changed or taken out unseen. Names are logged, never
//! a value and never a plain hash of one.

mod entry;
mod log;
mod open;
mod tail;
mod verify;

pub use entry::{Entries, Entry};
pub use log::{AuditError, Event, Log};
pub use open::OpenLog;
pub use verify::Verified;
