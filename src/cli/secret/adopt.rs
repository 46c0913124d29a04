//! `clws secret adopt`: a writer vouches.

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::{SecretName, SecretPath};
use crate::text::list;
use crate::vault::{Adopted, VaultError};

/// Take over a value that counts only if a writer says so
///
/// One that was handed in by somebody who cannot read here, one that was added on a branch while the
/// document's key was changed, or one whose signer may not write here any more. It is sealed and signed anew
/// by you.
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
    cx.ui
        .confirm(&format!("vouch for `{path}/{name}` as it lies there?"))?;
    let adopted = cx.change(&vault, "secret adopt", |change| {
        match change.adopt_submission(&path, &name)? {
            Some(submitted) => Ok(Err(submitted)),
            None => change.adopt(&path, &name).map(Ok),
        }
    })?;
    let adopted = match adopted {
        Ok(adopted) => adopted,
        Err((by, notice)) => {
            notice.iter().for_each(|notice| cx.ui.warn(notice));
            cx.ui.say(&format!(
                "{path}/{name} is what {by} handed in, sealed and signed by you"
            ));
            return Ok(());
        }
    };
    cx.ui.say(&match adopted {
        Adopted::Counts => format!("{path}/{name} counts as it is"),
        Adopted::Resealed { left } if left.is_empty() => {
            format!("{path}/{name} is sealed under the current key")
        }
        Adopted::Resealed { left } => format!(
            "{path}/{name} is sealed under the current key; {} could read it: give it a new value",
            list(&left)
        ),
        Adopted::Vouched { signer } => {
            format!("{path}/{name}, signed by {signer}, is now signed by you")
        }
    });
    Ok(())
}
