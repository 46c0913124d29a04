//! Who decides: the signed history of the rules, and what this machine has seen of it.
//!
//! `recipients/trust/<n>.toml` lists the administrators and the hash of every file of rules, and is
//! signed by the administrators of version n−1. A machine steps from the version that it accepted to
//! the newest, one by one. What it accepted lies outside the repository, as a *pin* with a copy of
//! the rules: a pulled repository can change neither.

mod accepted;
mod chain;
mod error;
mod join;
mod kept;
mod look;
mod order;
mod paths;
mod pin;
mod pin_draft;
mod proposal;
mod register;
mod rules;
mod seen;
mod settings;
#[cfg(test)]
mod tests;
mod version;
mod versions;

pub use accepted::{Accepted, Difference, rule_files, signed_files};
pub use chain::{Expectation, Standing, Trust, open};
pub use error::TrustError;
pub use join::{ALSO_FOLDER, OtherBranch, also_file, chain_to, follow, load_side};
pub use look::look;
pub use order::{LAST, Order, RecordMark, compare, is_far, is_jump};

pub use pin::{HookPin, Pins, Step};
pub use pin_draft::PinDraft;
pub use proposal::{PROPOSAL_FOLDER, Proposal, Proposed, proposal_files};
pub use rules::{Rules, RulesError};
pub use seen::{DocumentPin, FILE_RECORD, PinKey, SeenKind, StagedPins};
pub use settings::{Principal, Rollback, SETTINGS_FILE, SETTINGS_SCHEMA, Settings, SshCertificate};
pub use version::{Draft, IS_NEW, Lacking, TRUST_SCHEMA, Version, version_file};
pub use versions::{newest_number, read_to_verify, read_version};
