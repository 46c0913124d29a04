//! What SOPS opens: a document as YAML, a sealed file as a whole, sealed for those who read it here.

use super::render::unprintable;
use crate::error::Error;
use crate::plaintext::entries_of;
use crate::plaintext::sops::{self, Keys, NotSealed, Noted, Wrapped};
use crate::secret::Plain;
use crate::vault::{Opened, PolicyKey, ToRecipient, Vault};

/// A document, with its notes as comments.
pub(super) fn document(
    vault: &Vault,
    to_recipient: &ToRecipient<'_>,
    path: &str,
    values: &[Opened],
    keys: &std::collections::BTreeMap<String, String>,
) -> Result<String, Error> {
    let each = values.iter().map(|o| (o.name.as_str(), o.kind, &o.value));
    let entries = entries_of(each, keys).map_err(|error| unprintable(path, error))?;
    let notes = values.iter().map(|opened| {
        let note = opened.policy.value(PolicyKey::Note)?;
        // Its own name stands there already, and would stand there twice.
        let renamed = keys.get(opened.name.as_str());
        let note = renamed
            .and_then(|own| note.strip_prefix(own.as_str()))
            .unwrap_or(note);
        let note = note.trim_start_matches('\n');
        (!note.is_empty()).then(|| note.to_owned())
    });
    let noted: Vec<Noted> = entries
        .into_iter()
        .zip(notes)
        .map(|((name, node), note)| (name, node, note))
        .collect();
    sealed(vault, to_recipient, path, |keys| {
        sops::seal(&noted, keys, vault.world())
    })
}

/// A file.
pub(super) fn file(
    vault: &Vault,
    to_recipient: &ToRecipient<'_>,
    path: &str,
    content: &[u8],
) -> Result<String, Error> {
    sealed(vault, to_recipient, path, |keys| {
        sops::seal_binary(content, keys, vault.world())
    })
}

fn sealed(
    vault: &Vault,
    to_recipient: &ToRecipient<'_>,
    path: &str,
    seal: impl FnOnce(&Keys<'_>) -> Result<String, NotSealed>,
) -> Result<String, Error> {
    let data_key = Plain::new(vault.world().random::<32>()?.to_vec());
    let wrapped = data_key.with(|key| vault.seal_to_each_reader(path, to_recipient, key))?;
    let wrapped: Vec<Wrapped> = wrapped
        .into_iter()
        .map(|(recipient, file)| Wrapped { recipient, file })
        .collect();
    let keys = Keys {
        data_key: &data_key,
        wrapped: &wrapped,
    };
    seal(&keys).map_err(|error| match error {
        NotSealed::Unprintable(error) => unprintable(path, error).into(),
        NotSealed::World(error) => error.into(),
    })
}
