//! All that git has: each file of each commit of each branch, tag, stash and reflog, and all messages.
//!
//! Every object is read once, whatever commits it is in, also those that no commit leads to any more. A secret
//! that stays in a file through many commits is reported once, with the commit that brought it in.

use std::collections::HashMap;
use std::path::Path;

use super::finding::Finding;
use super::look::{Found, Looker};
use crate::error::Error;
use crate::git::{Brought, Git, ObjectKind, broken};
use crate::text::count;
use crate::world::World;

/// Looks through the objects of the repository around `folder`.
///
/// # Errors
/// NOTFOUND if there is no repository or no git; IOERR if git breaks off.
pub fn history(looker: &Looker, world: &World, folder: &Path) -> Result<Found, Error> {
    let git = Git::at(world, folder);
    // Where git finds nothing to list, there may be no repository at all.
    let brought = git
        .brought()
        .map_err(|broken| git.root().err().unwrap_or(broken))?;
    let mut found = Found::default();
    let mut buffer = looker.buffer();
    let mut met = 0;
    let mut firsts: HashMap<(String, &'static str, u64), (usize, Finding)> = HashMap::new();
    git.every_object(|id, kind, object| {
        let mut here = Found::default();
        let (path, order) = match (kind, brought.get(id)) {
            (ObjectKind::File, Some(Brought { path, order, .. })) => {
                met += 1;
                (path.clone(), *order)
            }
            // No commit leads to it any more: the rest of an amended one, or of a reset.
            (ObjectKind::File, None) => ("(in no commit)".to_owned(), usize::MAX),
            (ObjectKind::Commit, _) => ("(message)".to_owned(), usize::MAX),
            (ObjectKind::Tag, _) => ("(message of a tag)".to_owned(), usize::MAX),
        };
        looker
            .look(&path, object, &mut buffer, &mut here)
            .map_err(|error| broken(&error.to_string()))?;
        found.files += here.files;
        found.allowed += here.allowed;
        for mut finding in here.findings {
            let commit = brought
                .get(id)
                .map_or(id, |brought| brought.commit.as_str());
            finding.commit = Some(commit.get(..12).unwrap_or(commit).to_owned());
            let key = (finding.path.clone(), finding.rule(), finding.same);
            match firsts.get(&key) {
                Some((first, _)) if *first <= order => {}
                _ => drop(firsts.insert(key, (order, finding))),
            }
        }
        Ok(())
    })?;
    // A partial clone has commits and not their files, and none is fetched here.
    let missing = brought.len().saturating_sub(met);
    if missing > 0 {
        let why = format!(
            "this clone has not got {} of its commits; `git fetch --refetch --no-filter` brings all",
            count(missing, "file")
        );
        found.unread.push(("(history)".to_owned(), why));
    }
    found.findings = firsts.into_values().map(|(_, finding)| finding).collect();
    Ok(found)
}
