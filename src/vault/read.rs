//! Opening secrets: judged first, logged next, opened last.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::audit::OpenLog;
use crate::cores;
use crate::crypto::{DataKey, hex};
use crate::error::Error;
use crate::fs::{Lock, Sync};
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, ValueName};
use crate::secret::Plain;
use crate::text::nearest;
use crate::time::Moment;
use crate::trust::{DocumentPin, Order, RecordMark, SeenKind};

use super::VaultError;
use super::document::Document;
use super::head::Head;
use super::judge::Notice;
use super::kind::ValueType;
use super::open::Vault;
use super::opener::Opener;
use super::policy::Policy;
use super::record::{Record, State};
use super::usable::{counts, usable};

/// An opened value.
#[derive(Debug)]
pub struct Opened {
    /// Its name.
    pub name: ValueName,
    /// The value.
    pub value: Plain,
    /// Its type.
    pub kind: ValueType,
    /// Its number.
    pub rev: u64,
    /// When it was given.
    pub changed: Moment,
    /// Who gave it.
    pub author: String,
    /// Whether a policy forbids printing it.
    pub no_print: bool,
    /// What is known about it.
    pub policy: Policy,
}

/// What a run has seen that its pin does not have, by name.
pub(super) type Seen = BTreeMap<String, RecordMark>;

/// Whether a pin is to have a record that stands so to it.
pub(super) fn is_news(order: Order) -> bool {
    matches!(order, Order::New | Order::Newer)
}

/// A document's id and the commitment to its data key.
type WhichKey = ([u8; 16], [u8; 32]);

/// Opens secrets for one command.
pub struct Reader<'a> {
    pub(super) vault: &'a Vault,
    pub(super) openers: Vec<&'a dyn Opener>,
    pub(super) what: &'a str,
    pub(super) sync: Sync,
    pub(super) notices: RefCell<Vec<Notice>>,
    /// Names whose use was logged before.
    logged: RefCell<HashSet<String>>,
    /// Data keys that were unwrapped, by document and commitment; wiped with the reader.
    data_keys: RefCell<HashMap<WhichKey, DataKey>>,
    holds_lock: bool,
    is_strict: bool,
}

impl<'a> Reader<'a> {
    /// A reader that logs its uses as `what`. Those of deploys wait for the disk, others do not.
    ///
    /// # Errors
    /// [`crate::trust::TrustError::FirstUse`] if this machine has not accepted the vault.
    pub fn new(
        vault: &'a Vault,
        openers: Vec<&'a dyn Opener>,
        what: &'a str,
        sync: Sync,
    ) -> Result<Self, Error> {
        vault.demand_pin()?;
        Ok(Self {
            vault,
            openers,
            what,
            sync,
            notices: RefCell::default(),
            logged: RefCell::default(),
            data_keys: RefCell::default(),
            holds_lock: false,
            is_strict: false,
        })
    }

    /// The same for what a program is given: a value that those who left could have read is refused
    /// until a writer adopts it, unless its scope only warns.
    #[must_use]
    pub fn for_programs(mut self) -> Self {
        self.is_strict = true;
        self
    }

    /// The same for a reader that holds the vault's lock: there is no writer to wait for.
    #[must_use]
    pub(super) fn holding_lock(mut self) -> Self {
        self.holds_lock = true;
        self
    }

    /// The same for one use that was logged before.
    #[must_use]
    pub(super) fn having_logged(self, name: Option<String>) -> Self {
        self.logged.borrow_mut().extend(name);
        self
    }

    /// Looks again, once, at what looked older than seen or half there.
    ///
    /// Readers take no lock, so a writer may come between the reading of a file and of its pin, or
    /// between the renames of a sealed file and its sidecar. Once it is done, all is as it should be.
    pub(super) fn settled<T>(&self, look: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        let first = look();
        let is_unsettled = !self.holds_lock
            && first.as_ref().err().is_some_and(|error| {
                matches!(
                    error.downcast_ref(),
                    Some(
                        VaultError::Older { .. }
                            | VaultError::OlderDocument { .. }
                            | VaultError::OtherFile { .. }
                    )
                )
            });
        let lock = self.vault.trust().pins.lock_file();
        match is_unsettled.then(|| Lock::take(&lock, self.what)) {
            Some(Ok(writer_is_done)) => {
                drop(writer_is_done);
                look()
            }
            _ => first,
        }
    }

