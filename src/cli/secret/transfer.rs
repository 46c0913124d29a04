//! `clws secret move` and `copy`: a secret under another name.

use std::collections::BTreeSet;

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::{PartyName, SecretName, SecretPath};
use crate::text::list;
use crate::vault::{Found, Transfer, Vault, VaultError};

/// Which secret, and where to.
#[derive(Args, Debug)]
pub(crate) struct TransferArgs {
    /// The secret
    from: SecretPath,
    /// Its new path, or a document or folder to keep its name in
    to: SecretPath,
}

pub(crate) fn run(args: &TransferArgs, how: Transfer, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let found = vault.find_secret(&args.from);
    let from = found.map_err(|error| one_by_one(error, &args.to, how))?;
    let to = destination(&vault, (&args.from, &from), &args.to, how)?;
    if how == Transfer::Move {
        super::warn_of_hooks(cx, &vault, &[from.to_string()])?;
    }
    ask_about_readers(&vault, cx, &from, &to)?;
    let (what, done) = match how {
        Transfer::Copy => ("secret copy", "copied"),
        Transfer::Move => ("secret move", "moved"),
    };
    let notices = cx.change(&vault, what, |change| change.transfer(&from, &to, how))?;
    for notice in notices {
        cx.ui.warn(&notice);
    }
    cx.ui.say(&format!("{done} {from} to {to}"));
    Ok(())
}

fn verb(how: Transfer) -> &'static str {
    match how {
        Transfer::Copy => "copy",
        Transfer::Move => "move",
    }
}

/// A document has no name of its own that it could be given another for: each of its values has.
fn one_by_one(error: Error, to: &SecretPath, how: Transfer) -> Error {
    let Some(VaultError::IsDocument(from)) = error.downcast_ref::<VaultError>() else {
        return error;
    };
    let verb = verb(how);
    crate::cli::usage(error.message())
        .hint(format!("`clws secret list {from}` shows them"))
        .hint(format!(
            "each by itself: `clws secret {verb} {from}/NAME {to}/NAME`"
        ))
        .into()
}

/// The new name: what was typed, with the old last part where that is a document or a folder. A value
/// stays a value and a file a file, also where nothing tells yet what the new path is.
fn destination(
    vault: &Vault,
    (typed, from): (&SecretPath, &SecretName),
    to: &SecretPath,
    how: Transfer,
) -> Result<SecretName, Error> {
    match (vault.find(to)?, from) {
        (Found::Value(document, name), SecretName::Value(..)) => {
            Ok(SecretName::Value(document, name))
        }
        (Found::Document(document), SecretName::Value(_, name))
            if vault.tree().exists(&document.to_file())? =>
        {
            Ok(SecretName::Value(document, name.clone()))
        }
        (Found::Document(document), SecretName::Value(..)) => {
            let command = format!("clws secret {} {typed}", verb(how));
            Err(super::no_value_yet(vault, &document, &command))
        }
        (Found::Folder(folder), SecretName::File(file)) => Ok(SecretName::File(
            format!("{folder}/{}", file.name()).parse()?,
        )),
        (Found::Folder(folder), SecretName::Value(..)) => {
            Err(crate::cli::usage(format!("`{folder}` is a folder, and `{from}` a value")).into())
        }
        (_, SecretName::File(_)) => Ok(SecretName::File(to.as_str().parse()?)),
        (Found::File(file), SecretName::Value(..)) => Ok(SecretName::File(file)),
    }
}

/// A move can give a secret to people who could not read it: that is asked about.
fn ask_about_readers(
    vault: &Vault,
    cx: &Context,
    from: &SecretName,
    to: &SecretName,
) -> Result<(), Error> {
    let readers = |secret: &SecretName| -> BTreeSet<PartyName> {
        let rights = vault.rights(secret.ruled_path());
        rights.map(|rights| rights.readers).unwrap_or_default()
    };
    let (were, will) = (readers(from), readers(to));
    let gain: Vec<&PartyName> = will.difference(&were).collect();
    if gain.is_empty() {
        return Ok(());
    }
    cx.ui.confirm(&format!(
        "{} could not read `{from}`, and will read `{to}`: go on?",
        list(&gain)
    ))
}
