//! `clws identity list`: which identities there are, and where they lie.

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::{Error, masked};
use crate::identity::{self, Kept};

/// List your identities: name, public key, where each half is kept, and the folder
#[derive(Args, Debug)]
pub(crate) struct ListArgs {}

pub(crate) fn run(_args: &ListArgs, cx: &Context) -> Result<(), Error> {
    let mut rows = Vec::new();
    let mut reports = Vec::new();
    for listed in identity::list(&cx.world)? {
        let bundle = match listed.bundle {
            Ok(bundle) => bundle,
            Err(error) => {
                cx.ui.warn(&Error::from(error).message());
                continue;
            }
        };
        let kept = |kept: Option<Kept>| kept.map_or("-", Kept::as_str).to_owned();
        let signing = bundle
            .verifying_key()?
            .map(|key| key.fingerprint().to_string());
        let recipient = bundle.recipient().unwrap_or("-").to_owned();
        // Which is a path, of folders that somebody named.
        let label = masked(bundle.label());
        let (opens, signs) = (kept(bundle.age_kept()), kept(bundle.signing_kept()));
        reports.push(
            json!({ "name": listed.name.as_str(), "recipient": recipient, "opens": opens,
                             "signing": signing, "signs": signs, "where": label }),
        );
        rows.push(vec![
            listed.name.to_string(),
            recipient,
            opens,
            signing.unwrap_or_else(|| "-".to_owned()),
            signs,
            label,
        ]);
    }
    if cx.ui.is_json() {
        return cx.ui.json(&json!({ "identities": reports }));
    }
    if rows.is_empty() {
        cx.ui
            .say("you have no identity yet: `clws identity new NAME` makes one");
    }
    cx.ui.table(
        &["NAME", "RECIPIENT", "KEPT", "SIGNS AS", "KEPT", "WHERE"],
        rows,
    )
}