    /// What the person should know besides the result.
    pub fn take_notices(&self) -> Vec<Notice> {
        self.notices.take()
    }

    /// Logs the use of many secrets at once, for whoever opens them one after the other.
    ///
    /// # Errors
    /// [`crate::audit::AuditError`].
    pub fn log_ahead(&self, names: Vec<String>) -> Result<(), Error> {
        self.vault.record_use(self.what, &names, self.sync)?;
        self.take_as_logged(names);
        Ok(())
    }

    /// Adds the use of many secrets to a log that is held open, for whoever waits until it is synced, says
    /// so ([`Self::take_as_logged`]), and opens them then.
    ///
    /// # Errors
    /// [`crate::audit::AuditError`].
    pub fn add_use(&self, log: &OpenLog, names: &[String]) -> Result<(), Error> {
        self.vault.add_use(log, self.what, names)
    }

    /// Takes note that these uses are logged, each for the one opening that follows.
    pub fn take_as_logged(&self, names: Vec<String>) {
        self.logged.borrow_mut().extend(names);
    }

    /// Takes note that a use that was logged ahead has happened.
    pub(super) fn forget_logged(&self, name: &str) {
        self.logged.borrow_mut().remove(name);
    }

    /// Logs a use before it happens, unless it was logged ahead; it then counts for one use.
    pub(super) fn log(&self, names: &[String]) -> Result<(), Error> {
        let mut logged = self.logged.borrow_mut();
        if !names.is_empty() && names.iter().all(|name| logged.contains(name)) {
            names.iter().for_each(|name| drop(logged.take(name)));
            return Ok(());
        }
        self.vault.record_use(self.what, names, self.sync)
    }

    /// Opens one value.
    ///
    /// # Errors
    /// [`VaultError`]; nothing of the value is released before all was verified and logged.
    pub fn value(&self, path: &DocumentPath, name: &ValueName) -> Result<Opened, Error> {
        self.settled(|| self.value_now(path, name))
    }

    fn value_now(&self, path: &DocumentPath, name: &ValueName) -> Result<Opened, Error> {
        let full = format!("{path}/{name}");
        let Some(bytes) = self.vault.text_about(path, name)? else {
            return Err(self
                .vault
                .missing_file(path.as_str(), name.as_str())?
                .into());
        };
        let document = Document::parse(&bytes, path, self.vault.id())?;
        let rights = self.vault.rights(path.as_str())?;
        let pin = self
            .vault
            .trust()
            .pins
            .value((&document.head.id, path.as_str()), name.as_str())?;
        let head = self
            .vault
            .judge_head(&document, &rights, pin.as_ref().map(|pin| &pin.hash))?;
        let notice = self.vault.judge_head_order(&document, pin.as_ref())?;
        self.notices.borrow_mut().extend(notice);
        let known = pin.as_ref().and_then(|pin| pin.values.get(name.as_str()));
        let record = document
            .record(name)?
            .ok_or_else(|| missing_value(&document, name, known))?;
        if record.state == State::Removed {
            // Else the value that it took away would count again where the text of before lies here.
            let judged = counts(self.vault, &document, &record, &rights, known)?;
            let news = is_news(judged.order).then(|| (name.to_string(), judged.mark));
            self.remember(&document, pin.as_ref(), head, Seen::from_iter(news))?;
        }
        let judged = usable(
            self.vault,
            self.is_strict,
            &document,
            &record,
            &rights,
            known,
        )?;
        self.notices.borrow_mut().extend(judged.notices);
        self.log(&[full])?;
        let data_key = self.data_key(&document)?;
        let opened = open_record(&document, record, &data_key)?;
        let news = is_news(judged.order).then(|| (name.to_string(), judged.mark));
        let seen = Seen::from_iter(news);
        self.remember(&document, pin.as_ref(), head, seen)?;
        Ok(opened)
    }

