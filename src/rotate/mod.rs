//! New values for old ones: what waits for one, and how it gets it without a moment in which nothing works.

mod due;

pub use due::{Due, Reason, WorkList, work_list};
