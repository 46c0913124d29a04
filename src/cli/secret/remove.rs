//! `clws secret remove`: takes a secret out, leaving a tombstone.

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::{SecretName, SecretPath};

/// Remove a value or a sealed file
///
/// A signed tombstone stays, so that an old branch does not bring the value back unseen. History
/// still holds the sealed value: give a new value where it was in use.
#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// The secrets
    #[arg(required = true)]
    paths: Vec<SecretPath>,
}

pub(crate) fn run(args: &RemoveArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let secrets: Result<Vec<_>, _> = args
        .paths
        .iter()
        .map(|path| vault.find_secret(path))
        .collect();
    let secrets = secrets?;
    let names: Vec<String> = secrets.iter().map(ToString::to_string).collect();
    super::warn_of_hooks(cx, &vault, &names)?;
    cx.ui
        .confirm(&format!("remove {}?", crate::text::list(&names)))?;
    cx.change(&vault, "secret remove", |change| {
        for secret in &secrets {
            match secret {
                SecretName::Value(document, name) => change.remove(document, name, None)?,
                SecretName::File(file) => change.remove_file(file, None)?,
            }
        }
        Ok(())
    })?;
    cx.ui.say(&format!("removed {}", crate::text::list(&names)));
    Ok(())
}
