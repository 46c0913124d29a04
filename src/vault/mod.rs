//! What lies under `secrets/`: sealed documents and sealed files, and the way to open and change them.
//!
//! Reading goes one way: [`Vault`] finds the bytes, a [`Document`] gives records, the rules and the
//! pin judge them, the audit log is written, and only then a data key is unwrapped and a value
//! opened ([`Reader`]). Writing goes through a [`Change`]: everything is prepared, opened again and
//! compared, then committed at once, and the pins move last.

mod change;
mod claim;
mod document;
mod error;
mod exception;
mod exposure;
mod file;
mod file_draft;
mod folders;
mod form;
mod give;
mod gone;
mod head;
mod judge;
mod jump;
mod kind;
mod listing;
mod many;
mod missing;
mod one_place;
mod open;
mod open_many;
mod opener;
mod origin;
mod past;
mod peek;
mod pending;
mod pending_file;
mod place;
mod policy;
mod read;
mod record;
mod retired;
mod sealing;
mod sidecar;
mod signer;
mod submission;
mod text;
mod transfer;
mod unseal;
mod usable;
mod vouching;
mod wrap;

pub use change::{Adopted, Change, NewValue, Restored, ToRecipient, Work};
pub use claim::{Claim, refused};
pub use document::{DOCUMENT_SCHEMA, Document};
pub use error::VaultError;
pub use exposure::who_left;
pub use give::verify_given;
pub use head::Head;
pub use judge::{Judged, Notice};
pub use jump::{Jump, Leap, Leaping};
pub use kind::{Literal, MAX_VALUE, ValueType};
pub use listing::{Found, Listed};
pub use many::{Anew, ToSeal};
pub use open::Vault;
pub use open_many::OpenInMemory;
pub use opener::{Login, Opener};
pub use past::{Demand, OldFile, OldValue, Past, Vouched};
pub use peek::Issue;
pub use pending::{Given, Pending};
pub use pending_file::PendingFile;
pub use place::Place;
pub use policy::{Ending, Policy, PolicyKey};
pub use read::{Opened, Reader};
pub use record::{Record, State};
pub use sealing::NewFile;
pub use sidecar::{Content, SIDECAR_SCHEMA, Sidecar};
pub use signer::{Author, KeyInMemory, Signs};
pub use submission::{HandedIn, Submission};
pub use transfer::Transfer;
pub use unseal::OpenedFile;
pub use vouching::SaidSigner;
pub use wrap::Wrap;
