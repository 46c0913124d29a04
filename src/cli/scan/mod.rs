//! `clws scan`: leaked values, key material and credentials.

mod known;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::context::Context;
use crate::error::{Code, Error, Problem};
use crate::fs::{FsError, Tree, is_stream, write_beside};
use crate::git::Git;
use crate::scan::{Archives, Baseline, Finding, Found, Looker, Marker, Staged, history, one, walk};
use crate::text::list;
use crate::vault::Vault;

/// Look for the vault's own values, and for credentials, where they should not lie
///
/// Looks through a folder or a file, through what is staged for the next commit, or through all of git's
/// history. Values are looked for in clear, and in base64, hexadecimal, URL and JSON form; credentials by
/// the forms of their providers. No secret is printed. Values that would turn up by accident (short ones,
/// host names, numbers, paths) are not looked for. `clws:allow` and a reason, in the same line, let a
/// credential stay. Without a vault, credentials alone are looked for. Exits with 1 if something was
/// found.
#[derive(Args, Debug)]
pub(crate) struct ScanArgs {
    /// The folder or file; without one the vault's repository, or its folder where that is in none
    path: Option<PathBuf>,
    /// Look through what is staged in git instead: for a hook before each commit
    #[arg(long, conflicts_with = "path")]
    staged: bool,
    /// Look through all of git's history: branches, tags, stashes, reflogs and messages
    #[arg(long, conflicts_with_all = ["staged", "path"])]
    history: bool,
    /// Unpack gzip, tar and zip in memory, and look through what is in them
    #[arg(long, conflicts_with_all = ["staged", "history"])]
    archives: bool,
    /// Do not report what this file knows
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write what is found into the baseline, in place of what it has
    #[arg(long, requires = "baseline")]
    baseline_write: bool,
    /// How findings are printed
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// As `--json` does
    Json,
    /// SARIF 2.1.0, for hosts of code and editors
    Sarif,
}

/// A larger baseline is none.
const LARGEST: usize = 64 * 1024 * 1024;

pub(crate) fn run(args: &ScanArgs, cx: &Context) -> Result<ExitCode, Error> {
    let format = match args.format {
        Some(format) => format,
        None if cx.ui.is_json() => Format::Json,
        None => Format::Text,
    };
    // git looks while the vault is read and its values are learned.
    let staged = match args.staged {
        true => Some(Staged::ask(&cx.world, &here(cx))?),
        false => None,
    };
    let vault = vault(args, cx)?;
    let baseline = match (&args.baseline, args.baseline_write) {
        (Some(path), false) => Some(read_baseline(&cx.world.folder().join(path))?),
        _ => None,
    };
    let marker = match (&baseline, args.baseline_write) {
        (Some(baseline), _) => Some(baseline.marker()),
        (None, true) => Some(Marker::fresh(cx.world.random()?)),
        (None, false) => None,
    };
    let known = match &vault {
        Some(vault) => {
            // It only looks: what is older than seen, as on another branch, is looked for as it lies here.
            vault.gather_older();
            let known = known::known(cx, vault, args.staged)?;
            say_older(cx, vault);
            known
        }
        None => known::Learned::nothing(),
    };
    let looker = Looker::new(known.known, marker);
    let (root, mut found) = match staged {
        Some(staged) => (None, staged.look(&looker)?),
        None => look(args, cx, &looker)?,
    };
    let findings = std::mem::take(&mut found.findings);
    let mut kept = without_public(cx, vault.as_ref(), root, findings)?;
    kept.sort_by(|a, b| a.order().cmp(&b.order()));
    kept.dedup_by(|a, b| a.order() == b.order());
    if let (Some(path), true, Some(marker)) = (&args.baseline, args.baseline_write, &looker.marker)
    {
        let baseline = Baseline::of(&kept, marker);
        let path = cx.world.folder().join(path);
        write_beside(&path, baseline.to_text().as_bytes(), 0o600)?;
        cx.ui.say(&format!(
            "{} in {}",
            report::findings(baseline.len()),
            path.display()
        ));
        return Ok(unread(cx, &found));
    }
    let before = kept.len();
    if let Some(baseline) = &baseline {
        kept.retain(|finding| !baseline.knows(finding));
    }
    let known_before = before - kept.len();
    let told = report::Told {
        looker: &looker,
        secrets: &known.about,
        found: &found,
        known_before,
    };
    report::print(cx, format, &kept, &told)?;
    Ok(match kept.is_empty() {
        true => unread(cx, &found),
        false => {
            unread(cx, &found);
            Code::Found.into()
        }
    })
}

