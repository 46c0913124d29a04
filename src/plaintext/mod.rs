//! Plaintext files as teams keep them: what they are, what is in them, and how they are written again.
//!
//! [`recognise`] tells a file's [`Kind`] by its content and its name. A file of values (dotenv, JSON,
//! TOML, INI, YAML) is read by its [`Format`] into entries with a [`Layout`]: the file's own text with
//! a slot where each value stood. Put back into their slots, unchanged values give the file back byte
//! for byte, and a changed one stands where the old one stood, under its comment and in its quotes.
//! That is what makes a document as good as the file it was made of, and it is proved before a file
//! becomes one ([`Read::of`]).
//!
//! Keys and certificates are looked into as far as it takes to say what is wrong with them. Nothing
//! here runs what a file says, expands it, or opens another file because of it; and no error repeats
//! anything of a file but the number of a line.

pub mod ansible_vault;
pub mod certificate;
mod der;
pub mod dotenvx;
mod finding;
mod format;
mod in_clear;
mod inventory;
mod kind;
mod layout;
mod node;
pub mod open_age;
mod pem;
pub mod private_key;
mod prose;
mod read;
pub mod request;
pub mod sops;
pub mod suspect;

pub use ansible_vault::Passwords;
pub use finding::{Finding, Matter};
pub use format::{Ansible, Dotenv, Json, Tree};
pub use format::{Format, Unprintable, named as format_named, within as format_within};
pub use in_clear::{InClear, in_hooks};
pub use inventory::{Envelope, INVENTORY, Inventory, Record, Told};
pub use kind::{Kind, recognise};
pub use layout::{Layout, Step};
pub use node::Node;
pub use pem::{Block, blocks};
pub use prose::looks_random;
pub use read::{Read, Value, entries_of};

/// Where a file stops to read as what it seems to be, and why. It repeats nothing of the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The line, from 1, where there is one.
    pub line: Option<usize>,
    /// What is the case there.
    pub why: String,
}

impl Fault {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self {
            line: None,
            why: why.into(),
        }
    }

    pub(crate) fn at(line: usize, why: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            why: why.into(),
        }
    }
}

#[cfg(test)]
mod tests;

/// The deepest that lists and tables may lie in one another. Real configuration has five.
pub(crate) const DEEPEST: usize = 64;
