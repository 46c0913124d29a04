//! What another program sealed, opened: by Ansible's password, a person's own age identities, or the keys that
//! dotenvx left beside its files.
//!
//! Nothing that stays closed is lost. It is sealed whole, as it is, with what to do as a finding. What was
//! changed since it was sealed, or does not read, stands against the import: nobody can say what of it
//! is true.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::crypto::{hex, sha256};
use crate::plaintext::ansible_vault::Passwords;
use crate::plaintext::dotenvx::{self, PrivateKeys};
use crate::plaintext::open_age::{AgeClosed, open_age};
use crate::plaintext::sops::{self, Closed, Form};
use crate::plaintext::{Envelope, Finding, Kind, Matter};
use crate::secret::Plain;
use crate::text::{clean_line, shell_word};
use crate::vault::Opener;

use super::source::Source;

/// A key has 64 digits, and files of them a page of comments.
const MOST_KEYS: usize = 64 * 1024;

/// What opens sources.
#[derive(Default)]
pub struct Keys<'a> {
    /// For what Ansible sealed.
    pub passwords: Passwords,
    /// For what SOPS and age sealed.
    pub openers: Vec<&'a dyn Opener>,
    /// For what dotenvx sealed; those of `.env.keys` beside a file go before them.
    pub dotenvx: PrivateKeys,
}

impl std::fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// What was inside.
pub(super) struct Unsealed {
    pub(super) inner: Zeroizing<Vec<u8>>,
    /// What gives the source back to the byte, where that is a text.
    pub(super) envelope: Option<Envelope>,
    /// The names of the values that were sealed, where others of the file were not.
    pub(super) sealed: Option<BTreeSet<String>>,
    /// What is to be said about it, open as it is.
    pub(super) findings: Vec<Finding>,
}

impl Unsealed {
    /// What was never sealed.
    pub(super) fn as_it_is(inner: Zeroizing<Vec<u8>>) -> Self {
        Self {
            inner,
            envelope: None,
            sealed: None,
            findings: Vec::new(),
        }
    }
}

/// Opens a source of one of the kinds that are sealed.
///
/// # Errors
/// What is to be said about one that stays closed.
pub(super) fn unseal(
    kind: Kind,
    path: &str,
    whole: &[u8],
    keys: &Keys<'_>,
    source: &Source,
) -> Result<Unsealed, Finding> {
    let (mut sealed, mut findings) = (None, Vec::new());
    let plain = match kind {
        Kind::Sops(form) => open_sops(form, path, whole, keys)?,
        Kind::Age => open_age(&keys.openers, whole).map_err(|why| closed_age(path, &why))?,
        Kind::Dotenvx => {
            let opened = open_dotenvx(path, whole, keys, source)?;
            (sealed, findings) = (Some(opened.sealed), opened.findings);
            opened.plain
        }
        _ => keys.passwords.open(whole).map_err(|why| {
            let text = format!("sealed whole, still under Ansible's password: {why}");
            Finding::new(Matter::AnsibleVault, text)
        })?,
    };
    let inner = plain.with(|bytes| Zeroizing::new(bytes.clone()));
    let envelope = (kind != Kind::Age).then(|| Envelope {
        text: String::from_utf8_lossy(whole).into_owned(),
        of: hex(&sha256(&inner)),
    });
    Ok(Unsealed {
        inner,
        envelope,
        sealed,
        findings,
    })
}

fn open_sops(form: Form, source: &str, whole: &[u8], keys: &Keys<'_>) -> Result<Plain, Finding> {
    let Ok(text) = std::str::from_utf8(whole) else {
        return Err(Finding::new(
            Matter::Malformed,
            "a file of SOPS that is not UTF-8",
        ));
    };
    sops::open(text, form, &keys.openers).map_err(|closed| match &closed {
        Closed::Others { why, .. } => {
            let next = match why {
                AgeClosed::NoIdentity => {
                    "; `clws identity import sops --age FILE` takes the key of SOPS along"
                }
                _ => "",
            };
            still("SOPS", format!("{closed}{next}"))
        }
        Closed::Unsupported(_) => {
            let next = format!("where that key is, `sops -d {}` opens it", word(source));
            still("SOPS", format!("{closed}; {next}"))
        }
        Closed::Forged(fault) => Finding::new(Matter::Forged, fault.why.clone()).at(fault.line),
        Closed::Malformed(fault) => {
            let text = format!("does not read as a file of SOPS: {}", fault.why);
            Finding::new(Matter::Malformed, text).at(fault.line)
        }
    })
}

