//! What was found before, and is known: a file that can be committed.
//!
//! A finding is known by its file, its rule and a mark of its text, so that it may move within its file, and
//! another secret in its place is found. The mark is made slowly (PBKDF2), as the file is public and a password
//! may be guessed; a private salt would not help, since each who scans needs it.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use ring::pbkdf2;
use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::salt::SALT;

/// 20 ms on the machine of the measurements. A guess costs as much.
const ROUNDS: NonZeroU32 = match NonZeroU32::new(50_000) {
    Some(rounds) => rounds,
    None => NonZeroU32::MIN,
};

/// A file of known findings.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    format: u32,
    salt: String,
    findings: BTreeSet<Entry>,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    rule: String,
    mark: String,
}

/// Marks what is found.
#[derive(Debug)]
pub struct Marker {
    salt: String,
    /// The files and rules that a baseline has; all if it is being written.
    only: Option<BTreeSet<(String, String)>>,
}

impl Baseline {
    /// Of what was found.
    #[must_use]
    pub fn of(findings: &[Finding], marker: &Marker) -> Self {
        let entries = findings.iter().filter_map(|finding| {
            Some(Entry {
                path: finding.path.clone(),
                rule: finding.rule().to_owned(),
                mark: finding.mark.clone()?,
            })
        });
        Self {
            format: 1,
            salt: marker.salt.clone(),
            findings: entries.collect(),
        }
    }

    /// Reads a file; `None` if it is none of ours.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(text).ok()?;
        (read.format == 1).then_some(read)
    }

    /// As the file has it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        crate::text::clean_json(&text) + "\n"
    }

    /// How many findings it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// What marks what may be in it.
    #[must_use]
    pub fn marker(&self) -> Marker {
        let places = self.findings.iter();
        let places = places.map(|entry| (entry.path.clone(), entry.rule.clone()));
        Marker {
            salt: self.salt.clone(),
            only: Some(places.collect()),
        }
    }

    /// Whether a finding is in it.
    #[must_use]
    pub fn knows(&self, finding: &Finding) -> bool {
        finding.mark.as_ref().is_some_and(|mark| {
            self.findings.contains(&Entry {
                path: finding.path.clone(),
                rule: finding.rule().to_owned(),
                mark: mark.clone(),
            })
        })
    }
}

impl Marker {
    /// For a new file.
    #[must_use]
    pub fn fresh(random: [u8; SALT]) -> Self {
        let salt = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { salt, only: None }
    }

    /// The mark of a text, if one is wanted there.
    pub(super) fn mark(&self, path: &str, rule: &str, secret: &[u8]) -> Option<String> {
        let place = (path.to_owned(), rule.to_owned());
        if self
            .only
            .as_ref()
            .is_some_and(|only| !only.contains(&place))
        {
            return None;
        }
        let salt = format!("clws.v1.baseline\0{}\0{rule}", self.salt);
        let mut mark = [0; 16];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, ROUNDS, salt.as_bytes(), secret, &mut mark);
        Some(mark.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::salt::salt;
    use super::*;

    #[test]
    fn the_salt_of_a_baseline_is_known_by_all_that_stands_around_it() {
        let written = Baseline::of(&[], &Marker::fresh([0xa7; SALT])).to_text();
        let digits = "a7".repeat(SALT);
        let stands = |text: &str| salt(text.as_bytes()).map(|range| text[range].to_owned());
        assert_eq!(stands(&written), Some(digits.clone()));
        let short = format!(r#"{{"format":1,"salt":"{digits}","findings":[]}}"#);
        assert_eq!(stands(&short), Some(digits.clone()));
        for other in [
            format!("\n# {written}"),
            short.replace("format", "forma"),
            short.replace("findings", "finding"),
            short.replace(&digits, "hunter2"),
            short.replace("a7a7", "A7A7"),
            short.replace(r#"","find"#, r#"00","find"#),
            String::new(),
        ] {
            assert_eq!(stands(&other), None, "{other}");
        }
    }
}
