//! Where the vault and a server stand to each other, document by document, without reading a value.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Client;
use super::kv::{Kv, There};
use super::mark::{Here, Mark, What};
use crate::error::{Code, Error, Problem};
use crate::name::{DocumentPath, FilePath, NameError, SecretPath};
use crate::plaintext::INVENTORY;
use crate::text::clean_line;
use crate::vault::{Found, Listed, Vault};

/// So many secrets are looked at at a time: a look is a moment's wait for the network, and no work of ours.
const AT_ONCE: usize = 16;

/// How a document and its secret stand to each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Nothing changed on either side since they were the same.
    Same,
    /// The vault has something newer, or something that is not there.
    Ahead,
    /// The server has.
    Behind,
    /// Both changed, or nobody knows whether they were ever the same.
    Apart,
    /// It was removed from the vault; the secret is as it was brought there.
    Removed,
    /// It is on the server alone, and did not come from this vault.
    Theirs,
}

impl Standing {
    /// As reports have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Ahead => "ahead",
            Self::Behind => "behind",
            Self::Apart => "apart",
            Self::Removed => "removed",
            Self::Theirs => "theirs",
        }
    }
}

/// What was found of both sides.
#[derive(Debug, Default)]
pub struct Surveyed {
    /// What the vault has, or can have.
    pub items: Vec<Item>,
    /// What lies there under a name that the vault does not allow, with the reason; safe to print.
    pub left_out: BTreeMap<String, String>,
}

/// A document or file, here and there.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its path in the vault.
    pub secret: Listed,
    /// As the vault has it.
    pub here: Option<Here>,
    /// As the server has it.
    pub there: Option<There>,
    /// What was noted there.
    pub mark: Option<Mark>,
    /// How they stand.
    pub standing: Standing,
}

impl Item {
    /// Looks at one on both sides.
    async fn look(client: &Client, kv: &Kv, vault: &Vault, secret: Listed) -> Result<Self, Error> {
        let there = kv.look(client, secret.path()).await?;
        let mark = there.as_ref().and_then(|it| Mark::of(vault, &it.noted));
        // A path of two levels may be either; what was brought there says which.
        let secret = match (secret, mark.as_ref().map(|mark| mark.here.what)) {
            (Listed::Document(path), Some(What::File)) => Listed::File(path.as_str().parse()?),
            (secret, _) => secret,
        };
        let here = here_of(vault, &secret)?;
        let standing = standing(here.as_ref(), there.as_ref(), mark.as_ref());
        Ok(Self {
            secret,
            here,
            there,
            mark,
            standing,
        })
    }

    /// What changed in the vault since, by name: `+ A`, `~ B`, `- C`. Nothing where the server's is not known.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let none = BTreeMap::new();
        let before = self.mark.as_ref().map(|mark| &mark.here.revs);
        let now = self.here.as_ref().map_or(&none, |here| &here.revs);
        let before = match (before, self.standing) {
            (Some(before), _) => before,
            (None, Standing::Ahead) => &none,
            (None, _) => return Vec::new(),
        };
        let named = |name: &&String| !name.is_empty();
        let here = now
            .keys()
            .filter(named)
            .filter_map(|name| match before.get(name) {
                None => Some(format!("+ {name}")),
                Some(rev) if now.get(name) != Some(rev) => Some(format!("~ {name}")),
                Some(_) => None,
            });
        let gone = before
            .keys()
            .filter(named)
            .filter(|name| !now.contains_key(*name));
        here.chain(gone.map(|name| format!("- {name}"))).collect()
    }

    /// Whether there is anything on the server to take over.
    pub(super) fn is_live_there(&self) -> bool {
        self.there.as_ref().is_some_and(|there| there.is_live)
    }

    /// The number of the newest version there, over which a write goes; 0 where there is none.
    pub(super) fn version(&self) -> u64 {
        self.there.as_ref().map_or(0, |there| there.version)
    }
}

/// A document or file as the vault has it now.
pub(super) fn here_of(vault: &Vault, secret: &Listed) -> Result<Option<Here>, Error> {
    match secret {
        Listed::Document(path) => Here::document(vault, path),
        Listed::File(path) => Here::file(vault, path),
    }
}

