//! `clws scan`: leaked values and key material.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::context::{Context, as_openers};
use crate::cli::opener::Mine;
use crate::error::{Code, Error};
use crate::fs::Tree;
use crate::scan::{Finding, What, learn, staged, walk};
use crate::text::count;
use crate::vault::Vault;

/// Look for the vault's own values, and for private keys, where they should not lie
///
/// Looks through a folder, or what is staged for the next commit. Values are looked for in clear, and
/// in base64, hexadecimal, URL and JSON form; nothing of a value is printed. Values that would turn up
/// by accident (short ones, host names, numbers, paths) are not looked for. Exits with 1 if something
/// was found.
#[derive(Args, Debug)]
pub(crate) struct ScanArgs {
    /// The folder; the vault's without one
    path: Option<PathBuf>,
    /// Look through what is staged in git instead: for a hook before each commit
    #[arg(long, conflicts_with = "path")]
    staged: bool,
}

pub(crate) fn run(args: &ScanArgs, cx: &Context) -> Result<ExitCode, Error> {
    let vault = cx.trusted_vault()?;
    // A hook before each commit also runs for who has no identity here.
    let bundles = match cx.bundles() {
        Err(error) if error.code() == Code::NoKey => Vec::new(),
        other => other?,
    };
    // Before each commit no server is to be asked.
    let mine: Vec<Mine<'_>> = bundles.iter().map(|one| Mine::of(one, &cx.ui)).collect();
    if mine.is_empty() {
        cx.ui
            .warn("you have no identity here, so only private keys are looked for");
    }
    let known = learn(&vault, as_openers(&mine))?;
    let mut findings = Vec::new();
    let (root, files) = if args.staged {
        staged(&known, &cx.world, vault.tree().path(), &mut findings)?
    } else {
        let folder = match &args.path {
            Some(path) => cx.world.folder().join(path),
            None => vault.tree().path().to_owned(),
        };
        let files = walk(&known, &Tree::open(&folder)?, &mut findings)?;
        (folder, files)
    };
    let mut kept = Vec::new();
    for finding in findings {
        if !is_public(&vault, &root, &finding)? {
            kept.push(finding);
        }
    }
    kept.sort();
    kept.dedup();
    if cx.ui.is_json() {
        let findings: Vec<Value> = kept.iter().map(Finding::to_json).collect();
        cx.ui.json(
            &json!({ "findings": findings, "files": files, "values": known.values,
                            "plain": known.plain, "closed": known.closed }),
        )?;
    } else {
        for finding in &kept {
            let Finding { path, line, .. } = finding;
            cx.ui.line(&format!("{path}:{line}: {}", finding.why()))?;
            cx.ui.line(&format!("  next: {}", finding.next()))?;
        }
    }
    cx.ui.say(&format!(
        "looked for {} in {}: {}",
        count(known.values, "value"),
        count(files, "file"),
        count(kept.len(), "finding"),
    ));
    if !known.plain.is_empty() {
        let plain = count(known.plain.len(), "secret");
        cx.ui.say(&match cx.ui.is_verbose() {
            true => format!(
                "not looked for, as they would turn up by accident: {}",
                known.plain.join(", ")
            ),
            false => format!(
                "{plain} would turn up by accident and were not looked for; `--verbose` names them"
            ),
        });
    }
    if !known.closed.is_empty() {
        cx.ui.say(&format!(
            "what lies in {} sealed to others was not looked for",
            count(known.closed.len(), "place")
        ));
    }
    Ok(if kept.is_empty() {
        ExitCode::SUCCESS
    } else {
        Code::Found.into()
    })
}

/// Whether it is the key of a party whose private half is public on purpose, where that lies.
fn is_public(vault: &Vault, root: &std::path::Path, finding: &Finding) -> Result<bool, Error> {
    let place = root.join(&finding.path);
    match (&finding.what, place.strip_prefix(vault.tree().path())) {
        (What::Key(_), Ok(below)) => Ok(vault.is_public_place(&below.to_string_lossy())?),
        _ => Ok(false),
    }
}
