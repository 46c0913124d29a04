//! One place where something lies in clear.

use serde_json::{Value, json};

use crate::crypto::PrivateKey;
use crate::secret::Form;

/// What lies there.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum What {
    /// A value of the vault, by its name, as it is written there.
    Value(String, Form),
    /// A private key.
    Key(PrivateKey),
}

/// A finding, sorted by place.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// The file, below the folder that was looked through, made safe to print.
    pub path: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What lies there.
    pub what: What,
}

impl Finding {
    /// What is the case, in one line.
    #[must_use]
    pub fn why(&self) -> String {
        match &self.what {
            What::Value(secret, Form::Clear) => format!("the value of `{secret}`"),
            What::Value(secret, form) => format!("the value of `{secret}`, in {}", form.as_str()),
            What::Key(key) => key.as_str().to_owned(),
        }
    }

    /// What to do.
    #[must_use]
    pub fn next(&self) -> String {
        match &self.what {
            What::Value(secret, _) => format!(
                "take it out; if others could read it, give `{secret}` a new value: `clws secret set {secret}`"
            ),
            What::Key(_) => {
                "seal it with `clws import` and take it out; if others could read it, make a new one"
                    .to_owned()
            }
        }
    }

    /// For `--json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (kind, secret, form) = match &self.what {
            What::Value(secret, form) => ("value", Some(secret), Some(form.as_str())),
            What::Key(_) => ("private-key", None, None),
        };
        json!({ "kind": kind, "path": self.path, "line": self.line, "secret": secret, "form": form,
                "why": self.why(), "next": self.next() })
    }
}
