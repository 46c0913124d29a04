//! A new data key: for when somebody must not read any more.
//!
//! Every value is sealed under the new key and signed by whoever does this, with its author, age and
//! number as they were, so that no component is deployed again because of it. Wraps are made anew for
//! the readers of the rule, and nobody else. What those who left could read says so, until it gets a new
//! value.

use crate::cores;
use crate::crypto::{DataKey, SALT_LEN};
use crate::error::Error;
use crate::fs::Sync;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, PartyName};
use crate::secret::Plain;
use crate::time::Moment;
use crate::trust::{DocumentPin, Order};
use crate::vault::document::Document;
use crate::vault::exposure::expose;
use crate::vault::file_draft::Renewed;
use crate::vault::head::Head;
use crate::vault::open::Vault;
use crate::vault::read::Reader;
use crate::vault::record::{Record, State, seal_value};
use crate::vault::retired::retire;
use crate::vault::sealing::NewFile;
use crate::vault::signer::Signs;
use crate::vault::text::There;
use crate::vault::{Notice, VaultError};

use super::draft::BareDraft;
use super::load::wraps_for;
use super::{Change, Purpose, Work};

impl Change<'_> {
    /// Gives a document a new data key, and each value its seal under it. `before` is the vault under
    /// the rules so far, by which what is there must count; `left` are those who could read and may
    /// not any more. Gives what the person should know.
    ///
    /// # Errors
    /// [`VaultError`] if anything of the document does not count or is older than seen, or this author
    /// may not write or cannot open it: nothing is then sealed.
    pub fn rekey(
        &mut self,
        path: &DocumentPath,
        before: &Vault,
        left: &[PartyName],
    ) -> Result<Vec<Notice>, Error> {
        let left = left.iter().map(ToString::to_string).collect();
        self.turn(path, before, left, Meant::Newest)
    }

    /// As [`Self::rekey`]; for a document that is `meant` as it lies here, values that are older than seen are
    /// issued again, too.
    pub(super) fn turn(
        &mut self,
        path: &DocumentPath,
        before: &Vault,
        left: Vec<String>,
        meant: Meant,
    ) -> Result<Vec<Notice>, Error> {
        let rights = self.writable(path.as_str(), Purpose::Write)?;
        let Some(bytes) = self.vault.tree().read(&path.to_file(), MAX_FILE)? else {
            return Ok(Vec::new());
        };
        let document = Document::parse(&bytes, path, self.vault.id())?;
        let place = &document.place;
        let old_rights = before.rights(path.as_str())?;
        let pins = &before.trust().pins;
        let pin = pins
            .document(&document.head.id, path.as_str())?
            .unwrap_or_default();
        let head_hash = before.judge_head(&document, &old_rights, Some(&pin.hash))?;
        if meant == Meant::Newest {
            before.demand_newest_head(&document, Some(&pin))?;
        }
        self.vault.demand_one_place(&document, &rights)?;
        let old = document.data_key(self.openers)?;
        let old_id = document.head.key_id;
        let world = self.vault.world();
        let new = DataKey::new(world.random()?);
        let broken = |_| VaultError::NotVerified(path.to_string());
        let new_id = new.commitment(&place.vault, &place.id).map_err(broken)?;

        let draft = BareDraft::of(&document, rights, pin, head_hash, old.duplicate());
        let mut draft = draft.over(There::of(&document));
        let notices = gone(&document, &draft.seen.pin);
        let judge = |record: Record| {
            let name = format!("{path}/{}", record.name);
            let known = draft.seen.pin.values.get(record.name.as_str());
            let judged = before.judge_record(&document, &record, &old_rights, known)?;
            if meant == Meant::Newest {
                before.demand_newest(&name, &judged, known)?;
            }
            let (next, seq) = draft.next(&record.name, Some(&record))?;
            let rev = match judged.order {
                Order::Older => next,
                _ => record.rev,
            };
            // One that a branch brought in under a key from before: who left with that key could read it.
            let mut gone = left.clone();
            gone.extend(document.left_with(&record).into_iter().flatten());
            let salt = world.random()?;
            Ok::<_, Error>(Turning {
                record,
                rev,
                seq,
                gone,
                salt,
            })
        };
        let turning = cores::each(document.records()?, FEW, judge).into_iter();
        let turning = turning.collect::<Result<Vec<Turning>, Error>>()?;
        let keys = Keys {
            document: &document,
            old: &old,
            new: (&new_id, &new),
            now: world.now(),
        };
        let sealed = match self.author.signer.for_threads()? {
            Some(key) => cores::each(turning, FEW, |value| value.seal(&keys, &key)),
            None => {
                let each = turning.into_iter();
                each.map(|value| value.seal(&keys, self.author.signer))
                    .collect()
            }
        };
        for sealed in sealed {
            let (record, plain) = sealed?;
            draft
                .plain
                .extend(plain.map(|plain| (record.name.clone(), plain)));
            draft.records.insert(record.name.clone(), record);
            self.done(Work::Sealed);
        }
        let (vaults, key) = ((self.vault, before), (&new_id, &new));
        draft.reseal_pending(vaults, &document, &old, key, &left, self.author.signer)?;
        let by = (self.vault, self.to_recipient);
        draft.wraps = wraps_for(by, &draft.rights, place, key, |_, _| true)?;
        let (old, new) = ((&old_id, &old), (&new_id, &new));
        let retired = retire(place, &document.head.retired, old, new, left, world)?;
        let kept = (document.head.policy.clone(), retired);
        let seq = document.head.seq.max(draft.seen.pin.seq) + 1;
        let signed = Head::sign(place, seq, new_id, kept, self.author.signer)?;
        (draft.head, draft.head_hash) = signed;
        (draft.head_is_new, draft.is_rekeyed) = (true, true);
        draft.data_key = new.1.duplicate();
        self.documents.insert(path.clone(), draft);
        Ok(notices)
    }

    /// Seals a file anew, to the readers of its rule and nobody else; its content, number and author
    /// stay.
    ///
    /// # Errors
    /// As [`Self::rekey`].
    pub fn rekey_file(
        &mut self,
        path: &FilePath,
        before: &Vault,
        left: &[PartyName],
    ) -> Result<(), Error> {
        self.writable(path.as_str(), Purpose::Write)?;
        let reader = Reader::new(before, self.openers.to_vec(), "rekey", Sync::Lazy)?;
        let logged = self.logged.take(path.as_str());
        let reader = reader.having_logged(logged).holding_lock();
        match reader.judge_file(path) {
            Err(error) if matches!(error.downcast_ref(), Some(VaultError::Removed { .. })) => {
                return self.vouch_removed(path, before);
            }
            judged => judged?.demand_newest(before, path)?,
        }
        let opened = reader.open_file(path)?;
        let new = NewFile {
            mode: opened.content.mode,
            input: opened.reader,
        };
        let mut kept = opened.policy;
        let left: Vec<String> = left.iter().map(ToString::to_string).collect();
        expose(&mut kept, &left, self.vault.world().now());
        let renewed = Renewed::Seal {
            rev: opened.rev,
            origin: opened.origin,
        };
        self.seal_file(path, new, renewed, |policy| *policy = kept)?;
        self.reseal_pending_file(path, before, &left)
    }

    /// A removed file has nothing to open. That it was removed must count as its content would, and go on
    /// counting.
    fn vouch_removed(&mut self, path: &FilePath, before: &Vault) -> Result<(), Error> {
        self.counting_or_removed(path, before)?;
        self.vouch_file(path, before).map(drop)
    }
}

