//! Editing secrets in the person's own editor.
//!
//! A document opens as plain TOML, a value and a sealed file as the bytes that they are, on a file in
//! memory that is gone on every way out (`guard`). What comes back is compared with what was
//! opened; only what differs is sealed anew, under the vault's lock, which nobody waits for while a
//! person types. A text that cannot be saved is never thrown away on a terminal: the editor opens
//! again, at the line, with the reason above.
//!
//! The order: the editor is chosen and the folder made before anything is opened; the audit line is
//! written before the opening; then the editor, the questions, and one [`Change`](crate::vault::Change).

mod buffer;
mod compare;
mod document;
mod editor;
mod error;
mod fault;
mod file;
mod guard;
mod known;
mod literal;
mod parse;
mod session;
mod snapshot;
mod value;
mod view;
mod words;

#[cfg(test)]
mod tests;

pub use document::edit_document;
pub use error::EditError;
pub use fault::Fault;
pub use file::edit_file;

pub use session::{Desk, Outcome};
pub use value::edit_value;
pub(crate) use words::split as words_of;
