//! `clws secret`: the values and files of a vault.

mod accept;
mod adopt;
mod diff;
mod edit;
mod generate;
mod get;
mod history;
mod list;
mod policy;
mod remove;
mod restore;
mod set;
mod transfer;

use std::process::ExitCode;

use clap::{Args as _, Subcommand};

use crate::deploy::Users;
use crate::error::Error;
use crate::name::DocumentPath;
use crate::text::list;
use crate::vault::{Transfer, Vault, VaultError};

use super::context::Context;

/// A verb, and what adds its arguments.
type Verb = (&'static str, fn(clap::Command) -> clap::Command);

/// What each verb takes, for one alone: all of them built are 30 pages of memory.
pub(super) const VERBS: &[Verb] = &[
    ("list", list::ListArgs::augment_args),
    ("get", get::GetArgs::augment_args),
    ("set", set::SetArgs::augment_args),
    ("generate", generate::GenerateArgs::augment_args),
    ("edit", edit::EditArgs::augment_args),
    ("remove", remove::RemoveArgs::augment_args),
    ("move", transfer::TransferArgs::augment_args),
    ("copy", transfer::TransferArgs::augment_args),
    ("policy", policy::PolicyArgs::augment_args),
    ("history", history::HistoryArgs::augment_args),
    ("diff", diff::DiffArgs::augment_args),
    ("adopt", adopt::AdoptArgs::augment_args),
    ("restore", restore::RestoreArgs::augment_args),
    ("accept", accept::AcceptArgs::augment_args),
];

/// List, read and change secrets
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(list::ListArgs),
    Get(get::GetArgs),
    Set(set::SetArgs),
    Generate(generate::GenerateArgs),
    Edit(edit::EditArgs),
    Remove(remove::RemoveArgs),
    /// Give a secret another name
    ///
    /// It is sealed anew under the new one, to the readers there; type, mode, policy, age and author
    /// stay. A signed tombstone says where it went. What is there already is never replaced.
    Move(transfer::TransferArgs),
    /// Seal a secret under another name as well
    ///
    /// Type, mode, policy, age and author go along. What is there already is never replaced.
    Copy(transfer::TransferArgs),
    Policy(policy::PolicyArgs),
    History(history::HistoryArgs),
    Diff(diff::DiffArgs),
    Adopt(adopt::AdoptArgs),
    Restore(restore::RestoreArgs),
    Accept(accept::AcceptArgs),
}

pub(crate) fn run(command: &Command, cx: &Context) -> Result<ExitCode, Error> {
    match command {
        Command::List(args) => list::run(args, cx),
        Command::Get(args) => get::run(args, cx),
        Command::Set(args) => set::run(args, cx),
        Command::Generate(args) => generate::run(args, cx),
        Command::Edit(args) => edit::run(args, cx),
        Command::Remove(args) => remove::run(args, cx),
        Command::Move(args) => transfer::run(args, Transfer::Move, cx),
        Command::Copy(args) => transfer::run(args, Transfer::Copy, cx),
        Command::Policy(args) => policy::run(args, cx),
        Command::History(args) => history::run(args, cx),
        Command::Diff(args) => return diff::run(args, cx),
        Command::Adopt(args) => adopt::run(args, cx),
        Command::Restore(args) => restore::run(args, cx),
        Command::Accept(args) => accept::run(args, cx),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// Why a value cannot have a document's path: it has a name below it, also in a document that is yet to be.
fn no_value_yet(vault: &Vault, document: &DocumentPath, command: &str) -> Error {
    match vault.tree().exists(&document.to_file()) {
        Ok(true) => VaultError::IsDocument(document.to_string()).into(),
        Ok(false) => super::usage(format!(
            "`{document}` would be a document, and a value in it needs a name"
        ))
        .hint(format!("{command} {document}/NAME"))
        .into(),
        Err(error) => error.into(),
    }
}

/// Says which hooks name what is about to go.
fn warn_of_hooks(cx: &Context, vault: &Vault, names: &[String]) -> Result<(), Error> {
    let users = Users::of(vault)?;
    for name in names {
        let hooks = users.of_secret(name);
        if !hooks.is_empty() {
            cx.ui.warn(&format!(
                "`{name}` is named by the hooks of {}: no deploy takes these until they name another one",
                list(&hooks)
            ));
        }
    }
    Ok(())
}

/// Why a value cannot have the path of a scope or a folder.
fn more_is_wanted(path: &str, command: &str) -> Error {
    let (what, rest) = match path.contains('/') {
        true => ("folder", "NAME"),
        false => ("scope", "DOCUMENT/NAME"),
    };
    super::usage(format!("`{path}` is a {what}"))
        .hint(format!("{command} {path}/{rest}"))
        .into()
}