/// Fewer values than this are sealed before a thread has started.
const FEW: usize = 64;

/// What becomes of what is older than seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Meant {
    /// It is refused.
    Newest,
    /// It is issued again as the newest.
    Here,
}

/// A value on its way from one data key to another.
struct Turning {
    record: Record,
    /// The numbers that it gets.
    rev: u64,
    seq: u64,
    /// Who could read it and may not any more.
    gone: Vec<String>,
    salt: [u8; SALT_LEN],
}

/// Both data keys of a document.
struct Keys<'k> {
    document: &'k Document<'k>,
    old: &'k DataKey,
    new: (&'k [u8; 32], &'k DataKey),
    now: Moment,
}

impl Turning {
    /// Opens it with the old key and seals it under the new one. Gives its plaintext too, if it has one.
    fn seal(self, keys: &Keys<'_>, signer: &dyn Signs) -> Result<(Record, Option<Plain>), Error> {
        let place = &keys.document.place;
        let old = self.record;
        let mut policy = old.policy.clone();
        let (state, plain) = match old.state {
            State::Removed => (State::Removed, None),
            State::Live { kind, .. } => {
                let plain = keys.document.open_record(&old, keys.old)?;
                let name = old.name.as_str();
                let text = seal_value(place, name, kind, self.rev, keys.new, &self.salt, &plain)?;
                expose(&mut policy, &self.gone, keys.now);
                (State::Live { kind, text }, Some(plain))
            }
        };
        let unsigned = Record {
            state,
            rev: self.rev,
            seq: self.seq,
            policy,
            ..old
        };
        Ok((unsigned.sign(place, keys.new.0, signer)?, plain))
    }
}

/// Values that were seen and are not there, without a tombstone: nothing of them is sealed anew.
fn gone(document: &Document<'_>, pin: &DocumentPin) -> Vec<Notice> {
    let names = document.gone(pin).into_iter();
    names
        .map(|(name, _)| {
            format!(
                "`{}/{name}` was seen by this machine and is not here: it stays under the old key",
                document.place.path
            )
        })
        .collect()
}
