//! Seals a plaintext tree: what a team had before it had a vault.
//!
//! A [`Source`] is a folder or one file. [`plan`] goes through it, reads what it understands, and
//! gives for each file what becomes of it, under which name, and what is worth knowing; nothing is
//! written. [`Plan::compare`] holds the plan against what the vault has: equal values are left as
//! they are, others are never overwritten. [`Plan::seal`] puts all of it into one change,
//! [`Plan::verify`] opens everything again from the disk and compares it with the source, and only
//! what was verified can be [`shred`]ded.
//!
//! What a file is its name *and* its content say; one [`Importer`] a kind, one file each. So far
//! there is one, for dotenv files. Every other file is sealed whole, byte for byte and with its mode:
//! certificates and public keys too, which need no seal, but lose nothing by it. Links are never
//! followed, and no plaintext is written anywhere.

mod compare;
mod dotenv;
mod error;
mod finding;
mod gather;
mod names;
mod plan;
mod scope;
mod seal;
mod source;
mod verify;

use crate::name::ValueName;
use crate::secret::Plain;

pub use error::ImportError;
pub use finding::{Finding, Matter};
pub use gather::plan;
pub use plan::{Action, Item, Plan};
pub use source::Source;
pub use verify::{Shredded, Verified, shred};

/// A file that may be of some kind.
struct Candidate<'a> {
    /// Its name, without folders.
    name: &'a str,
    /// Its first bytes, at most [`source::HEAD`].
    head: &'a [u8],
}

/// One kind of file that is understood.
trait Importer: Sync {
    /// What plans call it.
    fn kind(&self) -> &'static str;

    /// Whether a file may be of this kind; if so, all of it is read.
    fn claims(&self, file: &Candidate<'_>) -> bool;

    /// What its name gives to the name of the document, part by part: `["rest-server"]` for
    /// `rest-server.env`, nothing for `.env`.
    fn stem<'n>(&self, name: &'n str) -> Vec<&'n str>;

    /// Reads the content, or says why the file must rather be sealed whole. Whatever is in the file
    /// is in the result.
    fn read(&self, content: &[u8]) -> Result<Contents, Finding>;
}

/// All kinds that are understood; the first that claims a file has it.
const IMPORTERS: &[&dyn Importer] = &[&dotenv::Dotenv];

/// What a document is made of.
#[derive(Debug, Default)]
struct Contents {
    /// The values, in the order of the source.
    values: Vec<Value>,
    /// What the document does not hold and must not be lost, as text.
    leftover: Option<Plain>,
    findings: Vec<Finding>,
}

/// One value to be.
#[derive(Debug)]
struct Value {
    name: ValueName,
    plain: Plain,
    /// What may be said about it in the clear.
    note: Option<String>,
}
