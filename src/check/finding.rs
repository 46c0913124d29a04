//! One thing that a check found, in a form for people and for scripts alike.

use serde_json::{Value, json};

use crate::error::{Error, Explain};
use crate::time::Moment;

/// What kind of thing it is. The names are part of `--json` and stay.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A file is not in the line form, or a field does not mean what it should.
    Form,
    /// A document or file was signed for another path.
    Path,
    /// Two paths have one id.
    DuplicateId,
    /// Two names differ in case alone, or a document, folder and file share one.
    Clash,
    /// Something lies among the secrets that is none.
    Stray,
    /// No rule covers a secret.
    NoRule,
    /// The signer may not write here.
    Unvouched,
    /// A signature does not verify.
    Signature,
    /// A value is sealed under another key than its document's.
    OtherKey,
    /// Somebody outside the rules can open a document.
    ExtraReader,
    /// A reader cannot open a document yet.
    MissingWrap,
    /// A wrap is for another key than its reader's.
    Recipient,
    /// A wrap does not hold the document's key.
    Wrap,
    /// A value is older than this machine has seen.
    Older,
    /// Another branch's record of the same number won.
    Sibling,
    /// A policy that was signed does not read.
    Policy,
    /// A number went further than is believed without a person.
    Jump,
    /// What this machine has seen is not there.
    Absent,
    /// An age file is not the one that was signed, or is missing.
    Content,
    /// A value or file does not open.
    Seal,
    /// The rules in the tree are not what was signed.
    Rules,
    /// The history of the rules does not hold, or is another than accepted.
    Trust,
    /// A setting names a secret that is not there.
    Missing,
    /// What this machine remembers does not read.
    Pin,
    /// A private key lies in the vault.
    PrivateKey,
    /// A note: this machine has not accepted the vault.
    FirstUse,
    /// A note: tables or blank lines are not as a writer leaves them.
    Untidy,
    /// A note: others may know a value, and it waits for a new one.
    Exposed,
    /// A note: a value's day has come, by its policy or its document's.
    Due,
    /// A note: a document has very many values.
    Large,
    /// A note: a value was handed in and waits for a writer.
    Submission,
    /// A note: a rotation has left another value beside the one that is given out.
    Pending,
    /// A note: a killed run left a temporary file.
    Stale,
    /// A note: a change of the rules waits for signatures.
    Proposal,
    /// A note: a party's private half is public on purpose.
    PublicParty,
    /// A note: a hook hands a value over as an argument.
    Argument,
    /// A note: no deploy would take a component as it lies here.
    Refused,
}

impl Kind {
    /// As `--json` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Path => "path",
            Self::DuplicateId => "duplicate-id",
            Self::Clash => "clash",
            Self::Stray => "stray",
            Self::NoRule => "no-rule",
            Self::Unvouched => "unvouched",
            Self::Signature => "signature",
            Self::OtherKey => "other-key",
            Self::ExtraReader => "extra-reader",
            Self::MissingWrap => "missing-wrap",
            Self::Recipient => "recipient",
            Self::Wrap => "wrap",
            Self::Older => "older",
            Self::Sibling => "sibling",
            Self::Policy => "policy",
            Self::Jump => "jump",
            Self::Absent => "absent",
            Self::Content => "content",
            Self::Seal => "seal",
            Self::Rules => "rules",
            Self::Trust => "trust",
            Self::Missing => "missing",
            Self::Pin => "pin",
            Self::PrivateKey => "private-key",
            Self::FirstUse => "first-use",
            Self::Untidy => "untidy",
            Self::Exposed => "exposed",
            Self::Due => "due",
            Self::Large => "large",
            Self::Submission => "submission",
            Self::Pending => "pending",
            Self::Stale => "stale",
            Self::Proposal => "proposal",
            Self::PublicParty => "public-party",
            Self::Argument => "argument",
            Self::Refused => "refused",
        }
    }

    /// Whether it is worth knowing and no fault.
    #[must_use]
    pub fn is_note(self) -> bool {
        matches!(
            self,
            Self::FirstUse
                | Self::Untidy
                | Self::Exposed
                | Self::Due
                | Self::Large
                | Self::Submission
                | Self::Pending
                | Self::Stale
                | Self::Proposal
                | Self::PublicParty
                | Self::Argument
                | Self::Refused
        )
    }
}

/// One thing that was found.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// The secret, or the file of the vault, that it is about.
    pub path: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Since when, where that is known.
    pub since: Option<Moment>,
    /// What is the case.
    pub why: String,
    /// What to do next; empty where nothing helps but a look.
    pub next: String,
}

impl Finding {
    /// A hook that hands a value over as an argument; whoever knows hooks tells.
    #[must_use]
    pub fn argument(path: &str, option: &str, variable: &str) -> Self {
        let why = format!("`{option}` gets `{variable}` as an argument, which `ps` shows");
        let next = "hand it over from a file, or within the program by a script beside the hook";
        Self::new(Kind::Argument, path, why).next(next)
    }

    /// A hook that no deploy would take, with the scope that it is to run in; whoever deploys tells.
    #[must_use]
    pub fn refused(path: &str, scope: &str, error: &Error) -> Self {
        let why = format!("no deploy takes it in `{scope}`: {}", error.message());
        let next = error.hints().into_iter().next();
        Self::new(Kind::Refused, path, why).next(next.unwrap_or_default())
    }

    /// Another value lies beside one.
    pub(super) fn pending(path: &str) -> Self {
        let why = "a rotation of it is not done: another value lies beside it";
        let next = format!(
            "clws rotate --resume {path} where it was begun, or clws rotate --undo {path} elsewhere"
        );
        Self::new(Kind::Pending, path, why).next(next)
    }

    pub(super) fn new(kind: Kind, path: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            kind,
            since: None,
            why: why.into(),
            next: String::new(),
        }
    }

    /// What an error says, with its first hint.
    pub(super) fn of(kind: Kind, path: impl Into<String>, error: &impl Explain) -> Self {
        let next = error.hints().into_iter().next();
        Self::new(kind, path, error.to_string()).next(next.unwrap_or_default())
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    pub(super) fn since(mut self, since: Moment) -> Self {
        self.since = Some(since);
        self
    }

    /// As `--json` has it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "kind": self.kind.as_str(),
            "path": self.path,
            "since": self.since.map(|since| since.to_string()),
            "why": self.why,
            "next": self.next,
            "note": self.kind.is_note(),
        })
    }
}
