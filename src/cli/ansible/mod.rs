//! `clws ansible`: what Ansible asks other programs for.

mod inventory;
mod vault_password;

use clap::Subcommand;

use super::context::Context;
use crate::error::Error;

/// Ansible's own protocols: the fleet as a dynamic inventory, a client for vault passwords
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Inventory(inventory::InventoryArgs),
    VaultPassword(vault_password::VaultPasswordArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<(), Error> {
    match command {
        Command::Inventory(args) => inventory::run(args, cx),
        Command::VaultPassword(args) => vault_password::run(args, cx),
    }
}
