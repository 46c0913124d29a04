//! What SOPS writes beside the values: for whom the data key is wrapped, the MAC, and which values are
//! sealed at all.
//!
//! YAML and JSON have it as a table `sops`, dotenv and INI as names like `age__list_0__map_enc`. It is
//! read in that flat form for all of them.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::Fault;
use crate::plaintext::layout::Step;

/// What a suffix is where no rule is given.
pub(super) const SUFFIX: &str = "_unencrypted";

/// As many wraps are tried as a team has members; each takes some 0.1 ms.
const MOST_WRAPS: usize = 1000;

/// Longer expressions are nobody's; compiling one takes memory in proportion to it.
const LONGEST_RULE: usize = 4096;

/// The metadata of a file.
pub(super) struct Metadata {
    /// Recipient and wrapped data key.
    pub(super) age: Vec<(String, String)>,
    /// Ways to the data key that are not gone here, by name.
    pub(super) others: Vec<&'static str>,
    /// Whether the data key is in pieces.
    pub(super) has_groups: bool,
    pub(super) last_modified: String,
    pub(super) mac: String,
    /// Whether the MAC goes over sealed values alone.
    pub(super) only_encrypted: bool,
    pub(super) rule: Rule,
}

/// Which values are sealed.
pub(super) enum Rule {
    /// All but those below a name that ends so.
    NotSuffix(String),
    /// Those below a name that ends so.
    Suffix(String),
    /// All but those below a name that fits.
    NotRegex(Regex),
    /// Those below a name that fits.
    Regex(Regex),
    /// What the comments above say; a value's own form is believed.
    ByComment,
}

/// The keys of SOPS that lead to a data key, and what they are called.
const OTHERS: [(&str, &str); 6] = [
    ("pgp", "PGP"),
    ("kms", "AWS KMS"),
    ("gcp_kms", "GCP KMS"),
    ("azure_kv", "Azure Key Vault"),
    ("hc_vault", "HashiCorp Vault"),
    ("hckms", "Huawei Cloud KMS"),
];

/// The flat name of a place in the table `sops`.
pub(super) fn flat(path: &[Step]) -> String {
    let mut name = String::new();
    for (at, step) in path.iter().enumerate() {
        match step {
            Step::Key(key) if at == 0 => name.push_str(key),
            Step::Key(key) => name.extend(["__map_", key]),
            Step::Index(index) => name.extend(["__list_", &index.to_string()]),
        }
    }
    name
}

impl Metadata {
    /// Reads flat names and their texts.
    ///
    /// # Errors
    /// What is missing or cannot be.
    pub(super) fn read(flat: &BTreeMap<String, String>) -> Result<Self, Fault> {
        let text = |name: &str| flat.get(name).map(String::as_str).filter(|t| !t.is_empty());
        let list = |name: &str| {
            let start = format!("{name}__list_");
            let mut names = flat.keys().filter(move |key| key.starts_with(&start));
            names.next().is_some()
        };
        let mut age = Vec::new();
        while let Some(enc) = text(&format!("age__list_{}__map_enc", age.len())) {
            if age.len() == MOST_WRAPS {
                return Err(Fault::new(
                    "its data key is wrapped for more than 1,000 recipients",
                ));
            }
            let recipient = text(&format!("age__list_{}__map_recipient", age.len()));
            age.push((recipient.unwrap_or_default().to_owned(), enc.to_owned()));
        }
        let others = OTHERS.iter().filter(|(key, _)| list(key));
        let wanted = |name: &str| {
            let missing = || Fault::new(format!("its metadata lacks `{name}`"));
            text(name).map(str::to_owned).ok_or_else(missing)
        };
        Ok(Self {
            age,
            others: others.map(|(_, name)| *name).collect(),
            has_groups: list("key_groups"),
            last_modified: wanted("lastmodified")?,
            mac: wanted("mac")?,
            only_encrypted: text("mac_only_encrypted") == Some("true"),
            rule: Rule::read(&text)?,
        })
    }
}

impl Rule {
    fn read<'t>(text: &dyn Fn(&str) -> Option<&'t str>) -> Result<Self, Fault> {
        let regex = |name: &str, pattern: &str| {
            let wrong = || Fault::new(format!("`{name}` in its metadata is no rule that reads"));
            if pattern.len() > LONGEST_RULE {
                return Err(wrong());
            }
            Regex::new(pattern).map_err(|_| wrong())
        };
        let mut rules = Vec::new();
        for name in ["unencrypted_suffix", "encrypted_suffix"] {
            rules.extend(text(name).map(|suffix| match name {
                "encrypted_suffix" => Self::Suffix(suffix.to_owned()),
                _ => Self::NotSuffix(suffix.to_owned()),
            }));
        }
        if let Some(pattern) = text("unencrypted_regex") {
            rules.push(Self::NotRegex(regex("unencrypted_regex", pattern)?));
        }
        if let Some(pattern) = text("encrypted_regex") {
            rules.push(Self::Regex(regex("encrypted_regex", pattern)?));
        }
        for name in ["unencrypted_comment_regex", "encrypted_comment_regex"] {
            rules.extend(text(name).map(|_| Self::ByComment));
        }
        match (rules.pop(), rules.is_empty()) {
            (None, _) => Ok(Self::NotSuffix(SUFFIX.to_owned())),
            (Some(rule), true) => Ok(rule),
            (Some(_), false) => Err(Fault::new("its metadata has two rules of what is sealed")),
        }
    }

    /// Whether a value below these names is sealed; `None` if its form says so.
    pub(super) fn seals<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Option<bool> {
        Some(match self {
            Self::NotSuffix(suffix) => !names.any(|name| name.ends_with(suffix)),
            Self::Suffix(suffix) => names.any(|name| name.ends_with(suffix)),
            Self::NotRegex(regex) => !names.any(|name| regex.is_match(name)),
            Self::Regex(regex) => names.any(|name| regex.is_match(name)),
            Self::ByComment => return None,
        })
    }
}
