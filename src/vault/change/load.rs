//! Opening what is to be changed: who may, for whom a new document is sealed, and who must not read it.

use super::draft::{BareDraft, Draft};
use super::{Change, ToRecipient};
use crate::crypto::DataKey;
use crate::error::Error;
use crate::lines::{self, MAX_FILE};
use crate::name::{DocumentPath, PartyName};
use crate::recipients::{PublicRecipient, Rights};
use crate::trust::{PinDraft, SeenKind};
use crate::vault::VaultError;
use crate::vault::document::Document;
use crate::vault::head::Head;
use crate::vault::open::Vault;
use crate::vault::opener::{is_mine, labels};
use crate::vault::place::Place;
use crate::vault::text::Tables;
use crate::vault::wrap::Wrap;

impl Change<'_> {
    pub(super) fn load(&self, path: &DocumentPath, purpose: Purpose) -> Result<Draft, Error> {
        let rights = self.writable(path.as_str(), purpose)?;
        let Some(bytes) = self.vault.tree().read(&path.to_file(), MAX_FILE)? else {
            return self.create(path, rights);
        };
        let document = Document::parse(&bytes, path, self.vault.id())?;
        let pins = &self.vault.trust().pins;
        let draft = pins.draft(&document.head.id, path.as_str())?;
        let pin = &draft.pin;
        let head_hash = self.vault.judge_head(&document, &rights, Some(&pin.hash))?;
        self.vault.demand_newest_head(&document, Some(pin))?;
        let bare = self.draft_of(&document, rights, draft, head_hash)?;
        let there = Tables::of(&document).in_text(bytes);
        let there = there.ok_or_else(|| VaultError::NotVerified(path.to_string()))?;
        Ok(bare.over(there))
    }

    /// The draft of a document whose own line was judged: opened, if nobody outside the rules can.
    pub(super) fn draft_of(
        &self,
        document: &Document<'_>,
        rights: Rights,
        pin: impl Into<PinDraft>,
        head_hash: [u8; 32],
    ) -> Result<BareDraft, Error> {
        self.vault.demand_one_place(document, &rights)?;
        self.refuse_extra_readers(document, &rights)?;
        let data_key = document.data_key(self.openers)?;
        Ok(BareDraft::of(document, rights, pin, head_hash, data_key))
    }

    /// A new document: a fresh data key, a wrap for every recipient of every reader.
    fn create(&self, path: &DocumentPath, rights: Rights) -> Result<Draft, Error> {
        for (taken, why) in [
            (format!("secrets/{path}"), "a folder of that name is there"),
            (
                format!("secrets/{path}.age.toml"),
                "a sealed file of that name is there",
            ),
        ] {
            if self.vault.tree().exists(&taken)? {
                let (path, why) = (path.to_string(), why.to_owned());
                return Err(VaultError::Clash { path, why }.into());
            }
        }
        let world = self.vault.world();
        let (id, pin) = self.vault.id_for(path.as_str(), SeenKind::Document)?;
        let place = Place {
            vault: *self.vault.id(),
            id,
            path: path.clone(),
        };
        let data_key = DataKey::new(world.random()?);
        let broken = |_| VaultError::NotVerified(path.to_string());
        let key_id = data_key
            .commitment(&place.vault, &place.id)
            .map_err(broken)?;
        let seq = pin.seq.saturating_add(1);
        let head = Head::sign(&place, seq, key_id, Default::default(), self.author.signer)?;
        let (by, keys) = ((self.vault, self.to_recipient), (&key_id, &data_key));
        let wraps = wraps_for(by, &rights, &place, keys, |_, _| true)?;
        // Writing and reading are two rights, and a writer who cannot open what it wrote is a
        // submitter: what such a one writes could not be verified before it counts.
        let mine = |wrap: &Wrap| is_mine(self.openers, &wrap.recipient);
        if !wraps.iter().any(mine) {
            return Err(VaultError::NoKey {
                name: path.to_string(),
                tried: labels(self.openers),
                readers: rights.readers.iter().map(ToString::to_string).collect(),
            }
            .into());
        }
        if !wraps.iter().any(|wrap| wrap.is_held(self.openers)) {
            // Nothing but the server opens what is about to be written: that it does is tried first.
            let text = lines::render(
                "",
                &std::iter::once(head.0.print())
                    .chain(wraps.iter().map(Wrap::print))
                    .collect::<Vec<_>>(),
            );
            Document::parse(text.as_bytes(), path, &place.vault)?.data_key(self.openers)?;
        }
        Ok(Draft {
            head_is_new: true,
            wraps,
            ..Draft::new(place, head, data_key, rights, pin.into())
        })
    }

    /// The rights on a path, if the author may do this there.
    pub(in crate::vault) fn writable(&self, path: &str, purpose: Purpose) -> Result<Rights, Error> {
        let me = &self.author.party;
        let rights = self.vault.rights_for(me, path)?;
        if purpose == Purpose::Write && !rights.writers.contains(me) {
            return Err(VaultError::may_not_write(me, path, &rights).into());
        }
        Ok(rights)
    }

    /// Refuses to seal anything more into a document that somebody outside the rules can open.
    fn refuse_extra_readers(&self, document: &Document<'_>, rights: &Rights) -> Result<(), Error> {
        for wrap in document.wraps()? {
            let party = wrap.party().parse::<PartyName>().ok();
            let party = party.filter(|party| rights.readers.contains(party));
            let party = match party {
                Some(party) => self.vault.party_if_known(&party)?,
                None => None,
            };
            let known = party.is_some_and(|party| {
                party
                    .recipients
                    .iter()
                    .any(|recipient| recipient.key.as_str() == wrap.recipient)
            });
            if !known {
                return Err(VaultError::ExtraReader {
                    document: document.place.path.to_string(),
                    reader: crate::text::clean_line(&wrap.name),
                }
                .into());
            }
        }
        Ok(())
    }
}

/// What a draft is opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::vault) enum Purpose {
    /// New records, which need the right to write.
    Write,
    /// More wraps, which are unsigned: whoever reads can give a listed reader theirs.
    Wrap,
}

/// A wrap of a document's key for each recipient of each reader that is wanted, by its name.
pub(super) fn wraps_for(
    (vault, to_recipient): (&Vault, &ToRecipient<'_>),
    rights: &Rights,
    place: &Place,
    keys: (&[u8; 32], &DataKey),
    is_wanted: impl Fn(&str, &PublicRecipient) -> bool,
) -> Result<Vec<Wrap>, Error> {
    let mut wraps = Vec::new();
    for reader in &rights.readers {
        for recipient in &vault.party(reader)?.recipients {
            let name = format!("{reader}/{}", recipient.name);
            if is_wanted(&name, recipient) {
                let to = (recipient.key.as_str(), &to_recipient(recipient)?);
                wraps.push(Wrap::seal(name, to, place, keys)?);
            }
        }
    }
    Ok(wraps)
}
