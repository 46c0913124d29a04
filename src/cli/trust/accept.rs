//! `clws trust accept`: the first use of a vault on a machine; and what was accepted, back in the tree.

use clap::Args;

use crate::cli::context::Context;
use crate::cli::rules;
use crate::error::{Code, Error, Problem};
use crate::fs::{Journal, Lock};
use crate::membership::describe;
use crate::trust::{Standing, Step, Trust, TrustError};
use crate::vault::Vault;

/// Accept this vault on this machine, after comparing its fingerprint
///
/// Whoever can push to the repository can lay another vault there: compare the fingerprint with what an
/// administrator reads to you. Without a terminal, `--expect FINGERPRINT@N` or CLWS_TRUST says what may be
/// accepted. From then on every change of the rules must be signed by those who decided before.
/// Where a version that was accepted is gone from the tree, it is put back with its rules, after a question.
#[derive(Args, Debug)]
pub(crate) struct AcceptArgs {}

pub(crate) fn run(_args: &AcceptArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.sound_vault()?;
    let vault = match vault.trust().standing {
        Standing::Unpinned if cx.ui.can_ask() => cx.first_use(&vault)?,
        Standing::Unpinned => return Err(Trust::first_use_error(vault.tree())?.into()),
        Standing::Current => vault,
        Standing::Older => put_back(cx, vault)?,
        _ => {
            vault.trust().demand_clean(vault.tree())?;
            vault
        }
    };
    demand_expected(cx, &vault)?;
    cx.ui.say(&format!(
        "this machine accepts trust version {} of {}",
        vault.trust().accepted.number(),
        vault.trust().accepted.settings().name,
    ));
    Ok(())
}

/// Refuses a fingerprint of another vault, or of another branch of it: who gives one wants it compared, though it counts
/// for a first use alone.
fn demand_expected(cx: &Context, vault: &Vault) -> Result<(), Error> {
    let Some(expected) = cx.expectation()? else {
        return Ok(());
    };
    let chain = vault.trust().pins.chain()?;
    let is_it = |step: &Step| step.hash == expected.hash || step.joined.contains(&expected.hash);
    if chain.iter().any(is_it) {
        return Ok(());
    }
    let why = "this machine accepted this vault before, and never a version of the fingerprint that is expected";
    Err(Problem::new(Code::Trust, why)
        .hint("`clws trust show` prints what it accepted; an administrator's says which is right")
        .into())
}

/// Puts the accepted versions and rules back into a tree that lost them, if this machine kept them.
fn put_back(cx: &Context, vault: Vault) -> Result<Vault, Error> {
    let (trust, tree) = (vault.trust(), vault.tree());
    if trust.way_back(tree)?.is_none() {
        trust.demand_clean(tree)?;
    }
    cx.ui.tell(&trust.older(tree)?.to_string());
    cx.ui
        .tell("what is not committed of it may lie nowhere else; its rules change the tree's:");
    for line in describe(&rules::in_tree(&vault)?, &rules::accepted(&vault)?)? {
        cx.ui.tell(&format!("  {line}"));
    }
    let question = format!(
        "put trust version {} back into the tree, with its rules?",
        trust.accepted.number()
    );
    cx.ui.confirm(&question)?;
    let _lock = Lock::take(&trust.pins.lock_file(), "trust accept")?;
    let journal = Journal::at(trust.pins.journal_file());
    journal.begin(tree)?;
    // The way back goes by what was accepted when the question was asked.
    if u64::try_from(trust.pins.chain()?.len()).ok() != Some(trust.accepted.number()) {
        return Err(TrustError::Moved.into());
    }
    let edits = trust.way_back(tree)?.ok_or(TrustError::Moved)?;
    journal.commit(tree, &cx.world, edits)?;
    journal.end();
    cx.ui
        .say("next: `clws check` names what does not follow these rules yet; then commit them");
    cx.sound_vault()
}
