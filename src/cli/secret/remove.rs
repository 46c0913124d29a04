//! `clws secret remove`: takes a secret out, leaving a tombstone.

use clap::Args;

use crate::cli::context::Context;
use crate::error::{Error, Problem};
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, SecretName, SecretPath};
use crate::vault::{Document, State, Vault, VaultError};

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
    let secrets = secrets.map_err(|error| of_a_document(&vault, error))?;
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

/// An error about a document says how all of its values go.
fn of_a_document(vault: &Vault, error: Error) -> Error {
    /// More values than this are named by the list.
    const MANY: usize = 8;
    let Some(VaultError::IsDocument(path)) = error.downcast_ref::<VaultError>() else {
        return error;
    };
    let all = match path.parse().map(|path| values_of(vault, &path)) {
        Ok(Ok(names)) if (1..=MANY).contains(&names.len()) => format!(
            "`clws secret remove {}` removes all of them",
            names.join(" ")
        ),
        _ => "to remove all of them, name each".to_owned(),
    };
    Problem::of(&error).hint(all).into()
}

/// The values that a document has, by their paths.
fn values_of(vault: &Vault, path: &DocumentPath) -> Result<Vec<String>, Error> {
    let bytes = vault
        .tree()
        .read(&path.to_file(), MAX_FILE)?
        .unwrap_or_default();
    let document = Document::parse(&bytes, path, vault.id())?;
    let live = document.records()?.into_iter();
    let live = live.filter(|record| record.state != State::Removed);
    Ok(live
        .map(|record| format!("{path}/{}", record.name))
        .collect())
}
