//! `clws trust accept`: the first use of a vault on a machine.

use clap::Args;

use crate::cli::context::Context;
use crate::error::{Code, Error, Problem};
use crate::text::{in_words, list};
use crate::trust::{Expectation, Standing, Trust, newest_number, read_version};
use crate::vault::Vault;

/// Accept this vault on this machine, after comparing its fingerprint
///
/// Whoever can push to the repository can lay another vault there: compare the fingerprint with what an
/// administrator reads to you. Without a terminal, `--expect FINGERPRINT@N` or CLWS_TRUST says what may be
/// accepted. From then on every change of the rules must be signed by those who decided before.
#[derive(Args, Debug)]
pub(crate) struct AcceptArgs {}

pub(crate) fn run(_args: &AcceptArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.sound_vault()?;
    let vault = match vault.trust().standing {
        Standing::Unpinned if cx.ui.can_ask() => accept(cx, &vault)?,
        Standing::Unpinned => return Err(Trust::first_use_error(vault.tree())?.into()),
        Standing::Current => vault,
        _ => {
            vault.trust().demand_clean(vault.tree())?;
            vault
        }
    };
    cx.ui.say(&format!(
        "this machine accepts trust version {} of {}",
        vault.trust().accepted.number(),
        vault.trust().accepted.settings().name,
    ));
    Ok(())
}

/// Shows what a first use would trust and asks. `--yes` does not answer.
pub(crate) fn accept(cx: &Context, vault: &Vault) -> Result<Vault, Error> {
    let version = read_version(vault.tree(), newest_number(vault.tree())?)?;
    let admins: Vec<String> = version.admins.keys().map(ToString::to_string).collect();
    let fingerprint = version.fingerprint();
    let hash = version.hash;
    cx.ui.tell("this machine has not seen this vault before");
    cx.ui.tell(&format!(
        "it is decided by {}; its rules are version {}, with the fingerprint",
        list(&admins),
        version.number
    ));
    cx.ui.tell(&format!("  {fingerprint}@{}", version.number));
    for row in in_words(&hash).chunks(8) {
        cx.ui.tell(&format!("  {}", row.join(" ")));
    }
    let question = "does an administrator's `clws trust show` say the same? [y/N] ";
    match cx.ui.question(question)?.trim() {
        "y" | "Y" | "yes" => cx.accepting(&Expectation {
            hash,
            number: version.number,
        }),
        _ => Err(
            Problem::new(Code::Trust, "the vault was not accepted; nothing was done")
                .hint("ask an administrator for the fingerprint")
                .into(),
        ),
    }
}
