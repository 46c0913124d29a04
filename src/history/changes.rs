//! Who changed a secret when.

use std::cell::OnceCell;
use std::collections::HashSet;

use crate::error::Error;
use crate::git::{Commit, Git};
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, ValueName};
use crate::text::clean_line;
use crate::time::Moment;
use crate::vault::{Document, Past, Record, Sidecar, State, Vault, Vouched};

/// One record of a secret, and the first commit that had it.
#[derive(Debug)]
pub struct Entry {
    /// The secret.
    pub path: String,
    /// The number of the value.
    pub rev: u64,
    /// The number of the record.
    pub seq: u64,
    /// When the plaintext was given.
    pub changed: Moment,
    /// Who gave it.
    pub author: String,
    /// Who signed the record.
    pub signer: String,
    /// The commit.
    pub commit: Commit,
    /// When that was made, by its own account.
    pub at: Moment,
    /// Whether its signature counts now, or did.
    pub vouched: Vouched,
    /// Whether it says that the secret was removed.
    pub removed: bool,
    /// Whether it is what lies in the working tree.
    pub here: bool,
}

/// The history of a secret.
#[derive(Debug, Default)]
pub struct History {
    /// Its records, the newest first.
    pub entries: Vec<Entry>,
    /// Whether git has more of it elsewhere.
    pub shallow: bool,
    /// Commits in which the file does not read, as with a conflict that was committed.
    pub unread: Vec<Commit>,
}

/// What a history is of.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// A document, or one value in it.
    Document(&'a DocumentPath, Option<&'a ValueName>),
    /// A sealed file.
    File(&'a FilePath),
}

/// The history of a secret, up to a commit.
///
/// # Errors
/// What git says.
pub fn history(vault: &Vault, rev: &str, of: Of<'_>) -> Result<History, Error> {
    let git = Git::at(vault.world(), vault.tree().path());
    let file = match of {
        Of::Document(path, _) => path.to_file(),
        Of::File(path) => path.to_sidecar(),
    };
    let commits = git.changes(&git.commit(rev)?, &file)?;
    let mut objects = git.objects()?;
    let now = vault.tree().read(&file, MAX_FILE)?;
    let now: HashSet<String> = now
        .and_then(|bytes| printed(vault, of, &bytes))
        .unwrap_or_default()
        .into_iter()
        .collect();
    let (mut found, mut seen) = (History::default(), HashSet::new());
    found.shallow = git.is_shallow()?;
    for (commit, seconds) in commits.into_iter().rev() {
        let Some(bytes) = objects.bytes(&commit.spec(&file), MAX_FILE)? else {
            continue;
        };
        let Some(texts) = printed(vault, of, &bytes) else {
            found.unread.push(commit);
            continue;
        };
        let is_new = |text: &String| !seen.contains(text);
        if !texts.iter().any(is_new) {
            continue;
        }
        let at = Moment::from_seconds(seconds);
        let look = Look {
            vault,
            git: &git,
            commit: &commit,
            at,
            past: OnceCell::new(),
        };
        let entries = look.entries(of, &bytes)?;
        for (text, mut entry) in texts.into_iter().zip(entries) {
            entry.here = now.contains(&text);
            if seen.insert(text) {
                found.entries.push(entry);
            }
        }
    }
    found.entries.reverse();
    Ok(found)
}

/// The records of a file as text, to tell whether two are the same; none if it does not read.
fn printed(vault: &Vault, of: Of<'_>, bytes: &[u8]) -> Option<Vec<String>> {
    match of {
        Of::File(path) => Some(vec![Sidecar::parse(bytes, path).ok()?.print()]),
        Of::Document(path, name) => {
            let document = Document::parse(bytes, path, vault.id()).ok()?;
            let records = records(&document, name)?;
            Some(records.iter().map(Record::print).collect())
        }
    }
}

fn records(document: &Document<'_>, name: Option<&ValueName>) -> Option<Vec<Record>> {
    match name {
        Some(name) => Some(document.record(name).ok()?.into_iter().collect()),
        None => document.records().ok(),
    }
}

struct Look<'a> {
    vault: &'a Vault,
    git: &'a Git,
    commit: &'a Commit,
    at: Moment,
    /// The vault at that commit, for which git is asked once for all records that need it.
    past: OnceCell<Past<'a>>,
}

impl Look<'_> {
    fn entries(&self, of: Of<'_>, bytes: &[u8]) -> Result<Vec<Entry>, Error> {
        match of {
            Of::File(path) => {
                let sidecar = Sidecar::parse(bytes, path)?;
                let vouched = self.vouched(|past| past.vouches_sidecar(&sidecar))?;
                Ok(vec![Entry {
                    path: path.to_string(),
                    rev: sidecar.rev,
                    seq: sidecar.seq,
                    changed: sidecar.changed,
                    author: sidecar.author,
                    signer: clean_line(&sidecar.signed.party),
                    commit: self.commit.clone(),
                    at: self.at,
                    vouched,
                    removed: sidecar.content.is_none(),
                    here: false,
                }])
            }
            Of::Document(path, name) => {
                let document = Document::parse(bytes, path, self.vault.id())?;
                let mut entries = Vec::new();
                for record in records(&document, name).unwrap_or_default() {
                    let vouched = self.vouched(|past| past.vouches_record(&document, &record))?;
                    entries.push(Entry {
                        path: format!("{path}/{}", record.name),
                        rev: record.rev,
                        seq: record.seq,
                        changed: record.changed,
                        author: record.author,
                        signer: clean_line(&record.signed.party),
                        commit: self.commit.clone(),
                        at: self.at,
                        vouched,
                        removed: record.state == State::Removed,
                        here: false,
                    });
                }
                Ok(entries)
            }
        }
    }

    /// By the rules of now; the rules of that commit are read only where those say no.
    fn vouched(&self, judge: impl Fn(&Past<'_>) -> Vouched) -> Result<Vouched, Error> {
        let now = judge(&Past::here(self.vault));
        if !matches!(now, Vouched::Nobody(_)) {
            return Ok(now);
        }
        if let Some(past) = self.past.get() {
            return Ok(judge(past));
        }
        let past = Past::of(self.vault, self.git.clone(), self.commit.clone())?;
        Ok(judge(self.past.get_or_init(|| past)))
    }
}
