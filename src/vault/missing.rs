//! What is said of a name that there is nothing of: which one may be meant.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, ValueName};
use crate::text::nearest;

use super::VaultError;
use super::document::Document;
use super::listing::Listed;
use super::open::Vault;

impl Vault {
    /// Why there is nothing of this name: it is a folder, or another one may be meant. Looks at names alone.
    #[must_use]
    pub fn missing(&self, name: &impl ToString) -> VaultError {
        let name = name.to_string();
        let is_below = |item: &Listed| {
            let rest = item.path().strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        if self
            .list(Some(&name))
            .is_ok_and(|there| there.iter().any(is_below))
        {
            return VaultError::Above { name };
        }
        let nearest = self.near(&name);
        VaultError::NotFound { name, nearest }
    }

    /// Refuses a value that does not lie in its document, whoever signed what lies there.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; what keeps the document from being read.
    pub fn demand_there(&self, path: &DocumentPath, name: &ValueName) -> Result<(), Error> {
        let text = self.tree().read(&path.to_file(), MAX_FILE)?;
        let text = text.ok_or_else(|| self.missing(&format!("{path}/{name}")))?;
        match Document::parse(&text, path, self.id())?.record(name)? {
            Some(_) => Ok(()),
            None => Err(self.missing(&format!("{path}/{name}")).into()),
        }
    }

    /// The one name that is there and may be meant by this one, which is not. None of one that is there: it was
    /// asked for in the past, say.
    #[must_use]
    pub fn near(&self, name: &str) -> Option<String> {
        let listed = self.list(None).ok()?;
        // A file of the vault, as a shell completes its path.
        if let Some(file) = name.strip_prefix("secrets/") {
            let ends = [".age.toml", ".toml", ".age"].into_iter();
            let path = ends.filter_map(|end| file.strip_suffix(end)).next();
            let path = path.filter(|path| listed.iter().any(|item| item.path() == *path));
            return path.map(str::to_owned);
        }
        // `web/TOKEN`, where one scope has it.
        let in_scopes = listed.iter().filter_map(|item| {
            let (scope, rest) = item.path().split_once('/')?;
            let is_it = match name.strip_prefix(rest)? {
                "" => true,
                value => {
                    let value = value.strip_prefix('/')?;
                    self.names_of(item).iter().any(|name| name == value)
                }
            };
            is_it.then(|| format!("{scope}/{name}"))
        });
        let mut in_scopes: Vec<String> = in_scopes.take(2).collect();
        if let (Some(one), true) = (in_scopes.pop(), in_scopes.is_empty()) {
            return Some(one);
        }
        let mut known: BTreeSet<String> = BTreeSet::new();
        for item in &listed {
            // Each folder above it, and its scope, are names too.
            let above = item.path().match_indices('/').map(|(at, _)| at);
            let ends = above.chain([item.path().len()]);
            known.extend(ends.filter_map(|end| item.path().get(..end).map(str::to_owned)));
        }
        if let Some((folder, _)) = name.rsplit_once('/') {
            for item in &listed {
                // What is in documents of such a name.
                if nearest(folder, [item.path()]).is_some() {
                    let names = self.names_of(item);
                    known.extend(names.iter().map(|value| format!("{}/{value}", item.path())));
                }
            }
        }
        if known.contains(name) {
            return None;
        }
        // Who wrote the beginning of a name means it before any that looks like it.
        let begun = known.iter().find(|known| known.starts_with(name));
        let begun = begun.filter(|_| name.len() > 3).map(String::as_str);
        let near = begun.or_else(|| nearest(name, known.iter().map(String::as_str)));
        near.map(str::to_owned)
    }

    /// The names in a document, if it reads.
    fn names_of(&self, item: &Listed) -> Vec<String> {
        let Listed::Document(path) = item else {
            return Vec::new();
        };
        let text = self.tree().read(&path.to_file(), MAX_FILE);
        let text = text.ok().flatten().unwrap_or_default();
        let document = Document::parse(&text, path, self.id());
        document.map_or_else(
            |_| Vec::new(),
            |document| document.names().map(str::to_owned).collect(),
        )
    }
}
