//! `clws recipient update`: more keys for a party.

use std::path::PathBuf;

use clap::Args;

use super::add::{add_keys, from_file};
use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::error::Error;
use crate::name::PartyName;

/// Add keys to a party: a second machine, an offline recovery key
///
/// Documents that the party reads are wrapped for the new key in the same step. Keys are not taken
/// away here, since that makes a new data key for each document.
#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    /// Its name
    name: PartyName,
    /// A party file with the keys to add; `-` for stdin
    file: Option<PathBuf>,
    /// A public key to seal to, `age1…`
    #[arg(long, value_name = "RECIPIENT", required_unless_present_any = ["file", "sign_key"])]
    age: Vec<String>,
    /// An OpenSSH Ed25519 public key that it signs with
    #[arg(long, value_name = "PUBLIC-KEY")]
    sign_key: Vec<String>,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &UpdateArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    rules::demand_signed(&vault)?;
    let mut new = rules::accepted(&vault)?;
    let mut party = new.party(&args.name)?;
    let (mut age, mut sign) = (args.age.clone(), args.sign_key.clone());
    if let Some(file) = &args.file {
        let more = from_file(&args.name, file)?;
        age.extend(
            more.recipients
                .iter()
                .map(|recipient| recipient.key.to_string()),
        );
        sign.extend(more.signing.iter().map(|signing| signing.key.to_string()));
        for host_key in more.host_keys {
            if party
                .host_keys
                .iter()
                .all(|known| known.key != host_key.key)
            {
                party.host_keys.push(host_key);
            }
        }
    }
    add_keys(&mut party, &age, &sign)?;
    new.set_party(&party);
    rules::change(cx, &vault, &new, &[], Run::from(args.dry_run))
}