/// Tries the keys that lie beside a file, under the names that dotenvx gives them, then the person's.
fn open_dotenvx(
    path: &str,
    whole: &[u8],
    keys: &Keys<'_>,
    source: &Source,
) -> Result<dotenvx::Opened, Finding> {
    let text =
        std::str::from_utf8(whole).map_err(|_| still("dotenvx", "it is not UTF-8".to_owned()))?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut beside = PrivateKeys::default();
    let common = format!("{folder}/.env.keys");
    // Of `.env` both are the same.
    let files = BTreeSet::from([
        format!("{path}.keys"),
        common.trim_start_matches('/').to_owned(),
    ]);
    for file in files {
        // One that is a link, or no file, is not followed and no key.
        let Ok(Some(bytes)) = source.read(&file, MOST_KEYS) else {
            continue;
        };
        let read = std::str::from_utf8(&bytes).map(|text| beside.add_file(text));
        if !matches!(read, Ok(Ok(()))) {
            let shown = clean_line(&file);
            return Err(still("dotenvx", format!("{shown} does not read as dotenv")));
        }
    }
    let all = beside.and(&keys.dotenvx);
    dotenvx::open(text, &all).map_err(|closed| {
        let lines = match &closed {
            dotenvx::Closed::NotOpened {
                lines, is_named, ..
            } if *is_named => lines.clone(),
            dotenvx::Closed::Unread(fault) => fault.line.into_iter().collect(),
            _ => Vec::new(),
        };
        still("dotenvx", closed.to_string()).at(lines)
    })
}

/// What is done with private keys of dotenvx, which are not sealed: what they opened is.
pub(super) fn superseded() -> Finding {
    let text = "holds private keys of dotenvx, and is not sealed; once all that they open is in the vault, \
                overwrite it with `shred -u`, and give new values to what git's history has sealed under them";
    Finding::new(Matter::Superseded, text)
}

fn closed_age(source: &str, why: &AgeClosed) -> Finding {
    let next = match why {
        AgeClosed::NoIdentity => {
            "; `clws identity import old --age FILE` takes its key along".to_owned()
        }
        AgeClosed::Passphrase => format!("; `age -d {}` asks for it", word(source)),
        AgeClosed::Identity(_) => String::new(),
        AgeClosed::Broken(why) => {
            return Finding::new(Matter::Malformed, format!("is no intact age file: {why}"));
        }
    };
    still("age", format!("{why}{next}"))
}

/// The path of a source in a command that is advised: whoever gave the tree has named it.
fn word(source: &str) -> String {
    shell_word(&clean_line(source))
}

fn still(by: &str, why: String) -> Finding {
    Finding::new(
        Matter::StillSealed,
        format!("sealed whole, still by {by}: {why}"),
    )
}

/// What is said about files that are never opened here, with the way out.
pub(super) fn other_program(kind: Kind, source: &str) -> Option<Finding> {
    Some(match kind {
        Kind::Gpg => {
            let name = word(source.strip_suffix(".gpg").unwrap_or(source));
            still(
                "GnuPG",
                format!(
                    "clws opens none of its files; `pass show {name} | clws secret set PATH --type file` brings it over"
                ),
            )
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_the_command_that_is_advised() {
        let said = |source| other_program(Kind::Gpg, source).unwrap().text;
        assert!(said("web/db.gpg").contains("`pass show web/db | "));
        let odd = said("x; $(id).gpg");
        assert!(odd.contains("`pass show 'x; $(id)' | "), "{odd}");
        let odd = closed_age("$(id).age", &AgeClosed::Passphrase).text;
        assert!(odd.contains("`age -d '$(id).age'`"), "{odd}");
    }
}
