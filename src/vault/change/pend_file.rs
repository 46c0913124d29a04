//! The two contents of a sealed file's rotation. They are small, as what is rotated is: a key, a
//! certificate, a password file. So both are sealed anew whenever they change places, to whoever may read
//! by then.

use zeroize::Zeroizing;

use super::Change;
use crate::crypto::{FilePlace, stream};
use crate::error::Error;
use crate::fs::Sync;
use crate::name::FilePath;
use crate::recipients::Sealing;
use crate::secret::Plain;
use crate::vault::exposure::expose;
use crate::vault::file_draft::{Beside, FileDraft, Renewed};
use crate::vault::open::Vault;
use crate::vault::origin::Origin;
use crate::vault::pending::Given;
use crate::vault::pending_file::PendingFile;
use crate::vault::policy::{Policy, PolicyKey};
use crate::vault::read::Reader;
use crate::vault::sealing::{NewFile, explain, not_to_server};
use crate::vault::sidecar::{Content, Part, Sidecar};
use crate::vault::{MAX_VALUE, VaultError};

/// A content, and what is signed on of it.
struct Other {
    mode: u32,
    plain: Plain,
    rev: u64,
    seq: u64,
    origin: Origin,
    policy: Policy,
}

impl Change<'_> {
    /// [`Self::set_pending`], for a sealed file.
    pub(super) fn set_pending_file(
        &mut self,
        path: &FilePath,
        make: impl FnOnce(&Plain) -> Result<Plain, Error>,
    ) -> Result<(Given, Given), Error> {
        let (text, live, seq) = self.counting(path, self.vault)?;
        let (mode, old) = self.open_live(path)?;
        let plain = make(&old)?;
        demand_small(path, plain.with(|plain| plain.len() as u64))?;
        let other = Other {
            mode,
            plain,
            rev: live.rev.saturating_add(1),
            seq: seq.saturating_add(1),
            origin: self.origin(),
            policy: Policy::default(),
        };
        let beside = self.seal_beside(&live, other)?;
        let new = match &beside {
            Beside::Is(pending, _) => Given::of_file(&pending.record),
            Beside::Goes => Given::of_file(&live),
        };
        let old = Given::of_file(&live);
        self.stand_beside(live, text, beside);
        Ok((old, new))
    }

    /// [`Self::swap_pending`], for a sealed file.
    pub(super) fn swap_pending_file(
        &mut self,
        path: &FilePath,
        known: impl FnOnce(&Plain, &mut Policy),
    ) -> Result<(), Error> {
        let (text, live, _) = self.counting(path, self.vault)?;
        let (pending, new) = self.pending_file(&live, &text, self.vault)?;
        let (mode, plain) = self.open_live(path)?;
        let exposed = |policy: &Policy| policy.value(PolicyKey::Exposed).map(str::to_owned);
        let mut said = Policy::default();
        said.set(PolicyKey::Exposed, exposed(&live.policy));
        let old = Other {
            mode,
            plain,
            rev: live.rev,
            seq: live.seq,
            origin: Origin::of(&live),
            policy: said,
        };
        let beside = self.seal_beside(&live, old)?;
        let record = pending.record;
        let origin = Origin::of(&record);
        let exposed = exposed(&record.policy);
        let input = new.with(|new| Zeroizing::new(new.clone()));
        let file = NewFile {
            mode: record.content.map_or(mode, |content| content.mode),
            input: input.as_slice(),
        };
        self.seal_file(path, file, Renewed::Content(origin), |kept| {
            kept.set(PolicyKey::Exposed, exposed);
            known(&new, kept);
        })?;
        if let Some(draft) = self.draft_of_file(path) {
            draft.beside = Some(beside);
        }
        Ok(())
    }

    /// [`Self::open_both`], for a sealed file.
    pub(super) fn open_both_files(&self, path: &FilePath) -> Result<(Plain, Plain), Error> {
        let (text, live, _) = self.counting(path, self.vault)?;
        let (_, beside) = self.pending_file(&live, &text, self.vault)?;
        Ok((self.open_live(path)?.1, beside))
    }

    /// [`Self::drop_pending`], for a sealed file.
    pub(in crate::vault) fn drop_pending_file(&mut self, path: &FilePath) -> Result<(), Error> {
        if let Some(draft) = self.draft_of_file(path) {
            draft.beside = Some(Beside::Goes);
        } else if self.vault.pending_file(path)?.is_some() {
            let (text, live, _) = self.counting(path, self.vault)?;
            self.stand_beside(live, text, Beside::Goes);
        }
        Ok(())
    }

    /// Seals what lies beside a file that is sealed anew in this change, to the same readers. What those
    /// who left could read says so.
    pub(super) fn reseal_pending_file(
        &mut self,
        path: &FilePath,
        before: &Vault,
        left: &[String],
    ) -> Result<(), Error> {
        if self.vault.pending_file(path)?.is_none() {
            return Ok(());
        }
        let (text, live, _) = self.counting(path, before)?;
        let (pending, plain) = self.pending_file(&live, &text, before)?;
        let record = pending.record;
        let mut policy = record.policy.clone();
        expose(&mut policy, left, self.vault.world().now());
        let other = Other {
            mode: record.content.map_or(0o600, |content| content.mode),
            plain,
            rev: record.rev,
            seq: record.seq,
            origin: Origin::of(&record),
            policy,
        };
        let beside = self.seal_beside(&live, other)?;
        if let Some(draft) = self.draft_of_file(path) {
            draft.beside = Some(beside);
        }
        Ok(())
    }

    fn draft_of_file(&mut self, path: &FilePath) -> Option<&mut FileDraft> {
        let mut drafts = self.files.iter_mut();
        drafts.find(|draft| draft.sidecar.path == *path)
    }

    /// Changes what lies beside a file, and nothing else of it.
    fn stand_beside(&mut self, live: Sidecar, text: Vec<u8>, beside: Beside) {
        let mut draft = FileDraft::of_sidecar(live, text);
        draft.beside = Some(beside);
        self.with_file(draft);
    }

    /// The content that is given out, and its mode.
    pub(super) fn open_live(&self, path: &FilePath) -> Result<(u32, Plain), Error> {
        let openers = self.openers.to_vec();
        let reader = Reader::new(self.vault, openers, self.what, Sync::Disk)?;
        let mut opened = reader.holding_lock().open_file(path)?;
        demand_small(path, opened.content.size)?;
        let mut plain = Zeroizing::new(Vec::new());
        std::io::copy(&mut opened.reader, &mut *plain)
            .map_err(|error| explain(path, stream::StreamError::Io(error).into()))?;
        let plain = Plain::new(std::mem::take(&mut *plain));
        Ok((opened.content.mode, plain))
    }

    /// What lies beside a content, if it counts by the rules of `judge`, opened.
    fn pending_file(
        &self,
        live: &Sidecar,
        text: &[u8],
        judge: &Vault,
    ) -> Result<(PendingFile, Plain), Error> {
        let pending = PendingFile::of(text, live)?.ok_or_else(|| VaultError::NotFound {
            name: format!("{}, as something pending", live.path),
            nearest: None,
        })?;
        let rights = judge.rights(live.path.as_str())?;
        judge.claim_of_pending_file(&pending, &rights)?.verify()?;
        let plain = pending.open(judge, self.openers)?;
        Ok((pending, plain))
    }

    /// Seals and signs a content as the one beside.
    fn seal_beside(&self, live: &Sidecar, other: Other) -> Result<Beside, Error> {
        let path = &live.path;
        let (readers, recipients) = self.readers_of(path)?;
        let recipients = recipients
            .iter()
            .map(|recipient| (self.to_recipient)(recipient));
        let recipients: Vec<_> = recipients.collect::<Result<_, Error>>()?;
        let each = recipients.iter().map(Sealing::age);
        let place = FilePlace::new(self.vault.id(), path.as_str());
        let mut age = Vec::new();
        let passed = other
            .plain
            .with(|plain| place.seal(each, plain.as_slice(), &mut age))
            .map_err(|error| {
                not_to_server(path.as_str(), &recipients)
                    .unwrap_or_else(|| explain(path, error.into()))
            })?;
        let content = Content {
            mode: other.mode,
            size: passed.size,
            sha256: crate::crypto::sha256(&age),
        };
        let unsigned = Sidecar {
            id: live.id,
            path: path.clone(),
            content: Some(content),
            readers,
            rev: other.rev,
            seq: other.seq,
            changed: other.origin.changed,
            author: other.origin.author,
            policy: other.policy,
            signed: (),
        };
        let record = unsigned.sign_as(Part::Pending, self.vault.id(), self.author.signer)?;
        Ok(Beside::Is(
            Box::new(PendingFile { record, age }),
            other.plain,
        ))
    }
}

/// The age file lies in a line of the sidecar while both contents are there.
fn demand_small(path: &FilePath, size: u64) -> Result<(), VaultError> {
    match size <= MAX_VALUE as u64 {
        true => Ok(()),
        false => Err(VaultError::TooLargeToRotate {
            name: path.to_string(),
            size,
        }),
    }
}
