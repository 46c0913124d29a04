//! One place where something lies in clear.

use serde_json::{Value, json};

use super::rules::Rule;
use crate::secret::Form;
use crate::text::clean;

/// What lies there.
#[derive(Clone, Debug)]
pub enum What {
    /// A value of the vault, by its name, as it is written there.
    Value(String, Form),
    /// What a rule takes for a credential.
    Credential(&'static Rule),
}

/// A finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The file, below the folder that was looked through.
    pub path: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What lies there.
    pub what: What,
    /// The first characters and the length; none for a value of the vault.
    pub excerpt: Option<String>,
    /// The commit that brought it in, for what git's history has.
    pub commit: Option<String>,
    /// Whether `clws:allow` stands there without a reason.
    pub unreasoned: bool,
    /// What a baseline knows it by.
    pub mark: Option<String>,
    /// The same for the same text, in this run alone.
    pub same: u64,
}

impl Finding {
    /// The rule's name, or `vault-value`.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match &self.what {
            What::Value(..) => "vault-value",
            What::Credential(rule) => rule.id,
        }
    }

    /// Whether it is a private key, by its looks.
    #[must_use]
    pub fn is_private_key(&self) -> bool {
        matches!(&self.what, What::Credential(rule) if rule.is_private_key())
    }

    /// What it is sorted by, and what two of must not have.
    #[must_use]
    pub fn order(&self) -> (&str, Option<&str>, u64, &'static str, String) {
        let commit = self.commit.as_deref();
        (&self.path, commit, self.line, self.rule(), self.why())
    }

    /// What is the case, in one line.
    #[must_use]
    pub fn why(&self) -> String {
        let excerpt = self.excerpt.as_ref().map(|excerpt| format!(": {excerpt}"));
        match &self.what {
            What::Value(secret, Form::Clear) => format!("the value of `{secret}`"),
            What::Value(secret, form) => format!("the value of `{secret}`, in {}", form.as_str()),
            What::Credential(rule) => {
                format!("{} ({}){}", rule.what, rule.id, excerpt.unwrap_or_default())
            }
        }
    }

    /// What to do.
    #[must_use]
    pub fn next(&self) -> String {
        let gone = match &self.commit {
            Some(_) => "history keeps it, and so does every clone",
            None => "take it out; if others could read it",
        };
        let next = match &self.what {
            What::Value(secret, _) => format!("{gone}, give `{secret}` a new value: `clws secret set {secret}`"),
            What::Credential(rule) if rule.is_private_key() && self.commit.is_none() => {
                "seal it with `clws import` and take it out; if others could read it, make a new one".to_owned()
            }
            What::Credential(_) if self.commit.is_none() => {
                "seal it with `clws secret set` and take it out; if others could read it, revoke it; if it is none, \
                 write `clws:allow` and the reason behind it"
                    .to_owned()
            }
            What::Credential(_) => format!("{gone}: revoke it and make a new one"),
        };
        match self.unreasoned {
            true => format!("`clws:allow` needs a reason behind it; {next}"),
            false => next,
        }
    }

    /// For `--json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (kind, secret, form) = match &self.what {
            What::Value(secret, form) => ("value", Some(secret), Some(form.as_str())),
            What::Credential(rule) if rule.is_private_key() => ("private-key", None, None),
            What::Credential(_) => ("credential", None, None),
        };
        json!({ "kind": kind, "rule": self.rule(), "path": clean(&self.path), "line": self.line, "secret": secret,
                "form": form, "commit": self.commit, "excerpt": self.excerpt, "why": self.why(),
                "next": self.next() })
    }
}

/// The first characters and the length: enough to tell which it is, too little to use it.
#[must_use]
pub(super) fn excerpt(secret: &[u8], shown: usize) -> String {
    let shown = shown.min(secret.len() / 4);
    let text = String::from_utf8_lossy(secret);
    let first: String = text.chars().take(shown).collect();
    let length = crate::text::count(text.chars().count(), "character");
    clean(&format!("{first}… ({length})")).replace('\n', "\\n")
}
