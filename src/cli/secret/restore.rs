//! `clws secret restore`: an older value is meant.

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, SecretName, SecretPath};
use crate::text::list;
use crate::trust::Order;
use crate::vault::{Document, Found, Past, Restored, State, Vault, VaultError, Vouched};

/// Issue an older value again as the newest
///
/// After `git revert`, a wrong merge, or where another branch's value won: what lies there is older than
/// what people have seen, and refused. It is sealed and signed anew under the next number, so that every
/// machine agrees. Who gave it and when stays. What a former writer signed is asked about.
/// For a document, everything in it that is older than
/// seen; one of two that branches founded apart becomes the one that counts. One from before its data key or its policy
/// was changed, where the newer one is lost, gets a new data key.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// A value, a sealed file, or a document
    path: SecretPath,
    /// As it was at this commit, branch or tag of git; else as it lies in the tree
    #[arg(long, value_name = "REV")]
    from: Option<String>,
}

const WHAT: &str = "secret restore";

pub(crate) fn run(args: &RestoreArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let past = match &args.from {
        Some(rev) => Past::at(&vault, rev)?,
        None => Past::here(&vault),
    };
    let mut lost = None;
    let names = match past.find(&args.path)? {
        Found::Value(document, name) => vec![SecretName::Value(document, name)],
        Found::File(file) => vec![SecretName::File(file)],
        Found::Document(document) => {
            let why = vault.lost_document(&document)?;
            let is_whole = matches!(
                why,
                Some(VaultError::OlderDocument { .. } | VaultError::OtherBranch { .. })
            );
            lost = why.map(|why| (document.clone(), why));
            match is_whole && args.from.is_none() {
                // All that is older goes with it.
                true => Vec::new(),
                false => differing(&vault, &past, &document, args.from.is_some())?,
            }
        }
        Found::Folder(name) => {
            return Err(vault.missing(&name).into());
        }
    };
    if names.is_empty() && lost.is_none() {
        cx.ui
            .say(&format!("nothing in {} is older than seen", args.path));
        return Ok(());
    }
    let shown: Vec<String> = names.iter().map(ToString::to_string).collect();
    let (all, place) = (list(&shown), past.label());
    let mut asks = names.len() > 1;
    for name in &names {
        // Whoever could write once can still sign, and lay it into a commit with the rules of that time.
        if let (signer, Vouched::Then(version)) = past.vouches(name)? {
            asks = true;
            cx.ui.tell(&format!(
                "{name} was signed by {signer}, who could write it by trust version {version} and may not now"
            ));
        }
    }
    if let Some((document, why)) = &lost
        && !matches!(why, VaultError::OtherDocument { .. })
    {
        cx.ui.tell(&why.to_string());
        cx.ui.confirm(&format!(
            "give `{document}` as it lies here a new data key, as the newest?"
        ))?;
    }
    if asks {
        cx.ui
            .confirm(&format!("issue {all} again, as in {place}?"))?;
    }
    let done = cx.change(&vault, WHAT, |change| {
        // Somebody may have written the tree before the lock was taken.
        let anew = Past::here(&vault);
        let past = args.from.as_ref().map_or(&anew, |_| &past);
        let mut done = Vec::new();
        if let Some((document, _)) = &lost {
            let Restored { seq, has_new_key } = change.restore_document(document)?;
            let key = if has_new_key {
                ", with a new data key"
            } else {
                ""
            };
            done.push(format!(
                "{document} is the newest of its path, number {seq}{key}"
            ));
        }
        past.log_ahead(WHAT, shown.clone())?;
        for name in &names {
            done.push(match name {
                SecretName::Value(document, value) => {
                    let rev = change.restore(document, value, past)?;
                    format!("{name} is as in {place}, rev {rev}")
                }
                SecretName::File(path) => {
                    change.restore_file(path, past)?;
                    format!("{name} is as in {place}")
                }
            });
        }
        Ok(done)
    })?;
    done.iter().for_each(|line| cx.ui.say(line));
    Ok(())
}

/// The values of a document that are to be issued again: of the tree those that are older than seen, of
/// a commit those that are not the same as here.
fn differing(
    vault: &Vault,
    past: &Past<'_>,
    path: &DocumentPath,
    is_past: bool,
) -> Result<Vec<SecretName>, Error> {
    let missing = || vault.missing(path);
    let bytes = past.read(&path.to_file())?.ok_or_else(missing)?;
    let there = Document::parse(&bytes, path, vault.id())?;
    let bytes = vault.tree().read(&path.to_file(), MAX_FILE)?;
    let bytes = bytes.ok_or_else(|| VaultError::NoDocument(path.to_string()))?;
    let here = Document::parse(&bytes, path, vault.id())?;
    let pin = vault.trust().pins.document(&here.head.id, path.as_str())?;
    let pin = pin.unwrap_or_default();
    let rights = vault.rights(path.as_str())?;
    let mut names = Vec::new();
    for record in there.records()? {
        if record.state == State::Removed {
            continue;
        }
        let is_meant = if is_past {
            here.record(&record.name)?.as_ref() != Some(&record)
        } else {
            let known = pin.values.get(record.name.as_str());
            let judged = vault.judge_record(&there, &record, &rights, known)?;
            judged.order == Order::Older
        };
        if is_meant {
            names.push(SecretName::Value(path.clone(), record.name));
        }
    }
    Ok(names)
}
