//! `clws secret adopt`: a writer vouches.

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::{SecretName, SecretPath};
use crate::text::{clean_line, list};
use crate::vault::{Adopted, VaultError};

/// Take over a value that counts only if a writer says so
///
/// One that was handed in by somebody who cannot read here, one that was added on a branch while the
/// document's key was changed, or one whose signer may not write here any more. It is sealed and signed anew
/// by you. One that was handed in for another value than the one that is there now is asked about on a terminal,
/// whatever `--yes` says: it may have been put back.
#[derive(Args, Debug)]
pub(crate) struct AdoptArgs {
    /// The value, as `scope/document/name`
    path: SecretPath,
    /// Throw away what was handed in
    #[arg(long)]
    drop: bool,
}

pub(crate) fn run(args: &AdoptArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let (path, name) = match vault.find_secret(&args.path)? {
        SecretName::Value(path, name) => (path, name),
        SecretName::File(path) => {
            let why = "a sealed file is taken over by setting it again".to_owned();
            return Err(VaultError::Clash {
                path: path.to_string(),
                why,
            }
            .into());
        }
    };
    if args.drop {
        let by = cx.change(&vault, "secret adopt", |change| {
            change.drop_submission(&path, &name)
        })?;
        cx.ui.say(&format!(
            "threw away what {by} had handed in for {path}/{name}"
        ));
        return Ok(());
    }
    let handed_in = vault.handed_in(&path, &name)?;
    let signer = match &handed_in {
        Some(_) => None,
        None => {
            vault.demand_there(&path, &name)?;
            vault.said_signer(&path, &name)?
        }
    };
    let question = match (&handed_in, signer) {
        (Some(one), _) => format!(
            "vouch for `{path}/{name}` as {} handed it in at {}?",
            clean_line(&one.by),
            one.at
        ),
        (None, Some(signer)) => format!("vouch for `{path}/{name}`, {signer}?"),
        (None, None) => format!("vouch for `{path}/{name}` as it lies there?"),
    };
    let stale = handed_in.and_then(|one| one.stale);
    match &stale {
        // It may be one that was taken over before, and was put back.
        Some(why) => {
            cx.ui.tell(why);
            cx.ui
                .confirm_in_person("to take over an older one", &question)?;
        }
        None => cx.ui.confirm(&question)?,
    }
    let adopted = cx.change(&vault, "secret adopt", |change| {
        match change.adopt_submission(&path, &name, stale.is_some())? {
            Some(handed_in) => Ok(handed_in),
            None => change.adopt(&path, &name),
        }
    })?;
    cx.ui.say(&match adopted {
        Adopted::Counts => format!("{path}/{name} counts as it is"),
        Adopted::Resealed { left } if left.is_empty() => {
            format!("{path}/{name} is sealed under the current key")
        }
        Adopted::Resealed { left } => format!(
            "{path}/{name} is sealed under the current key; {} could read it: give it a new value",
            list(&left)
        ),
        Adopted::HandedIn { by, left } if left.is_empty() => {
            format!("{path}/{name} is what {by} handed in, sealed and signed by you")
        }
        Adopted::HandedIn { by, left } => format!(
            "{path}/{name} is what {by} handed in, sealed and signed by you; {} could read it: give it a new value",
            list(&left)
        ),
        Adopted::Vouched { signer } => {
            format!("{path}/{name}, {signer}, is now signed by you")
        }
    });
    Ok(())
}
