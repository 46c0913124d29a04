//! What `trust show` and `trust diff` say of a proposal.

use serde_json::{Value, json};

use crate::cli::rules;
use crate::error::Error;
use crate::membership::{Rules, describe, describe_council};
use crate::name::PartyName;
use crate::trust::Proposed;
use crate::vault::Vault;

/// A proposal in people's terms.
pub(super) struct Said {
    /// Which, who signed it, and who is waited for; or why it is no use.
    pub(super) state: String,
    /// What it changes.
    pub(super) differences: Vec<String>,
    /// The same for scripts.
    pub(super) json: Value,
}

/// What lies in the folder of proposals; `None` if nothing does.
pub(super) fn proposed(vault: &Vault) -> Result<Option<Said>, Error> {
    let no_use = |state: String| Said {
        json: json!({ "state": state }),
        differences: Vec::new(),
        state,
    };
    let (before, open) = match vault.trust().proposed(vault.tree()) {
        Ok((_, Proposed::Nothing)) => return Ok(None),
        Ok((_, Proposed::Stale(number))) => {
            let why = format!(
                "trust version {number}, for another version before it: out of date, it counts for nothing"
            );
            return Ok(Some(no_use(why)));
        }
        Ok((before, Proposed::Open(open))) => (before, open),
        Err(error) => return Ok(Some(no_use(format!("no use: {}", error)))),
    };
    let version = &open.version;
    let mut differences = describe(&rules::accepted(vault)?, &Rules::new(open.files.clone()))?;
    for parent in [&before].into_iter().chain(version.side.as_deref()) {
        for line in describe_council(parent, version.threshold, &version.admins) {
            if !differences.contains(&line) {
                differences.push(line);
            }
        }
    }
    let lacking = version.lacking(&before);
    let names = |names: Vec<&PartyName>| -> Vec<String> {
        names.into_iter().map(ToString::to_string).collect()
    };
    let signed = version.signed_by(&before);
    let state = format!("trust version {}, {}", version.number, open.state(&before));
    Ok(Some(Said {
        json: json!({
            "version": version.number, "fingerprint": version.fingerprint(), "state": state,
            "signed": names(signed.iter().collect()), "more": lacking.more,
            "of": names(lacking.of.iter().collect()), "beside": lacking.beside,
            "of_beside": names(lacking.of_beside.iter().collect()),
            "added": names(lacking.added.iter().collect()),
            "differences": differences,
        }),
        state,
        differences,
    }))
}
