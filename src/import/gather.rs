//! From the sources to a plan: each is read as far as it is understood, and given a place.

use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, Scope};
use crate::vault::Vault;

use super::finding::{Finding, Matter};
use super::names::{Named, Names, fits};
use super::plan::{Action, Item, NewDocument, NewSealed, Plan};
use super::scope::{Placed, Scopes};
use super::source::{Met, Source, What};
use super::{Candidate, Contents, IMPORTERS, Importer, Value};

/// A source that was read, before it has a name.
struct Draft {
    source: String,
    kind: &'static str,
    content: Content,
    findings: Vec<Finding>,
}

enum Content {
    Nothing,
    Whole,
    Document(Contents, &'static dyn Importer),
}

/// Goes through the source, reads what is understood, and gives everything a place.
///
/// `scope` is for the sources whose paths say none; without it the name of the folder says it, else
/// they are `shared`.
///
/// # Errors
/// [`ImportError`] for a tree without bounds; what cannot be read is a finding.
pub fn plan(source: &Source, vault: &Vault, scope: Option<&Scope>) -> Result<Plan, Error> {
    let mut drafts = Vec::new();
    for met in source.walk()? {
        drafts.push(draft(source, met));
    }
    let scopes = Scopes::of(vault.trust().accepted.access());
    let of_folder = source
        .folder_name
        .as_deref()
        .and_then(|name| scopes.named(name));
    let shared = "shared".parse()?;
    let default = scope.or(of_folder.as_ref()).unwrap_or(&shared);
    let mut items = name_all(drafts, &scopes, default, vault)?;
    for item in &mut items {
        check_rule(item, vault);
    }
    Ok(Plan { items })
}

fn draft(source: &Source, met: Met) -> Draft {
    let (kind, finding) = match met.what {
        What::File(head) if head.is_empty() => (
            "empty",
            Finding::new(Matter::Empty, "is empty; there is nothing to seal"),
        ),
        What::File(head) => return read(source, met.path, &head),
        What::Link => (
            "link",
            Finding::new(Matter::Link, "is a symbolic link, and not followed"),
        ),
        What::Special => (
            "special",
            Finding::new(Matter::Special, "is a pipe, a socket or a device"),
        ),
        What::Repository => (
            "repository",
            Finding::new(
                Matter::Repository,
                "is git's own; its history may hold secrets too",
            ),
        ),
        What::Unreadable(why) => ("unreadable", Finding::new(Matter::Unreadable, why)),
        What::NotUtf8Name => (
            "unreadable",
            Finding::new(
                Matter::NotUtf8Name,
                "its name is not UTF-8; give it another one",
            ),
        ),
    };
    Draft {
        source: met.path,
        kind,
        content: Content::Nothing,
        findings: vec![finding],
    }
}

/// Reads a file if its kind is understood; else it will be sealed as it is.
fn read(source: &Source, path: String, head: &[u8]) -> Draft {
    let name = path
        .rsplit_once('/')
        .map_or(path.as_str(), |(_, name)| name);
    let candidate = Candidate { name, head };
    let mut draft = Draft {
        kind: "file",
        content: Content::Whole,
        findings: Vec::new(),
        source: String::new(),
    };
    if let Some(importer) = IMPORTERS
        .iter()
        .find(|importer| importer.claims(&candidate))
    {
        match source.read(&path, MAX_FILE) {
            Ok(None) => {
                let text = "sealed whole: it is larger than the 16 MiB of a document";
                draft.findings.push(Finding::new(Matter::SealedWhole, text));
            }
            Ok(Some(bytes)) => match importer.read(&bytes) {
                Ok(contents) if sealed_size(&contents) > MAX_FILE => {
                    let text = "sealed whole: its document would be larger than 16 MiB";
                    draft.findings.push(Finding::new(Matter::SealedWhole, text));
                }
                Ok(contents) => {
                    draft.kind = importer.kind();
                    draft.content = Content::Document(contents, *importer);
                }
                Err(finding) => draft.findings.push(finding),
            },
            Err(error) => {
                draft.content = Content::Nothing;
                let text = Error::from(error).message();
                draft.findings.push(Finding::new(Matter::Unreadable, text));
            }
        }
    }
    draft.source = path;
    draft
}

/// What a document of these values takes at most, in bytes: for each value its name, its note with
/// every character escaped, the padded ciphertext in base64, and 600 of form and signature; and a
/// MiB for the wraps of some two thousand readers.
fn sealed_size(contents: &Contents) -> usize {
    let value = |value: &Value| {
        let length = value.plain.with(Vec::len);
        let note = value.note.as_ref().map_or(0, String::len);
        600 + value.name.as_str().len() + 6 * note + (length + length / 8 + 128) * 4 / 3
    };
    1024 * 1024 + contents.values.iter().map(value).sum::<usize>()
}

/// Folders get their names first, then files, those whose own names fit before the others, then
/// documents. So what a person would look for is where they would look for it.
fn name_all(
    drafts: Vec<Draft>,
    scopes: &Scopes,
    default: &Scope,
    vault: &Vault,
) -> Result<Vec<Item>, Error> {
    let mut names = Names::of(&vault.list(None)?);
    let mut placed: Vec<(Draft, Placed)> = Vec::new();
    for draft in drafts {
        let mut folders: Vec<&str> = draft.source.split('/').collect();
        let name = folders.pop().unwrap_or_default();
        let parts = match &draft.content {
            Content::Document(_, importer) => importer.stem(name),
            // `dev.yml`, but not `codalab.dev.key`, which may be a host of that domain.
            _ => name.split('.').take(1).collect(),
        };
        let place = scopes.place(&folders, name, &parts);
        placed.push((draft, place));
    }
    let name_of = |draft: &Draft| {
        draft
            .source
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let scope_of = |place: &Placed| place.scope.clone().unwrap_or_else(|| default.clone());
    let mut files: Vec<Option<Named<FilePath>>> = placed.iter().map(|_| None).collect();
    let folders: Vec<Named<String>> = placed
        .iter()
        .map(|(draft, place)| match draft.content {
            Content::Whole => names.folder(&scope_of(place), &place.folders),
            _ => Named {
                path: scope_of(place).to_string(),
                renamed: false,
            },
        })
        .collect();
    for fitting in [true, false] {
        let each = placed.iter().zip(&folders).zip(&mut files);
        for (((draft, place), folder), file) in each {
            let name = name_of(draft);
            if matches!(draft.content, Content::Whole) && fits(&place.folders, &name) == fitting {
                *file = Some(names.file(folder, &name)?);
            }
        }
    }
    let mut items = Vec::new();
    for (((draft, place), folder), file) in placed.into_iter().zip(folders).zip(files) {
        let mut item = Item {
            source: draft.source,
            kind: draft.kind,
            action: Action::Skipped,
            findings: draft.findings,
        };
        match (draft.content, file) {
            (Content::Document(contents, _), _) => {
                item.findings.extend(contents.findings.iter().cloned());
                let parts = [place.folders.clone(), place.parts.clone()].concat();
                let document = names.document(&scope_of(&place), &parts)?;
                item.action = Action::Document(new_document(
                    contents, document, folder, &mut names, &mut item,
                )?);
            }
            (Content::Whole, Some(named)) => {
                if named.renamed {
                    item.find(
                        Matter::Renamed,
                        "its name cannot be a secret's, and is kept in the note",
                    );
                }
                item.action = Action::File(NewSealed {
                    note: named.renamed.then(|| item.source.clone()),
                    path: named.path,
                    there: None,
                    unchanged: false,
                });
            }
            _ => {}
        }
        if let (Some(other), Some(_)) = (place.other, item.action.secret()) {
            item.find(Matter::OtherScope, format!("its path also names `{other}`"));
        }
        items.push(item);
    }
    Ok(items)
}

fn new_document(
    contents: Contents,
    named: Named<DocumentPath>,
    scope: Named<String>,
    names: &mut Names,
    item: &mut Item,
) -> Result<NewDocument, Error> {
    let Contents {
        mut values,
        leftover,
        ..
    } = contents;
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
    let leftover_path = match &leftover {
        None => None,
        Some(_) => {
            let name = format!("{}.leftover", named.path.name());
            Some(names.file(&scope, &name)?.path)
        }
    };
    Ok(NewDocument {
        path: named.path,
        values,
        leftover: leftover_path,
        leftover_text: leftover,
        there: None,
        leftover_there: None,
    })
}

fn check_rule(item: &mut Item, vault: &Vault) {
    let action = &item.action;
    let paths = action.secret().into_iter().chain(action.leftover());
    let uncovered = paths.filter(|path| vault.rights(path).is_err());
    if let Some(path) = uncovered.map(str::to_owned).next() {
        item.find(Matter::NoRule, format!("no rule covers `{path}`"));
    }
}
