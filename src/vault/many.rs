//! Many sealed files at once, on all cores: new ones, and those that are sealed anew.
//!
//! A thread does all that is to be done for one file before the commit. It needs a vault, keys of age and a
//! signing key, all of them plain data. Plugins ask a person or a token, and agents sign one after the
//! other: where one of them is needed, files go one after the other too.

use std::io::Read;
use std::sync::Arc;

use crate::cores;
use crate::crypto::{FilePlace, stream};
use crate::error::Error;
use crate::fs::{Staged, Sync};
use crate::lines::MAX_FILE;
use crate::name::{FilePath, PartyName};
use crate::recipients::PublicRecipient;

use super::change::{Change, Work};
use super::exposure::expose;
use super::file::afresh;
use super::file_draft::{FileDraft, News, Renewed, There};
use super::folders::{Folders, Target};
use super::open::Vault;
use super::opener::native;
use super::origin::Origin;
use super::policy::Policy;
use super::read::Reader;
use super::sealing::{self, Keys, NewFile, explain};
use super::signer::KeyInMemory;
use super::unseal::intact;

/// After so many files it is told how far the work is, and given up if one of them was not sealed.
const PIECE: usize = 256;

/// A file to be sealed.
#[derive(Debug)]
pub struct ToSeal<F, P> {
    /// Where.
    pub path: FilePath,
    /// Gives its mode and content; what lies there as its sidecar is shown to it.
    pub open: F,
    /// Says what is known about it.
    pub policy: P,
}

/// A file to be sealed anew, and those who could read it and may not any more.
pub type Anew<'a> = (&'a FilePath, &'a [PartyName]);

/// Fewer files than this are done before a thread has started.
const FEW: usize = 16;

/// What a thread needs to know of a file, and cannot find out alone.
struct Job {
    readers: Vec<String>,
    keys: Arc<Keys>,
}

impl Change<'_> {
    /// Seals many files. Each is opened by the thread that seals it.
    ///
    /// # Errors
    /// [`super::VaultError`], [`crate::fs::FsError`], what `open` says.
    pub fn set_files<R: Read, F, P>(&mut self, files: Vec<ToSeal<F, P>>) -> Result<(), Error>
    where
        F: FnOnce(Option<&[u8]>) -> Result<NewFile<R>, Error> + Send,
        P: FnOnce(&mut Policy) + Send,
    {
        let (vault, signer) = (self.vault, self.author.signer.for_threads()?);
        let origin = self.origin();
        let mut files = files.into_iter().peekable();
        while files.peek().is_some() {
            let mut jobs = Vec::new();
            let mut folders = Folders::default();
            for file in files.by_ref().take(PIECE) {
                let job = self.job(&file.path)?;
                match (job, &signer) {
                    (Some(job), Some(signer)) => {
                        let folder = folders.of(vault, &mut self.folders, &file.path)?;
                        jobs.push((file, job, signer, folder));
                    }
                    _ => {
                        let there = vault.tree().read(&file.path.to_sidecar(), MAX_FILE)?;
                        let new = (file.open)(there.as_deref())?;
                        self.set_file(&file.path, new, file.policy)?;
                        self.done(Work::Sealed);
                    }
                }
            }
            let drafts = cores::each(jobs, FEW, |(file, job, signer, folder)| {
                let ToSeal { path, open, policy } = file;
                let at = Target::of(&path, &folder)?;
                let there = at.there(vault, &path)?;
                let new = open(there.text.as_deref())?;
                let staged = at.stage_age(vault)?;
                let place = FilePlace::new(vault.id(), path.as_str());
                let sealed = sealing::seal(new, staged, &job.keys, &place);
                let sealed = sealed.map_err(|error| explain(&path, error))?;
                let news = News {
                    readers: job.readers,
                    renewed: Renewed::Content(origin.clone()),
                    policy: afresh(policy),
                };
                let draft = FileDraft::over((vault, signer), &path, there, Some(sealed), news);
                draft?.made_ready(vault, at.stage_sidecar(vault)?)
            });
            for draft in drafts {
                self.with_file(draft?);
                self.done(Work::Sealed);
            }
        }
        Ok(())
    }

    /// Seals files anew, to the readers of their rules and nobody else; content, number and author stay.
    /// `before` is the vault under the rules so far, by which what is there must count. Gives for each
    /// whether it was, in their order.
    ///
    /// # Errors
    /// Those of logging that they are opened.
    pub fn rekey_files(
        &mut self,
        files: &[Anew<'_>],
        before: &Vault,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        self.log_ahead(files.iter().map(|(path, _)| *path))?;
        let (vault, signer) = (self.vault, self.author.signer.for_threads()?);
        let mut results = Vec::with_capacity(files.len());
        for piece in files.chunks(PIECE) {
            let mut jobs = Vec::new();
            for file in piece {
                // What keeps it from being one is said by the way that can ask and explain.
                let job = self.job(file.0).ok().flatten();
                jobs.push((*file, job.zip(signer)));
            }
            let drafts = cores::each(jobs, FEW, |(file, job)| {
                let (job, signer) = job?;
                again(file, job, (vault, before), &signer).ok().flatten()
            });
            for (file, draft) in piece.iter().zip(drafts) {
                let result = match draft {
                    Some(draft) => {
                        self.with_file(draft);
                        Ok(())
                    }
                    None => self.rekey_file(file.0, before, file.1),
                };
                if result.is_ok() {
                    self.done(Work::Sealed);
                }
                results.push(result);
            }
        }
        Ok(results)
    }

    /// For a thread, if keys of any thread are all that is needed.
    fn job(&mut self, path: &FilePath) -> Result<Option<Job>, Error> {
        let (readers, recipients) = self.readers_of(path)?;
        let keys = self.keys(recipients)?;
        Ok(keys.map(|keys| Job { readers, keys }))
    }

    /// What any thread can seal with for these recipients, if all of them, and one of the writer's own
    /// identities among them, are native ones of age.
    fn keys(&mut self, recipients: Vec<PublicRecipient>) -> Result<Option<Arc<Keys>>, Error> {
        if let Some((of, keys)) = &self.keys
            && *of == recipients
        {
            return Ok(keys.clone());
        }
        let identities = native(self.openers, |opener| {
            let mine = opener.recipient();
            recipients.iter().any(|r| Some(r.key.as_str()) == mine)
        });
        let native = recipients.iter().map(|recipient| recipient.key.x25519());
        let keys = native
            .collect::<Result<Option<Vec<_>>, _>>()?
            .filter(|_| !identities.is_empty())
            .map(|recipients| {
                Arc::new(Keys {
                    recipients,
                    identities,
                })
            });
        self.keys = Some((recipients, keys.clone()));
        Ok(keys)
    }
}

