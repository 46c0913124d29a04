//! Files that SOPS sealed for age (getsops/sops, version 3): YAML, JSON, dotenv, INI, and whole files.
//!
//! Names, order and form of such a file stand in the clear; each value is sealed on its own
//! (`value.rs`), under a data key that is wrapped for each recipient as an age file (`metadata.rs`). A MAC,
//! SHA-512 over the values in their order, is sealed with the time of the last change as its associated
//! data. What is opened here is the text that `sops -d` would print: the file's own, with values and
//! comments in the clear where they were sealed, and without the metadata. What comes of that is said
//! by whoever reads plaintext.
//!
//! The MAC says nothing about names; a sealed value is bound to the names that lead to it, one in the
//! clear to nothing. That is how SOPS is, and taken over as it is.

mod in_clear;
mod mac;
mod metadata;
mod split;
mod value;
mod write;

use std::fmt;

use super::Fault;
use super::format::SEVERAL;
use super::layout::{Step, Style};
use super::open_age::{AgeClosed, open_age_for};
use crate::secret::Plain;
use crate::text::{clean_line, list};
use crate::vault::Opener;
use in_clear::in_clear;
use mac::verified;
use metadata::Metadata;
use split::split;
use value::Key;

pub use write::{Keys, NotSealed, Noted, Wrapped, seal, seal_binary};

/// The table, section or prefix of the metadata.
const OWN: &str = "sops";

/// What any file that SOPS sealed has in it: its MAC, if nothing else.
const MARK: &str = "ENC[AES256_GCM,data:";

/// What a sealed file was before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each is what SOPS calls so")]
pub enum Form {
    Yaml,
    Json,
    Dotenv,
    Ini,
    /// Any file, as one value.
    Binary,
}

impl Form {
    /// The form of a file by its name, as SOPS tells it; none if this is no file of SOPS.
    #[must_use]
    pub fn of(name: &str, content: &[u8]) -> Option<Self> {
        memchr::memmem::find(content, MARK.as_bytes())?;
        let ending = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ending(&[".yaml", ".yml"]) {
            Some(Self::Yaml)
        } else if ending(&[".json"]) {
            Some(Self::Json)
        } else if ending(&[".env"]) || name.starts_with(".env.") {
            Some(Self::Dotenv)
        } else if ending(&[".ini"]) {
            Some(Self::Ini)
        } else {
            let is_object = content.trim_ascii_start().starts_with(b"{");
            let has_own = memchr::memmem::find(content, b"\"sops\":").is_some();
            (is_object && has_own).then_some(Self::Binary)
        }
    }

    /// The format of what is inside.
    pub(super) fn format(self) -> Option<&'static str> {
        match self {
            Self::Yaml => Some("yaml"),
            Self::Json => Some("json"),
            Self::Dotenv => Some("dotenv"),
            Self::Ini => Some("ini"),
            Self::Binary => None,
        }
    }
}

/// Why a file stayed closed.
#[derive(Debug)]
pub enum Closed {
    /// It is sealed for others. Nothing is wrong with it.
    Others {
        /// Its age recipients.
        recipients: Vec<String>,
        /// Why the nearest of one's own identities did not open it.
        why: AgeClosed,
    },
    /// It goes a way that is not gone here, which has this name. Nothing is wrong with it.
    Unsupported(String),
    /// Something is not what was sealed.
    Forged(Fault),
    /// It does not read as what it is.
    Malformed(Fault),
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Others { recipients, why } => {
                const SHOWN: usize = 3;
                let mut names: Vec<String> = recipients.iter().map(|r| clean_line(r)).collect();
                if names.len() > SHOWN {
                    names.truncate(SHOWN);
                    names.push(format!("{} more", recipients.len() - SHOWN));
                }
                write!(f, "it is sealed to {}, and {why}", list(&names))
            }
            Self::Unsupported(what) => write!(f, "clws does not open {what}"),
            Self::Forged(fault) | Self::Malformed(fault) => f.write_str(&fault.why),
        }
    }
}

fn malformed(fault: Fault) -> Closed {
    match fault.why == SEVERAL {
        true => Closed::Unsupported("several documents of YAML in one file".to_owned()),
        false => Closed::Malformed(fault),
    }
}

