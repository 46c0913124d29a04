//! Opening many sealed files at once, on all cores.
//!
//! A thread reads and judges a file as [`Reader::open_file`] does. What it cannot do is to ask: for a key, for the
//! vault's lock while somebody writes. Whatever it does not open, for whatever reason, is left to that way.

use crate::cores;
use crate::crypto::x25519::Identity;
use crate::crypto::{sha256, stream};
use crate::error::Error;
use crate::fs::{FsError, Sync};
use crate::name::FilePath;

use super::judge::Notice;
use super::open::Vault;
use super::opener::native;
use super::policy::Policy;
use super::read::Reader;
use super::sidecar::Content;
use super::unseal::{JudgedFile, news};

/// Fewer files than this are opened before a thread has started.
const FEW: usize = 16;

/// Larger ones are read piece by piece, one after the other.
const AT_ONCE: usize = 1024 * 1024;

/// A sealed file that is open, all of it verified.
pub struct OpenInMemory<'f> {
    /// Where it lies.
    pub path: &'f FilePath,
    /// Its mode and size.
    pub content: &'f Content,
    /// What is known about it.
    pub policy: &'f Policy,
    /// Its plaintext.
    pub plain: &'f [u8],
}

/// What a thread did with a file.
struct Done<R> {
    judged: JudgedFile,
    notices: Vec<Notice>,
    taken: R,
}

impl Reader<'_> {
    /// Opens many sealed files and gives each to `take`, on any thread. Gives what `take` made of them, in their
    /// order; `None` for each that is left to [`Self::open_file`], and where `take` gives that.
    ///
    /// # Errors
    /// Those of logging that they are opened, and of remembering what was seen.
    pub fn open_files<R: Send>(
        &self,
        paths: &[&FilePath],
        take: impl Fn(OpenInMemory<'_>) -> Option<R> + std::marker::Sync,
    ) -> Result<Vec<Option<R>>, Error> {
        // Those that would be tried first.
        let keys = native(&self.openers, |opener| opener.recipient().is_some());
        if keys.is_empty() || paths.len() < FEW {
            return Ok(paths.iter().map(|_| None).collect());
        }
        let vault = self.vault;
        let is_there = |path: &FilePath| vault.tree().exists(&path.to_file());
        let there = cores::each(paths.to_vec(), FEW, is_there);
        let there: Vec<bool> = there.into_iter().collect::<Result<_, FsError>>()?;
        let present = paths.iter().zip(&there).filter(|(_, there)| **there);
        self.log_ahead(present.map(|(path, _)| path.to_string()).collect())?;
        let jobs = paths.iter().copied().zip(there).collect();
        let looked = cores::each(jobs, FEW, |(path, is_there)| {
            let done = is_there.then(|| alone(vault, path, &keys, &take));
            done?.ok().flatten()
        });
        let mut results = Vec::with_capacity(paths.len());
        for (path, done) in paths.iter().zip(looked) {
            results.push(match done {
                Some(done) => Some(self.ended(path, done)?),
                None => None,
            });
        }
        Ok(results)
    }

    /// Remembers what a thread saw.
    fn ended<R>(&self, path: &FilePath, done: Done<R>) -> Result<R, Error> {
        self.forget_logged(path.as_str());
        self.notices.borrow_mut().extend(done.notices);
        let JudgedFile {
            sidecar, pin, seen, ..
        } = done.judged;
        self.move_pin(&sidecar.id, path.as_str(), pin.as_ref(), None, news(seen))?;
        Ok(done.taken)
    }
}

/// Opens a file whose use was logged, and gives it to `take`.
fn alone<R>(
    vault: &Vault,
    path: &FilePath,
    keys: &[Identity],
    take: impl Fn(OpenInMemory<'_>) -> Option<R>,
) -> Result<Option<Done<R>>, Error> {
    let reader = Reader::new(vault, Vec::new(), "", Sync::Lazy)?;
    let judged = reader.judge_file(path)?;
    let content = judged.content;
    let Some(age) = vault.tree().read(&path.to_file(), AT_ONCE)? else {
        return Ok(None);
    };
    if sha256(&age) != content.sha256 {
        return Ok(None);
    }
    vault.demand_place(path, &mut std::io::Cursor::new(&age))?;
    let each = keys.iter().map(|key| key as &dyn age::Identity);
    let plain = match stream::open(&age, each) {
        Ok((passed, plain)) if passed.size == content.size => plain,
        _ => return Ok(None),
    };
    let taken = take(OpenInMemory {
        path,
        content: &content,
        policy: &judged.sidecar.policy,
        plain: &plain,
    });
    let notices = reader.take_notices();
    Ok(taken.map(|taken| Done {
        judged,
        notices,
        taken,
    }))
}
