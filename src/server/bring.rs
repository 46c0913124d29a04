//! Bringing documents to a server and back: planned first, and never over what somebody else changed.

use std::io::Read as _;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::fields::{self, Difference};
use super::kv::Kv;
use super::mark::Mark;
use super::survey::{Item, Standing, changed, here_of};
use super::{Client, ServerError};
use crate::error::Error;
use crate::fs::FsError;
use crate::name::{FilePath, ValueName};
use crate::secret::Plain;
use crate::vault::{Change, Listed, NewFile, NewValue, Opened, Reader, Vault};

/// No server takes a larger file; a larger one is not read into memory.
const LARGEST: u64 = 1024 * 1024;

/// A file that came from somewhere else has no mode there.
const MODE: u32 = 0o600;

/// Which way documents go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// To the server.
    Push,
    /// To the vault.
    Pull,
    /// To the vault, also over what changed there.
    PullTheirs,
    /// To wherever they are older.
    Sync,
}

/// What is done with one document or file.
pub enum Action {
    /// It stays as it is.
    Nothing,
    /// It is written there.
    Write,
    /// Its newest version there is deleted; it can be undeleted.
    Delete,
    /// It is the same on both sides, which is noted there.
    Note,
    /// The vault takes over what is there.
    Take(Taken),
    /// It stays as it is, and so does everything else: somebody has to decide.
    Conflict(&'static str),
}

/// What the vault takes over.
pub enum Taken {
    /// Values to set, and names to remove.
    Values(Vec<(ValueName, NewValue)>, Vec<ValueName>),
    /// A content; none if the file is to be removed.
    File(Option<Plain>),
}

impl Action {
    /// As reports have it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Note => "note",
            Self::Take(_) => "take",
            Self::Conflict(_) => "conflict",
        }
    }
}

/// One document or file of a plan.
pub struct Step {
    /// How it stands.
    pub item: Item,
    /// What is done.
    pub action: Action,
    /// What changes by it, by name.
    pub names: Vec<String>,
}

/// All that is to be done.
pub struct Plan {
    /// Its steps, sorted by path.
    pub steps: Vec<Step>,
}

/// What planning works with.
pub struct Sides<'a> {
    /// The server.
    pub client: &'a Client,
    /// Where documents lie there.
    pub kv: &'a Kv,
    /// The vault.
    pub vault: &'a Vault,
    /// What opens its values.
    pub reader: &'a Reader<'a>,
}

impl Plan {
    /// Decides what is to be done. Values are read only where both sides may have changed, or where the vault
    /// is to take them over.
    ///
    /// # Errors
    /// What keeps a value closed; DATAERR for a field that no value can hold; [`ServerError`].
    pub async fn make(
        sides: &Sides<'_>,
        direction: Direction,
        items: Vec<Item>,
    ) -> Result<Self, Error> {
        let mut steps = Vec::with_capacity(items.len());
        for item in items {
            steps.push(sides.step(direction, item).await?);
        }
        Ok(Self { steps })
    }

    /// Those of which somebody has to decide.
    pub fn conflicts(&self) -> impl Iterator<Item = (&Item, &'static str)> {
        self.steps.iter().filter_map(|step| match step.action {
            Action::Conflict(why) => Some((&step.item, why)),
            _ => None,
        })
    }

