//! What a person should know about a source before it is imported.
//!
//! A finding names lines, never their content. It is shown with the plan, in the clear.

use std::fmt;

use crate::text::list;

/// What a finding is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "as_str and each finding's text say what it is")]
pub enum Matter {
    Link,
    Special,
    Repository,
    Empty,
    Unreadable,
    NotUtf8Name,
    SealedWhole,
    Duplicate,
    Leftover,
    Unexpanded,
    Escape,
    LineEnds,
    Renamed,
    OtherScope,
    ManyValues,
    NoRule,
    Exists,
    Unchanged,
    Conflict,
    Doubtful,
    AnsibleVault,
    StillSealed,
    Superseded,
    Rekeyed,
    Forged,
    Malformed,
    KeepsPath,
    Backup,
    Junk,
    Public,
    SharedValue,
    DefaultPassword,
    Expired,
    ExpiresSoon,
    NoCertificate,
    SeveralCertificates,
    OpenMode,
    Passphrase,
    WeakEncryption,
    Embedded,
    Damaged,
    NotUtf8,
    CannotBeDocument,
}

impl Matter {
    /// The word that `--json` prints.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Special => "special",
            Self::Repository => "repository",
            Self::Empty => "empty",
            Self::Unreadable => "unreadable",
            Self::NotUtf8Name => "not-utf8-name",
            Self::SealedWhole => "sealed-whole",
            Self::Duplicate => "duplicate",
            Self::Leftover => "leftover",
            Self::Unexpanded => "unexpanded",
            Self::Escape => "escape",
            Self::LineEnds => "line-ends",
            Self::Renamed => "renamed",
            Self::OtherScope => "other-scope",
            Self::ManyValues => "many-values",
            Self::NoRule => "no-rule",
            Self::Exists => "exists",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Doubtful => "doubtful",
            Self::AnsibleVault => "ansible-vault",
            Self::StillSealed => "still-sealed",
            Self::Superseded => "superseded",
            Self::Rekeyed => "rekeyed",
            Self::Forged => "forged",
            Self::Malformed => "malformed",
            Self::KeepsPath => "keeps-path",
            Self::Backup => "backup",
            Self::Junk => "junk",
            Self::Public => "public",
            Self::SharedValue => "shared-value",
            Self::DefaultPassword => "default-password",
            Self::Expired => "expired",
            Self::ExpiresSoon => "expires-soon",
            Self::NoCertificate => "no-certificate",
            Self::SeveralCertificates => "several-certificates",
            Self::OpenMode => "open-mode",
            Self::Passphrase => "passphrase",
            Self::WeakEncryption => "weak-encryption",
            Self::Embedded => "embedded",
            Self::Damaged => "damaged",
            Self::NotUtf8 => "not-utf8",
            Self::CannotBeDocument => "no-document",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// What it is about.
    pub matter: Matter,
    /// The lines of the source, from 1; none if it is about all of it.
    pub lines: Vec<usize>,
    /// What is the case.
    pub text: String,
    /// Other secrets that it is about, as far as they are named.
    pub secrets: Vec<String>,
}

impl Finding {
    /// About all of a source.
    #[must_use]
    pub fn new(matter: Matter, text: impl Into<String>) -> Self {
        Self {
            matter,
            lines: Vec::new(),
            text: text.into(),
            secrets: Vec::new(),
        }
    }

    /// About other secrets too.
    #[must_use]
    pub fn naming(mut self, secrets: Vec<String>) -> Self {
        self.secrets = secrets;
        self
    }

    /// About these lines of it.
    #[must_use]
    pub fn at(mut self, lines: impl IntoIterator<Item = usize>) -> Self {
        self.lines = lines.into_iter().collect();
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let mut lines: Vec<String> = self
            .lines
            .iter()
            .take(SHOWN)
            .map(ToString::to_string)
            .collect();
        let more = self.lines.len().saturating_sub(SHOWN);
        if more > 0 {
            lines.push(format!("{more} more"));
        }
        match self.lines.len() {
            0 => {}
            1 => write!(f, "line {}: ", list(&lines))?,
            _ => write!(f, "lines {}: ", list(&lines))?,
        }
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_its_first_lines() {
        let finding = Finding::new(Matter::Duplicate, "set again");
        assert_eq!(finding.to_string(), "set again");
        assert_eq!(finding.clone().at([7]).to_string(), "line 7: set again");
        assert_eq!(
            finding.at([1, 2, 3, 4, 5]).to_string(),
            "lines 1, 2, 3 and 2 more: set again"
        );
    }
}
