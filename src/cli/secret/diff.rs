//! `clws secret diff`: names and numbers that changed between two commits, or a commit and the tree.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::context::{Context, as_openers};
use crate::error::{Code, Error};
use crate::fs::FsError;
use crate::history::{Changed, Difference, diff, shortened};
use crate::lines::MAX_FILE;
use crate::name::{SecretName, SecretPath};
use crate::text::count;
use crate::vault::{Demand, Opener, Past};

/// Show which secrets changed between two commits, or a commit and the working tree
///
/// Names, numbers and who signed; nothing is opened without `--values`. Exits with 1 if there is a
/// difference.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The commit, branch or tag to compare from
    #[arg(default_value = "HEAD")]
    from: String,
    /// The one to compare with; the working tree without it
    to: Option<String>,
    /// The commit to compare the working tree with, said as for `get` and `history`
    #[arg(long, value_name = "REV", conflicts_with_all = ["from", "to"])]
    at: Option<String>,
    /// Only what lies below this, or one value
    #[arg(long, value_name = "PATH")]
    below: Option<SecretPath>,
    /// The values too, where you can read them; on a terminal with `--show` alone
    #[arg(long)]
    values: bool,
    /// Print values even when stdout is a terminal
    #[arg(long, requires = "values")]
    show: bool,
    /// Print one file as people compare it: what git calls for a diff
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "at", "below", "values"])]
    textconv: Option<PathBuf>,
}

pub(crate) fn run(args: &DiffArgs, cx: &Context) -> Result<ExitCode, Error> {
    if let Some(file) = &args.textconv {
        return textconv(file, cx);
    }
    if args.values {
        let instead = "without `--values` it says which ones changed";
        cx.ui.demand_eyes(args.show.into(), instead)?;
    }
    if args.values && cx.ui.is_json() {
        return Err(
            crate::cli::usage("`--values` is printed for people alone, and not as JSON")
                .hint("`clws secret get PATH --at REV` prints one value as it is")
                .into(),
        );
    }
    let vault = match args.values {
        true => cx.trusted_vault()?,
        false => cx.vault()?,
    };
    let before = Past::at(&vault, args.at.as_ref().unwrap_or(&args.from))?;
    let after = match &args.to {
        Some(rev) => Past::at(&vault, rev)?,
        None => Past::here(&vault),
    };
    let below = args.below.as_ref().map(SecretPath::as_str);
    let found = diff(&vault, &before, &after, below)?;
    if cx.ui.is_json() {
        let rows: Vec<_> = found
            .iter()
            .map(|one| {
                json!({ "path": one.path, "change": one.line().chars().next().map(String::from),
                        "text": one.line(), "rev": one.rev, "by": one.by })
            })
            .collect();
        cx.ui.json(&json!({ "differences": rows }))?;
    } else {
        let bundles = if args.values {
            cx.bundles_for(&vault)?
        } else {
            Vec::new()
        };
        let mine = cx.openers(&vault, &bundles);
        let openers = as_openers(&mine);
        let sides = [(BEFORE, &before), (AFTER, &after)];
        for piece in found.chunks(PIECE) {
            if args.values {
                log_ahead(piece, sides)?;
            }
            for one in piece {
                cx.ui.line(&one.line())?;
                if args.values {
                    values(cx, one, sides, &openers)?;
                }
            }
        }
    }
    Ok(if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        Code::Found.into()
    })
}

const WHAT: &str = "secret diff";
const BEFORE: &str = "-";
const AFTER: &str = "+";

/// So many differences go into one line of the log, as with an export.
const PIECE: usize = 256;

/// What a difference is between, and the sign of each.
type Sides<'a> = [(&'static str, &'a Past<'a>); 2];

/// Whether a difference has a value on this side that is to be seen.
fn is_shown(one: &Difference, sign: &str) -> bool {
    matches!(one.secret, Some(SecretName::Value(..)))
        && match one.changed {
            Changed::Added => sign == AFTER,
            Changed::Gone | Changed::Removed => sign == BEFORE,
            Changed::Value { .. } => true,
            _ => false,
        }
}

/// Logs what is about to be opened.
fn log_ahead(piece: &[Difference], sides: Sides<'_>) -> Result<(), Error> {
    for (sign, past) in sides {
        let shown = piece.iter().filter(|one| is_shown(one, sign));
        let names = shown.filter_map(|one| Some(one.secret.as_ref()?.to_string()));
        past.log_ahead(WHAT, names.collect())?;
    }
    Ok(())
}

/// The values before and after, as far as they are values and can be opened.
fn values(
    cx: &Context,
    one: &Difference,
    sides: Sides<'_>,
    openers: &[&dyn Opener],
) -> Result<(), Error> {
    let Some(SecretName::Value(document, name)) = &one.secret else {
        return Ok(());
    };
    for (sign, past) in sides.iter().filter(|(sign, _)| is_shown(one, sign)) {
        match past.value(document, name, openers, (WHAT, Demand::Writer)) {
            Err(error) => cx.ui.line(&format!("  {sign} ({})", error.message()))?,
            Ok(old) if old.opened.no_print => {
                cx.ui
                    .line(&format!("  {sign} (its policy says no_print)"))?;
            }
            Ok(old) => old
                .opened
                .value
                .with(|bytes| match std::str::from_utf8(bytes) {
                    Ok(text) => text
                        .split('\n')
                        .try_for_each(|line| cx.ui.line(&format!("  {sign} {line}"))),
                    Err(_) => cx
                        .ui
                        .line(&format!("  {sign} ({})", count(bytes.len(), "byte"))),
                })?,
        }
    }
    Ok(())
}

/// git hands over a file of its own making; no vault is needed to make it readable.
fn textconv(file: &std::path::Path, cx: &Context) -> Result<ExitCode, Error> {
    use std::io::Read as _;
    let path = cx.world.folder().join(file);
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_FILE).unwrap_or(u64::MAX);
    let cut = std::fs::File::open(&path)
        .and_then(|file| {
            let mut limited = file.take(most);
            limited.read_to_end(&mut bytes)?;
            limited.into_inner().read(&mut [0])
        })
        .map_err(FsError::io("read", &path))?;
    cx.ui.data(shortened(&bytes).as_bytes())?;
    if cut > 0 {
        // An error would end all of `git diff`, and no file of the vault is as large.
        cx.ui.line(&format!(
            "… what comes behind {MAX_FILE} bytes is not shown"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
