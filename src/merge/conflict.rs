//! One file in conflict, joined from what git has of the two sides.

use std::collections::BTreeMap;

use super::{Take, has_alone, merge, reads};
use crate::error::{Code, Error, Problem};
use crate::fs::{Edit, New};
use crate::git::{Git, Sides};
use crate::lines::MAX_FILE;
use crate::name::DocumentPath;
use crate::text::list;
use crate::vault::Vault;

use super::age_file::AgeFile;

/// What git has of the files in conflict, and the vault that they belong to.
pub struct Conflict<'a> {
    /// Whose rules say what counts.
    pub vault: &'a Vault,
    /// The repository.
    pub git: &'a Git,
    /// What the sides are called.
    pub sides: Sides,
    /// The files, each with the ids of its stages: 1 what both sides began with, 2 ours, 3 theirs.
    pub stages: &'a BTreeMap<String, BTreeMap<u8, String>>,
    /// What becomes of a file that was joined before.
    pub joined: IfJoined,
}

/// What becomes of a file that somebody joined, where git calls it in conflict until `git add`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IfJoined {
    /// It stays: somebody may have gone on from there.
    Leave,
    /// It is joined again from the two sides.
    Anew,
}

/// What becomes of one file.
#[derive(Debug)]
pub enum Outcome {
    /// It is no secret.
    NoSecret,
    /// Somebody joined it.
    Already,
    /// It is joined.
    Joined(Work),
}

/// What joining one file takes.
#[derive(Debug)]
pub struct Work {
    /// What is written.
    pub edits: Vec<Edit>,
    /// What is taken along with a sidecar, from git.
    pub age: Option<AgeFile>,
    /// What the working tree has there, and neither side.
    pub alone: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A file as it lies in the tree and on both sides.
pub(super) struct Texts {
    pub(super) here: Option<Vec<u8>>,
    pub(super) base: Option<Vec<u8>>,
    pub(super) ours: Option<Vec<u8>>,
    pub(super) theirs: Option<Vec<u8>>,
}

impl Texts {
    /// Whether what lies in the tree is new and reads. A side that lies there whole is what git left there, or
    /// what is had back from git.
    pub(super) fn is_joined(&self, reads: impl FnOnce(&[u8]) -> bool) -> bool {
        let is_new = self.here != self.ours && self.here != self.theirs;
        is_new && self.here.as_deref().is_some_and(reads)
    }
}

impl Conflict<'_> {
    /// Joins one file, by its path from the vault's folder. Nothing is written yet.
    ///
    /// # Errors
    /// CONFLICT where neither side counts, or a person has to decide; what git and the files say.
    pub fn join(&self, file: &str) -> Result<Outcome, Error> {
        let Some(name) = file.strip_prefix("secrets/") else {
            return Ok(Outcome::NoSecret);
        };
        if let Some(name) = name.strip_suffix(".age.toml") {
            return self.join_file(file, &name.parse()?);
        }
        match name.strip_suffix(".toml") {
            Some(name) => self.join_document(file, &name.parse()?),
            None => Ok(Outcome::NoSecret),
        }
    }

    fn join_document(&self, file: &str, path: &DocumentPath) -> Result<Outcome, Error> {
        let texts = self.texts(file)?;
        let (Some(ours), Some(theirs)) = (&texts.ours, &texts.theirs) else {
            return Err(Problem::new(
                Code::Conflict,
                format!("`{path}` was changed on one side and deleted on the other"),
            )
            .hint(format!(
                "`git add {file}` keeps it, `git rm {file}` does not"
            ))
            .into());
        };
        let is_joined = texts.is_joined(|text| reads(path, text));
        if is_joined && self.joined == IfJoined::Leave {
            return Ok(Outcome::Already);
        }
        let merged = merge(
            Some(self.vault),
            path,
            (texts.base.as_deref(), ours, theirs),
            Take::Newer(self.sides),
            7,
        )?;
        if !merged.conflicts.is_empty() {
            let both = format!(
                "both sides changed {}, and neither counts",
                list(&merged.conflicts)
            );
            let problem = Problem::new(Code::Conflict, both);
            return Err(merged.notes.into_iter().fold(problem, Problem::note).into());
        }
        let text = merged.text.into_bytes();
        let alone = match &texts.here {
            Some(here) if is_joined => has_alone(path, here, [ours, theirs, &text]),
            _ => Vec::new(),
        };
        Ok(Outcome::Joined(Work {
            edits: vec![Edit::of(file, texts.here.as_deref(), New::Bytes(text))],
            age: None,
            alone,
            notes: merged.notes,
        }))
    }

    pub(super) fn texts(&self, file: &str) -> Result<Texts, Error> {
        let mut objects = self.git.objects()?;
        let mut side = |number| match self.stage(file, number) {
            Some(id) => objects.bytes(id, MAX_FILE),
            None => Ok(None),
        };
        Ok(Texts {
            base: side(1)?,
            ours: side(2)?,
            theirs: side(3)?,
            here: self.vault.tree().read(file, MAX_FILE)?,
        })
    }

    /// The id of a file's content at a stage.
    pub(super) fn stage(&self, file: &str, number: u8) -> Option<&str> {
        Some(self.stages.get(file)?.get(&number)?.as_str())
    }
}
