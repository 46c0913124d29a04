//! Seals a plaintext tree: what a team had before it had a vault.
//!
//! A [`Source`] is a folder or one file. [`plan`] goes through it and gives for each file what it is
//! ([`crate::plaintext`]), what becomes of it, under which name, and what is worth knowing; nothing is
//! written. [`Plan::compare`] holds the plan against what the vault has: equal values are left as
//! they are, others are never overwritten. [`Plan::seal`] puts all of it into one change, in which
//! everything is opened again and compared before it counts. [`Plan::verify`] does so once more from the
//! disk, and only what was verified can be [`shred`]ded.
//!
//! A file of values becomes a document only if its values and its layout give it back byte for byte;
//! that was tried before the plan says so. Everything else is sealed whole, with its mode. What is
//! public stays where it is. Links are never followed, nothing in a file is run or expanded, and no
//! plaintext is written anywhere.

mod compare;
mod draft;
mod error;
mod gather;
mod ignore;
mod inventory;
mod names;
mod place;
mod plan;
mod record;
mod scope;
mod seal;
mod source;
mod survey;
mod unseal;
mod verify;

pub use crate::plaintext::{Finding, Matter};
pub use error::ImportError;
pub use gather::{As, Wanted, plan};
pub use ignore::ignore;
pub use plan::{Action, Item, Plan};
pub use source::Source;
pub use unseal::Keys;
pub use verify::{Shredded, Verified, shred};