/// Names what is looked for as it lies here, and was seen newer.
fn say_older(cx: &Context, vault: &Vault) {
    let older: Vec<String> = vault.older().into_keys().collect();
    if !older.is_empty() {
        cx.ui.say(&format!(
            "older here than this machine has seen, and looked for as it is: {}",
            list(&older)
        ));
    }
}

/// The vault around the working folder; none is needed for a path, or for credentials alone.
fn vault(args: &ScanArgs, cx: &Context) -> Result<Option<Vault>, Error> {
    match cx.vault_path() {
        Ok(_) => cx.trusted_vault().map(Some),
        Err(error) if error.code() == Code::NotFound => {
            let where_else = args.path.is_some() || args.staged || args.history;
            if !where_else {
                return Err(Problem::of(&error)
                    .hint("`clws scan .` looks for credentials without a vault")
                    .into());
            }
            cx.ui
                .warn("there is no vault here, so credentials alone are looked for");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The vault's folder, or the one that is worked in.
fn here(cx: &Context) -> PathBuf {
    let vault = cx.vault_path();
    vault.unwrap_or_else(|_| cx.world.folder().to_owned())
}

/// Looks through folders, files or history. Gives where the paths of findings begin, if not in the repository's
/// folder.
fn look(args: &ScanArgs, cx: &Context, looker: &Looker) -> Result<(Option<PathBuf>, Found), Error> {
    let here = here(cx);
    if args.history {
        return Ok((None, history(looker, &cx.world, &here)?));
    }
    let archives = match args.archives {
        true => Archives::Opened,
        false => Archives::Closed,
    };
    let path = match &args.path {
        Some(path) => cx.world.folder().join(path),
        // What leaks lies beside the vault more often than in it.
        None if is_in_a_repository(&here) => Git::at(&cx.world, &here).root()?,
        None => here,
    };
    let is_file = std::fs::symlink_metadata(&path).is_ok_and(|about| about.is_file());
    if is_file {
        let root = path.parent().unwrap_or(&path).to_owned();
        return Ok((Some(root), one(looker, &path, archives)?));
    }
    let found = walk(looker, &Tree::open(&path)?, archives)?;
    Ok((Some(path), found))
}

/// Whether a folder lies in a git repository. Where it does, git's refusal to say its root is told: the folder
/// alone would be taken for all.
fn is_in_a_repository(folder: &Path) -> bool {
    let full = folder.canonicalize();
    full.is_ok_and(|full| full.ancestors().any(|above| above.join(".git").exists()))
}

fn read_baseline(path: &Path) -> Result<Baseline, Error> {
    let about = match is_stream(path) {
        true => std::fs::metadata(path),
        false => std::fs::symlink_metadata(path),
    };
    let about = about.map_err(FsError::io("read", path))?;
    if about.is_symlink() {
        let path = path.to_owned();
        return Err(FsError::Link { path }.into());
    }
    if !about.is_file() {
        let path = path.to_owned();
        return Err(FsError::NotAFile { path }.into());
    }
    let size = usize::try_from(about.len()).unwrap_or(usize::MAX);
    if size > LARGEST {
        return Err(FsError::TooLarge {
            path: path.to_owned(),
            most: LARGEST,
        }
        .into());
    }
    let text = std::fs::read(path).map_err(FsError::io("read", path))?;
    Baseline::read(&text).ok_or_else(|| {
        Problem::new(
            Code::DataErr,
            format!("{} is no baseline of clws", path.display()),
        )
        .hint("`--baseline-write` makes one")
        .into()
    })
}

/// What could not be looked at is no success.
fn unread(cx: &Context, found: &Found) -> ExitCode {
    for (path, why) in &found.unread {
        cx.ui.warn(&format!("not looked at: {path}: {why}"));
    }
    match found.unread.is_empty() {
        true => ExitCode::SUCCESS,
        false => Code::IoErr.into(),
    }
}

/// All but the private keys that the vault means everybody to have. `root` is where their paths begin; without one
/// it is the repository's folder.
fn without_public(
    cx: &Context,
    vault: Option<&Vault>,
    root: Option<PathBuf>,
    findings: Vec<Finding>,
) -> Result<Vec<Finding>, Error> {
    let Some(vault) = vault.filter(|_| findings.iter().any(Finding::is_private_key)) else {
        return Ok(findings);
    };
    let root = match root {
        Some(root) => root,
        None => Git::at(&cx.world, &here(cx)).root()?,
    };
    let mut kept = Vec::new();
    for finding in findings {
        let place = root.join(&finding.path);
        let is_public = match place.strip_prefix(vault.tree().path()) {
            Ok(below) if finding.is_private_key() => {
                vault.is_public_place(&below.to_string_lossy())?
            }
            _ => false,
        };
        if !is_public {
            kept.push(finding);
        }
    }
    Ok(kept)
}
