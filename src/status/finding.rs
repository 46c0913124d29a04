//! Something that is not as it should be, with the command that mends it.

use std::cmp::Ordering;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::check;
use crate::rotate::Reason;
use crate::text::by_number;

/// What kind of thing it is. The names are part of `--json` and stay; of what [`crate::check`] and
/// [`crate::rotate`] find they are theirs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A host was not reached.
    Unreachable,
    /// Something on a host could not be seen.
    Unseen,
    /// A component does not run.
    Stopped,
    /// A container is started again and again.
    Restarting,
    /// A container's health check says no.
    Unhealthy,
    /// A probe's answer is wrong.
    Probe,
    /// A probe could not be asked.
    Unasked,
    /// A certificate that is shown to whoever comes has ended.
    CertServedExpired,
    /// It ends soon.
    CertServedExpiring,
    /// It is another one than was placed.
    CertServedOther,
    /// A component is not there.
    Absent,
    /// A component's files are gone, as after a reboot.
    Emptied,
    /// A component was deployed that no hook says should be there, or is there in part.
    LeftOver,
    /// A component has older values than the vault.
    OldRev,
    /// Credentials that a server made for a component end.
    Ending,
    /// A component has something newer than this vault.
    NewerThere,
    /// A deploy would bring a component anew: another hook, image or setting.
    Drift,
    /// Older values than had been seen were brought on purpose.
    Rollback,
    /// A component runs, and its `afterwards` steps are still to be done.
    Unfinished,
    /// A hook would not be deployed as it is.
    Hook,
    /// A memory or a disk is nearly full.
    Full,
    /// Something of the vault does not hold, or waits for somebody.
    Vault(check::Kind),
    /// A value waits for a new one.
    Due(Reason),
}

impl Kind {
    /// As `--json` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Unseen => "unseen",
            Self::Stopped => "stopped",
            Self::Restarting => "restarting",
            Self::Unhealthy => "unhealthy",
            Self::Probe => "probe",
            Self::Unasked => "probe-unasked",
            Self::CertServedExpired => "cert-served-expired",
            Self::CertServedExpiring => "cert-served-expiring",
            Self::CertServedOther => "cert-served-other",
            Self::Absent => "not-deployed",
            Self::Emptied => "emptied",
            Self::LeftOver => "left-over",
            Self::OldRev => "old-rev",
            Self::Ending => "lease-ends",
            Self::NewerThere => "newer-there",
            Self::Drift => "drift",
            Self::Rollback => "rollback",
            Self::Unfinished => "unfinished",
            Self::Hook => "hook",
            Self::Full => "full",
            Self::Vault(kind) => kind.as_str(),
            Self::Due(reason) => reason.as_str(),
        }
    }

    /// Whether it is worth knowing and nothing is wrong: what waits for a new value works until its
    /// last day.
    #[must_use]
    pub fn is_note(self) -> bool {
        match self {
            Self::Vault(kind) => kind.is_note(),
            Self::Due(reason) => reason != Reason::Expired,
            Self::Unasked | Self::CertServedExpiring => true,
            _ => false,
        }
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Whether it is only worth knowing; what is not comes first.
    is_note: bool,
    /// `HOST`, `HOST/COMPONENT`, a secret, or a file of the vault.
    pub path: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Since when, where that is known: a day or a moment.
    pub since: Option<String>,
    /// What is the case.
    pub why: String,
    /// The command that mends it, or what to look at.
    pub next: String,
    /// What of the path it is about, where that has several of a kind: a disk, a probe, a certificate.
    about: String,
}

impl Ord for Finding {
    fn cmp(&self, other: &Self) -> Ordering {
        fn rest(one: &Finding) -> impl Ord {
            (one.kind, &one.since, &one.why, &one.next, &one.about)
        }
        let by_path = || by_number(&self.path, &other.path);
        let is_note = self.is_note.cmp(&other.is_note);
        is_note
            .then_with(by_path)
            .then_with(|| rest(self).cmp(&rest(other)))
    }
}

impl PartialOrd for Finding {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Finding {
    pub(super) fn new(
        kind: Kind,
        path: impl Into<String>,
        why: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            is_note: kind.is_note(),
            path: path.into(),
            kind,
            since: None,
            why: why.into(),
            next: next.into(),
            about: String::new(),
        }
    }

    pub(super) fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// What makes two findings one cause: not the words, which may have a number in them that grows, and are
    /// worded anew one day.
    pub(super) fn cause(&self) -> String {
        [self.kind.as_str(), &self.path, &self.about].join("\n")
    }

    pub(super) fn since(mut self, since: Option<String>) -> Self {
        self.since = since;
        self
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Finding", 6)?;
        fields.serialize_field("kind", self.kind.as_str())?;
        fields.serialize_field("path", &self.path)?;
        fields.serialize_field("since", &self.since)?;
        fields.serialize_field("why", &self.why)?;
        fields.serialize_field("next", &self.next)?;
        fields.serialize_field("note", &self.is_note)?;
        fields.end()
    }
}
