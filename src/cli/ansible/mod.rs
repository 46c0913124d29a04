//! `clws ansible`: what Ansible asks other programs for.

mod inventory;
mod vault_password;

use clap::Subcommand;

use super::context::Context;
use crate::error::{Code, Error, Problem};

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

/// Refuses to print a secret where others may look on.
fn demand_hidden(cx: &Context, show: bool) -> Result<(), Error> {
    if show || !cx.ui.shows_to_terminal() {
        return Ok(());
    }
    Err(Problem::new(
        Code::Denied,
        "stdout is a terminal, where others may look on",
    )
    .hint("`--show` prints it all the same")
    .into())
}
