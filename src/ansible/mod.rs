//! Ansible's own protocols: the fleet as a dynamic inventory.
//!
//! An inventory names hosts, the groups that Ansible would give them (`prod`, `server`, `prod_server`),
//! and how each is reached by the signed rules; what those leave out is left to the person's own
//! `~/.ssh/config`, as for any other `ssh`. No secret is in it but those that somebody names, and these
//! are marked as no templates.

mod inventory;
mod variables;

pub use inventory::{GroupVariables, Inventory};
pub use variables::{Variables, variables};
