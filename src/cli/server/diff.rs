//! `clws server diff`: where the vault and the server stand, without reading a value.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::exchange::warn_of;
use super::{PlaceArgs, ServerArgs};
use crate::cli::context::Context;
use crate::error::{Code, Error};
use crate::name::SecretPath;
use crate::server::{Item, Standing, Surveyed, survey};

/// Compare documents with what the server has of them, without reading a value
///
/// What was noted at the server when both were last the same tells it, so neither a private key nor a right
/// to read values there is needed. Exits with 1 if anything differs.
///
/// same: nothing changed on either side. ahead: the vault has something newer. behind: the server has. apart:
/// both have, or were never known to be the same. removed: it was removed from the vault. theirs: it is on the
/// server alone. left out: so it is, under a name that the vault does not allow.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// Scopes, documents, folders or files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<SecretPath>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl DiffArgs {
    pub(super) fn run(&self, cx: &Context) -> Result<ExitCode, Error> {
        self.server.choose(cx);
        let vault = cx.vault()?;
        let (Surveyed { items, left_out }, kv) = self.server.at(cx, async |client| {
            let kv = self.place.store(cx, client).await?;
            let surveyed = survey(client, &kv, &vault, &self.paths).await?;
            Ok((surveyed, kv))
        })?;
        let place = |item: &Item| kv.place(item.secret.path());
        let version = |item: &Item| item.there.as_ref().map(|there| there.version);
        if cx.ui.is_json() {
            let one = |item: &Item| {
                json!({
                    "path": item.secret.path(), "there": place(item),
                    "standing": item.standing.as_str(), "version": version(item),
                    "changes": item.names(),
                })
            };
            let items: Vec<Value> = items.iter().map(one).collect();
            cx.ui
                .json(&json!({ "items": items, "left_out": left_out }))?;
        } else {
            let row = |item: &Item| {
                let version = version(item).map(|version| version.to_string());
                vec![
                    item.standing.as_str().to_owned(),
                    item.secret.path().to_owned(),
                    place(item),
                    version.unwrap_or_default(),
                    item.names().join(", "),
                ]
            };
            let mut rows: Vec<Vec<String>> = items.iter().map(row).collect();
            let of = |path: &str| ["left out".to_owned(), path.to_owned(), kv.place(path)];
            rows.extend(left_out.keys().map(|path| of(path).to_vec()));
            rows.iter_mut().for_each(|row| row.resize(5, String::new()));
            let head = ["STANDING", "PATH", "THERE", "VERSION", "CHANGED HERE"];
            cx.ui.table(&head, rows)?;
        }
        warn_of(&left_out, cx);
        let is_same = left_out.is_empty();
        match is_same && items.iter().all(|item| item.standing == Standing::Same) {
            true => Ok(ExitCode::SUCCESS),
            false => Ok(Code::Found.into()),
        }
    }
}
