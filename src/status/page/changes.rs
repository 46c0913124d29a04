//! What was changed last, by whom.

use super::html::Html;
use super::{section, table};
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::time::Moment;
use crate::vault::{Document, Listed, Sidecar, Vault};

/// So many are shown.
const MANY: usize = 30;

/// A value or a file as it was last given.
pub(super) struct Change {
    changed: Moment,
    path: String,
    rev: u64,
    author: String,
}

/// The newest changes of a vault, the last one first. What does not read is a finding, and passed over.
pub(super) fn newest(vault: &Vault) -> Result<Vec<Change>, Error> {
    let mut all = Vec::new();
    for item in vault.list(None)? {
        match item {
            Listed::Document(path) => {
                let bytes = vault.tree().read(&path.to_file(), MAX_FILE)?;
                let bytes = bytes.unwrap_or_default();
                let document = Document::parse(&bytes, &path, vault.id());
                let records = document.and_then(|document| document.records());
                all.extend(
                    records
                        .unwrap_or_default()
                        .into_iter()
                        .map(|record| Change {
                            changed: record.changed,
                            path: format!("{path}/{}", record.name),
                            rev: record.rev,
                            author: record.author,
                        }),
                );
            }
            Listed::File(path) => {
                let bytes = vault.tree().read(&path.to_sidecar(), MAX_FILE)?;
                let sidecar = Sidecar::parse(&bytes.unwrap_or_default(), &path);
                all.extend(sidecar.ok().map(|sidecar| Change {
                    changed: sidecar.changed,
                    path: path.to_string(),
                    rev: sidecar.rev,
                    author: sidecar.author,
                }));
            }
        }
    }
    all.sort_by(|a, b| (b.changed, &a.path).cmp(&(a.changed, &b.path)));
    all.truncate(MANY);
    Ok(all)
}

pub(super) fn write(html: &mut Html, changes: &[Change]) {
    section(html, "What was changed last", |html| {
        if changes.is_empty() {
            html.line("p", &[], "nothing is sealed yet");
            return;
        }
        let head = ["when", "secret", "rev", "by"];
        table(html, "changes", &head, |html| {
            for change in changes {
                html.element("tr", &[], |html| {
                    html.line("td", &[], &change.changed.to_string());
                    html.line("td", &[("class", "path")], &change.path);
                    html.line("td", &[], &change.rev.to_string());
                    html.line("td", &[], &change.author);
                });
            }
        });
    });
}
