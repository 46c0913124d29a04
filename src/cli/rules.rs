//! One way to change the rules: show what differs, ask once, sign, wrap and commit in one step.

use crate::cli::context::{Context, as_openers, as_signers};
use crate::error::{Code, Error};
use crate::membership::{Rules, concerned, describe, orphaned, sign_rules};
use crate::recipients::PublicRecipient;
use crate::trust::Trust;
use crate::vault::{Change, Listed, Vault};

/// Whether a command only shows its plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Run {
    /// The plan alone.
    Dry,
    /// All of it.
    Real,
}

impl From<bool> for Run {
    fn from(dry: bool) -> Self {
        if dry { Self::Dry } else { Self::Real }
    }
}

/// The rules as they lie in the working tree.
pub(crate) fn in_tree(vault: &Vault) -> Result<Rules, Error> {
    Ok(Rules::new(Trust::files(vault.tree())?))
}

/// The rules that this machine accepted.
pub(crate) fn accepted(vault: &Vault) -> Result<Rules, Error> {
    Ok(Rules::new(vault.trust().accepted.files()?))
}

/// Refuses a command that would sign more than it says: what lies unsigned in the tree.
pub(crate) fn demand_signed(vault: &Vault) -> Result<(), Error> {
    Ok(vault.trust().demand_clean(vault.tree())?)
}

/// Carries a change of rules out.
///
/// `notes` is shown with the plan. Documents whose readers change get their wraps, files are sealed
/// anew, as far as this person can; what is left is said.
pub(crate) fn change(
    cx: &Context,
    vault: &Vault,
    new: &Rules,
    notes: &[String],
    run: Run,
) -> Result<(), Error> {
    new.check()?;
    let old = accepted(vault)?;
    let differences = describe(&old, new)?;
    let concerned = concerned(vault, &old, new)?;
    let orphaned = orphaned(vault, &old, new)?;
    if differences.is_empty() && concerned.is_empty() {
        cx.ui.say("nothing to change: the rules say so already");
    }
    for line in differences.iter().chain(notes) {
        cx.ui.say(line);
    }
    for item in &concerned {
        let what = match item {
            Listed::Document(_) => "wrap its key anew",
            Listed::File(_) => "seal it anew",
        };
        cx.ui.say(&format!("  {}: {what}", item.path()));
    }
    for item in &orphaned {
        cx.ui.say(&format!(
            "  {}: sign again what would no longer count",
            item.path()
        ));
    }
    if run == Run::Dry {
        return Ok(());
    }
    if !differences.is_empty() {
        cx.ui.confirm("sign this as the next trust version?")?;
    }
    let bundles = cx.bundles()?;
    let (mine, keys) = (cx.openers(&bundles), cx.signers(vault, &bundles)?);
    let (openers, signers) = (as_openers(&mine), as_signers(&keys));
    let signed = if differences.is_empty() {
        None
    } else {
        Some(sign_rules(vault, new, &signers)?)
    };
    let number = signed
        .as_ref()
        .map_or(vault.trust().accepted.number(), |signed| signed.number);
    let under = vault.under(new.files().clone(), number)?;
    let author = under.author(&signers)?;
    let to_recipient = |recipient: &PublicRecipient| cx.to_recipient(recipient);
    let mut change = Change::begin(&under, &author, &openers, &to_recipient, "rules")?;
    let mut left = Vec::new();
    for item in &orphaned {
        let done = match item {
            Listed::Document(path) => change.vouch(path, vault).map(drop),
            Listed::File(path) => change.vouch_file(path, vault).map(drop),
        };
        match done {
            Ok(()) => {}
            Err(error) if matches!(error.code(), Code::NoKey | Code::Trust | Code::Auth) => {
                cx.ui.warn(&format!(
                    "{} has signatures that count for nothing from now on: {}",
                    item.path(),
                    error.message()
                ));
            }
            Err(error) => return Err(error),
        }
    }
    for item in &concerned {
        let done = match item {
            Listed::Document(path) => change.wrap_for_readers(path).map(drop),
            Listed::File(path) => change.reseal_file(path),
        };
        match done {
            Ok(()) => {}
            // Somebody who can will do it: a right that is given counts from the signature on.
            Err(error) if matches!(error.code(), Code::NoKey | Code::Trust) => {
                left.push((item.path().to_owned(), error.message()));
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(signed) = signed {
        change.with_rules(signed.edits, signed.hash);
    }
    change.commit()?;
    if !differences.is_empty() {
        cx.ui.say(&format!("signed trust version {number}"));
    }
    for (path, why) in left {
        cx.ui
            .warn(&format!("{path} is not wrapped for everybody yet: {why}"));
    }
    Ok(())
}
