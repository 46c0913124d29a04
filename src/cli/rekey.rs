//! `clws rekey`: new data keys.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::cli::{resealing, usage};
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, PartyName, SecretPath};
use crate::recipients::Rights;
use crate::text::list;
use crate::vault::{Document, Found, Listed, Sidecar, Vault};

/// Seal documents and files anew under new data keys, for those whom the rules list
///
/// For what somebody could open whom the rules do not list any more, and for a data key that got out.
/// Values, their age, numbers and authors stay; you sign them. What others could open is marked as exposed
/// until it gets a new value: git's history stays readable to them.
#[derive(Args, Debug)]
pub(crate) struct RekeyArgs {
    /// Scopes, documents, folders or files; all of the vault without one
    paths: Vec<SecretPath>,
    /// Show what would be sealed anew, and touch nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &RekeyArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    vault.trust().demand_clean(vault.tree())?;
    let mut items = BTreeSet::new();
    match args.paths.as_slice() {
        [] => items.extend(vault.list(None)?),
        paths => {
            for path in paths {
                let listed = vault.list(Some(path.as_str()))?;
                if listed.is_empty() {
                    return Err(no_document(&vault, path)?);
                }
                items.extend(listed);
            }
        }
    }
    if items.is_empty() {
        cx.ui.say("there is nothing to seal anew");
        return Ok(());
    }
    let mut plan = Vec::new();
    for item in items {
        let others = match &item {
            Listed::Document(path) => strangers(&vault, path)?,
            Listed::File(path) => strangers_of_file(&vault, path)?,
        };
        plan.push((item, others));
    }
    let mut same: BTreeMap<&[PartyName], Vec<&str>> = BTreeMap::new();
    for (item, others) in &plan {
        same.entry(others).or_default().push(item.path());
    }
    for (others, paths) in same {
        let gone = match others {
            [] => String::new(),
            others => format!(", which {} can open", list(others)),
        };
        for path in rules::named(&paths, Run::from(args.dry_run)) {
            cx.ui.say(&format!("{path}{gone}"));
        }
    }
    if args.dry_run {
        return Ok(());
    }
    cx.ui.confirm("seal all of this anew, under new keys?")?;
    let notices = cx.change(&vault, "rekey", |change| {
        resealing::watch(change, &vault, &cx.ui, plan.iter().map(|(item, _)| item))?;
        let mut notices = Vec::new();
        let mut files = Vec::new();
        for (item, others) in &plan {
            match item {
                Listed::Document(path) => notices.extend(change.rekey(path, &vault, others)?),
                Listed::File(path) => files.push((path, others.as_slice())),
            }
        }
        for sealed in change.rekey_files(&files, &vault)? {
            sealed?;
        }
        Ok(notices)
    })?;
    notices.iter().for_each(|notice| cx.ui.warn(notice));
    cx.ui.say("sealed all of it anew");
    Ok(())
}

/// Why there is no data key of a path: it is a value's, or nothing's.
fn no_document(vault: &Vault, path: &SecretPath) -> Result<Error, Error> {
    let Found::Value(document, name) = vault.find(path)? else {
        return Ok(vault.missing(path).into());
    };
    vault.demand_there(&document, &name)?;
    let why =
        format!("`{path}` is a value, and `{document}` has one data key for all of its values");
    Ok(usage(why)
        .hint(format!("clws rekey {document}"))
        .hint(format!(
            "a new value is made by `clws rotate {path}` or `clws secret set {path}`"
        ))
        .into())
}

/// Who has a wrap in a document and is no reader by the rules.
fn strangers(vault: &Vault, path: &DocumentPath) -> Result<Vec<PartyName>, Error> {
    let bytes = vault.tree().read(&path.to_file(), MAX_FILE)?;
    let bytes = bytes.unwrap_or_default();
    let document = Document::parse(&bytes, path, vault.id())?;
    let rights = vault.rights(path.as_str())?;
    let wraps = document.wraps()?;
    Ok(beyond(&rights, wraps.iter().map(|wrap| wrap.party())))
}

/// To whom a file is sealed that the rules do not list.
fn strangers_of_file(vault: &Vault, path: &FilePath) -> Result<Vec<PartyName>, Error> {
    let Some(bytes) = vault.tree().read(&path.to_sidecar(), MAX_FILE)? else {
        return Ok(Vec::new());
    };
    let sidecar = Sidecar::parse(&bytes, path)?;
    let rights = vault.rights(path.as_str())?;
    Ok(beyond(&rights, sidecar.readers.iter().map(String::as_str)))
}

/// Those of some parties that are no readers by the rules, each once.
fn beyond<'n>(rights: &Rights, parties: impl Iterator<Item = &'n str>) -> Vec<PartyName> {
    let named = parties.filter_map(|party| party.parse().ok());
    let strangers: BTreeSet<PartyName> = named
        .filter(|party| !rights.readers.contains(party))
        .collect();
    strangers.into_iter().collect()
}
