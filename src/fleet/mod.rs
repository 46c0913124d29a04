//! The hosts of the fleet.

mod host;

pub use host::{FleetError, Host, Reach, hosts};
