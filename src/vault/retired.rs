//! `[retired.ID]`: a data key from before a rekey, sealed under the new one.
//!
//! A value that somebody adds on a branch while a document is rekeyed on another is sealed under the old
//! key. Whoever reads the merged document opens that key with the new one, so nothing is lost. It is
//! kept for 180 days, and of several the newest eight are.

use crate::crypto::{DataKey, Label, List, decode_base64, encode_base64, hex, open, seal};
use crate::lines::{self, LineError, Table, Value};
use crate::time::Moment;

use super::VaultError;
use super::place::Place;

/// The keys of `[retired.…]`, in their order.
pub(super) const RETIRED_KEYS: &[&str] = &["key", "key_id", "until", "left"];

/// For how long an old key is kept: a branch that is older is opened from git's history.
const KEPT: i64 = 180 * 86_400;

/// How many old keys are kept.
const MOST: usize = 8;

/// An old data key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Retired {
    /// The first 16 digits of its commitment.
    pub(super) id: String,
    /// base64(S ‖ C ‖ T).
    key: String,
    /// Its commitment.
    pub(super) key_id: [u8; 32],
    /// Until when it is kept.
    until: Moment,
    /// Who could open it and has left, for whom what is still sealed under it counts as exposed.
    pub(super) left: Vec<String>,
}

impl Retired {
    pub(super) fn parse(table: &Table<'_>) -> Result<Self, LineError> {
        let (id, key_id): (&str, [u8; 32]) = (table.name(), table.hex("key_id")?);
        if hex(&key_id).get(..16) != Some(id) {
            return Err(table.wrong(
                "key_id",
                "the table is named by its first 16 digits".to_owned(),
            ));
        }
        Ok(Self {
            id: id.to_owned(),
            key: table.text("key")?.to_owned(),
            key_id,
            until: table.parsed("until")?,
            left: table.texts("left")?.to_vec(),
        })
    }

    /// Prints the table.
    pub(super) fn print(&self) -> String {
        let fields: [(&str, Value); 4] = [
            ("key", self.key.as_str().into()),
            ("key_id", hex(&self.key_id).into()),
            ("until", self.until.to_string().into()),
            ("left", Value::Texts(self.left.clone())),
        ];
        lines::print("retired", Some(&self.id), &fields)
    }

    /// Seals an old key under a new one.
    fn seal(
        place: &Place,
        (old_id, old): (&[u8; 32], &DataKey),
        (new_id, new): (&[u8; 32], &DataKey),
        salt: &[u8; 32],
        (until, left): (Moment, Vec<String>),
    ) -> Result<Self, VaultError> {
        let associated = associated(place, old_id, new_id);
        let sealed = old.with(|old| seal(new, Label::Retired, salt, &associated, old));
        let sealed = sealed.map_err(|_| VaultError::NotVerified(place.path.to_string()))?;
        Ok(Self {
            id: hex(old_id).chars().take(16).collect(),
            key: encode_base64(&sealed),
            key_id: *old_id,
            until,
            left,
        })
    }

    /// Whether what was sealed to all readers at a moment could be read by those who left with this key. A
    /// submitter's clock says the moment, to the second, so that the same second counts.
    pub(super) fn ended_after(&self, sealed: Moment) -> bool {
        self.until.seconds() - KEPT >= sealed.seconds()
    }

    /// Opens the old key with the current one.
    ///
    /// # Errors
    /// [`VaultError::Broken`] if it is not the key that the table says.
    pub(super) fn open(
        &self,
        place: &Place,
        (current_id, current): (&[u8; 32], &DataKey),
    ) -> Result<DataKey, VaultError> {
        let broken = || VaultError::Broken {
            name: format!("{}, the key from before {}", place.path, self.until),
        };
        let sealed = decode_base64(&self.key).map_err(|_| broken())?;
        let associated = associated(place, &self.key_id, current_id);
        let plain = open(current, Label::Retired, &associated, sealed).map_err(|_| broken())?;
        let key = plain.with(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).map(DataKey::new));
        let key = key.map_err(|_| broken())?;
        let is_it = key.commitment(&place.vault, &place.id) == Ok(self.key_id);
        is_it.then_some(key).ok_or_else(broken)
    }
}

/// The old keys of a document that gets a new one: those that are there, resealed, and the one that is
/// replaced.
pub(super) fn retire(
    place: &Place,
    there: &[Retired],
    old: (&[u8; 32], &DataKey),
    new: (&[u8; 32], &DataKey),
    left: Vec<String>,
    world: &crate::world::World,
) -> Result<Vec<Retired>, crate::error::Error> {
    let now = world.now();
    let until = Moment::from_seconds(now.seconds() + KEPT);
    let mut kept = vec![Retired::seal(
        place,
        old,
        new,
        &world.random()?,
        (until, left.clone()),
    )?];
    for retired in there.iter().filter(|retired| retired.until > now) {
        let key = retired.open(place, old)?;
        let mut gone = retired.left.clone();
        gone.extend(
            left.iter()
                .filter(|name| !retired.left.contains(name))
                .cloned(),
        );
        let about = (retired.until, gone);
        kept.push(Retired::seal(
            place,
            (&retired.key_id, &key),
            new,
            &world.random()?,
            about,
        )?);
    }
    kept.sort_by(|a, b| b.until.cmp(&a.until).then_with(|| a.id.cmp(&b.id)));
    kept.truncate(MOST);
    kept.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(kept)
}

/// `L("retired", id₁, until₁, L("list", left₁ …) …)`, sorted by id, as it enters the document's message.
pub(super) fn message(retired: &[Retired]) -> List {
    let mut sorted: Vec<&Retired> = retired.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    sorted
        .into_iter()
        .fold(List::with_room("retired", 64), |list, one| {
            let left = one
                .left
                .iter()
                .fold(List::with_room("list", 64), |list, name| list.text(name));
            list.text(&one.id).text(&one.until.to_string()).list(left)
        })
}

pub(super) fn associated(place: &Place, old: &[u8; 32], new: &[u8; 32]) -> Vec<u8> {
    List::new("clws.v1.retired")
        .bytes(&place.vault)
        .bytes(&place.id)
        .bytes(old)
        .bytes(new)
        .encode()
}
