//! `clws ansible inventory`: the fleet, as Ansible asks for it.

use clap::Args;

use crate::ansible::{GroupVariables, Inventory, variables};
use crate::cli::context::{Context, as_openers};
use crate::error::{Code, Error, Problem};
use crate::fs::Sync;
use crate::name::{PartyName, SecretPath};
use crate::vault::Reader;

/// Print the hosts for Ansible: groups by environment and machine type, how each is reached
///
/// Ansible runs a program that is an inventory with `--list`, so a file of two lines that may be run is
/// one: `#!/bin/sh` and `exec clws ansible inventory "$@"`. No secret is in it, unless `--with` names it:
/// then its hosts have it as a variable, those of `shared` all of them.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["list", "host", "known_hosts"]))]
pub(crate) struct InventoryArgs {
    /// Print all hosts and groups
    #[arg(long)]
    list: bool,
    /// Print the variables of one host
    #[arg(long, value_name = "NAME")]
    host: Option<PartyName>,
    /// Print the recorded host keys, as lines of a known_hosts
    #[arg(long)]
    known_hosts: bool,
    /// Give the values of a document, or one of them, to the hosts of its scope; several times for several. One that
    /// begins with `ansible_` is given only where it is named itself
    #[arg(long, value_name = "PATH", conflicts_with = "known_hosts")]
    with: Vec<SecretPath>,
    /// Print values even when stdout is a terminal
    #[arg(long)]
    show: bool,
}

pub(crate) fn run(args: &InventoryArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let inventory = Inventory::of(&vault)?;
    if args.known_hosts {
        return inventory
            .known_hosts()
            .try_for_each(|line| cx.ui.line(line));
    }
    let mut given = GroupVariables::new();
    if !args.with.is_empty() {
        let instead =
            "`clws exec --file VARS=DOCUMENT -- CMD` puts them into a file for `-e @\"$VARS\"`";
        cx.ui.demand_eyes(args.show.into(), instead)?;
        let bundles = cx.bundles_for(&vault)?;
        let mine = cx.openers(&vault, &bundles);
        let what = "ansible inventory";
        let reader = Reader::new(&vault, as_openers(&mine), what, Sync::Lazy)?.for_programs();
        given = inventory.groups(variables(&vault, &reader, &args.with)?)?;
        for notice in reader.take_notices() {
            cx.ui.warn(&notice);
        }
    }
    let Some(name) = &args.host else {
        return cx.ui.json(&inventory.list(&given));
    };
    let host = inventory.host(name, &given).ok_or_else(|| {
        let hint = match inventory.nearest(name) {
            Some(near) => format!("is `{near}` meant?"),
            None => "`clws host list` shows what there is".to_owned(),
        };
        Problem::new(Code::NotFound, format!("there is no host `{name}`")).hint(hint)
    })?;
    cx.ui.json(&host)
}
