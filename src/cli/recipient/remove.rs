//! `clws recipient remove`: somebody leaves.

use clap::Args;

use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::error::Error;
use crate::fleet::boot_key;
use crate::membership::Rules;
use crate::name::PartyName;
use crate::recipients::Kind;

/// Take a party out: it reads, writes and decides nothing any more
///
/// In one step: the rules without it, a new data key for each document that it could open, everything in
/// them sealed and signed anew for those who stay. What it could read is marked as exposed until it gets a
/// new value, since git's history stays readable to whoever could read it. Numbers stay, so no component
/// is deployed again because of it.
#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Its name
    name: PartyName,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &RemoveArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    rules::demand_signed(&vault)?;
    let mut new = rules::accepted(&vault)?;
    let leaves = new.parties()?.into_values();
    let leaves = leaves.filter(|party| party.name == args.name && party.kind == Kind::Host);
    for host in leaves {
        let name = &host.name;
        let undo = match boot_key(&host) {
            Some(_) => format!(", and `clws host prepare {name} --undo`"),
            None => String::new(),
        };
        cx.ui.warn(&format!(
            "what was deployed to {name} goes on there, with its secrets: `clws deploy --on {name} --stop`{undo} first"
        ));
    }
    new.remove_party(&args.name)?;
    for host in behind(&new, &args.name)? {
        cx.ui.warn(&format!(
            "{host} is reached through {}: nothing can be deployed to it until recipients/{host}.toml has another \
             `jump`, or none",
            args.name
        ));
    }
    rules::change(cx, &vault, &new, &[], Run::from(args.dry_run))
}

/// The hosts that are reached through another one.
fn behind(rules: &Rules, jump: &PartyName) -> Result<Vec<PartyName>, Error> {
    let parties = rules.parties()?.into_values();
    let behind = parties.filter(|party| party.jump.as_deref() == Some(jump.as_str()));
    Ok(behind.map(|party| party.name).collect())
}