/// Opens a file and seals it anew; nothing if it is one that a thread does not understand alone.
fn again(
    (path, left): Anew<'_>,
    job: Job,
    (vault, before): (&Vault, &Vault),
    signer: &KeyInMemory<'_>,
) -> Result<Option<FileDraft>, Error> {
    let reader = Reader::new(before, Vec::new(), "rekey", Sync::Lazy)?.holding_lock();
    let judged = reader.judge_file(path)?;
    judged.demand_newest(before, path)?;
    if judged.has_pending {
        // It has two contents, which are sealed anew together.
        return Ok(None);
    }
    let (content, sidecar) = (judged.content, judged.sidecar);
    let file = intact(before, path, &content)?;
    let opened = stream::verified_reader(file, job.keys.age());
    let (_, input) = opened.map_err(|error| explain(path, error.into()))?;
    let mode = content.mode;
    let staged = Staged::new(vault.tree(), &path.to_file(), vault.world())?;
    let place = FilePlace::new(vault.id(), path.as_str());
    let sealed = sealing::seal(NewFile { mode, input }, staged, &job.keys, &place);
    let sealed = sealed.map_err(|error| explain(path, error))?;
    let mut policy = sidecar.policy.clone();
    let left: Vec<String> = left.iter().map(ToString::to_string).collect();
    expose(&mut policy, &left, vault.world().now());
    let news = News {
        readers: job.readers,
        renewed: Renewed::Seal {
            rev: sidecar.rev,
            origin: Origin::of(&sidecar),
        },
        policy: |kept: &mut Policy| *kept = policy,
    };
    let there = There {
        sidecar: Some(sidecar),
        text: Some(judged.text),
        age: Some(content.sha256),
        pin: judged.pin,
    };
    let draft = FileDraft::over((vault, signer), path, there, Some(sealed), news)?;
    let sidecar = Staged::new(vault.tree(), &path.to_sidecar(), vault.world())?;
    Ok(Some(draft.made_ready(vault, sidecar)?))
}