    /// Whether the vault takes anything over.
    #[must_use]
    pub fn takes(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step.action, Action::Take(_)))
    }

    /// Whether anything is done at all.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.all(|step| matches!(step.action, Action::Nothing))
    }

    /// Puts what the vault takes over into a change, which is committed whole or not at all.
    ///
    /// # Errors
    /// [`ServerError::Changed`] if the vault changed since; whatever keeps it from being sealed.
    pub fn take(&mut self, sides: &Sides<'_>, change: &mut Change<'_>) -> Result<(), Error> {
        for Step { item, action, .. } in &mut self.steps {
            let Action::Take(taken) = action else {
                continue;
            };
            sides.demand_unchanged(item)?;
            match (&item.secret, taken) {
                (Listed::Document(path), Taken::Values(set, removed)) => {
                    for (name, new) in set.drain(..) {
                        change.set(path, &name, new, |_| {})?;
                    }
                    for name in removed.drain(..) {
                        change.remove(path, &name, None)?;
                    }
                }
                (Listed::File(path), Taken::File(Some(content))) => {
                    let mode = item.mark.as_ref().and_then(|mark| mark.here.mode);
                    let mode = mode.or(item.here.as_ref().and_then(|here| here.mode));
                    content.with(|bytes| {
                        let new = NewFile {
                            mode: mode.unwrap_or(MODE),
                            input: bytes.as_slice(),
                        };
                        change.set_file(path, new, |_| {})
                    })?;
                }
                (Listed::File(path), Taken::File(None)) => change.remove_file(path, None)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Does everything that is done at the server, one secret after the other; `told` hears of each.
    ///
    /// What the vault took over must be committed. Gives notes on what could not be noted there.
    ///
    /// # Errors
    /// [`ServerError::Changed`] for what was changed since on either side; what is done already stays.
    pub async fn bring(
        &self,
        sides: &Sides<'_>,
        told: &mut dyn FnMut(&Item),
    ) -> Result<Vec<String>, Error> {
        let mut notes = Vec::new();
        for Step { item, action, .. } in &self.steps {
            let path = item.secret.path();
            let version = match action {
                Action::Nothing | Action::Conflict(_) => continue,
                Action::Delete => {
                    sides.demand_unchanged(item)?;
                    let version = item.version();
                    sides.kv.delete(sides.client, path, version).await?;
                    told(item);
                    continue;
                }
                Action::Write => {
                    let fields = sides.fields(item)?;
                    sides.demand_unchanged(item)?;
                    let over = item.version();
                    sides.kv.write(sides.client, path, &fields, over).await?
                }
                Action::Note | Action::Take(_) => item.version(),
            };
            if let Some(here) = here_of(sides.vault, &item.secret)? {
                let none = std::collections::BTreeMap::new();
                let noted = item.there.as_ref().map_or(&none, |there| &there.noted);
                let noted = Mark::new(sides.vault, version, &here).beside(noted);
                match sides.kv.note(sides.client, path, noted).await {
                    Err(error) if error.status() == Some(403) => notes.push(format!(
                        "your token may not note at `{}` what it is: until it may, it is compared by its values",
                        sides.kv.place(path)
                    )),
                    done => done?,
                }
            }
            told(item);
        }
        Ok(notes)
    }
}

impl Sides<'_> {
    async fn step(&self, direction: Direction, mut item: Item) -> Result<Step, Error> {
        use Direction::{Pull, PullTheirs, Push, Sync};
        let mut names = item.names();
        let is_pull = matches!(direction, Pull | PullTheirs);
        let action = match (item.standing, direction) {
            (Standing::Same, _)
            | (Standing::Ahead | Standing::Removed, Pull)
            | (Standing::Theirs, Push) => Action::Nothing,
            // What was never brought there is not taken for removed there.
            (Standing::Ahead, PullTheirs) if !item.is_live_there() => Action::Nothing,
            (Standing::Ahead | Standing::Removed, Push | Sync) => {
                self.demand_removed(&item)?;
                match item.standing {
                    Standing::Removed => Action::Delete,
                    _ => Action::Write,
                }
            }
            (Standing::Ahead | Standing::Removed, PullTheirs)
            | (Standing::Behind | Standing::Apart | Standing::Theirs, _) => {
                let (taken, more) = self.taken(&mut item).await?;
                names = more;
                match taken {
                    None => Action::Note,
                    Some(_) if direction == Push && item.standing == Standing::Behind => {
                        Action::Conflict("it was changed on the server")
                    }
                    // Never the same, as far as anybody knows: a pull is asked for just that.
                    Some(_)
                        if item.standing == Standing::Apart
                            && !(direction == PullTheirs || (is_pull && item.mark.is_none())) =>
                    {
                        Action::Conflict(match item.mark {
                            Some(_) => "it was changed both here and on the server",
                            None => "the server has another one, which did not come from here",
                        })
                    }
                    Some(taken) => Action::Take(taken),
                }
            }
        };
        Ok(Step {
            item,
            action,
            names,
        })
    }

    /// Refuses to take out of the server what nobody removed: it may have been taken out of the repository.
    fn demand_removed(&self, item: &Item) -> Result<(), Error> {
        let names = item.mark.iter().flat_map(|mark| mark.here.revs.keys());
        let is_here = |name: &str| {
            item.here
                .as_ref()
                .is_some_and(|here| here.revs.contains_key(name))
        };
        let mut gone = names.filter(|name| !is_here(name)).peekable();
        if gone.peek().is_none() {
            return Ok(());
        }
        match &item.secret {
            Listed::Document(path) => {
                let gone: Result<Vec<ValueName>, _> = gone.map(|name| name.parse()).collect();
                self.vault.demand_values_removed(path, &gone?)
            }
            Listed::File(path) => self.vault.demand_file_removed(path),
        }
    }

    /// What the vault would take over, and the names of it; nothing if it has the same.
    async fn taken(&self, item: &mut Item) -> Result<(Option<Taken>, Vec<String>), Error> {
        let path = item.secret.path().to_owned();
        let read = self.kv.read(self.client, &path).await?;
        // Read a moment later than it was looked at: what is noted is what was read.
        if let (Some((version, _)), Some(there)) = (&read, &mut item.there) {
            there.version = *version;
        }
        let fields = read.map(|(_, fields)| fields);
        match item.secret.clone() {
            Listed::Document(document) => {
                let here = match item.here {
                    Some(_) => self.reader.document(&document)?,
                    None => Vec::new(),
                };
                let fields = fields.unwrap_or_default();
                let difference = Difference::new(&path, &here, &fields)?;
                let names = names_of(&here, &difference);
                let taken = (!difference.is_empty())
                    .then_some(Taken::Values(difference.set, difference.removed));
                Ok((taken, names))
            }
            Listed::File(file) => {
                let there = fields.map(|fields| fields::to_file(&self.kv.place(&path), &fields));
                let there = there.transpose()?;
                let here = match item.here {
                    Some(_) => Some(self.content(&file)?),
                    None => None,
                };
                let is_same = match (&here, &there) {
                    (Some(here), Some(there)) => here.same_as(there),
                    (None, None) => true,
                    _ => false,
                };
                Ok(((!is_same).then_some(Taken::File(there)), Vec::new()))
            }
        }
    }

    fn content(&self, path: &FilePath) -> Result<Plain, Error> {
        let opened = self.reader.open_file(path)?;
        let mut bytes = Zeroizing::new(Vec::new());
        let sink = std::path::Path::new(path.as_str());
        let mut input = opened.reader.take(LARGEST + 1);
        input
            .read_to_end(&mut bytes)
            .map_err(FsError::io("open", sink))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST {
            return Err(ServerError::TooLargeThere {
                path: path.to_string(),
                size: usize::try_from(opened.content.size).unwrap_or(usize::MAX),
                most: usize::try_from(LARGEST).unwrap_or(usize::MAX),
            }
            .into());
        }
        Ok(Plain::new(std::mem::take(&mut *bytes)))
    }

    /// What is written there.
    fn fields(&self, item: &Item) -> Result<Map<String, Value>, Error> {
        match &item.secret {
            Listed::Document(path) => {
                fields::of_values(path.as_str(), &self.reader.document(path)?)
            }
            Listed::File(path) => Ok(self.content(path)?.with(|bytes| fields::of_file(bytes))),
        }
    }

    /// What was planned is for what was seen.
    fn demand_unchanged(&self, item: &Item) -> Result<(), Error> {
        match here_of(self.vault, &item.secret)? == item.here {
            true => Ok(()),
            false => Err(changed(item)),
        }
    }
}

/// `+ A`, `~ B`, `- C`.
fn names_of(here: &[Opened], difference: &Difference) -> Vec<String> {
    let is_here = |name: &ValueName| here.iter().any(|opened| opened.name == *name);
    let set = difference.set.iter().map(|(name, _)| match is_here(name) {
        true => format!("~ {name}"),
        false => format!("+ {name}"),
    });
    set.chain(difference.removed.iter().map(|name| format!("- {name}")))
        .collect()
}
