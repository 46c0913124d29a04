//! A name in the vault for each source that was read.

use crate::error::Error;
use crate::name::{FilePath, Scope};
use crate::plaintext::{INVENTORY, Kind, Matter, Read};
use crate::vault::Vault;

use super::draft::{Content, Draft, file_name};
use super::names::{Named, Names, fits};
use super::plan::{Action, Item, NewDocument, NewSealed};
use super::scope::{Placed, Scopes};
use super::survey::Survey;

/// Folders get their names first, then files, those whose own names fit before the others, then
/// documents. So what a person would look for is where they would look for it.
pub(super) fn name_all(
    drafts: Vec<Draft>,
    scopes: &Scopes,
    default: &Scope,
    vault: &Vault,
    survey: &mut Survey,
) -> Result<Vec<Item>, Error> {
    let mut names = Names::of(&vault.list(None)?);
    let mut placed: Vec<(Draft, Placed)> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let mut folders: Vec<&str> = draft.source.split('/').collect();
        let name = folders.pop().unwrap_or_default();
        let parts = match &draft.content {
            Content::Document(..) => draft.kind.stem(name),
            // `.env.prod` is of prod also where it does not read, and must not reach the readers of `shared`.
            _ if draft.kind.is_dotenv() => draft.kind.stem(name),
            // `dev.yml`, but not `codalab.dev.key`, which may be a host of that domain.
            _ => name.split('.').take(1).collect(),
        };
        let place = scopes.place(&folders, name, &parts);
        placed.push((draft, place));
    }
    let name_of = |draft: &Draft| match draft.content {
        Content::Opened(..) => file_name(draft.kind, &draft.source).to_owned(),
        _ => file_name(Kind::File, &draft.source).to_owned(),
    };
    let scope_of = |place: &Placed| place.scope.clone().unwrap_or_else(|| default.clone());
    for (_, place) in &placed {
        names.keep(&format!("{}/{}", scope_of(place), INVENTORY));
    }
    let mut files: Vec<Option<Named<FilePath>>> = placed.iter().map(|_| None).collect();
    let folders: Vec<Named<String>> = placed
        .iter()
        .map(|(draft, place)| match draft.content.is_file() {
            true => names.folder(&scope_of(place), &place.folders),
            false => Named {
                path: scope_of(place).to_string(),
                renamed: false,
            },
        })
        .collect();
    for fitting in [true, false] {
        let each = placed.iter().zip(&folders).zip(&mut files);
        for (((draft, place), folder), file) in each {
            let name = name_of(draft);
            if draft.content.is_file() && fits(&place.folders, &name) == fitting {
                *file = Some(names.file(folder, &name)?);
            }
        }
    }
    let mut items = Vec::with_capacity(placed.len());
    for ((draft, place), file) in placed.into_iter().zip(files) {
        let mut item = Item {
            source: draft.source,
            kind: draft.other.unwrap_or(draft.kind.as_str()),
            action: Action::Skipped,
            findings: draft.findings,
            scope: scope_of(&place),
            mode: draft.mode,
            keys: std::collections::BTreeMap::new(),
            sealed: None,
            layout: None,
            envelope: None,
            record: None,
        };
        match (draft.content, file) {
            (Content::Document(read, envelope), _) => {
                item.sealed = draft.kind.is_sealed().then_some(draft.kind);
                let parts = [place.folders.clone(), place.parts.clone()].concat();
                let named = names.document(&item.scope, &parts)?;
                document(&mut item, read, named);
                item.envelope = envelope;
            }
            (content @ (Content::Whole | Content::Opened(..)), Some(named)) => {
                let opened = match content {
                    Content::Opened(plain, envelope) => {
                        item.sealed = Some(draft.kind);
                        item.envelope = envelope;
                        Some(plain)
                    }
                    _ => None,
                };
                if named.renamed {
                    item.find(
                        Matter::Renamed,
                        "its name cannot be a secret's, and is kept in the note",
                    );
                }
                item.action = Action::File(NewSealed {
                    note: named.renamed.then(|| item.source.clone()),
                    path: named.path,
                    opened,
                    expires: None,
                    there: None,
                    unchanged: false,
                });
            }
            (Content::Clear, _) => item.action = Action::Clear,
            _ => {}
        }
        if let (Some(other), Some(_)) = (place.other, item.action.secret()) {
            item.find(Matter::OtherScope, format!("its path also names `{other}`"));
        }
        survey.add(draft.seen);
        items.push(item);
    }
    Ok(items)
}

fn document(item: &mut Item, read: Read, named: Named<crate::name::DocumentPath>) {
    let Read {
        mut values,
        layout,
        keys,
        findings,
    } = read;
    item.findings.extend(findings);
    if named.renamed {
        item.find(
            Matter::Renamed,
            "its name cannot be a document's, and is kept in a note",
        );
        if let Some(first) = values.first_mut() {
            let note = first.note.take().map(|note| format!("\n{note}"));
            first.note = Some(item.source.clone() + &note.unwrap_or_default());
        }
    }
    if !keys.is_empty() {
        let text = format!(
            "{} cannot be a secret's, and its own is kept in the note",
            crate::text::count(keys.len(), "name")
        );
        item.find(Matter::Renamed, text);
    }
    item.keys = keys;
    item.layout = Some(layout);
    item.action = Action::Document(NewDocument {
        path: named.path,
        values,
        there: None,
    });
}

pub(super) fn check_rule(item: &mut Item, vault: &Vault) {
    let Some(path) = item.action.secret().map(str::to_owned) else {
        return;
    };
    if vault.rights(&path).is_err() {
        item.find(Matter::NoRule, format!("no rule covers `{path}`"));
    }
}
