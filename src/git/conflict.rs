//! The two sides of a merge, a rebase or a stash, as git knows them.

use std::collections::BTreeMap;

use super::{Commit, Git, broken};
use crate::error::{Code, Error, Problem};

/// What a person calls the two sides of a conflict.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sides {
    /// What was there.
    pub ours: &'static str,
    /// What comes in.
    pub theirs: &'static str,
}

impl Sides {
    /// Whether they are those of a rebase, which has no commit that joins both.
    #[must_use]
    pub fn is_rebase(self) -> bool {
        self.theirs == "REBASE_HEAD"
    }
}

impl Git {
    /// The files of the folder that are in conflict, each with the ids of its stages: 1 what both
    /// sides began with, 2 ours, 3 theirs.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn unmerged(&self) -> Result<BTreeMap<String, BTreeMap<u8, String>>, Error> {
        // All files, of which those in conflict are few: git ignores that it cannot write to a pipe, so that no
        // answer would say that there are none.
        let raw = self.ask(&["ls-files", "--stage", "-z"])?;
        if !raw.ends_with(&[0]) {
            return Err(broken("it lists no file, or not all of them"));
        }
        let mut files: BTreeMap<String, BTreeMap<u8, String>> = BTreeMap::new();
        for line in raw.split(|byte| *byte == 0) {
            let line = std::str::from_utf8(line).ok();
            // `MODE ID STAGE TAB PATH`
            let Some((about, path)) = line.and_then(|line| line.split_once('\t')) else {
                continue;
            };
            let mut words = about.split(' ').skip(1);
            if let (Some(id), Some(Ok(stage))) = (words.next(), words.next().map(str::parse))
                && stage != 0
            {
                let stages = files.entry(path.to_owned()).or_default();
                stages.insert(stage, id.to_owned());
            }
        }
        Ok(files)
    }

    /// The two sides of the merge that is under way, or else of the one that was committed last, and what
    /// they began with.
    ///
    /// # Errors
    /// NOTFOUND if there is none.
    pub fn last_merge(&self) -> Result<[Commit; 3], Error> {
        let sides = match self.commit("MERGE_HEAD") {
            Ok(theirs) => (self.commit("HEAD")?, theirs),
            Err(_) => {
                let theirs = self.commit("HEAD^2").map_err(|_| {
                    Error::from(
                        Problem::new(Code::NotFound, "there is no merge here to join anew")
                            .hint("`git log --merges` shows where there was one"),
                    )
                })?;
                (self.commit("HEAD^1")?, theirs)
            }
        };
        let (ours, theirs) = sides;
        let base = self.ask_line(&["merge-base", &ours.id, &theirs.id])?;
        Ok([self.commit(&base)?, ours, theirs])
    }

    /// What the sides are called: of the merge, rebase, cherry-pick or revert under way; else of a stash where
    /// something is in conflict, and of the merge that was committed last where nothing is.
    #[must_use]
    pub fn sides(&self, in_conflict: bool) -> Sides {
        let under_way: &[(&str, &str)] = match in_conflict {
            true => &[
                ("MERGE_HEAD", "MERGE_HEAD"),
                ("REBASE_HEAD", "REBASE_HEAD"),
                ("CHERRY_PICK_HEAD", "CHERRY_PICK_HEAD"),
                ("REVERT_HEAD", "REVERT_HEAD^"),
                ("refs/stash", "stash@{0}"),
            ],
            false => &[("MERGE_HEAD", "MERGE_HEAD")],
        };
        let is_there = |name: &str| {
            let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", name];
            self.ask_line(&words).is_ok()
        };
        let found = under_way.iter().find(|(name, _)| is_there(name));
        match (found, in_conflict) {
            (Some((_, theirs)), _) => Sides {
                ours: "HEAD",
                theirs,
            },
            // A patch, say, which is no commit here.
            (None, true) => Sides {
                ours: "HEAD",
                theirs: "REV",
            },
            (None, false) => Sides {
                ours: "HEAD^1",
                theirs: "HEAD^2",
            },
        }
    }
}
