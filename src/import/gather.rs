//! From the sources to a plan: each is read as far as it is understood, and given a place.

use zeroize::Zeroizing;

use crate::cores;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::Scope;
use crate::plaintext::{
    Fault, Finding, Kind, Matter, Passwords, Read, format_named, recognise, suspect,
};
use crate::secret::Plain;
use crate::vault::Vault;

use super::draft::{Content, Draft, file_name};
use super::place::{check_rule, name_all};
use super::plan::Plan;
use super::record;
use super::scope::Scopes;
use super::source::{Begun, HEAD, Met, Source, What};
use super::survey::{Seen, Survey};
use super::unseal::{Keys, Unsealed, other_program, superseded, unseal};

/// What a person wants all sources to become.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum As {
    /// Sealed files.
    File,
    /// Documents.
    Document,
}

/// How to import.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// For the sources whose paths say no scope; without it the name of the folder says it, else they
    /// are `shared`.
    pub scope: Option<Scope>,
    /// What all sources become, instead of what is best for each.
    pub whole: Option<As>,
    /// For what other programs sealed.
    pub keys: Keys<'a>,
}

/// Goes through the source, reads what is understood, and gives everything a place.
///
/// # Errors
/// [`super::ImportError`] for a tree without bounds; what cannot be read is a finding.
pub fn plan(source: &Source, vault: &Vault, wanted: &Wanted<'_>) -> Result<Plan, Error> {
    let mut survey = Survey::new(vault.world())?;
    let drafts = drafts(source, wanted, &survey)?;
    let scopes = Scopes::of(vault.trust().accepted.access());
    let of_folder = source
        .folder_name
        .as_deref()
        .and_then(|name| scopes.named(name));
    let shared = "shared".parse()?;
    let default = wanted
        .scope
        .as_ref()
        .or(of_folder.as_ref())
        .unwrap_or(&shared);
    let mut items = name_all(drafts, &scopes, default, vault, &mut survey)?;
    survey.tell(&mut items);
    let each = items.iter_mut().collect();
    cores::each(each, cores::LINES, |item| check_rule(item, vault));
    let inventories = record::inventories(&mut items, vault)?;
    Ok(Plan { items, inventories })
}

/// What a look at a file needs, on any thread.
#[derive(Clone, Copy)]
struct Look<'a> {
    source: &'a Source,
    whole: Option<As>,
    passwords: &'a Passwords,
    survey: &'a Survey,
}

/// Opens what another program sealed.
type Unseal<'a> = &'a dyn Fn(Kind, &str, &[u8]) -> Result<Unsealed, Finding>;

/// Looks at everything, on all cores. A person's keys may ask that person, or a token: what they are needed for
/// is looked at once more, one after the other.
fn drafts(source: &Source, wanted: &Wanted<'_>, survey: &Survey) -> Result<Vec<Draft>, Error> {
    let look = Look {
        source,
        whole: wanted.whole,
        passwords: &wanted.keys.passwords,
        survey,
    };
    let looked = source.walk(|met| draft(look, &met, None).ok_or(met))?;
    let keys = &wanted.keys;
    let by_keys = |kind, path: &str, whole: &[u8]| unseal(kind, path, whole, keys, source);
    let again = |met: Met| draft(look, &met, Some(&by_keys));
    let each = looked.into_iter();
    Ok(each
        .filter_map(|looked| looked.map_or_else(again, Some))
        .collect())
}

/// Nothing if it is one to be unsealed, and there is no way to.
fn draft(look: Look<'_>, met: &Met, unseal: Option<Unseal<'_>>) -> Option<Draft> {
    let (other, finding) = match &met.what {
        What::File(begun) => return read(look, &met.path, begun, unseal),
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
        What::Unreadable(why) => ("unreadable", Finding::new(Matter::Unreadable, why.as_str())),
        What::NotUtf8Name => (
            "unreadable",
            Finding::new(
                Matter::NotUtf8Name,
                "its name is not UTF-8; give it another one",
            ),
        ),
    };
    Some(Draft {
        source: met.path.clone(),
        kind: Kind::File,
        other: Some(other),
        mode: None,
        content: Content::Nothing,
        findings: vec![finding],
        seen: Seen::default(),
    })
}

