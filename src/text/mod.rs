//! Text for people: foreign text made safe, lists that read well.

mod clean;
mod list;

pub use clean::clean;
pub(crate) use clean::is_dangerous;
pub use list::{any_of, count, list, nearest};