/// Opens a file: what `sops -d` would print, or the very bytes of a whole file.
///
/// # Errors
/// [`Closed`].
pub fn open(text: &str, form: Form, openers: &[&dyn Opener]) -> Result<Plain, Closed> {
    let split = split(text, form).map_err(malformed)?;
    if split.metadata.is_empty() {
        let why =
            "it has values sealed by SOPS and no metadata: it is cut, or a part of another file";
        return Err(Closed::Malformed(Fault::new(why)));
    }
    let metadata = Metadata::read(&split.metadata).map_err(Closed::Malformed)?;
    let key = data_key(&metadata, openers)?;
    let opened = verified(text, form, &split, &metadata, &key)?;
    if form == Form::Binary {
        let whole =
            split.leaves.iter().zip(opened).find(
                |(leaf, _)| matches!(leaf.path.as_slice(), [Step::Key(key)] if key == "data"),
            );
        let none = || Closed::Malformed(Fault::new("it has no `data`"));
        let (leaf, value) = whole.ok_or_else(none)?;
        // SOPS seals no text of no length.
        let is_empty = leaf.text.is_empty() && leaf.style != Style::Bare;
        let empty = is_empty.then(|| Plain::new(Vec::new()));
        return value.plain.or(empty).ok_or_else(none);
    }
    Ok(Plain::new(in_clear(text, form, &split, opened, &key)?))
}

/// The data key, by whichever of its ways a person has.
fn data_key(metadata: &Metadata, openers: &[&dyn Opener]) -> Result<Key, Closed> {
    if metadata.has_groups {
        let what = "a data key in several groups (Shamir's sharing)";
        return Err(Closed::Unsupported(what.to_owned()));
    }
    if metadata.age.is_empty() {
        return Err(match metadata.others.as_slice() {
            [] => Closed::Malformed(Fault::new("its data key is wrapped for nobody")),
            others => Closed::Unsupported(format!("a data key under {}", list(others))),
        });
    }
    let mut closed = AgeClosed::NoIdentity;
    for (recipient, wrapped) in &metadata.age {
        match open_age_for(openers, recipient, wrapped.as_bytes()) {
            Ok(bytes) => {
                let key = bytes.with(|bytes| Key::new(bytes));
                let why = "its data key has another length than 32 bytes";
                return key.ok_or_else(|| Closed::Malformed(Fault::new(why)));
            }
            Err(AgeClosed::NoIdentity) => {}
            Err(other) => closed = other,
        }
    }
    Err(match closed {
        AgeClosed::Broken(why) => {
            let why = format!("its data key is wrapped in no intact age file: {why}");
            Closed::Malformed(Fault::new(why))
        }
        why => Closed::Others {
            recipients: metadata.age.iter().map(|(name, _)| name.clone()).collect(),
            why,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMS: [Form; 5] = [
        Form::Yaml,
        Form::Json,
        Form::Dotenv,
        Form::Ini,
        Form::Binary,
    ];

    /// Of each form, as SOPS writes them, under nobody's key.
    const WHOLE: [&str; 4] = [
        "a:\n    # b\n    - ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]\nsops:\n    age:\n        - recipient: age1\n          enc: |\n            x\n    lastmodified: \"2026\"\n    mac: ENC[AES256_GCM,data:x]\n",
        "{\"a\": [null, \"ENC[AES256_GCM,data:eA==]\"], \"sops\": {\"age\": [{\"enc\": \"x\"}], \"lastmodified\": \"2\", \"mac\": \"x\"}}",
        "#ENC[AES256_GCM,data:x]\nA=ENC[AES256_GCM,data:x]\nsops_age__list_0__map_enc=x\nsops_lastmodified=2\nsops_mac=x\n",
        "[a]\n; ENC[AES256_GCM,data:x]\nb = ENC[AES256_GCM,data:x]\n[sops]\nage__list_0__map_enc = x\nlastmodified = 2\nmac = x\n",
    ];

    proptest! {
        #[test]
        fn any_text_is_opened_or_refused(text in "\\PC{0,200}|[\\n -~é]{0,300}", form in 0..5_usize) {
            prop_assert!(open(&text, FORMS[form], &[]).is_err());
        }

        #[test]
        fn a_file_with_a_piece_cut_out_or_put_in_is_refused(
            of in 0..4_usize, from in 0..400_usize, cut in 0..40_usize, put in "[\\n:\\-{}\\[\\]\"#=é]{0,4}",
        ) {
            let text: Vec<char> = WHOLE[of].chars().collect();
            let from = from % text.len();
            let rest = text.iter().skip(from + cut);
            let text: String = text.iter().take(from).copied().chain(put.chars()).chain(rest.copied()).collect();
            for form in FORMS {
                prop_assert!(open(&text, form, &[]).is_err());
            }
        }
    }

    #[test]
    fn each_form_is_taken_apart_before_a_key_is_wanted() {
        for (text, form) in WHOLE.iter().zip(FORMS) {
            let closed = open(text, form, &[]).map(|_| ()).unwrap_err();
            assert!(
                matches!(closed, Closed::Others { .. }),
                "{form:?}: {closed:?}"
            );
        }
    }
}