/// What is looked into beyond its first page: larger keys, certificates and notes are not met.
const LOOKED_INTO: usize = 1024 * 1024;

/// Reads a file as far as its kind asks for.
fn read(
    look: Look<'_>,
    path: &str,
    Begun { head, mode }: &Begun,
    unseal: Option<Unseal<'_>>,
) -> Option<Draft> {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let mut draft = Draft {
        kind: recognise(name, head),
        source: path.to_owned(),
        other: None,
        mode: Some(*mode),
        content: Content::Whole,
        findings: Vec::new(),
        seen: Seen::default(),
    };
    let most = match draft.kind.format().is_some() || draft.kind.is_sealed() {
        true => MAX_FILE,
        false => LOOKED_INTO,
    };
    let whole = if head.len() < HEAD {
        Ok(Some(head.clone()))
    } else {
        look.source.read(&draft.source, most)
    };
    match whole {
        Ok(Some(whole)) => return understand(look, draft, name, whole, unseal),
        Ok(None) => too_large(look, &mut draft),
        Err(error) => {
            draft.content = Content::Nothing;
            let text = Error::from(error).message();
            draft.findings.push(Finding::new(Matter::Unreadable, text));
        }
    }
    Some(draft)
}

/// Says what becomes of a file that is too large to be looked into.
fn too_large(look: Look<'_>, draft: &mut Draft) {
    if draft.kind.is_sealed() {
        let text = "sealed whole, still as it was sealed: it is larger than 16 MiB";
        draft.findings.push(Finding::new(Matter::StillSealed, text));
    } else if draft.kind.format().is_some() {
        let text = "sealed whole: it is larger than the 16 MiB of a document";
        draft.findings.push(Finding::new(Matter::SealedWhole, text));
    }
    // What cannot be looked at to its end is not public.
    if draft.kind.is_public() {
        let text = "sealed whole: it is too large to be looked at to its end";
        draft.findings.push(Finding::new(Matter::SealedWhole, text));
    }
    if look.whole == Some(As::Document) {
        let fault = Fault::new("it is larger than the 16 MiB of a document");
        cannot(draft, &fault);
    }
}

/// Decides what becomes of a file.
fn understand(
    look: Look<'_>,
    mut draft: Draft,
    name: &str,
    whole: Zeroizing<Vec<u8>>,
    unseal: Option<Unseal<'_>>,
) -> Option<Draft> {
    // A certificate may have a key behind it that the first page did not show.
    draft.kind = recognise(name, &whole);
    match draft.kind {
        Kind::Empty => skip(
            &mut draft,
            Matter::Empty,
            "is empty; there is nothing to seal",
        ),
        Kind::Junk => skip(
            &mut draft,
            Matter::Junk,
            "is what a system leaves behind; delete it",
        ),
        Kind::Backup => {
            let text =
                "is what an editor left, and may hold old secrets; delete it with `shred -u`";
            skip(&mut draft, Matter::Backup, text);
        }
        Kind::DotenvxKeys if look.whole != Some(As::File) => {
            draft.content = Content::Nothing;
            draft.findings.push(superseded());
        }
        _ => {}
    }
    if matches!(draft.content, Content::Nothing) {
        return Some(draft);
    }
    draft.seen = look.survey.look(
        draft.kind,
        &whole,
        draft.mode.unwrap_or(0),
        &mut draft.findings,
    );
    let damaged = draft
        .findings
        .iter()
        .any(|found| found.matter == Matter::Damaged);
    if draft.kind.is_public() && look.whole.is_none() && !damaged {
        let text = std::str::from_utf8(&whole).unwrap_or_default();
        let beside = suspect::embedded(text);
        let found = if beside.is_empty() {
            draft.content = Content::Clear;
            Finding::new(Matter::Public, "is public, and stays where it is")
        } else {
            let text = "sealed whole, for what stands beside what is public";
            Finding::new(Matter::Embedded, text).at(beside)
        };
        draft.findings.push(found);
        return Some(draft);
    }
    draft
        .findings
        .extend(other_program(draft.kind, &draft.source));
    let as_document = match look.whole {
        Some(As::File) => false,
        Some(As::Document) => true,
        None => !draft.kind.is_wanted_whole(),
    };
    if !as_document {
        if look.whole.is_none() {
            let text = "sealed whole, since programs want it as a file; `--as document` makes a document of it";
            draft.findings.push(Finding::new(Matter::KeepsPath, text));
        }
        return Some(draft);
    }
    let opened = if draft.kind.is_sealed() {
        unseal?(draft.kind, &draft.source, &whole)
    } else {
        Ok(Unsealed::as_it_is(whole))
    };
    match opened {
        Ok(opened) => values(look, &mut draft, opened),
        Err(closed) => draft.findings.push(closed),
    }
    Some(draft)
}

