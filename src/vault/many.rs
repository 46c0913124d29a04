//! Many sealed files at once, on all cores: new ones, and those that are sealed anew.
//!
//! What a thread does is in [`super::sealing`]. What is signed and what is committed is put together here,
//! one after the other.

use std::io::Read;
use std::sync::Arc;

use crate::crypto::stream;
use crate::error::Error;
use crate::fs::Sync;
use crate::name::{FilePath, PartyName};
use crate::recipients::PublicRecipient;

use super::change::{Change, Purpose, Work};
use super::exposure::expose;
use super::file::{NewFile, Renewed, There, afresh, explain};
use super::open::Vault;
use super::policy::Policy;
use super::read::{Opener, Reader};
use super::sealing::{self, Job, Keys, SealedFile};
use super::transfer::Origin;
use super::unseal::intact;

/// After so many files it is told how far the work is, and given up if one of them was not sealed.
const PIECE: usize = 256;

/// A file to be sealed anew, and those who could read it and may not any more.
pub type Anew<'a> = (&'a FilePath, &'a [PartyName]);

/// A piece of work for the threads, and what is signed once it is done.
type Prepared<J, S> = (Job<J>, S);

/// What is signed of a file that is sealed anew.
struct Again {
    readers: Vec<String>,
    renewed: Renewed,
    policy: Policy,
    there: There,
}

impl Change<'_> {
    /// Seals many files. Each is opened by the thread that seals it: `open` gives its mode and content.
    ///
    /// # Errors
    /// [`super::VaultError`], [`crate::fs::FsError`], what `open` says.
    pub fn set_files<R: Read, F, P>(&mut self, files: Vec<(FilePath, F, P)>) -> Result<(), Error>
    where
        F: FnOnce() -> Result<NewFile<R>, Error> + Send,
        P: FnOnce(&mut Policy),
    {
        let mut files = files.into_iter().peekable();
        while files.peek().is_some() {
            let (mut jobs, mut rest) = (Vec::new(), Vec::new());
            for (path, open, policy) in files.by_ref().take(PIECE) {
                let (readers, recipients) = self.readers_of(&path)?;
                let Some(keys) = self.keys(recipients)? else {
                    self.set_file(&path, open()?, policy)?;
                    self.done(Work::Sealed);
                    continue;
                };
                let target = path.to_file();
                jobs.push(Job { open, target, keys });
                rest.push((path, readers, policy));
            }
            let all = sealing::seal_all(jobs, self.vault.tree(), self.vault.world());
            for (sealed, (path, readers, policy)) in all.into_iter().zip(rest) {
                let sealed = sealed.map_err(|error| explain(&path, error))?;
                let renewed = Renewed::Content(Origin::here(self));
                self.push(&path, Some(sealed), readers, renewed, afresh(policy))?;
                self.done(Work::Sealed);
            }
        }
        Ok(())
    }

    /// Seals files anew, to the readers of their rules and nobody else; content, number and author stay.
    /// `before` is the vault under the rules so far, by which what is there must count. Gives for each
    /// whether it was, in their order.
    pub fn rekey_files(&mut self, files: &[Anew<'_>], before: &Vault) -> Vec<Result<(), Error>> {
        let mut results = Vec::with_capacity(files.len());
        for piece in files.chunks(PIECE) {
            let (jobs, rest): (Vec<_>, Vec<_>) = piece
                .iter()
                .map(|file| match self.prepare_again(*file, before) {
                    Ok(Some((job, again))) => (Some(job), Ok(Some(again))),
                    Ok(None) => (None, Ok(None)),
                    Err(error) => (None, Err(error)),
                })
                .unzip();
            let jobs = jobs.into_iter().flatten().collect();
            let mut sealed =
                sealing::seal_all(jobs, self.vault.tree(), self.vault.world()).into_iter();
            for (file, again) in piece.iter().zip(rest) {
                let result = match again {
                    Ok(Some(again)) => match sealed.next() {
                        Some(Ok(sealed)) => self.push_again(file.0, sealed, again),
                        // What no thread could open is opened in the way that can ask and explain.
                        _ => self.rekey_file(file.0, before, file.1),
                    },
                    Ok(None) => self.rekey_file(file.0, before, file.1),
                    Err(error) => Err(error),
                };
                if result.is_ok() {
                    self.done(Work::Sealed);
                }
                results.push(result);
            }
        }
        results
    }

    /// What a thread needs to seal a file anew; nothing if its keys are none for threads.
    fn prepare_again<'b>(
        &mut self,
        (path, left): Anew<'b>,
        before: &'b Vault,
    ) -> Result<
        Option<
            Prepared<
                impl FnOnce() -> Result<NewFile<Box<dyn Read>>, Error> + Send + use<'b>,
                Again,
            >,
        >,
        Error,
    > {
        self.writable(path.as_str(), Purpose::Write)?;
        let (readers, recipients) = self.readers_of(path)?;
        let Some(keys) = self.keys(recipients)? else {
            return Ok(None);
        };
        let reader =
            Reader::new(before, self.openers.to_vec(), "rekey", Sync::Lazy)?.holding_lock();
        let judged = reader.judge_file(path)?;
        if judged.has_pending {
            // It has two contents, which are sealed anew together.
            return Ok(None);
        }
        self.log_ahead([path])?;
        let (content, sidecar) = (judged.content, judged.sidecar);
        let mut policy = sidecar.policy.clone();
        let left: Vec<String> = left.iter().map(ToString::to_string).collect();
        expose(&mut policy, &left, self.vault.world().now());
        let again = Again {
            readers,
            renewed: Renewed::Seal {
                rev: sidecar.rev,
                origin: Origin {
                    author: sidecar.author.clone(),
                    changed: sidecar.changed,
                },
            },
            policy,
            there: There {
                sidecar: Some(sidecar),
                text: Some(judged.text),
                // The thread that opens it finds that it is this one.
                age: Some(content.sha256),
                pin: judged.pin,
            },
        };
        let (target, identities, tree) = (path.to_file(), Arc::clone(&keys), before.tree());
        let open = move || {
            let file = intact(tree, path, &content)?;
            let each = identities
                .identities
                .iter()
                .map(|key| key as &dyn age::Identity);
            let opened = stream::verified_reader(file, each);
            let (_, input) = opened.map_err(|error| explain(path, error.into()))?;
            Ok(NewFile {
                mode: content.mode,
                input,
            })
        };
        Ok(Some((Job { open, target, keys }, again)))
    }

    fn push_again(
        &mut self,
        path: &FilePath,
        sealed: SealedFile,
        again: Again,
    ) -> Result<(), Error> {
        let Again {
            readers,
            renewed,
            policy,
            there,
        } = again;
        let policy = |kept: &mut Policy| *kept = policy;
        self.push_over(path, there, Some(sealed), readers, renewed, policy)
    }

    /// What any thread can seal with for these recipients, if all of them, and one of the writer's own
    /// identities among them, are native ones of age.
    fn keys(&mut self, recipients: Vec<PublicRecipient>) -> Result<Option<Arc<Keys>>, Error> {
        if let Some((of, keys)) = &self.keys
            && *of == recipients
        {
            return Ok(keys.clone());
        }
        let mine = |opener: &&&dyn Opener| {
            let mine = opener.recipient();
            recipients.iter().any(|r| Some(r.key.as_str()) == mine)
        };
        let mut identities = Vec::new();
        for opener in self.openers.iter().filter(mine) {
            identities.extend(opener.native()?);
        }
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
