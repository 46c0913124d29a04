//! The age file of a sidecar that counts. A sidecar is signed over one age file, and git may have taken the other
//! side's, with or without a conflict. It can be large, so that it passes through and is never held.

use super::conflict::Conflict;
use crate::crypto::hex;
use crate::error::{Code, Error, Problem};
use crate::fs::{self, Edit, FsError, New, Staged, Was};
use crate::git::{Git, broken};
use crate::name::FilePath;
use crate::vault::Vault;

/// An age file that git has and the tree does not.
#[derive(Debug)]
pub struct AgeFile {
    path: String,
    was: Was,
    /// What git calls it.
    object: String,
    sha256: [u8; 32],
}

impl AgeFile {
    /// Writes it beside its place. The caller holds the vault's lock.
    ///
    /// # Errors
    /// [`FsError`], and what git says.
    pub fn stage(self, git: &Git, vault: &Vault) -> Result<Edit, Error> {
        let mut staged = Staged::new(vault.tree(), &self.path, vault.world())?;
        let path = vault.tree().join(&self.path);
        git.objects()?.blob(&self.object, |object| {
            let copied = std::io::copy(object, staged.file()?);
            copied.map_err(FsError::io("write", &path))?;
            Ok(())
        })?;
        if staged.finish()? != self.sha256 {
            return Err(broken("a file in it is not what it was"));
        }
        Ok(Edit {
            path: self.path,
            was: self.was,
            new: New::Staged(staged),
        })
    }
}

/// What becomes of an age file.
pub(super) enum Fate {
    /// It is the one that is wanted.
    Stays,
    /// This one takes its place.
    Comes(AgeFile),
    /// It goes.
    Goes(Edit),
}

impl Conflict<'_> {
    /// Looks for the age file with this hash in the tree and on the side that counts, which git has at stage
    /// `number` and calls `side`. None is wanted of a file that was removed.
    ///
    /// # Errors
    /// CONFLICT if it is in neither.
    pub(super) fn age_file(
        &self,
        path: &FilePath,
        wanted: Option<[u8; 32]>,
        (number, side): (u8, &str),
    ) -> Result<Fate, Error> {
        let (tree, file) = (self.vault.tree(), path.to_file());
        let here = match tree.file(&file)? {
            Some(mut opened) => {
                let hash = fs::hash_file(&mut opened);
                Some(hash.map_err(FsError::io("read", &tree.join(&file)))?)
            }
            None => None,
        };
        if here == wanted {
            return Ok(Fate::Stays);
        }
        let was = here.map_or(Was::Nothing, Was::Hash);
        let Some(sha256) = wanted else {
            return Ok(Fate::Goes(Edit {
                path: file,
                was,
                new: New::Gone,
            }));
        };
        let object = match self.stage(&file, number) {
            Some(id) => id.to_owned(),
            // Not in conflict: git took the side that changed it, and the other one was signed over it as it was.
            None => self.git.commit(side)?.spec(&file),
        };
        let found = self.git.objects()?.blob(&object, |object| {
            let hash = fs::hash_stream(object, object.limit());
            hash.map_err(|error| broken(&error.to_string()))
        })?;
        if found != Some(sha256) {
            return Err(Problem::new(
                Code::Conflict,
                format!("`{path}` cannot be joined: the sealed file of the side that counts is not in it"),
            )
            .note(format!("its sidecar is signed over {}", hex(&sha256)))
            .hint(format!(
                "bring {file} back from where the sidecar came from, then `clws merge`"
            ))
            .into());
        }
        Ok(Fate::Comes(AgeFile {
            path: file,
            was,
            object,
            sha256,
        }))
    }
}
