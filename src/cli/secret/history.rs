//! `clws secret history`: who changed a secret when, from git.

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::{Code, Error, Problem};
use crate::history::{Entry, Of, history};
use crate::name::SecretPath;
use crate::text::count;
use crate::vault::{Found, Past};

/// Show who changed a secret and when
///
/// Each record that git has of it, the newest first: its number, when the value was given and by whom, who
/// signed the record, and the commit that brought it. Opens nothing. A signature is judged by the rules
/// of now, or by those of that commit.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// A value, a sealed file, or a document with all its values
    path: SecretPath,
    /// Up to this commit, branch or tag
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    at: String,
}

pub(crate) fn run(args: &HistoryArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let found = match Past::at(&vault, &args.at)?.find(&args.path)? {
        Found::Value(document, name) => {
            history(&vault, &args.at, Of::Document(&document, Some(&name)))?
        }
        Found::Document(document) => history(&vault, &args.at, Of::Document(&document, None))?,
        Found::File(file) => history(&vault, &args.at, Of::File(&file))?,
        Found::Folder(folder) if !vault.has_folder(&folder)? => {
            return Err(vault.missing(&folder).into());
        }
        Found::Folder(folder) => {
            return Err(Problem::new(Code::Usage, format!("`{folder}` is a folder"))
                .hint(format!("`clws secret list {folder}` shows what is in it"))
                .into());
        }
    };
    if found.shallow {
        cx.ui.warn(
            "this is a shallow clone: what was before is not here; `git fetch --unshallow` gets it",
        );
    }
    if !found.unread.is_empty() {
        cx.ui.warn(&format!(
            "in {} it does not read: {}",
            count(found.unread.len(), "commit"),
            found
                .unread
                .iter()
                .map(|c| c.short())
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    if found.entries.is_empty() {
        let near = vault.near(args.path.as_str());
        return Err(Problem::new(
            Code::NotFound,
            format!("git has no `{}` up to {}", args.path, args.at),
        )
        .hint(near.map_or_else(
            || "what is not committed has no history".to_owned(),
            |near| format!("is `{near}` meant?"),
        ))
        .into());
    }
    if cx.ui.is_json() {
        let entries: Vec<_> = found
            .entries
            .iter()
            .map(|entry| {
                json!({ "path": entry.path, "rev": entry.rev, "seq": entry.seq,
                        "changed": entry.changed.to_string(), "author": entry.author,
                        "signer": entry.signer, "commit": entry.commit.id,
                        "at": entry.at.to_string(), "mark": mark(entry), "here": entry.here })
            })
            .collect();
        return cx.ui.json(&json!({ "history": entries }));
    }
    let rows: Vec<Vec<String>> = found
        .entries
        .iter()
        .map(|entry| {
            let here = if entry.here { "here" } else { "" };
            let marks = [here, mark(entry)];
            let marks: Vec<&str> = marks.into_iter().filter(|mark| !mark.is_empty()).collect();
            vec![
                entry.path.clone(),
                format!("{}/{}", entry.rev, entry.seq),
                entry.changed.to_string(),
                entry.author.clone(),
                entry.signer.clone(),
                entry.commit.short().to_owned(),
                entry.at.date(),
                marks.join(", "),
            ]
        })
        .collect();
    cx.ui.table(
        &[
            "NAME", "REV/SEQ", "GIVEN", "BY", "SIGNED", "COMMIT", "ON", "",
        ],
        rows,
    )
}

fn mark(entry: &Entry) -> &'static str {
    match entry.vouched.word() {
        "" if entry.removed => "removed",
        mark => mark,
    }
}
