//! Joining two branches of the vault's secrets, table by table.
//!
//! A plain text merge of two branches is right or a conflict, never wrong, but it conflicts where two
//! tables that have nothing to do with each other stand side by side, and it does not know which of two
//! records counts. Here tables are joined by name. Where both sides wrote one record, the newer by
//! record order is taken, as every pin does; where both gave a new value, a person decides, or says that
//! the newer counts. Nothing is opened and nothing is signed.

mod age_file;
mod conflict;
mod document;
mod file;
mod tables;

pub use age_file::AgeFile;
pub use conflict::{Conflict, IfJoined, Outcome, Work};
pub use document::{Merged, Take, merge, side_by_side};
use document::{has_alone, reads};