    /// Opens all live values of a document, in the order of the text.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn document(&self, path: &DocumentPath) -> Result<Vec<Opened>, Error> {
        self.document_values(path, |_| true)
    }

    /// Opens those live values of a document that `wanted` picks by name.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn document_values(
        &self,
        path: &DocumentPath,
        wanted: impl Fn(&str) -> bool + std::marker::Sync,
    ) -> Result<Vec<Opened>, Error> {
        self.settled(|| self.document_values_now(path, &wanted))
    }

    fn document_values_now(
        &self,
        path: &DocumentPath,
        wanted: impl Fn(&str) -> bool + std::marker::Sync,
    ) -> Result<Vec<Opened>, Error> {
        let Some(bytes) = self.vault.tree().read(&path.to_file(), MAX_FILE)? else {
            return Err(self.vault.missing_file(path.as_str(), "")?.into());
        };
        let document = Document::parse(&bytes, path, self.vault.id())?;
        let rights = self.vault.rights(path.as_str())?;
        let pin = self
            .vault
            .trust()
            .pins
            .document(&document.head.id, path.as_str())?;
        let head = self
            .vault
            .judge_head(&document, &rights, pin.as_ref().map(|pin| &pin.hash))?;
        let notice = self.vault.judge_head_order(&document, pin.as_ref())?;
        self.notices.borrow_mut().extend(notice);
        let (vault, is_strict) = (self.vault, self.is_strict);
        let look = |record: Record| {
            let values = pin.as_ref().map(|pin| &pin.values);
            let known = values.and_then(|values| values.get(record.name.as_str()));
            let judged = match record.state {
                // Whoever picks names does not know of what a tombstone took away: a forged one, or the
                // old one of a value that was given again since.
                State::Removed => counts(vault, &document, &record, &rights, known)?,
                _ if !wanted(record.name.as_str()) => return Ok(None),
                _ => usable(vault, is_strict, &document, &record, &rights, known)?,
            };
            Ok::<_, Error>(Some((record, judged)))
        };
        let mut seen = Seen::new();
        let mut live = Vec::new();
        for looked in document.each_record(look)? {
            let Some((record, judged)) = looked? else {
                continue;
            };
            self.notices.borrow_mut().extend(judged.notices);
            if is_news(judged.order) {
                seen.insert(record.name.to_string(), judged.mark);
            }
            if record.state != State::Removed {
                live.push(record);
            }
        }
        self.note_missing(path, &document, pin.as_ref());
        let names: Vec<String> = live
            .iter()
            .map(|record| format!("{path}/{}", record.name))
            .collect();
        self.log(&names)?;
        let data_key = self.data_key(&document)?;
        let open = |record| open_record(&document, record, &data_key);
        let opened = cores::each(live, cores::LINES, open);
        let opened = opened.into_iter().collect::<Result<_, _>>()?;
        self.remember(&document, pin.as_ref(), head, seen)?;
        Ok(opened)
    }

    pub(super) fn data_key(&self, document: &Document<'_>) -> Result<DataKey, Error> {
        if self.openers.is_empty() {
            return Err(VaultError::NoIdentity {
                name: document.place.path.to_string(),
            }
            .into());
        }
        let which = (document.head.id, document.head.key_id);
        if let Some(known) = self.data_keys.borrow().get(&which) {
            return Ok(known.duplicate());
        }
        let data_key = document.data_key(&self.openers)?;
        self.data_keys
            .borrow_mut()
            .insert(which, data_key.duplicate());
        Ok(data_key)
    }

    /// Values that were seen and are gone without a tombstone: a branch was switched, or somebody cut
    /// them out.
    fn note_missing(
        &self,
        path: &DocumentPath,
        document: &Document<'_>,
        pin: Option<&DocumentPin>,
    ) {
        let Some(pin) = pin else { return };
        let missing: Vec<&String> = document.gone(pin).iter().map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            self.notices.borrow_mut().push(format!(
                "{} of `{path}` that this machine has seen {} not here: {}",
                crate::text::count(missing.len(), "value"),
                if missing.len() == 1 { "is" } else { "are" },
                crate::text::list(&missing.into_iter().take(5).collect::<Vec<_>>()),
            ));
        }
    }

    fn remember(
        &self,
        document: &Document<'_>,
        pin: Option<&DocumentPin>,
        head: [u8; 32],
        seen: Seen,
    ) -> Result<(), Error> {
        let head = (&document.head, head);
        self.move_pin(
            &document.head.id,
            document.place.path.as_str(),
            pin,
            Some(head),
            seen,
        )
    }

    /// Moves the pin forward, if anything of it is new. Does not wait for the disk, and gives way to a
    /// writer: what is not remembered now is remembered at the next read.
    pub(super) fn move_pin(
        &self,
        id: &[u8; 16],
        path: &str,
        pin: Option<&DocumentPin>,
        head: Option<(&Head, [u8; 32])>,
        seen: Seen,
    ) -> Result<(), Error> {
        let head_news = match (pin, &head) {
            (None, _) => true,
            (Some(pin), Some((head, hash))) => is_newer(head, pin) && *hash != pin.hash,
            (Some(_), None) => false,
        };
        if !self.vault.moves_pins() || (seen.is_empty() && !head_news) {
            return Ok(());
        }
        let pins = &self.vault.trust().pins;
        let Some(_lock) = Lock::try_take(&pins.lock_file(), self.what)? else {
            return Ok(());
        };
        // Read again under the lock: another run may have moved it meanwhile.
        let kind = match head {
            Some(_) => SeenKind::Document,
            None => SeenKind::File,
        };
        let mut now = pins.seen(kind, id, path)?.unwrap_or_default();
        path.clone_into(&mut now.path);
        if let Some((head, hash)) = head
            && is_newer(head, &now)
        {
            (now.seq, now.key_id, now.hash) = (head.seq, hex(&head.key_id), hash);
        }
        for (name, mark) in seen {
            let known = now.values.entry(name).or_insert(mark);
            *known = (*known).max(mark);
        }
        Ok(pins.set_document(id, &now, Sync::Lazy)?)
    }
}

