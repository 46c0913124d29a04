//! What another program sealed, opened: by Ansible's password, or by a person's own age identities.
//!
//! Nothing that stays closed is lost. It is sealed whole, as it is, with what to do as a finding. What was
//! changed since it was sealed, or does not read, stands against the import: nobody can say what of it
//! is true.

use zeroize::Zeroizing;

use crate::crypto::{hex, sha256};
use crate::plaintext::ansible_vault::Passwords;
use crate::plaintext::open_age::{AgeClosed, open_age};
use crate::plaintext::sops::{self, Closed, Form};
use crate::plaintext::{Envelope, Finding, Kind, Matter};
use crate::secret::Plain;
use crate::text::clean_line;
use crate::vault::Opener;

/// What opens sources.
#[derive(Default)]
pub struct Keys<'a> {
    /// For what Ansible sealed.
    pub passwords: Passwords,
    /// For what SOPS and age sealed.
    pub openers: Vec<&'a dyn Opener>,
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
}

/// Opens a source of one of the kinds that are sealed.
///
/// # Errors
/// What is to be said about one that stays closed.
pub(super) fn unseal(
    kind: Kind,
    source: &str,
    whole: &[u8],
    keys: &Keys<'_>,
) -> Result<Unsealed, Finding> {
    let plain = match kind {
        Kind::Sops(form) => open_sops(form, source, whole, keys)?,
        Kind::Age => open_age(&keys.openers, whole).map_err(|why| closed_age(source, &why))?,
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
    Ok(Unsealed { inner, envelope })
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
            let next = format!(
                "where that key is, `sops -d {}` opens it",
                clean_line(source)
            );
            still("SOPS", format!("{closed}; {next}"))
        }
        Closed::Forged(fault) => Finding::new(Matter::Forged, fault.why.clone()).at(fault.line),
        Closed::Malformed(fault) => {
            let text = format!("does not read as a file of SOPS: {}", fault.why);
            Finding::new(Matter::Malformed, text).at(fault.line)
        }
    })
}

fn closed_age(source: &str, why: &AgeClosed) -> Finding {
    let next = match why {
        AgeClosed::NoIdentity => {
            "; `clws identity import old --age FILE` takes its key along".to_owned()
        }
        AgeClosed::Passphrase => format!("; `age -d {}` asks for it", clean_line(source)),
        AgeClosed::Identity(_) => String::new(),
        AgeClosed::Broken(why) => {
            return Finding::new(Matter::Malformed, format!("is no intact age file: {why}"));
        }
    };
    still("age", format!("{why}{next}"))
}

fn still(by: &str, why: String) -> Finding {
    Finding::new(
        Matter::StillSealed,
        format!("sealed whole, still by {by}: {why}"),
    )
}

/// What is said about files that are never opened here, with the way out.
pub(super) fn other_program(kind: Kind, source: &str) -> Option<Finding> {
    let shown = clean_line(source);
    Some(match kind {
        Kind::Gpg => {
            let name = shown.strip_suffix(".gpg").unwrap_or(&shown);
            still(
                "GnuPG",
                format!(
                    "clws opens none of its files; `pass show {name} | clws secret set PATH --type file` brings it over"
                ),
            )
        }
        Kind::Dotenvx => still(
            "dotenvx",
            format!("clws does not open it; `dotenvx decrypt -f {shown}`, then import it again"),
        ),
        _ => return None,
    })
}
