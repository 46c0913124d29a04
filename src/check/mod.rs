//! Everything about a vault that can be verified, without a private key: form, signatures, readers
//! against the rules, and what this machine remembers.
//!
//! A check looks at all of it and collects [`Finding`]s; the first fault does not hide the others.
//! With identities at hand it also opens what they can: every wrap must hold the document's key, and
//! every value and file must open.

mod document;
mod file;
mod finding;
mod full;
mod private_keys;
mod readers;
mod rules;
mod seen;
mod signatures;
mod walk;

pub use finding::{Finding, Kind};

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::fs::Sync;
use crate::name::DocumentPath;
use crate::text::list;
use crate::trust::SeenKind;
use crate::vault::{Claim, Opener, Reader, Vault};

/// What a check came to.
#[derive(Debug)]
pub struct Report {
    /// What was found, sorted by path.
    pub findings: Vec<Finding>,
    /// How many documents, values and sealed files were looked at.
    pub counts: Counts,
    /// Documents and files that none of the identities opens, where they were to be opened; sorted.
    pub closed: Vec<String>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Documents.
    pub documents: usize,
    /// Values, tombstones among them.
    pub values: usize,
    /// Sealed files.
    pub files: usize,
    /// Wraps by keys of a server that no login was seen to open: whether they do cannot be seen from here.
    pub by_server: usize,
}

/// A check under way.
struct Check<'a> {
    vault: &'a Vault,
    full: Option<Reader<'a>>,
    openers: &'a [&'a dyn Opener],
    findings: Vec<Finding>,
    claims: Vec<Claim>,
    counts: Counts,
    closed: Vec<String>,
    /// Which paths have which id: one, if nobody copied it.
    ids: BTreeMap<[u8; 16], Vec<(SeenKind, String)>>,
    /// Paths that do not read, so that nothing more is known of them.
    unread: BTreeSet<String>,
}

/// Checks a whole vault; with `openers` also what they open.
///
/// # Errors
/// What keeps the check itself from going on: the disk, the audit log; a fault of the vault is a
/// finding.
pub fn check(vault: &Vault, openers: Option<&[&dyn Opener]>) -> Result<Report, Error> {
    let mut check = Check::new(vault, openers)?;
    check.rules()?;
    check.private_keys("recipients")?;
    check.private_keys("hooks")?;
    check.certificates();
    check.secrets()?;
    check.duplicates();
    check.absent();
    Ok(check.finish())
}

/// Checks one document as if these bytes lay in the vault.
///
/// # Errors
/// As [`check`].
pub fn check_document(
    vault: &Vault,
    path: &DocumentPath,
    bytes: &[u8],
    openers: Option<&[&dyn Opener]>,
) -> Result<Report, Error> {
    let mut check = Check::new(vault, openers)?;
    check.document(path, bytes)?;
    Ok(check.finish())
}

impl<'a> Check<'a> {
    fn new(vault: &'a Vault, openers: Option<&'a [&'a dyn Opener]>) -> Result<Self, Error> {
        let reader = |openers: &[&'a dyn Opener]| {
            Reader::new(vault, openers.to_vec(), full::WHAT, Sync::Lazy)
        };
        Ok(Self {
            vault,
            full: openers.map(reader).transpose()?,
            openers: openers.unwrap_or_default(),
            findings: Vec::new(),
            claims: Vec::new(),
            counts: Counts::default(),
            closed: Vec::new(),
            ids: BTreeMap::new(),
            unread: BTreeSet::new(),
        })
    }

    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn note_id(&mut self, id: [u8; 16], kind: SeenKind, path: &str) {
        let paths = self.ids.entry(id).or_default();
        paths.push((kind, path.to_owned()));
    }

    /// An id stands for one path: values of one document would read under another one of the same id.
    ///
    /// Whose it is, the files do not tell. If this machine has seen it at one of the paths alone, that one is
    /// taken for the first.
    fn duplicates(&mut self) {
        let pins = &self.vault.trust().pins;
        let mut found = Vec::new();
        for (id, paths) in self.ids.iter().filter(|(_, paths)| paths.len() > 1) {
            // A pin that does not read is named elsewhere.
            let is_seen = |(kind, path): &&(SeenKind, String)| {
                pins.seen(*kind, id, path).is_ok_and(|pin| pin.is_some())
            };
            let seen: Vec<_> = paths.iter().filter(is_seen).collect();
            for one in paths {
                let why = match seen.as_slice() {
                    [first] if *first == one => continue,
                    [(_, first)] => {
                        format!("it has the id under which this machine knows `{first}`")
                    }
                    _ => {
                        let others = paths.iter().filter(|other| *other != one);
                        let others: Vec<_> = others.map(|(_, path)| format!("`{path}`")).collect();
                        format!(
                            "it has one id with {}; one of them was copied",
                            list(&others)
                        )
                    }
                };
                let path = one.1.as_str();
                let next = format!("git log -- 'secrets/{path}*'");
                found.push(Finding::new(Kind::DuplicateId, path, why).next(next));
            }
        }
        self.findings.append(&mut found);
    }

    /// Takes out what records say that nobody vouches for: their policies, and where the signature is wrong their
    /// numbers too.
    fn unsay(&mut self) {
        let of =
            |finding: &Finding| (finding.kind == Kind::Signature).then(|| finding.path.clone());
        let forged: BTreeSet<String> = self.findings.iter().filter_map(of).collect();
        let is_unsound = |kind| matches!(kind, Kind::Unvouched | Kind::Signature);
        let of = |finding: &Finding| is_unsound(finding.kind).then(|| finding.path.clone());
        let unsound: BTreeSet<String> = self.findings.iter().filter_map(of).collect();
        self.findings.retain(|finding| {
            let is_of_policy = matches!(finding.kind, Kind::Exposed | Kind::Due | Kind::Policy);
            let is_of_number = matches!(finding.kind, Kind::Older | Kind::Sibling | Kind::Jump);
            let is_unsaid = (is_of_policy && unsound.contains(&finding.path))
                || (is_of_number && forged.contains(&finding.path));
            !is_unsaid
        });
    }

    fn finish(mut self) -> Report {
        self.settle();
        self.unsay();
        let mut findings = self.findings;
        findings.sort();
        findings.dedup();
        self.closed.sort();
        Report {
            findings,
            counts: self.counts,
            closed: self.closed,
        }
    }
}