/// Makes a document of what holds values, if it can.
fn values(look: Look<'_>, draft: &mut Draft, opened: Unsealed) {
    let Unsealed {
        inner,
        envelope,
        sealed,
        findings,
    } = opened;
    draft.findings.extend(findings);
    // Ansible's files alone are no files of their own once they are open.
    let is_file = draft.kind.is_sealed() && draft.kind != Kind::AnsibleVault;
    let fault = match draft.kind.format().and_then(format_named) {
        None => Fault::new("its values have no names"),
        Some(format) => match Read::of(&inner, format, look.passwords) {
            Ok(mut read) => {
                for value in &mut read.values {
                    let own = read.keys.get(value.name.as_str());
                    let key = own.map_or(value.name.as_str(), String::as_str);
                    value.was_sealed = sealed.as_ref().is_some_and(|names| names.contains(key));
                }
                if draft.kind == Kind::AnsibleVault {
                    let text = "all of it was under Ansible's password, and is not any more";
                    draft.findings.push(Finding::new(Matter::Rekeyed, text));
                }
                draft.seen.values(look.survey, &read);
                draft.content = Content::Document(read, envelope);
                return;
            }
            Err(fault) => {
                // What Ansible's password opened and is no document stays as it lay there.
                let (matter, still) = match draft.kind {
                    Kind::AnsibleVault => {
                        (Matter::AnsibleVault, ", still under Ansible's password")
                    }
                    _ => (Matter::SealedWhole, ""),
                };
                let why = &fault.why;
                let text = format!(
                    "sealed whole{still}, and no document of {}: {why}",
                    format.kind()
                );
                if look.whole != Some(As::Document) {
                    draft
                        .findings
                        .push(Finding::new(matter, text).at(fault.line));
                }
                fault
            }
        },
    };
    if look.whole == Some(As::Document) {
        cannot(draft, &fault);
    } else if is_file {
        let name = file_name(draft.kind, &draft.source);
        let kind = recognise(name, &inner);
        // It lay there sealed, whoever could read the file.
        draft.seen = look.survey.look(kind, &inner, 0o600, &mut draft.findings);
        draft.content = Content::Opened(Plain::new(inner.to_vec()), envelope);
    }
}

fn skip(draft: &mut Draft, matter: Matter, text: &str) {
    draft.content = Content::Nothing;
    draft.findings.push(Finding::new(matter, text));
}

fn cannot(draft: &mut Draft, fault: &Fault) {
    let text = format!("cannot become a document: {}", fault.why);
    let found = Finding::new(Matter::CannotBeDocument, text).at(fault.line);
    draft.findings.push(found);
}