fn standing(here: Option<&Here>, there: Option<&There>, mark: Option<&Mark>) -> Standing {
    let live = there.filter(|there| there.is_live);
    let is_known = |there: &There| mark.is_some_and(|mark| mark.version == there.version);
    match (here, live) {
        (None, None) => Standing::Same,
        (None, Some(there)) if is_known(there) => Standing::Removed,
        (None, Some(_)) => Standing::Theirs,
        (Some(here), None) => match (there, mark) {
            // What we brought there was deleted there since.
            (Some(_), Some(mark)) if mark.is_outdated_by(here) => Standing::Apart,
            (Some(_), Some(_)) => Standing::Behind,
            _ => Standing::Ahead,
        },
        (Some(here), Some(there)) => match mark {
            None => Standing::Apart,
            Some(mark) => match (mark.is_outdated_by(here), is_known(there)) {
                (false, true) => Standing::Same,
                (true, true) => Standing::Ahead,
                (false, false) => Standing::Behind,
                (true, false) => Standing::Apart,
            },
        },
    }
}

/// Looks at everything that some paths mean, on both sides: scopes, documents, folders, files.
///
/// # Errors
/// Usage for a single value; [`super::ServerError`]; what does not read in the vault.
pub async fn survey(
    client: &Client,
    kv: &Kv,
    vault: &Vault,
    paths: &[SecretPath],
) -> Result<Surveyed, Error> {
    let mut left_out = BTreeMap::new();
    let mut all: BTreeMap<String, Listed> = BTreeMap::new();
    for path in paths {
        // What an import keeps about its sources is the vault's own, unless it is named.
        let is_meant = |found: &str| found == path.as_str() || !is_inventory(found);
        let listed = vault.list(Some(path.as_str()))?.into_iter();
        let listed = listed.filter(|listed| is_meant(listed.path()));
        all.extend(listed.map(|listed| (listed.path().to_owned(), listed)));
        match vault.find(path)? {
            Found::Value(document, _) => {
                let why = format!("`{path}` is a value: what goes to a server is a whole document");
                return Err(Problem::new(Code::Usage, why)
                    .hint(format!("name `{document}`"))
                    .into());
            }
            Found::Document(document) => {
                all.entry(document.to_string())
                    .or_insert(Listed::Document(document));
            }
            Found::File(file) => {
                all.entry(file.to_string()).or_insert(Listed::File(file));
            }
            Found::Folder(_) => {}
        }
        for found in kv.list(client, path.as_str()).await? {
            if !is_meant(&found) || all.contains_key(&found) {
                continue;
            }
            match listed_of(&found) {
                Ok(listed) => drop(all.insert(found, listed)),
                Err(why) => drop(left_out.insert(clean_line(&found), clean_line(&why.to_string()))),
            }
        }
    }
    let looks = all
        .into_values()
        .map(|secret| Item::look(client, kv, vault, secret));
    let looked: Vec<Item> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let is_any = |item: &Item| item.here.is_some() || item.there.is_some();
    let items: Vec<Item> = looked.into_iter().filter(is_any).collect();
    if items.is_empty() && left_out.is_empty() {
        let names: Vec<&str> = paths.iter().map(SecretPath::as_str).collect();
        let why = format!(
            "there is no {} here, and none on the server",
            crate::text::list(&names)
        );
        return Err(Problem::new(Code::NotFound, why).into());
    }
    Ok(Surveyed { items, left_out })
}

/// Whether a path is that of a scope's inventory: layouts and comments of what was imported.
fn is_inventory(path: &str) -> bool {
    let (_, name) = path.split_once('/').unwrap_or_default();
    name == INVENTORY
}

/// A path there as one of a vault: two levels are a document, more a file.
fn listed_of(path: &str) -> Result<Listed, NameError> {
    match path.split('/').count() {
        2 => path.parse::<DocumentPath>().map(Listed::Document),
        _ => path.parse::<FilePath>().map(Listed::File),
    }
}

/// The error for something that was changed in the vault while it was worked on.
pub(super) fn changed(item: &Item) -> Error {
    let path = item.secret.path();
    Problem::new(
        Code::Conflict,
        format!("`{path}` was changed in the vault meanwhile"),
    )
    .hint("run it again")
    .into()
}
