//! Founding a vault, and changing who may do what in it.
//!
//! The rules are files: `clws.toml`, the parties, `access.toml`. A change of them is a new set of
//! files, checked as a whole, described in people's terms, signed as the next trust version, and
//! committed together with the wraps that it makes necessary.

mod concern;
mod describe;
mod found;
mod join;
mod party;
mod sign;

pub use crate::trust::{Rules, RulesError};
pub use concern::{Concern, concerned};
pub use describe::{OfHost, Said, describe, describe_council, describe_each};
pub use found::{Founding, demand_no_vault, found};
pub use join::{Joined, join};
pub use sign::{
    Council, Next, Signed, begun, demand_administrator, demand_decider, last_version, next_version,
    sign_rules,
};