/// Whether a document's line may take the place of the one that a pin has: not where its key was changed apart from the
/// one that was seen, also where a scope only warns of that.
fn is_newer(head: &Head, pin: &DocumentPin) -> bool {
    pin.seq == 0 || (head.seq >= pin.seq && head.follows_key(&pin.key_id))
}

/// Why a document has no such value.
pub(super) fn missing_value(
    document: &Document<'_>,
    name: &ValueName,
    known: Option<&RecordMark>,
) -> VaultError {
    let path = &document.place.path;
    let full = format!("{path}/{name}");
    match known {
        Some(known) => VaultError::Absent {
            name: full,
            seen: known.rev,
        },
        None => VaultError::NotFound {
            name: full,
            nearest: nearest(name.as_str(), document.names()).map(|near| format!("{path}/{near}")),
        },
    }
}

pub(super) fn open_record(
    document: &Document<'_>,
    record: Record,
    data_key: &DataKey,
) -> Result<Opened, Error> {
    let value = document.open_record(&record, data_key)?;
    let no_print = record.no_print();
    let kind = match record.state {
        State::Live { kind, .. } => kind,
        State::Removed => ValueType::Bytes,
    };
    let Record {
        name,
        rev,
        changed,
        author,
        policy,
        ..
    } = record;
    Ok(Opened {
        name,
        value,
        kind,
        rev,
        changed,
        author,
        no_print,
        policy,
    })
}
